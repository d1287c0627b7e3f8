"""The demo's world without any store: network, timetable, flights, people, and stories at any hour."""

import re
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from integrations.messages.split_input import identity
from integrations.messages.typeb import parse, write
from integrations.messages.typeb_reader import MessageContent, read
from integrations.records.bags import BagState
from integrations.records.events import EventKind, Scan
from integrations.records.instructions import BagInstruction, Receipt
from integrations.records.journeys import CustodyPointKind
from integrations.records.passengers import search_name
from integrations.records.pirs import PirStatus
from resolvers.rules.bag_state import sort_events, status_of
from resolvers.rules.custody import custody_points
from resolvers.rules.itinerary import MergedInstructions, merge_instructions, sort_instructions
from seeds.bag_factory import BagFactory, SeedRows, reference, rush_tag, tag
from seeds.network import HUB, Network, read_network
from seeds.operations import CONNECTION, MAJOR, DatedFlight, Operations, build_flights
from seeds.people import People
from seeds.timetable import ARRIVAL_BANKS, BANK_SPREAD, DAY, DEPARTURE_BANKS, timetable
from seeds.type_b import SeedMessage

NOON = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)

# Destination, kilometres and block time of docs/DOMAIN.md#routes-from-the-hub.
REFERENCE_ROUTES = """
SJO 539 1h15, MDE 543 1h15, CTG 451 1h10, CLO 698 1h30, BOG 755 1h35, MGA 816 1h40, UIO 1029 1h55, SAL 1161 2h05,
GYE 1250 2h10, GUA 1358 2h20, CCS 1368 2h20, SDQ 1477 2h30, CUN 1554 2h35, HAV 1581 2h40, PUJ 1590 2h40, MEX 2411 3h45,
MIA 1862 3h00, MCO 2162 3h25, IAD 3327 4h55, JFK 3554 5h15, ORD 3753 5h30, BOS 3791 5h35, YYZ 3848 5h35, LAX 4845 6h55,
SFO 5344 7h35, LIM 2359 3h40, VVI 3466 5h05, ASU 4490 6h30, SCL 4809 6h55, GRU 5086 7h15, EZE 5351 7h35, MVD 5466 7h45
"""

PHONES = re.compile(r"\+1[2-9]\d{2}55501\d{2}|\+447700900\d{3}")
LINE = re.compile(r"[A-Z0-9 ./-]{1,69}")
MAILS = re.compile(r"[a-z.0-9]+@example\.(com|org|net)")


@pytest.fixture(scope="module")
def network() -> Network:
    return read_network()


def test_distances_and_block_times_are_those_of_the_reference(network: Network) -> None:
    routes = {route.destination: route for route in network.routes if route.origin == HUB}
    for entry in REFERENCE_ROUTES.split(","):
        destination, kilometres, block = entry.split()
        hours, minutes = map(int, block.split("h"))
        assert routes[destination].distance_km == int(kilometres)
        assert routes[destination].block_minutes == 60 * hours + minutes


def test_the_network_is_the_hub_s_own_and_of_today(network: Network) -> None:
    assert all(HUB in (route.origin, route.destination) for route in network.routes)
    assert {route.aircraft for route in network.routes} == {"73G", "738", "7M8", "7M9"}
    frequencies = {route.destination: route.daily_frequency for route in network.routes if route.origin == HUB}
    assert set(MAJOR) <= frequencies.keys()
    assert frequencies["MIA"] == frequencies["BOG"] == 6
    assert not {"EWR", "IAH"} & frequencies.keys()  # flown by a partner
    assert {"RDU", "SFO", "SJD"} <= frequencies.keys()  # later than the route data
    assert all(route.source for route in network.routes)


def test_every_route_is_flown_out_and_back_in_banks(network: Network) -> None:
    services = timetable(network.routes)
    flown = Counter((service.origin, service.destination) for service in services)
    assert flown == {(route.origin, route.destination): route.daily_frequency for route in network.routes}
    assert len({service.number for service in services}) == len(services)
    in_banks = [
        any(abs(service.hub_minutes % DAY - bank) <= BANK_SPREAD for bank in banks)
        for service in services
        for banks in [DEPARTURE_BANKS if service.origin == HUB else ARRIVAL_BANKS]
    ]
    assert in_banks.count(False) < 10  # the published ones keep their times


@pytest.mark.parametrize(
    ("number", "origin", "local_departure", "destination", "local_arrival"),
    [
        (466, "PTY", "08:56", "RDU", "14:28"),
        (467, "RDU", "16:20", "PTY", "19:46"),
        (646, "MDE", "13:22", "PTY", "14:38"),
    ],
)
def test_published_flights_leave_when_they_were_published(
    network: Network, number: int, origin: str, local_departure: str, destination: str, local_arrival: str
) -> None:
    summer = datetime(2026, 7, 1, 12, tzinfo=UTC)
    zones = {airport.iata: ZoneInfo(airport.time_zone) for airport in network.airports}
    flight = next(flight for flight in build_flights(network, 230, summer) if flight.number == number)
    assert (flight.origin, flight.destination) == (origin, destination)
    assert f"{flight.scheduled_departure.astimezone(zones[origin]):%H:%M}" == local_departure
    assert f"{flight.scheduled_arrival.astimezone(zones[destination]):%H:%M}" == local_arrival


def test_a_flight_has_one_name_even_where_clocks_go_back_over_midnight(network: Network) -> None:
    # CM320 leaves San Francisco at 00:43; on 1 November 2026 it leaves an hour earlier by the clock, on the same date.
    flights = build_flights(network, 230, datetime(2026, 11, 2, 12, tzinfo=UTC))
    assert len({flight.key for flight in flights}) == len(flights)
    assert [flight.id for flight in flights] == list(range(1, len(flights) + 1))
    zone = ZoneInfo("America/Los_Angeles")
    western = [flight for flight in flights if flight.origin == "SFO"]
    assert all(flight.departure_date == flight.scheduled_departure.astimezone(zone).date() for flight in western)
    assert len(western) < len([flight for flight in flights if flight.destination == "SFO"])


def test_flights_have_the_status_of_their_times(network: Network) -> None:
    rows = [flight.known_at(NOON) for flight in build_flights(network, 230, NOON)]
    assert {row.status for row in rows} >= {"SCHEDULED", "DEPARTED", "ARRIVED"}
    for row in rows:
        assert row.actual_departure is None or row.actual_departure <= NOON
        assert (row.actual_arrival is not None) == (row.status == "ARRIVED")
        assert (row.actual_departure is not None) == (row.status in {"DEPARTED", "ARRIVED"})
    inbound = [row for row in rows if row.destination == HUB and row.actual_arrival]
    late = sum(row.actual_arrival - row.scheduled_arrival > timedelta(minutes=15) for row in inbound)  # type: ignore[operator] # arrived ones
    assert 0.02 < late / len(inbound) < 0.2


def test_contacts_are_fictitious() -> None:
    people = People(230)
    passengers = [people.passenger(number, number) for number in range(1, 3000)]
    assert all(PHONES.fullmatch(passenger.phone or "") for passenger in passengers)
    assert all(MAILS.fullmatch(passenger.email or "") for passenger in passengers)
    assert {passenger.language for passenger in passengers} == {"ES", "EN", "PT"}
    assert {passenger.alliance_tier for passenger in passengers} == {None, "Star Alliance Silver", "Star Alliance Gold"}
    assert {passenger.loyalty_tier for passenger in passengers if passenger.loyalty_programme == "ConnectMiles"} == {
        "Member",
        "Silver",
        "Gold",
        "Platinum",
        "Presidential",
    }


def test_passengers_of_one_booking_differ_by_name() -> None:
    people = People(230)
    for number in range(2, 1000):
        first, second = people.passenger(number, number), people.passenger(number + 1, number)
        assert first.surname == second.surname
        assert first.search_name != second.search_name


class World:
    """A bag factory and its flights at one time."""

    def __init__(self, network: Network, seed: int, now: datetime, bags: int = 50, exceptions: int = 10) -> None:
        self.now = now
        self.bags = range(1, bags + 1)
        self.flights = build_flights(network, seed, now)
        self.factory = BagFactory(network, Operations(self.flights, now), seed, bags, exceptions)
        self.rows = self.factory.rows(range(1, bags + 1))
        self._by_key = {flight.key: flight for flight in self.flights}
        self._instructions: defaultdict[str, list[BagInstruction]] = defaultdict(list)
        self._seen: defaultdict[str, list[Scan]] = defaultdict(list)
        self._original: dict[str, str] = {}
        zones = {airport.iata: ZoneInfo(airport.time_zone) for airport in network.airports}
        for message in self.messages:
            reading = read(parse(message.text), message.at, zones.get)
            self._take(reading, UUID(bytes=identity(message.text)[:16]), Receipt(message.at, 1))
        for scan in self.rows.scans:
            self._seen[self._first(scan.tag)].append(scan)

    @property
    def messages(self) -> list[SeedMessage]:
        """All messages, in order of time."""
        return sorted((one for party in self.rows.messages for one in party), key=lambda one: one.at)

    def _take(self, reading: MessageContent, message_id: UUID, receipt: Receipt) -> None:
        for instruction in reading.instructions:
            if instruction.original_tag:
                self._original[instruction.tag] = instruction.original_tag
            one = BagInstruction(0, message_id, instruction, receipt)
            self._instructions[self._first(instruction.tag)].append(one)
        for scan in reading.scans:
            self._seen[self._first(scan.tag)].append(scan)

    def _first(self, number: str) -> str:
        return self._original.get(number, number)

    def scans_of(self, bag_id: int) -> list[Scan]:
        """The scans in order; the first sortation between two flights is the transfer."""
        scans = sorted(self._seen[tag(bag_id)], key=lambda scan: (scan.at, scan.kind.rank))
        transfer = next((index for index, scan in enumerate(scans) if scan.transfer), None)
        if transfer is not None:
            scans[transfer] = replace(scans[transfer], kind=EventKind.TRANSFER_IN)
        return scans

    def legs_of(self, bag_id: int) -> list[DatedFlight]:
        """The flights that the messages plan."""
        return [self._by_key[leg.flight.key] for leg in self.merged(bag_id).legs]

    def once_planned(self, bag_id: int) -> list[DatedFlight]:
        """The flights that the messages planned, also those that a rush tag replaced."""
        return [self._by_key[flight.key] for flight in self.merged(bag_id).once_planned]

    def merged(self, bag_id: int) -> MergedInstructions:
        """The merged instructions of the bag."""
        return merge_instructions(sort_instructions(self._instructions[tag(bag_id)]))

    def history_of(self, bag_id: int) -> tuple[list[SimpleNamespace], list[SimpleNamespace]]:
        """Events and plan in the form of the status rules."""
        events = [
            SimpleNamespace(
                id=scan.identity(1),
                kind=scan.kind,
                rank=scan.kind.rank,
                at=scan.at,
                airport=scan.airport,
                place=scan.place,
                custodian=scan.custodian,
                method=scan.method,
                flight_id=self._by_key[scan.flight].id if scan.flight else None,
            )
            for scan in self.scans_of(bag_id)
        ]
        planned = []
        for seq, flight in enumerate(self.legs_of(bag_id), start=1):
            planned.append(SimpleNamespace(seq=seq, **flight.known_at(self.now)._asdict()))
            planned[-1].flight = planned[-1]
        return sort_events(events), planned  # type: ignore[type-var] # has the columns of an event

    def state_of(self, bag_id: int) -> str:
        events, planned = self.history_of(bag_id)
        flights = {flight.id: flight.known_at(self.now) for flight in self.flights}
        deleted = self.merged(bag_id).deleted
        return status_of(events, planned, flights, self.now, deleted=deleted).state  # type: ignore[arg-type] # has the columns


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_at_any_hour_there_is_a_bag_in_every_state(network: Network, hour: int) -> None:
    world = World(network, 230 + hour, datetime(2026, 10, 30, hour, 17, tzinfo=UTC))
    states = Counter(world.state_of(bag_id) for bag_id in range(1, 51))
    assert states.keys() == set(BagState)
    assert sum(pir.status == PirStatus.OPEN for pir in world.rows.pirs) == 5
    times = [scan.at for bag_id in world.bags for scan in world.scans_of(bag_id)]
    assert world.now - timedelta(days=7) <= min(times)
    assert max([*times, *(message.at for message in world.messages)]) <= world.now


def test_no_scan_is_made_twice_and_none_is_of_another_time(network: Network) -> None:
    world = World(network, 7, NOON, bags=1200, exceptions=200)
    scans = [scan for bag_id in world.bags for scan in world.scans_of(bag_id)]
    times = [scan.at for scan in scans]
    assert NOON - timedelta(days=7) <= min(times)
    assert max(times) <= NOON
    assert len({scan.identity(1) for scan in scans}) == len(scans)
    assert len({identity(message.text) for message in world.messages}) == len(world.messages)


def test_messages_are_written_as_they_are_read_in_lines_that_teletype_takes(network: Network) -> None:
    for message in World(network, 230, NOON, bags=200, exceptions=40).messages:
        assert write(parse(message.text)) == message.text
        assert all(LINE.fullmatch(line) for line in message.text.splitlines())


def test_a_party_is_announced_at_once_and_every_bag_is_scanned_by_itself(network: Network) -> None:
    first, second, *others = World(network, 230, NOON).rows.messages[0]
    assert re.search(r"\.V/1LMIA\n\.F/CM335/.*/PTY/Y\n\.O/CM758/.*/GRU/Y\n\.N/0230456781002\n", first.text)
    assert "\n.P/1GONZALEZ/MARIA\n.L/F7K2QX\n" in first.text
    assert re.search(r"\.V/1TPTY\n\.F/CM758/.*/GRU/Y\n\.I/CM335/.*/MIA/Y\n\.N/0230456781002\n", second.text)
    assert all("0230456781001" in one.text or "0230456782001" in one.text for one in others)
    (withdrawn,) = [one.text for one in others if "BSM\nCHG\n" in one.text]
    assert "\n.N/0230456782001\n.S/N//N\n" in withdrawn


def test_a_rush_tag_names_the_tag_and_the_file(network: Network) -> None:
    messages = [one.text for one in World(network, 230, NOON).messages if "2230000457001" in one.text]
    assert "\n.E/RUSH\n.R/ORIG 0230456784 FILE MEXCM12346\n" in messages[0]
    assert [re.findall(r"\.(?:J/.|B/...)", text) for text in messages[1:]] == [
        [".J/S"],
        [".J/R"],
        [".J/R", ".B/NOF"],
        [".J/R", ".B/OND"],
    ]


def test_the_bags_of_a_passenger_are_two_where_serials_wrap(network: Network) -> None:
    factory = BagFactory(network, Operations(build_flights(network, 230, NOON), NOON), 230, 600_000, 0)
    last, first = 543_219, 543_220
    rows = factory.rows((last, first))
    assert (tag(last), tag(first), len(rows.passengers)) == ("0230999999", "0230000000", 1)
    assert "\n.N/0230999999001/0230000000001\n" in rows.messages[0][0].text


def test_some_delivered_bags_have_gaps_of_resolution_753(network: Network) -> None:
    world = World(network, 230, NOON, bags=300)
    gaps: Counter[CustodyPointKind] = Counter()
    for bag_id in world.bags:
        if world.state_of(bag_id) == BagState.DELIVERED:
            events, planned = world.history_of(bag_id)
            gaps.update(point.kind for point in custody_points(events, planned, {}) if point.proof is None)  # type: ignore[arg-type] # has the columns
    assert gaps.keys() == {CustodyPointKind.ACCEPTANCE, CustodyPointKind.LOADING, CustodyPointKind.TRANSFER}
    assert gaps.total() < 50


def test_a_bag_is_the_same_in_whatever_company_it_is_made(network: Network) -> None:
    world = World(network, 230, NOON, bags=160, exceptions=30)
    apart = SeedRows()
    for first in (1, 81):
        part = world.factory.rows(range(first, first + 80))
        for name in SeedRows.__slots__:
            getattr(apart, name).extend(getattr(part, name))
    assert apart == world.rows


@pytest.mark.parametrize("now", [NOON, datetime(2026, 3, 9, 5, 1, tzinfo=UTC), datetime(2026, 7, 2, 4, 59, tzinfo=UTC)])
def test_the_guide_describes_the_same_scenarios_on_any_day(network: Network, now: datetime) -> None:
    world = World(network, now.day, now)
    delivered, misconnected, in_flight, rush = world.factory.guide()
    assert delivered.tag == "0230456781"
    assert "CM335 and CM758" in delivered.scenario
    assert (misconnected.printed_tag, misconnected.pir) == ("CM456782", "GRUCM12345")
    assert "in the air" in in_flight.scenario
    assert (rush.tag, rush.rush_tag, rush.pir) == ("0230456784", "2230000457", "MEXCM12346")
    assert "came by rush on CM152" in rush.scenario
    for bag_id in (2, 4):  # their flights came late, and the passengers still caught the ones that the bags missed
        inbound, outbound = world.once_planned(bag_id)[:2]
        assert inbound.arrives_at - inbound.scheduled_arrival > timedelta(minutes=30)
        assert timedelta(minutes=10) <= outbound.departs_at - inbound.arrives_at <= CONNECTION


@pytest.mark.parametrize(("bags", "exceptions"), [(0, 0), (1, 0), (1, 1), (5, 5), (11, 10), (30, 0), (30, 30), (64, 3)])
def test_any_number_of_bags_and_exceptions(network: Network, bags: int, exceptions: int) -> None:
    world = World(network, 230, NOON, bags, exceptions)
    rows = world.rows
    assert [described.tag for described in rows.descriptions] == [tag(bag_id) for bag_id in world.bags]
    assert {passenger.booking_id for passenger in rows.passengers} == {booking.id for booking in rows.bookings}
    locators = {booking.id: booking.locator for booking in rows.bookings}
    booked = {(locators[one.booking_id or 0], one.search_name) for one in rows.passengers}
    assert len(booked) == len(rows.passengers)  # messages identify passengers by these
    merged = map(world.merged, world.bags)
    assert {
        (one.locator, search_name(one.name.surname, one.name.given_names) if one.name else "") for one in merged
    } == booked


def test_numbers_have_the_forms_of_the_domain() -> None:
    assert tag(1) == "0230456781"
    assert tag(600_000) == "0230056780"  # serials wrap
    assert rush_tag(2) == "2230000457"
    assert reference("GRU", 1) == "GRUCM12345"
