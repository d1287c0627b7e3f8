"""Events of bags: kinds, scans, and the identity of an event."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from integrations.records.columns import Column, View
from integrations.records.digests import digest_id


class EventKind(StrEnum):
    """Kind of an event. Every kind except POSITION may set the bag's state.

    The order is that of the states of a journey; it decides between events of the same timestamp
    (docs/DOMAIN.md#rule-15).
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
        """Ordinal of the kind in the order of states, from 0."""
        return _RANKS[self]


_RANKS = {kind: rank for rank, kind in enumerate(EventKind)}

# Physical scans, which prove that the bag was there. The other kinds are statements about the bag.
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
    """Method by which an event was captured."""

    LASER = "LASER"
    RFID = "RFID"
    MANUAL = "MANUAL"
    MESSAGE = "MESSAGE"


# A tuple, since each message looks up its flights many times, and a tuple is hashed and compared in C.
class FlightKey(NamedTuple):
    """Identity of a flight as people and messages name it.

    Args:
        suffix: operational suffix, empty for none.
        departure_date: scheduled local date at the flight's own origin.
        origin: IATA code of the airport of departure.
    """

    carrier: str
    number: int
    suffix: str
    departure_date: date
    origin: str


@dataclass(frozen=True, slots=True)
class Scan:
    """One event as it reaches the product, before its bag is known.

    Args:
        tag: ten digits.
        at: timestamp of the event, with a zone.
        airport: IATA code of the station.
        place: belt, sorter, cart, stand or desk within the station; empty where unknown.
        flight: the flight of a loading or an arrival, if any.
        released_by: code of the party that held the bag before; None where unchanged or unknown.
        custodian: code of the party that holds it afterwards; None where unchanged or unknown.
        device: scanner or desk that recorded it.
        container: container and compartment of the bag, as ``AKE12345CM/1``; empty for loose bags.
        unauthorised: whether the bag was loaded without authority to load.
        assumed: whether ``at`` is unknown; it then lies before every scan, and the event overrides none
            (docs/DOMAIN.md#rule-2).
        transfer: whether this is a SORTED at an airport where the bag changes flights. The first one at an airport, by
            event time, is its TRANSFER_IN; no message can tell which one that is, so the projection decides.
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
        """Return a digest of all values, the time to the microsecond: the same scan sent twice is one event.

        Scans that differ in any value are two events; if one were dropped, the first to arrive would win. Attributes
        that were added to this class later count only where they are set, so that older events keep their identities.
        """
        key = self.flight
        flight = f"{key.carrier}{key.number}{key.suffix}/{key.departure_date}/{key.origin}" if key else ""
        parties = (self.released_by or "", self.custodian or "")
        at = self.at.astimezone(UTC).isoformat()
        values = (self.tag, self.kind, self.airport, self.place, at, flight, *parties, self.method, self.device)
        later: tuple[str, ...] = ()
        if self.container or self.unauthorised or self.assumed or self.transfer:
            later = (self.container, f"{self.unauthorised:d}{self.assumed:d}{self.transfer:d}")
        return digest_id(hashlib.sha256("\x1f".join((str(airline_id), *values, *later)).encode()).digest())


class EventColumns:
    """Columns of an event, of either store."""

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
    """Row of ``events``."""

    __slots__ = ()

    airline_id = Column[int]()


class BriefEvent(asyncpg.Record):
    """Row of ``events`` with the columns that most lists select."""

    __slots__ = ()

    bag_id = Column[int]()
    kind = Column[str]()
    at = Column[datetime]()
    airport = Column[str]()
    place = Column[str]()


class GraphEvent(EventColumns, View):
    """An event as the graph returns it, where the id is text."""

    __slots__ = ()

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        return UUID(value) if name == "id" else value
