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


@strawberry.type(description="One thing that a connection's level rests on.")
class ConnectionEvidence:
    """Values are ``integrations.records.transfers.Evidence``."""

    kind: EvidenceKind = strawberry.field(description="What it is.")
    value: str = strawberry.field(
        description="A position; ACTUAL, ESTIMATED, SCHEDULED or UNKNOWN for a time; carriers; a flight's designator."
    )
    minutes: int | None = strawberry.field(
        description="For a time: how late, negative if early. For a minimum: how long. For the clock: how long is left."
    )
    at: datetime | None = strawberry.field(description="The moment that counts.")
    flight: Flight | None = strawberry.field(description="The flight that it is about.")
    scan: BagEvent | None = batched(transfers.last_scans, description="For a last scan: the newest event of the bag.")


@strawberry.type(description="A bag's change from one flight to the next at an airport, and how likely it is made.")
class Transfer:
    """Values are ``integrations.records.transfers.Transfer``."""

    bag: LazyBag | None = batched(transfers.bags_of, description="The bag.")
    airport: str = strawberry.field(description="IATA code of the airport.")
    inbound: Flight = strawberry.field(description="The flight that it comes with.")
    outbound: Flight = strawberry.field(
        description="The flight that it is to leave with: of several planned from there, the last."
    )
    position: TransferPosition = strawberry.field(description="Where it is, by its last scan.")
    level: ConnectionLevel = read(attrgetter("judgement.level"), description="How likely it makes it.")
    minutes: int | None = read(
        attrgetter("judgement.minutes"),
        description="Minutes that it has until the next flight leaves; null where it needs none, or a time is unknown.",
    )
    needed: int | None = read(
        attrgetter("judgement.needed"), description="Minutes that it needs from where it is; null likewise."
    )
    minimum: int | None = strawberry.field(
        description="Minutes that bags need there between the two carriers; null where none is set."
    )
    evidence: list[ConnectionEvidence] = read(
        attrgetter("judgement.evidence"), description="What the level rests on, what decided it first."
    )


@strawberry.type(description="How many bags are of a level.")
class LevelCount:
    """Values are ``integrations.records.transfers.LevelCount``."""

    level: ConnectionLevel = strawberry.field(description="The level.")
    bags: int = strawberry.field(description="How many bags.")


@strawberry.type(description="Two flights between which bags change.")
class ConnectionPair:
    """Values are ``integrations.records.transfers.ConnectionPair``."""

    inbound: Flight = strawberry.field(description="The flight that the bags come with.")
    outbound: Flight = strawberry.field(description="The flight that they are to leave with.")
    bags: int = strawberry.field(description="How many bags.")
    minutes: int | None = strawberry.field(
        description="Minutes between on-block and off-block, by actual, else estimated, else scheduled times; "
        "null where a time is unknown."
    )
    minutes_left: int | None = strawberry.field(
        description="Minutes until the outbound leaves, negative after that; null where its time is unknown."
    )
    minimum: int | None = strawberry.field(
        description="Minutes that bags need there between the two carriers; null where none is set."
    )
    level: ConnectionLevel = strawberry.field(description="The most urgent of its bags'.")
    levels: list[LevelCount] = strawberry.field(description="How many bags are of each level, the most urgent first.")
    status: PairStatus = strawberry.field(description="Where the two flights stand.")


@strawberry.type(description="Inbound and outbound flights of an airport with the bags between them.")
class ConnectionBoard:
    """Values are ``integrations.records.transfers.ConnectionBoard``."""

    airport: str = strawberry.field(description="IATA code of the airport.")
    since: datetime = strawberry.field(name="from", description="Outbound flights that leave then or later.")
    until: datetime = strawberry.field(name="to", description="Outbound flights that leave before.")
    as_of: datetime = strawberry.field(description="When it was computed.")
    total: int = strawberry.field(description="How many pairs there are.")
    bags: int = strawberry.field(description="How many bags they have.")
    pairs: list[ConnectionPair] = strawberry.field(
        description="The most urgent of them: by level, then by when the outbound leaves."
    )
