"""The timetable of the network: departure times of every service, in six banks at the hub.

Invented, except for the published numbers and times of ``seeds/data/flight_numbers.csv``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from zlib import crc32

from integrations.stores.postgres.network import NewRoute
from seeds.network import HUB, read_rows

DAY = 24 * 60

# Minutes after midnight at the hub around which a bank's flights arrive and leave (six banks since 2011, FlightGlobal).
ARRIVAL_BANKS = (345, 455, 620, 875, 1035, 1185)
DEPARTURE_BANKS = (435, 540, 700, 950, 1110, 1265)
BANK_SPREAD = 15

# Minutes at the outstation between arrival and departure.
TURNAROUND = 65

FIRST_INVENTED_NUMBER = 100


@dataclass(frozen=True, slots=True)
class TimetableService:
    """A flight that operates every day.

    Args:
        departs: minutes after midnight on the hub's clock, also for a departure elsewhere. A return service may leave
            on the next day.
    """

    number: int
    origin: str
    destination: str
    departs: int
    block_minutes: int
    aircraft: str

    @property
    def hub_minutes(self) -> int:
        """Time at the hub, in minutes after that day's midnight."""
        return self.departs if self.origin == HUB else self.departs + self.block_minutes


def timetable(routes: Sequence[NewRoute]) -> list[TimetableService]:
    """Services of one day: each route out and back at its daily frequency, with published services in place."""
    published = read_rows("flight_numbers.csv")
    published_numbers = {int(row["number"]) for row in published}
    numbers = (number for number in count(FIRST_INVENTED_NUMBER) if number not in published_numbers)
    outbound = [route for route in routes if route.origin == HUB]
    services = [service for route in outbound for service in _rotations(route, numbers)]
    renumbered: set[int] = set()
    for row in published:
        index = _nearest(services, row, renumbered)
        renumbered.add(index)
        services[index] = _as_published(services[index], row)
    return services


def _rotations(route: NewRoute, numbers: Iterator[int]) -> Iterator[TimetableService]:
    for rotation in range(route.daily_frequency):
        shift = crc32(f"{route.destination}{rotation}".encode())
        bank = (crc32(route.destination.encode()) + rotation * len(DEPARTURE_BANKS) // route.daily_frequency) % 6
        outbound_service = TimetableService(
            number=next(numbers),
            origin=HUB,
            destination=route.destination,
            departs=DEPARTURE_BANKS[bank] + _jitter(shift),
            block_minutes=route.block_minutes,
            aircraft=route.aircraft,
        )
        yield outbound_service
        earliest = outbound_service.departs + 2 * route.block_minutes + TURNAROUND
        yield replace(
            outbound_service,
            number=next(numbers),
            origin=route.destination,
            destination=HUB,
            departs=_arrival(earliest, shift) + _jitter(shift // 31) - route.block_minutes,
        )


def _jitter(shift: int) -> int:
    return shift % (2 * BANK_SPREAD + 1) - BANK_SPREAD


def _arrival(earliest: int, shift: int) -> int:
    """Time of the first bank that can be reached. Overnight flights use the first two banks of the morning."""
    reachable = [bank + day * DAY for day in range(3) for bank in ARRIVAL_BANKS if bank + day * DAY >= earliest]
    overnight = reachable[0] % DAY == ARRIVAL_BANKS[0]
    return reachable[1] if overnight and shift % 2 else reachable[0]


def _nearest(services: Sequence[TimetableService], row: dict[str, str], renumbered: set[int]) -> int:
    """Index of the service of the row's route whose time at the hub is nearest to the published one."""
    minutes = _clock(row["hub_time"])
    same_route = (
        index
        for index, service in enumerate(services)
        if (service.origin, service.destination) == (row["origin"], row["destination"]) and index not in renumbered
    )
    return min(same_route, key=lambda index: abs(services[index].hub_minutes % DAY - minutes))


def _as_published(service: TimetableService, row: dict[str, str]) -> TimetableService:
    block = int(row["block_minutes"] or service.block_minutes)
    at_hub = service.hub_minutes // DAY * DAY + _clock(row["hub_time"])
    return replace(
        service,
        number=int(row["number"]),
        departs=at_hub if service.origin == HUB else at_hub - block,
        block_minutes=block,
    )


def _clock(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
