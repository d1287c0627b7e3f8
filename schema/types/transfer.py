"""Bags between two flights: each one's connection, and the board of an airport."""

from datetime import datetime
from operator import attrgetter

import strawberry

from integrations.records.transfers import ConnectionLevel, EvidenceKind, PairStatus, TransferPosition
from resolvers import transfers
from schema.fields.batching import batched, read
from schema.types.event import BagEvent
from schema.types.flight import Flight
from schema.types.refs import LazyBag


@strawberry.type(description="Evidence for the level of risk of a transfer.")
class ConnectionEvidence:
    """Values are ``integrations.records.transfers.TransferEvidence``."""

    kind: EvidenceKind = strawberry.field(description="Kind of evidence.")
    value: str = strawberry.field(
        description="A position for a scan; ACTUAL, ESTIMATED, SCHEDULED or UNKNOWN for a time; the carriers for "
        "a minimum; a flight designator in any other case."
    )
    minutes: int | None = strawberry.field(
        description="For a time the delay, negative if early; for a minimum its length; for the clock the time "
        "left. Null for other evidence, and if unknown."
    )
    at: datetime | None = strawberry.field(description="Timestamp of the evidence; null if it has none.")
    flight: Flight | None = strawberry.field(description="Flight of the evidence; null if it concerns none.")
    scan: BagEvent | None = batched(
        transfers.last_scans, description="For the last scan: the newest event of the bag; null for other evidence."
    )


@strawberry.type(description="Transfer of a bag from one flight to the next at an airport, with its risk.")
class Transfer:
    """Values are ``integrations.records.transfers.Transfer``."""

    bag: LazyBag | None = batched(transfers.bags_of, description="The bag; null if it was deleted.")
    airport: str = strawberry.field(description="IATA code of the airport.")
    inbound: Flight = strawberry.field(description="Inbound flight.")
    outbound: Flight = strawberry.field(
        description="Outbound flight. If several are planned from the airport, the last one."
    )
    position: TransferPosition = strawberry.field(description="Position of the bag by its last scan.")
    level: ConnectionLevel = read(attrgetter("judgement.level"), description="Level of risk.")
    minutes: int | None = read(
        attrgetter("judgement.minutes"),
        description="Minutes until the outbound flight departs, from arrival or from now; null if a time is "
        "unknown or no time is needed.",
    )
    needed: int | None = read(
        attrgetter("judgement.needed"),
        description="Minutes that the bag needs from its position; null if no minimum is known or no time is needed.",
    )
    minimum: int | None = strawberry.field(
        description="Minimum connecting time of bags between the two carriers in minutes; null if none is known."
    )
    evidence: list[ConnectionEvidence] = read(
        attrgetter("judgement.evidence"), description="Evidence for the level, decisive evidence first."
    )


@strawberry.type(description="Number of bags at a level of risk.")
class LevelCount:
    """Values are ``integrations.records.transfers.LevelCount``."""

    level: ConnectionLevel = strawberry.field(description="Level of risk.")
    bags: int = strawberry.field(description="Number of bags.")


@strawberry.type(description="Two flights between which bags transfer.")
class ConnectionPair:
    """Values are ``integrations.records.transfers.ConnectionPair``."""

    inbound: Flight = strawberry.field(description="Inbound flight.")
    outbound: Flight = strawberry.field(description="Outbound flight.")
    bags: int = strawberry.field(description="Number of bags.")
    minutes: int | None = strawberry.field(
        description="Minutes between on-block and off-block, by actual, else estimated, else scheduled times; "
        "null if a time is unknown."
    )
    minutes_left: int | None = strawberry.field(
        description="Minutes until the outbound flight departs, negative after departure; null if its time is unknown."
    )
    minimum: int | None = strawberry.field(
        description="Minimum connecting time of bags between the two carriers in minutes; null if none is known."
    )
    level: ConnectionLevel = strawberry.field(description="Most urgent level of risk of the bags.")
    levels: list[LevelCount] = strawberry.field(description="Number of bags at each level of risk, most urgent first.")
    status: PairStatus = strawberry.field(description="Status of the pair.")


@strawberry.type(description="Inbound and outbound flights of an airport with the bags that transfer between them.")
class ConnectionBoard:
    """Values are ``integrations.records.transfers.ConnectionBoard``."""

    airport: str = strawberry.field(description="IATA code of the airport.")
    since: datetime = strawberry.field(name="from", description="Start of the period of outbound departures.")
    until: datetime = strawberry.field(name="to", description="End of the period of outbound departures, exclusive.")
    as_of: datetime = strawberry.field(description="When the board was computed.")
    total: int = strawberry.field(description="Number of pairs.")
    bags: int = strawberry.field(description="Number of bags of all pairs.")
    pairs: list[ConnectionPair] = strawberry.field(
        description="Pairs by level of risk, then by outbound departure; most urgent first."
    )
