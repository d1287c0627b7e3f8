"""Flights around now: the timetable flown day by day, on time or late, and what a bag can find among them."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from integrations.records.events import FlightKey
from integrations.records.flights import FlightStatus
from integrations.stores.flights import NewFlight
from seeds.chance import chance
from seeds.network import CARRIER, HUB, Network
from seeds.timetable import Service, timetable

DAYS_BACK = 8
DAYS_AHEAD = 2

CONNECTION = timedelta(minutes=45)
LONGEST_CONNECTION = timedelta(hours=12)
# Less than this between the planes, and a bag stays behind.
TIGHT = timedelta(minutes=30)

LATE = timedelta(minutes=15)
BOARDING = timedelta(minutes=40)
ESTIMATED_AHEAD = timedelta(hours=3)

# Where bags are checked in: over the last seven days and for the hours ahead.
FIRST_DEPARTURE = timedelta(days=6, hours=20)
LAST_DEPARTURE = timedelta(hours=6)

MAJOR = ("MIA", "BOG", "MEX", "GRU", "LIM")
MAJOR_SHARE = 0.4
CONNECTING_SHARE = 0.8

# Minutes that the services of the demo story leave late, by number and days from today: CM335 and CM491 miss their
# connections to CM758 and CM156, which leave on time.
STORY_DELAYS = {(335, -2): 46, (758, -2): 3, (491, -3): 72, (156, -3): 2, (156, -2): 5}


@dataclass(frozen=True, slots=True)
class DatedFlight:
    """A service on one day.

    Args:
        leaves: when it leaves or will leave, however late.
        lands: when it arrives or will arrive.
        gate: at the hub.
    """

    id: int
    number: int
    origin: str
    destination: str
    departure_date: date
    scheduled_departure: datetime
    scheduled_arrival: datetime
    leaves: datetime
    lands: datetime
    aircraft: str
    gate: str | None

    @property
    def key(self) -> FlightKey:
        """As scans name it."""
        return FlightKey(CARRIER, self.number, "", self.departure_date, self.origin)

    @property
    def designator(self) -> str:
        """``CM758``."""
        return f"{CARRIER}{self.number}"

    def known_at(self, now: datetime) -> NewFlight:
        """The row as it stands at that moment: what lies ahead is scheduled, or estimated where it is late."""
        departed = self.leaves <= now
        late = self.leaves - self.scheduled_departure >= LATE and self.scheduled_departure - now <= ESTIMATED_AHEAD
        return NewFlight(
            id=self.id,
            carrier=CARRIER,
            number=self.number,
            departure_date=self.departure_date,
            origin=self.origin,
            destination=self.destination,
            scheduled_departure=self.scheduled_departure,
            scheduled_arrival=self.scheduled_arrival,
            estimated_departure=self.leaves if late else None,
            estimated_arrival=self.lands if late or departed else None,
            actual_departure=self.leaves if departed else None,
            actual_arrival=self.lands if self.lands <= now else None,
            status=self._status(now, late=late),
            aircraft=self.aircraft,
            gate=self.gate,
        )

    def _status(self, now: datetime, *, late: bool) -> FlightStatus:
        if self.lands <= now:
            return FlightStatus.ARRIVED
        if self.leaves <= now:
            return FlightStatus.DEPARTED
        if late:
            return FlightStatus.DELAYED
        return FlightStatus.BOARDING if self.scheduled_departure - now <= BOARDING else FlightStatus.SCHEDULED


def fly(network: Network, seed: int, now: datetime) -> list[DatedFlight]:
    """All flights from eight days ago to two days ahead in order of departure; their ids count from 1."""
    zones = {airport.iata: ZoneInfo(airport.time_zone) for airport in network.airports}
    today = now.astimezone(zones[HUB]).date()
    departures = [
        (datetime.combine(today + timedelta(days=offset), time(), zones[HUB]).astimezone(UTC), offset, service)
        for offset in range(-DAYS_BACK, DAYS_AHEAD + 1)
        for service in timetable(network.routes)
    ]
    departures.sort(key=lambda one: (one[0] + timedelta(minutes=one[2].departs), one[2].number))
    flights: dict[FlightKey, DatedFlight] = {}
    for midnight, offset, service in departures:
        flight = _flight(len(flights) + 1, service, midnight, offset, zones[service.origin], seed)
        # Where clocks go back over midnight two days' flights have one local date, and a flight has no other name.
        flights.setdefault(flight.key, flight)
    return list(flights.values())


def _flight(
    flight_id: int, service: Service, midnight: datetime, offset: int, zone: ZoneInfo, seed: int
) -> DatedFlight:
    departure = midnight + timedelta(minutes=service.departs)
    arrival = departure + timedelta(minutes=service.block_minutes)
    local_date = departure.astimezone(zone).date()
    numbers = chance(seed, "flight", service.number, local_date)
    late = timedelta(minutes=STORY_DELAYS.get((service.number, offset), _minutes_late(numbers)))
    return DatedFlight(
        id=flight_id,
        number=service.number,
        origin=service.origin,
        destination=service.destination,
        departure_date=local_date,
        scheduled_departure=departure,
        scheduled_arrival=arrival,
        leaves=departure + late,
        lands=arrival + late + timedelta(minutes=numbers.randint(-6, 3)),
        aircraft=service.aircraft,
        gate=str(numbers.randint(201, 220)) if service.origin == HUB else None,
    )


def _minutes_late(numbers: Random) -> int:
    """Nine of ten within fifteen minutes, as the airline reports; the others late, a few of them by hours."""
    return numbers.choices((numbers.randint(-4, 12), numbers.randint(16, 45), numbers.randint(46, 170)), (91, 5, 4))[0]


class Operations:
    """The flights as a bag's story looks for them.

    Args:
        flights: in order of departure.
        now: the story's present.
    """

    def __init__(self, flights: Sequence[DatedFlight], now: datetime) -> None:
        self.now = now
        self.flights = flights
        self.upcoming = sorted(
            (flight for flight in flights if flight.leaves > now + timedelta(minutes=10)), key=_leaving
        )
        self.airborne = [flight for flight in flights if flight.leaves < now < flight.lands]
        self.departed = sorted((flight for flight in flights if flight.leaves <= now), key=_leaving)
        self.landed = sorted((flight for flight in flights if flight.lands <= now), key=_landing)
        self._from_hub: dict[str, list[DatedFlight]] = defaultdict(list)
        for flight in sorted(flights, key=_leaving):
            if flight.origin == HUB:
                self._from_hub[flight.destination].append(flight)
        checked_in = [
            flight
            for flight in flights
            if now - FIRST_DEPARTURE <= flight.scheduled_departure <= now + LAST_DEPARTURE
        ]
        self._in = _by_far_end(flight for flight in checked_in if flight.destination == HUB)
        self._out = _by_far_end(flight for flight in checked_in if flight.origin == HUB)
        self._stations = sorted(self._from_hub)
        self.missed = [
            (inbound, outbound)
            for inbound in checked_in
            if inbound.destination == HUB and inbound.lands - inbound.scheduled_arrival > LATE
            for outbound in self._planned_onward(inbound)
            if outbound.leaves - inbound.lands < TIGHT
        ]
