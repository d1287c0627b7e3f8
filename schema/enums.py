"""Enums of the schema: those of the records, with a description for each value."""

from enum import Enum
from typing import TypeVar

import strawberry

from integrations.records.analytics import MishandledBy
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
    """Declares a Python enum as a GraphQL enum.

    Raises:
        ValueError: a value has no description, or a description has no value.
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
    "State of a bag: a projection of its events in order of event time.",
    EXPECTED="Announced, not seen yet.",
    ACCEPTED="Accepted from the passenger.",
    SCREENED="Cleared by security screening.",
    SORTED="Sorted for its flight.",
    LOADED="Loaded on a flight that has not departed.",
    IN_FLIGHT="Loaded on a flight that has departed.",
    ARRIVED="Unloaded from its flight.",
    TRANSFER_IN="Taken over for its next flight.",
    AT_CLAIM="On the claim belt.",
    DELIVERED="Handed over to the passenger.",
    NOT_SEEN="Expected at a point and not scanned there.",
    OFFLOADED="Removed from a flight that it was loaded on.",
    LEFT_BEHIND="Missed its flight.",
    ON_HAND="Held at a station, unclaimed.",
    MISROUTED="Arrived at a station that is not on its itinerary.",
    DELAYED="Reported missing: a PIR of a delayed bag is open.",
    LOCATED="Found after it was reported missing.",
    RUSH_TAGGED="Tagged again to travel without its passenger.",
    FORWARDED="Forwarded to the passenger's airport.",
    OUT_FOR_DELIVERY="With a courier on the way to the passenger.",
    DAMAGED="Reported damaged.",
    LOST="Declared lost.",
    CLOSED="Its PIR is closed.",
    DELETED="Deleted by departure control: the last message about it is a deletion.",
)
described(
    EventKind,
    "Kind of event of a bag.",
    POSITION="Seen at a place. The state does not change.",
    EXPECTED="Announced.",
    ACCEPTED="Accepted from the passenger.",
    SCREENED="Cleared by security screening.",
    SORTED="Sorted for its flight.",
    LOADED="Loaded on a flight.",
    ARRIVED="Unloaded from its inbound flight.",
    TRANSFER_IN="Taken over for its next flight.",
    AT_CLAIM="Put on the claim belt.",
    DELIVERED="Handed over to the passenger.",
    NOT_SEEN="Expected and not scanned.",
    OFFLOADED="Removed from a flight.",
    LEFT_BEHIND="Missed its flight.",
    ON_HAND="Held at a station, unclaimed.",
    DELAYED="Reported missing: a PIR of a delayed bag was opened.",
    LOCATED="Found.",
    RUSH_TAGGED="Tagged again to travel without its passenger.",
    FORWARDED="Forwarded.",
    OUT_FOR_DELIVERY="Handed over to a courier.",
    DAMAGED="Reported damaged: a PIR was opened.",
    LOST="Declared lost.",
    CLOSED="The PIR was closed.",
)
described(
    ScanMethod,
    "How an event was captured.",
    LASER="Laser scan of the bar code.",
    RFID="Radio read of the tag's chip.",
    MANUAL="Manual entry.",
    MESSAGE="Message of another system.",
)
described(
    TagRole,
    "Why a tag is on a bag.",
    ORIGINAL="Issued at check-in.",
    RUSH="Issued to forward the bag to its passenger.",
)
described(
    FlightStatus,
    "Status of a flight.",
    UNSCHEDULED="Known by messages only, without a timetable; its scheduled times are assumed.",
    SCHEDULED="On schedule.",
    DELAYED="Estimated later than scheduled.",
    BOARDING="Boarding.",
    DEPARTED="Off block.",
    ARRIVED="On block.",
    CANCELLED="Cancelled.",
    DIVERTED="Diverted to another airport.",
)
described(
    PirKind,
    "Kind of irregularity.",
    DELAYED="Bag that did not arrive with its passenger (WorldTracer AHL).",
    DAMAGED="Damaged bag (WorldTracer DPR).",
    PILFERED="Bag with missing contents (WorldTracer DPR).",
    ON_HAND="Found, unclaimed bag (WorldTracer OHD).",
)
described(
    PirStatus,
    "Status of a PIR. A closed PIR is never reopened.",
    OPEN="Open.",
    SUSPENDED="Open with tracing suspended: a bag seems to be found.",
    CLOSED="Closed.",
)
described(
    CustodyPointKind,
    "Kind of custody point: where custody changes and must be proved (IATA Resolution 753).",
    ACCEPTANCE="From the passenger to the airline.",
    LOADING="Onto the aircraft.",
    TRANSFER="From one flight to the next.",
    ARRIVAL="From the airline to the passenger.",
)
described(
    TransferPosition,
    "Position of a transferring bag by its last scan.",
    COMING="Not seen at the airport yet.",
    AT_AIRPORT="Seen at the airport, not in the transfer system yet.",
    TRANSFERRED="In the transfer system: taken over, screened or sorted.",
    ON_BOARD="Loaded on the outbound flight.",
    BEYOND="Seen further along the itinerary.",
    LEFT_BEHIND="Left behind by the inbound or the outbound flight.",
    ASTRAY="At a wrong station, or lost.",
)
described(
    ConnectionLevel,
    "Risk that a bag misses its connection, most urgent first.",
    AT_RISK="The bag has less time than it needs from its position.",
    MISSED="The bag missed the outbound flight, or cannot reach it.",
    TIGHT="The bag has less than 15 minutes to spare.",
    UNKNOWN="A time of a flight, or the minimum connecting time, is unknown.",
    SAFE="The bag has at least 15 minutes to spare.",
    MADE="The bag is on board the outbound flight, or further along its itinerary.",
)
described(
    EvidenceKind,
    "Kind of evidence for a level of risk.",
    LAST_SCAN="Position of the bag by its last scan, and the time of that scan.",
    INBOUND_TIME="On-block time of the inbound flight.",
    OUTBOUND_TIME="Off-block time of the outbound flight.",
    INBOUND_CANCELLED="The inbound flight is cancelled.",
    OUTBOUND_CANCELLED="The outbound flight is cancelled.",
    OUTBOUND_DEPARTED="The outbound flight departed without the bag.",
    NOT_AUTHORISED="The last message says that the bag may not be loaded.",
    MINIMUM="Minimum connecting time of bags between the two carriers.",
    CLOCK="Time left from now, since the inbound flight or the bag has arrived.",
)
described(
    PairStatus,
    "Status of a pair of flights.",
    INBOUND_EXPECTED="The inbound flight is not on block yet.",
    CONNECTING="The inbound flight is on block, and the outbound flight has not departed.",
    OUTBOUND_DEPARTED="The outbound flight has departed.",
    CANCELLED="One of the flights is cancelled.",
)
described(
    IncidentCause,
    "Cause of an incident.",
    LATE_INBOUND="The inbound flight is late.",
    INBOUND_CANCELLED="The inbound flight is cancelled.",
    EARLY_OUTBOUND="The outbound flight departs early.",
    OUTBOUND_CANCELLED="The outbound flight is cancelled.",
)
described(
    InventoryCategory,
    "Category of a bag in the inventory of a flight.",
    LOADED="On board, and may be loaded, or no message says otherwise.",
    AUTHORISED_NOT_LOADED="May be loaded, and is not on board.",
    LOADED_NOT_AUTHORISED="On board, and is not planned on the flight or may not be loaded.",
    UNKNOWN="Seen at the origin for this flight, not on board, with neither plan nor authority to load.",
)
described(
    FellowsBy,
    "What fellow bags share. A belt or a cart is recognised by the start of the name of its place: BELT3, CLAIMBELT4, "
    "CART7.",
    FLIGHT="Last flight that the bag was on.",
    PLACE="Last place where the bag was scanned.",
    BELT="Last belt where the bag was scanned.",
    CART="Last cart where the bag was scanned.",
)
described(
    JourneySource,
    "Store that a journey was read from.",
    GRAPH="Neo4j, the default.",
    RECORDS="PostgreSQL: Neo4j is unavailable, or does not have the bag yet.",
)
described(
    RouteSource,
    "Source of routes.",
    CACHE="Cache. See `ageSeconds`.",
    GRAPH="Computed from Neo4j for this request.",
)
described(
    Language,
    "Language of notifications and forms.",
    ES="Spanish.",
    EN="English.",
    PT="Portuguese.",
)
described(
    SearchKind,
    "Reading of a search text.",
    TAG="Bag tag.",
    LOCATOR="Record locator (PNR) of a booking.",
    NAME="Start of a surname.",
    PIR="PIR reference.",
    FLIGHT="Flight designator.",
)
described(
    ScanOutcome,
    "Outcome of recording a scan.",
    RECORDED="Recorded.",
    DUPLICATE="Recorded before. Nothing changed.",
    UNKNOWN_FLIGHT="Rejected: no such flight.",
    INVALID="Rejected: a part of the scan is invalid.",
    IN_THE_FUTURE="Rejected: the time of the scan is in the future.",
)
described(
    HealthStatus,
    "Health of the service, or of one store or partner.",
    HEALTHY="All stores and partners respond in time.",
    DEGRADED="A store other than PostgreSQL, or a partner, is unavailable, so responses may lack its data; or a store "
    "is slow, so responses are late.",
    UNHEALTHY="PostgreSQL is unavailable, so most requests fail. For one store or partner: it is unavailable.",
)
described(
    Service,
    "Service of a partner.",
    WORLDTRACER="Tracing of bags by WorldTracer.",
    SMS="SMS to passengers by Twilio.",
    EMAIL="Email to passengers by SendGrid.",
)
described(
    EffectState,
    "State of an effect.",
    PENDING="Waiting to be sent.",
    SENDING="Being sent.",
    UNSETTLED="Sent with an unknown outcome, which is looked up before the effect is sent again.",
    ACCEPTED="Accepted by the partner.",
    DELIVERED="Delivered, as reported by the provider.",
    FAILED="Failed. An agent resends or cancels it.",
    SUPPRESSED="Not sent on purpose. See the reason.",
    CANCELLED="Cancelled by an agent.",
)
described(
    EffectReason,
    "Why an effect is delayed, failed or was not sent.",
    RATE_LIMIT="The limit of messages a minute is reached.",
    QUIET_HOURS="It is night at the passenger's location.",
    REFERENCE_AWAITED="The PIR has no WorldTracer reference yet.",
    PARTNER_AWAY="The partner did not respond. The effect is sent again.",
    OUTCOME_UNKNOWN="The partner received the call and did not respond.",
    REFUSED="The partner rejected the call.",
    INCOMPLETE="WorldTracer accepted the call and kept its file open: reason for loss or fault station is missing.",
    TRIES_EXHAUSTED="The partner did not respond for three days.",
    UNDELIVERED="The provider could not deliver the message.",
    BOUNCED="The passenger's mail server rejected the email.",
    NO_CONTACT="The passenger has no phone number or email address.",
    INVALID_CONTACT="The phone number or email address is invalid.",
    OPTED_OUT="The passenger has opted out.",
    PASSENGER_CAP="The daily limit of messages to the passenger is reached.",
    SERVICE_DISABLED="The partner is disabled in the configuration.",
)
described(
    SendOutcome,
    "Outcome of a call to a partner.",
    ACCEPTED="The partner accepted the call.",
    REFUSED="The partner rejected the call.",
    UNREACHED="The partner did not receive the call, or did not act on it.",
    UNSETTLED="The partner did not respond.",
)
described(
    Trigger,
    "Milestone of a PIR that its passenger is notified of.",
    FILE_OPENED="A PIR of a delayed bag was opened.",
    DAMAGE_FILE_OPENED="A PIR of a damaged or pilfered bag was opened.",
    BAG_LOCATED="The bag was found.",
    BAG_FORWARDED="The bag was forwarded.",
    BAG_RECEIVED="The bag arrived at the passenger's airport.",
    OUT_FOR_DELIVERY="The bag is out for delivery.",
    DELIVERED="The bag was delivered.",
    MORE_INFORMATION_NEEDED="Tracing needs a fuller description.",
    CLAIM_STAGE="The bag counts as lost, and the passenger can file a claim.",
)
described(
    BreakerState,
    "State of a circuit breaker.",
    CLOSED="Calls are made.",
    OPEN="Calls are rejected for a minute, after three consecutive failures.",
    HALF_OPEN="One call probes whether the partner is available again.",
)
described(
    Encoding,
    "Encoding of an SMS.",
    GSM_7="GSM 7-bit: 160 characters in a single part, 153 in each of several parts.",
    UCS_2="UCS-2: 70 characters in a single part, 67 in each of several parts.",
)
described(
    PirBagState,
    "State of a bag in a PIR.",
    TRACING="Being traced.",
    SUSPENDED="Tracing is suspended: the bag seems to be found.",
    LOCATED="Found.",
    FORWARDED="Forwarded to the passenger's airport.",
    RECEIVED="At the passenger's airport, or taken in for repair.",
    OUT_FOR_DELIVERY="With a courier on the way to the passenger.",
    DELIVERED="Delivered to the passenger.",
    REPORTED="Damaged or pilfered, and with the passenger.",
    ON_HAND="Found, with an unknown owner.",
    MATCHED="Found, and matched with a delayed bag.",
)
described(
    PirAction,
    "Action on a PIR.",
    CREATE="The PIR was opened.",
    UPDATE="Values were changed.",
    ASSIGN="The PIR was assigned to an agent, or the assignment was removed.",
    COMMENT="A comment was added.",
    SUSPEND="Tracing of bags was suspended.",
    REINSTATE="Tracing of bags was reinstated.",
    MATCH="A found bag was matched with a delayed bag.",
    LOCATE="Bags were found.",
    FORWARD="Bags were forwarded.",
    RECEIVE="Bags were received.",
    ARRANGE_DELIVERY="A delivery was arranged.",
    CONFIRM_DELIVERY="A delivery was confirmed.",
    CLOSE="The PIR was closed.",
    RECREATE="The PIR was opened in place of a closed one.",
)
described(
    PirLink,
    "Why a PIR follows an earlier one.",
    RECREATED="It replaces a closed PIR, which is never reopened.",
    DAMAGE_OF="The delayed bag came back damaged.",
)
described(
    PirOrder,
    "Order of a list of PIRs.",
    NEWEST="Newest first.",
    URGENCY="Nearest legal deadline first; PIRs without one last.",
)
described(
    LiabilityRegime,
    "Law that governs a carriage, by the countries of origin and destination.",
    MONTREAL="Montreal Convention of 1999.",
    DOMESTIC="Law of the country of both airports.",
    UNKNOWN="Not determined. The deadlines of the Montreal Convention are shown.",
)
described(
    FactName,
    "Kind of fact that supports a reason for loss.",
    INBOUND_FLIGHT="Inbound flight of the bag.",
    INBOUND_ON_BLOCKS="On-block time of the inbound flight.",
    OUTBOUND_FLIGHT="Outbound flight that the bag missed.",
    OUTBOUND_OFF_BLOCKS="Off-block time of the outbound flight.",
    MINUTES_AVAILABLE="Minutes between the two times.",
    MINUTES_NEEDED="Minimum connecting time of bags in minutes.",
    MINIMUM_SOURCE="Source of the minimum connecting time.",
    SCAN="Scan of the bag.",
    PLANNED_FLIGHT="Flight that the bag was planned on.",
    ACTUAL_FLIGHT="Flight that the bag was on.",
    FINAL_DESTINATION="Destination of the passenger.",
    OWN_TAG="Tag of the bag.",
    FOUND_TAG="Tag that the bag was found under.",
)
described(
    MishandledBy,
    "What mishandled bags are grouped by.",
    WEEK="ISO week, UTC.",
    STATION="Station at fault, as the PIR was closed or as it is proposed.",
    FLIGHT="Flight that was planned to bring the bag to the station that reports it.",
    CAUSE="Reason for loss, as the PIR was closed or as it is proposed.",
)
described(
    MatchState,
    "Decision of an agent about a match. The score alone never decides.",
    PROPOSED="Not decided yet.",
    CONFIRMED="The bags are the same.",
    REJECTED="The bags are not the same.",
)
described(
    MatchElement,
    "Element of the description of a bag.",
    TAG="Tag.",
    SURNAME="Surname.",
    GIVEN_NAMES="Given names or initials.",
    COLOUR="Colour.",
    TYPE="Type.",
    DESCRIPTORS="Material and features.",
    BRAND="Brand.",
    CONTENTS="Contents.",
    ROUTE="Stations of the journey.",
    FLIGHT="Flight.",
    DATE="Date.",
)
described(
    PaperSize,
    "Paper size of a printed form.",
    A4="210 by 297 mm.",
    LETTER="8.5 by 11 inches.",
)
