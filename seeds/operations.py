"""Flights around now: the timetable flown day by day, on time or late, and what a bag can find among them."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from integrations.records.events import FlightKey
from integrations.records.flights import FlightStatus
from integrations.stores.postgres.flights import NewFlight
from seeds.network import CARRIER, HUB, Network
from seeds.seeded_random import chance
from seeds.timetable import TimetableService, timetable

HUB_ZONE = ZoneInfo("America/Panama")

DAYS_BACK = 8
DAYS_AHEAD = 2

CONNECTION = timedelta(minutes=45)
USUAL_CONNECTION = timedelta(hours=5)
LONGEST_CONNECTION = timedelta(hours=12)
# With so much between the planes a passenger just makes the connection, and the bag does not.
RUN = timedelta(minutes=10)
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

# Minutes that the services of the demo's stories leave late, by number and days from the hub's today. CM335 and CM491
# come too late for CM758 and CM156, which leave on time; those of yesterday see to it that there are missed bags at
# any hour.
STORY_DELAYS = {
    (335, -2): 46,
    (758, -2): 3,
    (491, -2): 72,
    (156, -2): 2,
    (152, -2): 4,
    (491, -1): 70,
    (335, -1): 70,
}


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
    today = now.astimezone(HUB_ZONE).date()
    services = timetable(network.routes)
    departures = [
        (
            datetime.combine(today + timedelta(days=days), time(), HUB_ZONE).astimezone(UTC)
            + timedelta(minutes=service.departs),
            service,
        )
        for days in range(-DAYS_BACK, DAYS_AHEAD + 1)
        for service in services
    ]
    departures.sort(key=lambda one: (one[0], one[1].number))
    flights: dict[FlightKey, DatedFlight] = {}
    for departure, service in departures:
        days = (departure.astimezone(HUB_ZONE).date() - today).days
        flight = _flight(len(flights) + 1, service, departure, days, zones[service.origin], seed)
        # Where clocks go back over midnight two days' flights have one local date, and a flight has no other name.
        flights.setdefault(flight.key, flight)
    return list(flights.values())


def _flight(
    flight_id: int, service: TimetableService, departure: datetime, days: int, zone: ZoneInfo, seed: int
) -> DatedFlight:
    arrival = departure + timedelta(minutes=service.block_minutes)
    local_date = departure.astimezone(zone).date()
    numbers = chance(seed, "flight", service.number, local_date)
    late = timedelta(minutes=STORY_DELAYS.get((service.number, days), _minutes_late(numbers)))
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
        by_leaving = sorted(flights, key=lambda flight: (flight.leaves, flight.id))
        self.departed = [flight for flight in by_leaving if flight.leaves <= now]
        self.upcoming = [flight for flight in by_leaving if flight.leaves > now]
        self.airborne = [flight for flight in self.departed if flight.lands > now]
        self.landed = sorted(
            (flight for flight in flights if flight.lands <= now), key=lambda flight: (flight.lands, flight.id)
        )
        self._between: dict[tuple[str, str], list[DatedFlight]] = defaultdict(list)
        self._checked_in: dict[tuple[str, str], list[DatedFlight]] = defaultdict(list)
        for flight in by_leaving:
            ends = (flight.origin, flight.destination)
            self._between[ends].append(flight)
            if now - FIRST_DEPARTURE <= flight.scheduled_departure <= now + LAST_DEPARTURE:
                self._checked_in[ends].append(flight)
        self._minor = sorted({flight.destination for flight in flights} - {HUB, *MAJOR})
        self.missed = [
            (inbound, outbound)
            for inbound in self.landed
            if inbound.scheduled_departure >= now - FIRST_DEPARTURE and self._late_to_hub(inbound)
            for outbound in self._planned_onward(inbound)
            if RUN <= outbound.leaves - inbound.lands < TIGHT
        ]

    def service(self, number: int, days: int) -> DatedFlight:
        """The flight of that number on the hub's day so many days from the present one."""
        day = self.now.astimezone(HUB_ZONE).date() + timedelta(days=days)
        return next(
            flight
            for flight in self.flights
            if flight.number == number and flight.scheduled_departure.astimezone(HUB_ZONE).date() == day
        )

    def itinerary(self, numbers: Random) -> list[DatedFlight]:
        """The flights of some bag of the last days: most change at the hub, the others begin or end there."""
        origin = self.station(numbers)
        if numbers.random() < (1 - CONNECTING_SHARE) / 2:
            return [numbers.choice(self._checked_in[HUB, origin])]
        inbound = numbers.choice(self._checked_in[origin, HUB])
        if numbers.random() < CONNECTING_SHARE:
            for destination in (self.station(numbers) for _ in range(4)):
                outbound = self.onward(inbound, destination)
                if destination != origin and outbound is not None:
                    return [inbound, outbound]
        return [inbound]

    def onward(self, inbound: DatedFlight, destination: str) -> DatedFlight | None:
        """The first flight from the hub that the bags of an inbound one make, as planned and as flown."""
        for flight in self._leaving_after(HUB, destination, inbound.lands + CONNECTION):
            if flight.leaves - inbound.lands > LONGEST_CONNECTION:
                break
            if flight.scheduled_departure - inbound.scheduled_arrival >= CONNECTION:
                return flight
        return None

    def feeder(self, outbound: DatedFlight, numbers: Random) -> DatedFlight | None:
        """Some flight to the hub whose bags make that one from it, in time for a usual connection."""
        candidates = [
            inbound
            for inbound in self.flights
            if inbound.destination == HUB
            and inbound.origin != outbound.destination
            and CONNECTION <= outbound.leaves - inbound.lands <= USUAL_CONNECTION
            and outbound.scheduled_departure - inbound.scheduled_arrival >= CONNECTION
        ]
        return numbers.choice(candidates) if candidates else None

    def next_to(self, origin: str, destination: str, after: datetime) -> DatedFlight:
        """The first flight between two airports that leaves later than that."""
        return next(self._leaving_after(origin, destination, after))

    def next_departure(self, inbound: DatedFlight) -> DatedFlight:
        """The first flight still at the hub that the bags of a landed one can be meant for."""
        return next(
            flight
            for flight in self.upcoming
            if flight.origin == HUB
            and flight.destination != inbound.origin
            and flight.scheduled_departure - inbound.scheduled_arrival >= CONNECTION
        )

    def station(self, numbers: Random) -> str:
        """Some destination, often one of the five major ones."""
        return numbers.choice(MAJOR if numbers.random() < MAJOR_SHARE else self._minor)

    def _late_to_hub(self, flight: DatedFlight) -> bool:
        return flight.destination == HUB and flight.lands - flight.scheduled_arrival > LATE

    def _planned_onward(self, inbound: DatedFlight) -> Iterator[DatedFlight]:
        """The flight to each destination that an itinerary with the inbound flight would have continued on."""
        for destination in (*MAJOR, *self._minor):
            after = inbound.scheduled_arrival + CONNECTION
            planned = next(
                (
                    flight
                    for flight in self._leaving_after(HUB, destination, after - LATE)
                    if flight.scheduled_departure >= after
                ),
                None,
            )
            if destination != inbound.origin and planned and planned.scheduled_departure - after <= LONGEST_CONNECTION:
                yield planned

    def _leaving_after(self, origin: str, destination: str, moment: datetime) -> Iterator[DatedFlight]:
        flights = self._between[origin, destination]
        for index in range(bisect_right(flights, moment, key=lambda flight: flight.leaves), len(flights)):
            yield flights[index]
