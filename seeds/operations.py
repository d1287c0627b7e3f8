"""Flights around now: the timetable flown day by day, on time or late, and look-ups for the scenarios."""

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
from seeds.seeded_random import random_for
from seeds.timetable import TimetableService, timetable

HUB_ZONE = ZoneInfo("America/Panama")

DAYS_BACK = 8
DAYS_AHEAD = 2

CONNECTION = timedelta(minutes=45)
USUAL_CONNECTION = timedelta(hours=5)
LONGEST_CONNECTION = timedelta(hours=12)
# With this much time between the flights a passenger just makes the connection, and the bag does not.
RUN = timedelta(minutes=10)
TIGHT = timedelta(minutes=30)

LATE = timedelta(minutes=15)
BOARDING = timedelta(minutes=40)
ESTIMATED_AHEAD = timedelta(hours=3)

# Range of departures for which bags are checked in: the last seven days and the hours ahead.
FIRST_DEPARTURE = timedelta(days=6, hours=20)
LAST_DEPARTURE = timedelta(hours=6)

MAJOR = ("MIA", "BOG", "MEX", "GRU", "LIM")
MAJOR_SHARE = 0.4
CONNECTING_SHARE = 0.8

# Minutes by which services of the demo's scenarios depart late, by number and days from the hub's today. CM335 and
# CM491 come too late for CM758 and CM156, which depart on time. The delays of yesterday ensure that there are missed
# bags at any hour.
SCENARIO_DELAYS = {
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
        departs_at: actual or future departure, delay included.
        arrives_at: actual or future arrival.
        gate: gate at the hub; None elsewhere.
    """

    id: int
    number: int
    origin: str
    destination: str
    departure_date: date
    scheduled_departure: datetime
    scheduled_arrival: datetime
    departs_at: datetime
    arrives_at: datetime
    aircraft: str
    gate: str | None

    @property
    def key(self) -> FlightKey:
        """Identity of the flight in scans."""
        return FlightKey(CARRIER, self.number, "", self.departure_date, self.origin)

    @property
    def designator(self) -> str:
        """Designator, such as ``CM758``."""
        return f"{CARRIER}{self.number}"

    def known_at(self, now: datetime) -> NewFlight:
        """The row as of that time: a future flight is scheduled, or estimated if it is late."""
        departed = self.departs_at <= now
        late = self.departs_at - self.scheduled_departure >= LATE and self.scheduled_departure - now <= ESTIMATED_AHEAD
        return NewFlight(
            id=self.id,
            carrier=CARRIER,
            number=self.number,
            departure_date=self.departure_date,
            origin=self.origin,
            destination=self.destination,
            scheduled_departure=self.scheduled_departure,
            scheduled_arrival=self.scheduled_arrival,
            estimated_departure=self.departs_at if late else None,
            estimated_arrival=self.arrives_at if late or departed else None,
            actual_departure=self.departs_at if departed else None,
            actual_arrival=self.arrives_at if self.arrives_at <= now else None,
            status=self._status(now, late=late),
            aircraft=self.aircraft,
            gate=self.gate,
        )

    def _status(self, now: datetime, *, late: bool) -> FlightStatus:
        if self.arrives_at <= now:
            return FlightStatus.ARRIVED
        if self.departs_at <= now:
            return FlightStatus.DEPARTED
        if late:
            return FlightStatus.DELAYED
        return FlightStatus.BOARDING if self.scheduled_departure - now <= BOARDING else FlightStatus.SCHEDULED


def build_flights(network: Network, seed: int, now: datetime) -> list[DatedFlight]:
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
        # Where clocks go back over midnight, two days' flights have one local date and therefore one identity.
        flights.setdefault(flight.key, flight)
    return list(flights.values())


def _flight(
    flight_id: int, service: TimetableService, departure: datetime, days: int, zone: ZoneInfo, seed: int
) -> DatedFlight:
    arrival = departure + timedelta(minutes=service.block_minutes)
    local_date = departure.astimezone(zone).date()
    rng = random_for(seed, "flight", service.number, local_date)
    late = timedelta(minutes=SCENARIO_DELAYS.get((service.number, days), _minutes_late(rng)))
    return DatedFlight(
        id=flight_id,
        number=service.number,
        origin=service.origin,
        destination=service.destination,
        departure_date=local_date,
        scheduled_departure=departure,
        scheduled_arrival=arrival,
        departs_at=departure + late,
        arrives_at=arrival + late + timedelta(minutes=rng.randint(-6, 3)),
        aircraft=service.aircraft,
        gate=str(rng.randint(201, 220)) if service.origin == HUB else None,
    )


def _minutes_late(rng: Random) -> int:
    """Minutes of delay: nine of ten flights within fifteen minutes, as the airline reports; a few late by hours."""
    return rng.choices((rng.randint(-4, 12), rng.randint(16, 45), rng.randint(46, 170)), (91, 5, 4))[0]


class Operations:
    """Look-ups of flights for the scenarios of bags.

    Args:
        flights: flights in order of departure.
        now: timestamp up to which the scenarios run.
    """

    def __init__(self, flights: Sequence[DatedFlight], now: datetime) -> None:
        self.now = now
        self.flights = flights
        by_departure = sorted(flights, key=lambda flight: (flight.departs_at, flight.id))
        self.departed = [flight for flight in by_departure if flight.departs_at <= now]
        self.upcoming = [flight for flight in by_departure if flight.departs_at > now]
        self.airborne = [flight for flight in self.departed if flight.arrives_at > now]
        arrived = (flight for flight in flights if flight.arrives_at <= now)
        self.landed = sorted(arrived, key=lambda flight: (flight.arrives_at, flight.id))
        self._between: dict[tuple[str, str], list[DatedFlight]] = defaultdict(list)
        self._checked_in: dict[tuple[str, str], list[DatedFlight]] = defaultdict(list)
        for flight in by_departure:
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
            if RUN <= outbound.departs_at - inbound.arrives_at < TIGHT
        ]

    def service(self, number: int, days: int) -> DatedFlight:
        """The flight of that number, so many days from the hub's present day."""
        day = self.now.astimezone(HUB_ZONE).date() + timedelta(days=days)
        return next(
            flight
            for flight in self.flights
            if flight.number == number and flight.scheduled_departure.astimezone(HUB_ZONE).date() == day
        )

    def itinerary(self, rng: Random) -> list[DatedFlight]:
        """Flights of a random bag of the last days: most change at the hub, the others begin or end there."""
        origin = self.station(rng)
        if rng.random() < (1 - CONNECTING_SHARE) / 2:
            return [rng.choice(self._checked_in[HUB, origin])]
        inbound = rng.choice(self._checked_in[origin, HUB])
        if rng.random() < CONNECTING_SHARE:
            for destination in (self.station(rng) for _ in range(4)):
                outbound = self.onward(inbound, destination)
                if destination != origin and outbound is not None:
                    return [inbound, outbound]
        return [inbound]

    def onward(self, inbound: DatedFlight, destination: str) -> DatedFlight | None:
        """First flight from the hub that bags of the inbound flight make, both as planned and as flown."""
        for flight in self._departing_after(HUB, destination, inbound.arrives_at + CONNECTION):
            if flight.departs_at - inbound.arrives_at > LONGEST_CONNECTION:
                break
            if flight.scheduled_departure - inbound.scheduled_arrival >= CONNECTION:
                return flight
        return None

    def feeder(self, outbound: DatedFlight, rng: Random) -> DatedFlight | None:
        """A random flight to the hub whose bags make the outbound flight, in time for a usual connection."""
        candidates = [
            inbound
            for inbound in self.flights
            if inbound.destination == HUB
            and inbound.origin != outbound.destination
            and CONNECTION <= outbound.departs_at - inbound.arrives_at <= USUAL_CONNECTION
            and outbound.scheduled_departure - inbound.scheduled_arrival >= CONNECTION
        ]
        return rng.choice(candidates) if candidates else None

    def next_to(self, origin: str, destination: str, after: datetime) -> DatedFlight:
        """First flight between two airports that departs after that time."""
        return next(self._departing_after(origin, destination, after))

    def next_departure(self, inbound: DatedFlight) -> DatedFlight:
        """First flight still at the hub for which bags of a landed flight may be booked."""
        return next(
            flight
            for flight in self.upcoming
            if flight.origin == HUB
            and flight.destination != inbound.origin
            and flight.scheduled_departure - inbound.scheduled_arrival >= CONNECTION
        )

    def station(self, rng: Random) -> str:
        """A random destination, often one of the five major ones."""
        return rng.choice(MAJOR if rng.random() < MAJOR_SHARE else self._minor)

    def _late_to_hub(self, flight: DatedFlight) -> bool:
        return flight.destination == HUB and flight.arrives_at - flight.scheduled_arrival > LATE

    def _planned_onward(self, inbound: DatedFlight) -> Iterator[DatedFlight]:
        """Flights to each destination on which an itinerary with the inbound flight would have continued."""
        for destination in (*MAJOR, *self._minor):
            after = inbound.scheduled_arrival + CONNECTION
            planned = next(
                (
                    flight
                    for flight in self._departing_after(HUB, destination, after - LATE)
                    if flight.scheduled_departure >= after
                ),
                None,
            )
            if destination != inbound.origin and planned and planned.scheduled_departure - after <= LONGEST_CONNECTION:
                yield planned

    def _departing_after(self, origin: str, destination: str, after: datetime) -> Iterator[DatedFlight]:
        flights = self._between[origin, destination]
        for index in range(bisect_right(flights, after, key=lambda flight: flight.departs_at), len(flights)):
            yield flights[index]
