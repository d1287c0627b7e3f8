"""The history of a bag: events, plan and flights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from integrations.records.events import Event
from integrations.records.flights import FlightColumns, Leg


@dataclass(frozen=True, slots=True)
class History:
    """Events and plan of one bag, with the flights that they name.

    Args:
        events: in order.
        planned: in travel order.
        flights: by id; those of all bags that were read together.
        replaced: flights that were ever planned, in travel order, where a later itinerary replaced some of them
            (``docs/DOMAIN.md#rule-19``); else empty.
    """

    events: Sequence[Event]
    planned: Sequence[Leg]
    flights: Mapping[int, FlightColumns]
    replaced: Sequence[FlightColumns] = ()

    @property
    def once_planned(self) -> Sequence[FlightColumns]:
        """The flights that were ever planned, in travel order."""
        return self.replaced or self.planned
