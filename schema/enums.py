"""The enums of the schema: the records' own, with a description for every value."""

from enum import Enum
from typing import TypeVar

import strawberry

from integrations.records.bags import BagState, TagRole
from integrations.records.events import EventKind, ScanMethod
from integrations.records.flights import FlightStatus
from integrations.records.journeys import CustodyPointKind, JourneySource
from integrations.records.passengers import Language
from integrations.records.pirs import PirKind, PirStatus
from integrations.records.routes import RouteSource
from resolvers.health import HealthStatus
from resolvers.scans import ScanOutcome
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
