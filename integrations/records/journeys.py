"""What is computed from a bag's events and plan: where it stands, what it flew, who had it, what is not proved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from integrations.records.bags import Bag, BagTag
from integrations.records.events import Event, EventColumns
from integrations.records.flights import FlightColumns, LegColumns
from integrations.records.passengers import Passenger


@dataclass(frozen=True, slots=True)
class BagStatus:
    """The part of a bag's record that is a projection of its events.

    Args:
        state: a value of ``BagState``.
        flight_id: the flight it is loaded on, flies on or came with last.
    """

    state: str
    state_at: datetime
    airport: str | None
    place: str | None
    custodian: str | None
    flight_id: int | None


@dataclass(frozen=True, slots=True)
class FlownLeg:
    """A flight that the bag was on, with the events that say so: at least one of the two is there."""

    seq: int
    flight: FlightColumns
    loaded: EventColumns | None
    arrived: EventColumns | None


class CustodyPointKind(StrEnum):
    """The four places of IATA Resolution 753 where custody changes and must be proved."""

    ACCEPTANCE = "ACCEPTANCE"
    LOADING = "LOADING"
    TRANSFER = "TRANSFER"
    ARRIVAL = "ARRIVAL"


@dataclass(frozen=True, slots=True)
class CustodyPoint:
    """One point of Resolution 753 that the bag has reached or passed.

    Args:
        leg: the planned leg it belongs to, from 1 (a transfer belongs to the leg it ends).
        proof: the event that proves it; None where the bag passed unproved: a gap.
        last_custodian: the party that had the bag with proof before the point.
    """

    kind: CustodyPointKind
    airport: str
    leg: int
    proof: EventColumns | None
    last_custodian: str | None

    @property
    def proved(self) -> bool:
        """Whether there is an event that proves it."""
        return self.proof is not None


class FellowsBy(StrEnum):
    """What bags share with one another."""

    FLIGHT = "FLIGHT"
    PLACE = "PLACE"
    BELT = "BELT"
    CART = "CART"


class JourneySource(StrEnum):
    """The store that a journey was read from."""

    GRAPH = "GRAPH"
    RECORDS = "RECORDS"


@dataclass(frozen=True, slots=True)
class Journey:
    """A bag's journey, planned and actual.

    Args:
        as_of: when the store that answered learnt the newest of this; None while it knows nothing of the bag.
        version: the bag's version that is shown; lower than the record's while the graph catches up.
        behind: how many versions of the record came after it; 0 for the newest.
    """

    bag_id: int
    source: JourneySource
    as_of: datetime | None
    version: int
    behind: int
    planned: Sequence[LegColumns]
    flown: Sequence[FlownLeg]
    events: Sequence[EventColumns]
    custodian: str | None
    points: Sequence[CustodyPoint]

    @property
    def gaps(self) -> list[CustodyPoint]:
        """Points that the bag passed unproved."""
        return [point for point in self.points if not point.proved]


@dataclass(frozen=True, slots=True)
class BagPlan:
    """What is known of a bag beside its events: its tags, its planned legs in travel order, and whose it is."""

    tags: Sequence[BagTag]
    legs: Sequence[LegColumns]
    passenger: Passenger | None


@dataclass(frozen=True, slots=True)
class BagProjection:
    """What the graph is told of one bag.

    Args:
        events: those that the graph may not know.
        as_of: when the newest of them was received.
        plan: None where it is as the graph was told before.
        flown: the flights that it was on; None where they are as the graph was told before.
    """

    bag: Bag
    events: Sequence[Event]
    as_of: datetime
    plan: BagPlan | None
    flown: Sequence[FlownLeg] | None
