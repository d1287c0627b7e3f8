"""Bags, the states they go through, and the tags tied to them."""

from datetime import datetime
from enum import StrEnum

import asyncpg

from integrations.records.columns import Column
from integrations.records.events import JoinedEvent
from integrations.records.flights import JoinedFlight
from integrations.records.passengers import JoinedPassenger


class BagState(StrEnum):
    """Where a bag stands: a projection of its events, never the stored truth."""

    EXPECTED = "EXPECTED"
    ACCEPTED = "ACCEPTED"
    SCREENED = "SCREENED"
    SORTED = "SORTED"
    LOADED = "LOADED"
    IN_FLIGHT = "IN_FLIGHT"
    ARRIVED = "ARRIVED"
    TRANSFER_IN = "TRANSFER_IN"
    AT_CLAIM = "AT_CLAIM"
    DELIVERED = "DELIVERED"
    NOT_SEEN = "NOT_SEEN"
    OFFLOADED = "OFFLOADED"
    LEFT_BEHIND = "LEFT_BEHIND"
    ON_HAND = "ON_HAND"
    MISROUTED = "MISROUTED"
    DELAYED = "DELAYED"
    LOCATED = "LOCATED"
    RUSH_TAGGED = "RUSH_TAGGED"
    FORWARDED = "FORWARDED"
    OUT_FOR_DELIVERY = "OUT_FOR_DELIVERY"
    DAMAGED = "DAMAGED"
    LOST = "LOST"
    CLOSED = "CLOSED"


class TagRole(StrEnum):
    """Why a tag is on a bag: issued at check-in, or for a new flight without its passenger."""

    ORIGINAL = "ORIGINAL"
    RUSH = "RUSH"


class Bag(asyncpg.Record):
    """A row of ``bags``."""

    __slots__ = ()

    id = Column[int]()
    airline_id = Column[int]()
    passenger_id = Column[int | None]()
    tag = Column[str]()
    weight_kg = Column[float | None]()
    description = Column[str | None]()
    priority = Column[bool]()
    created_at = Column[datetime]()
    state = Column[str]()
    state_at = Column[datetime]()
    airport = Column[str | None]()
    place = Column[str | None]()
    holder = Column[str | None]()
    flight_id = Column[int | None]()
    version = Column[int]()


class BagTag(asyncpg.Record):
    """A row of ``bag_tags``: the number belongs to the bag from ``valid_from`` until ``valid_until``."""

    __slots__ = ()

    bag_id = Column[int]()
    number = Column[str]()
    role = Column[str]()
    valid_from = Column[datetime]()
    valid_until = Column[datetime]()


class BagOf(Bag):
    """A bag together with the id of the parent it was asked for."""

    __slots__ = ()

    parent_id = Column[int]()


class BagWithPassenger(BagOf):
    """A bag whose row ends with the columns of its passenger."""

    __slots__ = ()

    @property
    def passenger(self) -> JoinedPassenger | None:
        """Whose it is; None where nobody is known."""
        part = JoinedPassenger(self[-JoinedPassenger.width :])
        return None if part.id is None else part


class RelatedBag(Bag):
    """A bag whose row brings along what it was asked for of passenger, flight and events, one after the other."""

    __slots__ = ()

    brings_passenger = Column[bool]()
    brings_flight = Column[bool]()
    brings_events = Column[bool]()

    @property
    def passenger(self) -> JoinedPassenger | None:
        """Whose it is; None where nobody is known."""
        part = JoinedPassenger(self[PASSENGER_PART])
        return None if part.id is None else part

    @property
    def flight(self) -> JoinedFlight | None:
        """The flight it was last scanned for; None before its first."""
        part = JoinedFlight(self[FLIGHT_PART])
        return None if part.id is None else part

    @property
    def events(self) -> list[JoinedEvent]:
        """What happened to it, in order of event time: the row has an array for each column."""
        columns = self[EVENTS_PART]
        return [] if columns[0] is None else list(map(JoinedEvent, zip(*columns, strict=True)))


EVENTS_PART = slice(-JoinedEvent.width, None)
FLIGHT_PART = slice(EVENTS_PART.start - JoinedFlight.width, EVENTS_PART.start)
PASSENGER_PART = slice(FLIGHT_PART.start - JoinedPassenger.width, FLIGHT_PART.start)
