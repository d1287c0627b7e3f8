"""Journeys, computed from a bag's events and plan: status, flown legs, custody points and gaps."""

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
    """The columns of a bag that are a projection of its events.

    Args:
        state: a value of ``BagState``.
        state_at: when the bag reached the state.
        custodian: code of the party that holds the bag.
        flight_id: the flight that the bag is loaded on, flies on or came with last.
    """

    state: str
    state_at: datetime
    airport: str | None
    place: str | None
    custodian: str | None
    flight_id: int | None


@dataclass(frozen=True, slots=True)
class FlownLeg:
    """A flight that the bag was on, proved by its loading, its arrival or both."""

    seq: int
    flight: FlightColumns
    loaded: EventColumns | None
    arrived: EventColumns | None


class CustodyPointKind(StrEnum):
    """Kind of a custody point of IATA Resolution 753 (docs/DOMAIN.md#custody-points)."""

    ACCEPTANCE = "ACCEPTANCE"
    LOADING = "LOADING"
    TRANSFER = "TRANSFER"
    ARRIVAL = "ARRIVAL"


@dataclass(frozen=True, slots=True)
class CustodyPoint:
    """One custody point that the bag has reached or passed.

    Args:
        leg: ordinal of its planned leg, from 1: of the flown leg where the bag has no plan, of the planned leg before a
            flight off the plan. A transfer belongs to the leg that ends with it.
        flight_id: flight of the leg; None where scans name none.
        proof: the event that proves it; None for a gap, which the bag passed without proof.
        last_custodian: code of the party that held the bag with proof before the point.
    """

    kind: CustodyPointKind
    airport: str
    leg: int
    flight_id: int | None
    proof: EventColumns | None
    last_custodian: str | None

    @property
    def proved(self) -> bool:
        """Whether an event proves the point."""
        return self.proof is not None


class FellowsBy(StrEnum):
    """Relation between fellow bags: what they shared."""

    FLIGHT = "FLIGHT"
    PLACE = "PLACE"
    BELT = "BELT"
    CART = "CART"


class JourneySource(StrEnum):
    """Store that a journey was read from."""

    GRAPH = "GRAPH"
    RECORDS = "RECORDS"


@dataclass(frozen=True, slots=True)
class Journey:
    """A bag's journey, planned and actual.

    Args:
        source: the store that it was read from.
        as_of: when the store received the newest event of it; None while it holds nothing of the bag.
        version: version of the bag that is shown; lower than the record's while the graph catches up.
        behind: number of later versions of the record; 0 for the newest.
        custodian: code of the party that holds the bag.
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
        """Custody points that the bag passed without proof."""
        return [point for point in self.points if not point.proved]


@dataclass(frozen=True, slots=True)
class BagPlan:
    """A bag's tags, its planned legs in travel order, and its passenger."""

    tags: Sequence[BagTag]
    legs: Sequence[LegColumns]
    passenger: Passenger | None


@dataclass(frozen=True, slots=True)
class BagProjection:
    """A change of one bag as it is written to the graph.

    Args:
        events: events that the graph may not hold yet.
        as_of: when the newest of them was received.
        plan: the plan; None if it is unchanged in the graph.
        flown: the flights that the bag was on; None if they are unchanged in the graph.
    """

    bag: Bag
    events: Sequence[Event]
    as_of: datetime
    plan: BagPlan | None
    flown: Sequence[FlownLeg] | None
