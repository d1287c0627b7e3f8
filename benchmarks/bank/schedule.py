"""Flights of one day at the hub, over the seeded network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from integrations.stores.postgres.flights import NewFlight
from seeds.network import HUB, Network, read_network
from seeds.operations import HUB_ZONE, DatedFlight, Operations, build_flights

CONNECTING_SHARE = 0.8
# Time between the last arrival and the receipt time of the day.
CLAIM = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the hub: six banks.

    Args:
        received_at: when the whole text is received: years are resolved from it, and nothing later has happened.
        arrivals: flights that arrive at the hub on the day, in order of arrival.
        departures: flights that depart from it on the day, in order of departure.
        missed: pairs of flights whose bags miss the connection because the first is late.
    """

    network: Network
    operations: Operations
    received_at: datetime
    arrivals: Sequence[DatedFlight]
    departures: Sequence[DatedFlight]
    missed: Sequence[tuple[DatedFlight, DatedFlight]]
    zones: Mapping[str, ZoneInfo]

    @classmethod
    def of(cls, day: date, seed: int) -> "Day":
        """The day for a seed."""
        network = read_network()
        received_at = datetime.combine(day + timedelta(days=1), time(18), HUB_ZONE)
        flights = build_flights(network, seed, received_at)
        operations = Operations(flights, received_at)
        flights_of_day = [flight for flight in flights if _at_hub(flight).astimezone(HUB_ZONE).date() == day]
        arrivals = sorted(
            (one for one in flights_of_day if one.destination == HUB), key=lambda one: (one.arrives_at, one.id)
        )
        departures = sorted(
            (one for one in flights_of_day if one.origin == HUB), key=lambda one: (one.departs_at, one.id)
        )
        known = {flight.id for flight in flights_of_day}
        missed = [pair for pair in operations.missed if {one.id for one in pair} <= known]
        zones = {airport.iata: ZoneInfo(airport.time_zone) for airport in network.airports}
        return cls(network, operations, received_at, arrivals, departures, missed, zones)

    @property
    def rows(self) -> list[NewFlight]:
        """All flights around the day, as of the receipt time."""
        return [flight.known_at(self.received_at) for flight in self.operations.flights]

    def itinerary(self, rng: Random) -> list[DatedFlight]:
        """Flights of a random party: most change at the hub, the others begin or end there."""
        draw = rng.random()
        if draw < (1 - CONNECTING_SHARE) / 2:
            return [rng.choice(self.departures)]
        if draw < 1 - CONNECTING_SHARE:
            return [rng.choice(self.arrivals)]
        while True:
            inbound = rng.choice(self.arrivals)
            outbound = self.operations.onward(inbound, self.operations.station(rng))
            if outbound and outbound.destination != inbound.origin and self.ends_before(outbound):
                return [inbound, outbound]

    def connection(self, rng: Random) -> list[DatedFlight]:
        """Like ``itinerary``, always over the hub."""
        while True:
            legs = self.itinerary(rng)
            if len(legs) > 1:
                return legs

    def ends_before(self, flight: DatedFlight) -> bool:
        """Whether its bags are claimed before the receipt time."""
        return flight.arrives_at + CLAIM < self.received_at

    def other_departure(self, flight: DatedFlight, rng: Random) -> DatedFlight:
        """A random departure to another destination at about the same time."""
        place = self.departures.index(flight) if flight in self.departures else len(self.departures) - 1
        near = self.departures[max(place - 8, 0) : place + 8]
        others = [one for one in near if one.destination != flight.destination and self.ends_before(one)]
        return rng.choice(others)

    def next_to(self, destination: str, after: datetime) -> DatedFlight | None:
        """First flight from the hub there after that time; None if its bags are not claimed before the receipt time."""
        flight = self.operations.next_to(HUB, destination, after)
        return flight if self.ends_before(flight) else None


def _at_hub(flight: DatedFlight) -> datetime:
    return flight.scheduled_departure if flight.origin == HUB else flight.scheduled_arrival
