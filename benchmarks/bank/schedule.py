"""The flights of one day at the hub, as the seeded network flies them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from integrations.stores.postgres.flights import NewFlight
from seeds.network import HUB, Network, read_network
from seeds.operations import HUB_ZONE, DatedFlight, Operations, build_flights

CONNECTING_SHARE = 0.8
# Between the last landing and the moment that the day is told at.
CLAIM = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the hub: six banks.

    Args:
        told_at: when all of it has arrived: years of dates are found from here, and what is later has not happened.
        arrivals: flights that come to the hub on the day, in order of landing.
        departures: flights that leave it on the day, in order of leaving.
        missed: pairs of flights whose bags do not make the connection, because the first came late.
    """

    network: Network
    operations: Operations
    told_at: datetime
    arrivals: Sequence[DatedFlight]
    departures: Sequence[DatedFlight]
    missed: Sequence[tuple[DatedFlight, DatedFlight]]
    zones: Mapping[str, ZoneInfo]

    @classmethod
    def of(cls, day: date, seed: int) -> "Day":
        """The day as the seed has it."""
        network = read_network()
        told_at = datetime.combine(day + timedelta(days=1), time(18), HUB_ZONE)
        flights = build_flights(network, seed, told_at)
        operations = Operations(flights, told_at)
        of_day = [flight for flight in flights if _at_hub(flight).astimezone(HUB_ZONE).date() == day]
        arrivals = sorted((one for one in of_day if one.destination == HUB), key=lambda one: (one.arrives_at, one.id))
        departures = sorted((one for one in of_day if one.origin == HUB), key=lambda one: (one.departs_at, one.id))
        known = {flight.id for flight in of_day}
        missed = [pair for pair in operations.missed if {one.id for one in pair} <= known]
        zones = {airport.iata: ZoneInfo(airport.time_zone) for airport in network.airports}
        return cls(network, operations, told_at, arrivals, departures, missed, zones)

    @property
    def rows(self) -> list[NewFlight]:
        """All flights around the day as the records have them when all of it is told."""
        return [flight.known_at(self.told_at) for flight in self.operations.flights]

    def itinerary(self, numbers: Random) -> list[DatedFlight]:
        """The flights of some party: most change at the hub, the others begin or end there."""
        chance = numbers.random()
        if chance < (1 - CONNECTING_SHARE) / 2:
            return [numbers.choice(self.departures)]
        if chance < 1 - CONNECTING_SHARE:
            return [numbers.choice(self.arrivals)]
        while True:
            inbound = numbers.choice(self.arrivals)
            outbound = self.operations.onward(inbound, self.operations.station(numbers))
            if outbound and outbound.destination != inbound.origin and self.ends_before(outbound):
                return [inbound, outbound]

    def connection(self, numbers: Random) -> list[DatedFlight]:
        """Like ``itinerary``, always over the hub."""
        while True:
            legs = self.itinerary(numbers)
            if len(legs) > 1:
                return legs

    def ends_before(self, flight: DatedFlight) -> bool:
        """Whether its bags have been claimed by the time that the day is told at."""
        return flight.arrives_at + CLAIM < self.told_at

    def other_departure(self, flight: DatedFlight, numbers: Random) -> DatedFlight:
        """One to somewhere else from the stands nearby, at about the same time."""
        place = self.departures.index(flight) if flight in self.departures else len(self.departures) - 1
        near = self.departures[max(place - 8, 0) : place + 8]
        others = [one for one in near if one.destination != flight.destination and self.ends_before(one)]
        return numbers.choice(others)

    def next_to(self, destination: str, after: datetime) -> DatedFlight | None:
        """The first flight from the hub there that leaves later than that, and has been claimed from in time."""
        flight = self.operations.next_to(HUB, destination, after)
        return flight if self.ends_before(flight) else None


def _at_hub(flight: DatedFlight) -> datetime:
    return flight.scheduled_departure if flight.origin == HUB else flight.scheduled_arrival
