"""What happens to a bag: kinds of event, and the identity of one."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg

from integrations.records.columns import Column, View


class EventKind(StrEnum):
    """What an event says. All but POSITION may set the bag's state.

    The order is that of the states of a journey; it settles events of the same moment.
    """

    POSITION = "POSITION"
    EXPECTED = "EXPECTED"
    ACCEPTED = "ACCEPTED"
    SCREENED = "SCREENED"
    SORTED = "SORTED"
    LOADED = "LOADED"
    ARRIVED = "ARRIVED"
    TRANSFER_IN = "TRANSFER_IN"
    AT_CLAIM = "AT_CLAIM"
    DELIVERED = "DELIVERED"
    NOT_SEEN = "NOT_SEEN"
    OFFLOADED = "OFFLOADED"
    LEFT_BEHIND = "LEFT_BEHIND"
    ON_HAND = "ON_HAND"
    DELAYED = "DELAYED"
    LOCATED = "LOCATED"
    RUSH_TAGGED = "RUSH_TAGGED"
    FORWARDED = "FORWARDED"
    OUT_FOR_DELIVERY = "OUT_FOR_DELIVERY"
    DAMAGED = "DAMAGED"
    LOST = "LOST"
    CLOSED = "CLOSED"

    @property
    def rank(self) -> int:
        """Place of the kind in the order of states, from 0."""
        return _RANKS[self]


_RANKS = {kind: rank for rank, kind in enumerate(EventKind)}

# Physical scans: proof that the bag was there. The others are words about it.
SCANS = frozenset(
    {
        EventKind.POSITION,
        EventKind.ACCEPTED,
        EventKind.SCREENED,
        EventKind.SORTED,
        EventKind.LOADED,
        EventKind.ARRIVED,
        EventKind.TRANSFER_IN,
        EventKind.AT_CLAIM,
        EventKind.DELIVERED,
        EventKind.OFFLOADED,
        EventKind.LEFT_BEHIND,
        EventKind.ON_HAND,
    }
)


class ScanMethod(StrEnum):
    """How an event was captured."""

    LASER = "LASER"
    RFID = "RFID"
    MANUAL = "MANUAL"
    MESSAGE = "MESSAGE"


@dataclass(frozen=True, slots=True)
class FlightKey:
    """A flight as people and messages name it.

    Args:
        departure_date: scheduled local date at the flight's own origin.
        origin: IATA code of the airport the flight leaves from.
    """

    carrier: str
    number: int
    suffix: str
    departure_date: date
    origin: str


@dataclass(frozen=True, slots=True)
class Scan:
    """One event as it reaches the product, before the product knows the bag.

    Args:
        tag: ten digits.
        at: when it happened, with a zone.
        airport: IATA code of the station.
        place: belt, sorter, cart, stand or desk within the station; empty where unknown.
        flight: the flight it concerns (a loading, an arrival), if any.
        released_by: code of the party that had the bag; None where unchanged or unknown.
        custodian: code of the party that has it from now on.
        device: scanner or desk that recorded it.
        container: container and compartment it was stowed in, as ``AKE12345CM/1``; empty for loose bags.
        unauthorised: loaded without authority to load.
        assumed: ``at`` is not known: it stands before every scan, and nothing may be overridden by it.
        transfer: a SORTED where the bag changes flight. The first of these at an airport, by event time, is its
            TRANSFER_IN; which one that is no message can tell, so that the projection does.
    """

    tag: str
    kind: EventKind
    at: datetime
    airport: str
    place: str = ""
    flight: FlightKey | None = None
    released_by: str | None = None
    custodian: str | None = None
    method: ScanMethod = ScanMethod.LASER
    device: str = ""
    container: str = ""
    unauthorised: bool = False
    assumed: bool = False
    transfer: bool = False

    def identity(self, airline_id: int) -> UUID:
        """A digest of all that it says, its time to the microsecond: the same scan sent twice is one event.

        Two that differ in anything are two events: were one of them dropped, the first to arrive would win. What came
        to the record later counts where it is set, so that the identities of older events stay.
        """
        key = self.flight
        flight = f"{key.carrier}{key.number}{key.suffix}/{key.departure_date}/{key.origin}" if key else ""
        parties = (self.released_by or "", self.custodian or "")
        moment = self.at.astimezone(UTC).isoformat()
        said = (self.tag, self.kind, self.airport, self.place, moment, flight, *parties, self.method, self.device)
        later: tuple[str, ...] = ()
        if self.container or self.unauthorised or self.assumed or self.transfer:
            later = (self.container, f"{self.unauthorised:d}{self.assumed:d}{self.transfer:d}")
        return UUID(bytes=hashlib.sha256("\x1f".join((str(airline_id), *said, *later)).encode()).digest()[:16])


class EventColumns:
    """The columns of an event, whichever store they come from."""

    __slots__ = ()

    id = Column[UUID]()
    bag_id = Column[int]()
    tag = Column[str]()
    kind = Column[str]()
    rank = Column[int]()
    at = Column[datetime]()
    received_at = Column[datetime]()
    airport = Column[str]()
    place = Column[str]()
    flight_id = Column[int | None]()
    released_by = Column[str | None]()
    custodian = Column[str | None]()
    method = Column[str]()
    device = Column[str]()


class Event(EventColumns, asyncpg.Record):
    """A row of ``events``."""

    __slots__ = ()

    airline_id = Column[int]()


class BriefEvent(asyncpg.Record):
    """A row of ``events`` with what most lists ask for."""

    __slots__ = ()

    bag_id = Column[int]()
    kind = Column[str]()
    at = Column[datetime]()
    airport = Column[str]()
    place = Column[str]()


class GraphEvent(EventColumns, View):
    """An event as the graph returns it: there the id is text."""

    __slots__ = ()

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        return UUID(value) if name == "id" else value
