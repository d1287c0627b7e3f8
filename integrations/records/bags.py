"""Bags, the states they go through, and the tags tied to them."""

from datetime import datetime
from enum import StrEnum

import asyncpg

from integrations.records.columns import Column
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
    DELETED = "DELETED"


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
    custodian = Column[str | None]()
    flight_id = Column[int | None]()
    version = Column[int]()


class BagWithAuthority(Bag):
    """A bag with what messages last said of it."""

    __slots__ = ()

    authorised = Column[bool | None]()
    deleted = Column[bool]()


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
    """A bag whose row holds its newest events and columns of its passenger as well."""

    __slots__ = ()

    has_pir = Column[bool]()
    events = Column[list[str] | None]()  # each as JSON, the newest first; None where they were not asked for

    @property
    def passenger(self) -> JoinedPassenger | None:
        """Whose it is; None where nobody is known."""
        return None if self["passenger.id"] is None else JoinedPassenger(self)

    @property
    def events_json(self) -> str | None:
        """Its newest events in order of event time, a list as JSON; None where they were not asked for."""
        events = self.events
        return None if events is None else f"[{','.join(events[::-1])}]"


class RelatedBag(Bag):
    """A bag whose row holds columns of its passenger and of its flight, and its events, as well."""

    __slots__ = ()

    events_json = Column[str | None]("events")  # a list as JSON, None where they were not asked for

    @property
    def passenger(self) -> JoinedPassenger | None:
        """Whose it is; None where nobody is known."""
        return None if self["passenger.id"] is None else JoinedPassenger(self)

    @property
    def flight(self) -> JoinedFlight | None:
        """The flight it was last scanned for; None before its first."""
        return None if self["flight.id"] is None else JoinedFlight(self)
