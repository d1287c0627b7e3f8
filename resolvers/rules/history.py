"""The history of a bag: what its events, plan and flights say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from integrations.records.events import Event
from integrations.records.flights import FlightColumns, Leg


@dataclass(frozen=True, slots=True)
class History:
    """One bag's events in order, its planned legs in travel order, and the flights they name, by id.

    The flights are those of all bags that were asked for together.
    """

    events: Sequence[Event]
    planned: Sequence[Leg]
    flights: Mapping[int, FlightColumns]
