"""Bags, their states and their tags."""

from datetime import datetime
from enum import StrEnum

import asyncpg

from integrations.records.columns import Column
from integrations.records.flights import JoinedFlight
from integrations.records.passengers import JoinedPassenger


class BagState(StrEnum):
    """State of a bag: a projection of its events, never the stored truth (docs/DOMAIN.md#bag-states)."""

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
    """Reason for a tag: issued at check-in, or for a new flight without the passenger."""

    ORIGINAL = "ORIGINAL"
    RUSH = "RUSH"


class Bag(asyncpg.Record):
    """Row of ``bags``."""

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
    """A bag with the authority to load and the deletion that follow from its messages."""

    __slots__ = ()

    authorised = Column[bool | None]()
    deleted = Column[bool]()


class BagTag(asyncpg.Record):
    """Row of ``bag_tags``: the number belongs to the bag from ``valid_from`` until before ``valid_until``."""

    __slots__ = ()

    bag_id = Column[int]()
    number = Column[str]()
    role = Column[str]()
    valid_from = Column[datetime]()
    valid_until = Column[datetime]()


class TagWindow(asyncpg.Record):
    """The newest period of a number that begins before a time; ``seq`` counts the numbers that were asked, from 1."""

    __slots__ = ()

    seq = Column[int]()
    bag_id = Column[int]()
    valid_from = Column[datetime]()
    valid_until = Column[datetime]()


class TagUse(asyncpg.Record):
    """The last use of a number before a time by the bag that carried it; ``seq`` as in ``TagWindow``."""

    __slots__ = ()

    seq = Column[int]()
    last_seen_at = Column[datetime | None]()
    has_open_pir = Column[bool]()


class TagCarrier(asyncpg.Record):
    """The bag that carries a number at the time of a message, with its booking and its journey.

    ``last_departure`` is that of its last planned flight; ``stored_bag_id`` names the bag that has the message already.
    """

    __slots__ = ()

    seq = Column[int]()
    valid_from = Column[datetime]()
    state = Column[str]()
    state_at = Column[datetime]()
    locator = Column[str | None]()
    surname = Column[str]()
    given_names = Column[str]()
    title = Column[str]()
    first_flight_id = Column[int | None]()
    last_departure = Column[datetime | None]()
    last_seen_at = Column[datetime | None]()
    has_open_pir = Column[bool]()
    stored_bag_id = Column[int | None]()


class BagOf(Bag):
    """A bag with the id of the parent that it was read for."""

    __slots__ = ()

    parent_id = Column[int]()


class BagWithPassenger(BagOf):
    """A bag whose row also holds columns of its passenger and its newest events.

    ``has_pir`` says whether the bag has any PIR. ``events`` are JSON texts, newest first; None if they were not
    selected.
    """

    __slots__ = ()

    has_pir = Column[bool]()
    events = Column[list[str] | None]()

    @property
    def passenger(self) -> JoinedPassenger | None:
        """The passenger, None if the bag has none."""
        return None if self["passenger.id"] is None else JoinedPassenger(self)

    @property
    def events_json(self) -> str | None:
        """The newest events as a JSON list in order of event time; None if they were not selected."""
        events = self.events
        return None if events is None else f"[{','.join(events[::-1])}]"


class RelatedBag(Bag):
    """A bag whose row also holds columns of its passenger and its flight, and its events.

    ``events_json`` is a JSON list in order of event time; None if the events were not selected.
    """

    __slots__ = ()

    events_json = Column[str | None]("events")

    @property
    def passenger(self) -> JoinedPassenger | None:
        """The passenger, None if the bag has none."""
        return None if self["passenger.id"] is None else JoinedPassenger(self)

    @property
    def flight(self) -> JoinedFlight | None:
        """The flight that the bag was last scanned for; None before the first."""
        return None if self["flight.id"] is None else JoinedFlight(self)
