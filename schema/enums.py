"""The enums of the schema: the records' own, with a description for every value."""

from enum import Enum
from typing import TypeVar

import strawberry

from integrations.records.attempts import SendOutcome
from integrations.records.bags import BagState, TagRole
from integrations.records.effects import EffectReason, EffectState, Service, Trigger
from integrations.records.events import EventKind, ScanMethod
from integrations.records.flights import FlightStatus
from integrations.records.health import BreakerState, HealthStatus
from integrations.records.incidents import IncidentCause
from integrations.records.inventory import InventoryCategory
from integrations.records.journeys import CustodyPointKind, FellowsBy, JourneySource
from integrations.records.matches import MatchElement, MatchState
from integrations.records.passengers import Language
from integrations.records.pirs import (
    LiabilityRegime,
    PirAction,
    PirBagState,
    PirKind,
    PirLink,
    PirOrder,
    PirStatus,
)
from integrations.records.routes import RouteSource
from integrations.records.sms import Encoding
from integrations.records.transfers import ConnectionLevel, EvidenceKind, PairStatus, TransferPosition
from resolvers.documents.pir_pdf import PaperSize
from resolvers.ingestion.events import ScanOutcome
from resolvers.rules.fault import FactName
from resolvers.search import SearchKind

E = TypeVar("E", bound=Enum)


def described(values: type[E], description: str, **texts: str) -> type[E]:
    """Makes a GraphQL enum of a Python one.

    Raises:
        ValueError: a value without a description, or a description without a value.
    """
    strawberry.enum(values, description=description)
    for value in values.__strawberry_definition__.values:  # type: ignore[attr-defined] # set by strawberry.enum
        value.description = texts.pop(value.name, None)
        if value.description is None:
            raise ValueError(f"{values.__name__}.{value.name} has no description")
    if texts:
        raise ValueError(f"{values.__name__} has no {', '.join(texts)}")
    return values


described(
    BagState,
    "Where a bag stands. A projection of its events in order of event time.",
    EXPECTED="Announced, not seen yet.",
    ACCEPTED="Taken over from the passenger.",
    SCREENED="Cleared by security screening.",
    SORTED="Sorted for its flight.",
    LOADED="On the aircraft, which has not left.",
    IN_FLIGHT="Loaded on a flight that has departed.",
    ARRIVED="Taken off the aircraft.",
    TRANSFER_IN="Taken over for its next flight.",
    AT_CLAIM="On the claim belt.",
    DELIVERED="Handed to the passenger.",
    NOT_SEEN="Expected at a point and not scanned there.",
    OFFLOADED="Taken off a flight that it was loaded for.",
    LEFT_BEHIND="Missed its flight.",
    ON_HAND="Held at a station, unclaimed.",
    MISROUTED="Arrived at a station that is not on its plan.",
    DELAYED="Reported missing: a delayed bag file is open.",
    LOCATED="Found after it was reported missing.",
    RUSH_TAGGED="Tagged anew to travel without its passenger.",
    FORWARDED="Sent on to where its passenger is.",
    OUT_FOR_DELIVERY="With a courier on the way to the passenger.",
    DAMAGED="Reported damaged.",
    LOST="Given up: deemed lost.",
    CLOSED="Its file is closed.",
    DELETED="Taken back by departure control: the last message about it is a deletion.",
)
described(
    EventKind,
    "What an event says of a bag.",
    POSITION="Seen at a place; the state stays.",
    EXPECTED="Announced.",
    ACCEPTED="Taken over from the passenger.",
    SCREENED="Cleared by security screening.",
    SORTED="Sorted for its flight.",
    LOADED="Loaded on a flight.",
    ARRIVED="Taken off its inbound flight.",
    TRANSFER_IN="Taken over for its next flight.",
    AT_CLAIM="Put on the claim belt.",
    DELIVERED="Handed to the passenger.",
    NOT_SEEN="Expected and not scanned.",
    OFFLOADED="Taken off a flight.",
    LEFT_BEHIND="Missed its flight.",
    ON_HAND="Held at a station, unclaimed.",
    DELAYED="A delayed bag file was opened.",
    LOCATED="Found.",
    RUSH_TAGGED="Tagged anew to travel without its passenger.",
    FORWARDED="Sent on.",
    OUT_FOR_DELIVERY="Given to a courier.",
    DAMAGED="A damage file was opened.",
    LOST="Deemed lost.",
    CLOSED="The file was closed.",
)
described(
    ScanMethod,
    "How an event was captured.",
    LASER="A laser scan of the bar code.",
    RFID="A radio read of the tag's chip.",
    MANUAL="Keyed in by a person.",
    MESSAGE="Told by a message of another system.",
)
described(
    TagRole,
    "Why a tag is on a bag.",
    ORIGINAL="Issued at check-in.",
    RUSH="Issued to send the bag after its passenger.",
)
described(
    FlightStatus,
    "Where a flight stands.",
    UNSCHEDULED="Named by messages only: no timetable has it, and its scheduled times are assumed.",
    SCHEDULED="As planned.",
    DELAYED="Expected later than planned.",
    BOARDING="Passengers are boarding.",
    DEPARTED="Off blocks.",
    ARRIVED="On blocks.",
    CANCELLED="Will not fly.",
    DIVERTED="Went to another airport.",
)
described(
    PirKind,
    "What a property irregularity report is about.",
    DELAYED="The bag did not arrive with its passenger (WorldTracer AHL).",
    DAMAGED="The bag is damaged (WorldTracer DPR).",
    PILFERED="Contents are missing (WorldTracer DPR).",
    ON_HAND="A bag was found and nobody claims it (WorldTracer OHD).",
)
described(
    PirStatus,
    "Whether a file is being worked on. A closed file is never reopened.",
    OPEN="Being worked on.",
    SUSPENDED="Tracing rests: a bag seems to be found.",
    CLOSED="Finished.",
)
described(
    CustodyPointKind,
    "A point of IATA Resolution 753 where custody changes and must be proved.",
    ACCEPTANCE="From the passenger to the airline.",
    LOADING="Onto the aircraft.",
    TRANSFER="From one flight to the next.",
    ARRIVAL="From the airline to the passenger.",
)
described(
    TransferPosition,
    "Where a bag is on its way from one flight to the next, by its last scan.",
    COMING="Not seen at the airport yet.",
    AT_AIRPORT="Seen at the airport, not in the transfer system yet.",
    TRANSFERRED="In the transfer system: taken over, screened or sorted.",
    ON_BOARD="Loaded on its next flight.",
    BEYOND="Seen further along its journey.",
    LEFT_BEHIND="Left behind, by the inbound or the outbound flight.",
    ASTRAY="Gone to a wrong station, or lost.",
)
described(
    ConnectionLevel,
    "How likely a bag makes its next flight, the most urgent first.",
    AT_RISK="It has fewer minutes than it needs from where it is.",
    MISSED="It did not make it, or cannot: cancelled, left without it, left behind, or on block only after off-block.",
    TIGHT="Not 15 minutes more than it needs.",
    UNKNOWN="A time of a flight, or the minimum, is not known.",
    SAFE="15 minutes more than it needs, or still more.",
    MADE="It is on board of its next flight, or further on.",
)
described(
    EvidenceKind,
    "What a connection's level rests on.",
    LAST_SCAN="Where the bag is by its last scan, and since when.",
    INBOUND_TIME="When the inbound flight is on block.",
    OUTBOUND_TIME="When the outbound flight is off block.",
    INBOUND_CANCELLED="The inbound flight is cancelled.",
    OUTBOUND_CANCELLED="The outbound flight is cancelled.",
    OUTBOUND_DEPARTED="The outbound flight left without it.",
    NOT_AUTHORISED="The last message says that it may not be loaded.",
    MINIMUM="Minutes that bags need at the airport between the two carriers.",
    CLOCK="What is left from now, since the inbound flight or the bag is there already.",
)
described(
    PairStatus,
    "Where two flights stand between which bags change.",
    INBOUND_EXPECTED="The inbound flight is not on block yet.",
    CONNECTING="The inbound flight is on block, the outbound one has not left.",
    OUTBOUND_DEPARTED="The outbound flight has left.",
    CANCELLED="One of them is cancelled.",
)
described(
    IncidentCause,
    "What of a flight puts bags at risk.",
    LATE_INBOUND="It comes later than planned.",
    INBOUND_CANCELLED="It does not come.",
    EARLY_OUTBOUND="It leaves earlier than planned.",
    OUTBOUND_CANCELLED="It does not leave.",
)
described(
    InventoryCategory,
    "How a bag counts in a flight's inventory.",
    LOADED="On board, and it may be as far as anybody says.",
    AUTHORISED_NOT_LOADED="It may be loaded and is not on board.",
    LOADED_NOT_AUTHORISED="On board, but not planned on it, or it may not be loaded.",
    UNKNOWN="Seen at the origin for this flight, not on board, without a plan or a word on authority.",
)
described(
    FellowsBy,
    "What bags share. At a place they were where a scan found them; belts and carts are told by the words that their "
    "names begin with: BELT3, CLAIMBELT4, CART7.",
    FLIGHT="The last flight that the bag was on.",
    PLACE="The place that it was scanned at last.",
    BELT="The last belt that it was scanned at.",
    CART="The last cart that it was scanned at.",
)
described(
    JourneySource,
    "The store that a journey was read from.",
    GRAPH="The graph, as usual.",
    RECORDS="Rebuilt from the records: the graph is away or has not heard of the bag yet.",
)
described(
    RouteSource,
    "Where an answer about routes came from.",
    CACHE="The cache; see how old it is.",
    GRAPH="Computed from the graph just now.",
)
described(
    Language,
    "A language that passengers are written to in.",
    ES="Spanish.",
    EN="English.",
    PT="Portuguese.",
)
described(
    SearchKind,
    "What a searched text was taken for.",
    TAG="A bag tag.",
    LOCATOR="A booking's record locator (PNR).",
    NAME="The beginning of a surname.",
    PIR="A file reference.",
    FLIGHT="A flight's designator.",
)
described(
    ScanOutcome,
    "What became of a scan.",
    RECORDED="Stored.",
    DUPLICATE="Was stored before; nothing changed.",
    UNKNOWN_FLIGHT="Refused: there is no such flight.",
    INVALID="Refused: a part of it cannot be used.",
    IN_THE_FUTURE="Refused: its time is ahead of now by more than a clock can be.",
)
described(
    HealthStatus,
    "How the product is.",
    HEALTHY="Everything answers.",
    DEGRADED="Something is away; answers may lack what it holds.",
    UNHEALTHY="Records cannot be read: most questions cannot be answered.",
)
described(
    Service,
    "A partner, by what it does.",
    WORLDTRACER="Files at WorldTracer, which traces bags for all airlines.",
    SMS="Short messages to passengers, by Twilio.",
    EMAIL="Emails to passengers, by SendGrid.",
)
described(
    EffectState,
    "How far something is that leaves the product.",
    PENDING="Waits for its turn, its time or its partner.",
    SENDING="A call is under way.",
    UNSETTLED="A call was made and its answer never came: it is found out what became of it before it is repeated.",
    ACCEPTED="The partner took it.",
    DELIVERED="The provider reports that it arrived.",
    FAILED="It will not arrive by itself: an agent sends it again or gives it up.",
    SUPPRESSED="Left out on purpose: see the reason.",
    CANCELLED="Given up by an agent.",
)
described(
    EffectReason,
    "Why something waits, failed or was left out.",
    RATE_LIMIT="So many were sent in the last minute that the others wait.",
    QUIET_HOURS="It is night where the passenger is.",
    REFERENCE_AWAITED="The file has no WorldTracer reference yet.",
    PARTNER_AWAY="The partner did not answer; it is tried again.",
    OUTCOME_UNKNOWN="The partner was asked and its answer never came.",
    REFUSED="The partner said no.",
    INCOMPLETE="WorldTracer took it and left the file open: reason for loss or fault station is missing.",
    TRIES_EXHAUSTED="The partner was away for three days.",
    UNDELIVERED="The provider could not deliver it.",
    BOUNCED="The passenger's mail server refused it.",
    NO_CONTACT="The passenger left no number or address.",
    INVALID_CONTACT="The number or address cannot be one.",
    OPTED_OUT="The passenger does not want to be told in this way.",
    PASSENGER_CAP="The passenger was sent so many today that the others wait for tomorrow.",
    SERVICE_DISABLED="The partner is switched off in the configuration.",
)
described(
    SendOutcome,
    "How one call to a partner ended.",
    ACCEPTED="The partner took it.",
    REFUSED="The partner said no.",
    UNREACHED="The partner did not get it, or did nothing.",
    UNSETTLED="Its answer never came.",
)
described(
    Trigger,
    "A milestone of a file that its passenger is told of.",
    FILE_OPENED="A delayed bag's file was opened.",
    DAMAGE_FILE_OPENED="A damaged or pilfered bag's file was opened.",
    BAG_LOCATED="The bag was found.",
    BAG_FORWARDED="The bag is on its way.",
    BAG_RECEIVED="The bag is at the passenger's airport.",
    OUT_FOR_DELIVERY="The bag is brought to the passenger.",
    DELIVERED="The passenger has the bag.",
    MORE_INFORMATION_NEEDED="The tracing asks for a fuller description.",
    CLAIM_STAGE="The bag counts as lost: the passenger may claim.",
)
described(
    BreakerState,
    "Whether calls to a partner pass.",
    CLOSED="They pass.",
    OPEN="They are refused at once for a minute, after three failures in a row.",
    HALF_OPEN="One call finds out whether the partner is back.",
)
described(
    Encoding,
    "The alphabet that a short message is sent in.",
    GSM_7="The networks' own: 160 characters in one part, 153 in each of several.",
    UCS_2="Any sign: 70 characters in one part, 67 in each of several.",
)
described(
    PirBagState,
    "Where one bag of a file stands in the file's work; its journey is told by its scans.",
    TRACING="It is looked for.",
    SUSPENDED="The search rests: it seems to be found.",
    LOCATED="Found.",
    FORWARDED="On its way to the passenger's airport.",
    RECEIVED="At the passenger's airport, or taken in for repair.",
    OUT_FOR_DELIVERY="On its way to the passenger.",
    DELIVERED="With the passenger.",
    REPORTED="Damaged or pilfered, and with the passenger.",
    ON_HAND="Found, and whose it is is not known.",
    MATCHED="Found, and it belongs to a file.",
)
described(
    PirAction,
    "What is done with a file.",
    CREATE="Opened.",
    UPDATE="What it says was changed.",
    ASSIGN="Given to an agent.",
    COMMENT="A comment was added.",
    SUSPEND="The search for bags rests.",
    REINSTATE="Bags are looked for again.",
    MATCH="A found bag belongs to a file.",
    LOCATE="Bags were found.",
    FORWARD="Bags were sent on.",
    RECEIVE="Bags came in.",
    ARRANGE_DELIVERY="A courier was ordered.",
    CONFIRM_DELIVERY="The passenger has the bags.",
    CLOSE="Closed.",
    RECREATE="Made anew after it was closed.",
)
described(
    PirLink,
    "Why a file follows an earlier one.",
    RECREATED="It takes the place of a closed file, which is never reopened.",
    DAMAGE_OF="The delayed bag came back damaged.",
)
described(
    PirOrder,
    "How a list of files is ordered.",
    NEWEST="The newest first.",
    URGENCY="The nearest legal deadline first; files without one last.",
)
described(
    LiabilityRegime,
    "Which law governs the carriage, as far as the countries at both ends tell.",
    MONTREAL="The Montreal Convention of 1999.",
    DOMESTIC="The law of the one country at both ends.",
    UNKNOWN="It is not settled: Montreal's deadlines are shown as such.",
)
described(
    FactName,
    "What a fact of the evidence for a reason for loss is about.",
    INBOUND_FLIGHT="The flight that the bag came with.",
    INBOUND_ON_BLOCKS="When it came to its stand.",
    OUTBOUND_FLIGHT="The flight that the bag missed.",
    OUTBOUND_OFF_BLOCKS="When it left its stand.",
    MINUTES_AVAILABLE="Minutes between the two.",
    MINUTES_NEEDED="The station's minimum for bags.",
    MINIMUM_SOURCE="Where that minimum comes from.",
    SCAN="A scan of the bag.",
    PLANNED_FLIGHT="A flight that the bag was booked on.",
    ACTUAL_FLIGHT="A flight that the bag was on.",
    FINAL_DESTINATION="Where the passenger went.",
    OWN_TAG="The bag's own tag.",
    FOUND_TAG="The tag that the bag was found under.",
)
described(
    MatchState,
    "What an agent has said of a found bag and a missed one. A score alone never decides.",
    PROPOSED="Nothing yet.",
    CONFIRMED="They are the same.",
    REJECTED="They are not the same.",
)
described(
    MatchElement,
    "What of a found bag and of a missed one is compared.",
    TAG="The tag.",
    SURNAME="The surname.",
    GIVEN_NAMES="Given names or initials.",
    COLOUR="The colour.",
    TYPE="The type.",
    DESCRIPTORS="Material and features.",
    BRAND="The brand.",
    CONTENTS="What is inside.",
    ROUTE="Stations of the journey.",
    FLIGHT="The flight.",
    DATE="The day.",
)
described(
    PaperSize,
    "What a file is printed on.",
    A4="210 by 297 mm.",
    LETTER="8.5 by 11 inches.",
)
