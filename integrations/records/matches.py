"""Matches of found bags and missed bags: compared values, scores and decisions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import asyncpg

from integrations.records.columns import Column, View


class MatchState(StrEnum):
    """An agent's decision on a proposed match. A score alone never decides."""

    PROPOSED = "PROPOSED"
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"


class MatchElement(StrEnum):
    """Element of a found and a missed bag that is compared."""

    TAG = "TAG"
    SURNAME = "SURNAME"
    GIVEN_NAMES = "GIVEN_NAMES"
    COLOUR = "COLOUR"
    TYPE = "TYPE"
    DESCRIPTORS = "DESCRIPTORS"
    BRAND = "BRAND"
    CONTENTS = "CONTENTS"
    ROUTE = "ROUTE"
    FLIGHT = "FLIGHT"
    DATE = "DATE"


class TracedBagColumns:
    """One bag of an open PIR, found or missed, with all values that are compared.

    ``tags`` are ten digits each: the tag that the PIR cites, and the tags that its bag ever had. ``stations`` are the
    station where it was found, or the stations of its itinerary. ``flights`` are written ``CM758/2026-11-23``, with the
    local date of departure. ``at`` is when it was found, or when it should have arrived.
    """

    __slots__ = ()

    pir_id = Column[int]()
    seq = Column[int]()
    kind = Column[str]()
    at = Column[datetime]()
    tags = Column[Sequence[str]]()
    surname = Column[str]()
    given_names = Column[str]()
    name_on_bag = Column[str]()
    description = Column[str]()
    brand = Column[str]()
    contents = Column[str]()
    stations = Column[Sequence[str]]()
    flights = Column[Sequence[str]]()


class MissedBag(TracedBagColumns, asyncpg.Record):
    """Row of ``pir_bags`` with its PIR, passenger, tags and flights."""

    __slots__ = ()


class TracedBagView(TracedBagColumns, View):
    """A bag whose values come from a map."""

    __slots__ = ()


class Match(asyncpg.Record):
    """Row of ``pir_matches``: a found bag, and the bag of a delayed PIR that it may be.

    ``matched`` and ``contradicting`` are lists of ``{element, found, reported, earned, possible}``; their texts may be
    personal data.
    """

    __slots__ = ()

    id = Column[int]()
    airline_id = Column[int]()
    on_hand_pir_id = Column[int]()
    delayed_pir_id = Column[int]()
    seq = Column[int]()
    score = Column[float]()
    matched = Column[Sequence[Mapping[str, Any]]]()
    contradicting = Column[Sequence[Mapping[str, Any]]]()
    state = Column[str]()
    proposed_at = Column[datetime]()
    decided_by = Column[str | None]()
    decided_at = Column[datetime | None]()


class MatchOf(Match):
    """A match with the id of the PIR that it was read for."""

    __slots__ = ()

    parent_id = Column[int]()


class SwitchedTag(asyncpg.Record):
    """A bag that was found under the tag of another bag, checked in at the same station at about the same time.

    ``at`` is when an agent confirmed that the found bag is the missed one.
    """

    __slots__ = ()

    own_tag = Column[str]()
    found_tag = Column[str]()
    station = Column[str]()
    at = Column[datetime]()
