"""One box for everything an agent may hold in hand: tag, locator, name, file reference, flight."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from integrations.records.bags import Bag
from integrations.records.flights import Flight
from integrations.records.passengers import Passenger, teletype
from integrations.records.pirs import Pir
from integrations.records.tags import InvalidTagError, parse_tag
from resolvers import bags, flights, passengers, pirs
from resolvers.context import Context
from resolvers.errors import BadInput

_LOCATOR = re.compile(r"(?=.*[A-Z])[A-Z0-9]{6}")


MAX_RESULTS = 100


class SearchKind(StrEnum):
    """What a text was taken for."""

    TAG = "TAG"
    LOCATOR = "LOCATOR"
    NAME = "NAME"
    PIR = "PIR"
    FLIGHT = "FLIGHT"


@dataclass(frozen=True, slots=True)
class SearchResults:
    """What was found, and what the text was taken for; best readings first."""

    read_as: Sequence[SearchKind]
    found: Sequence[Bag | Passenger | Flight | Pir]


async def search(context: Context, text: str, limit: int) -> SearchResults:
    """Finds bags, passengers, flights and files by whatever the text can be.

    At most two of the readings apply to one text; each costs one statement.

    Raises:
        BadInput: ``limit`` is out of bounds, the text is too short to find anything by, or holds no letter or digit.
    """
    if not 1 <= limit <= MAX_RESULTS:
        raise BadInput("first", f"`first` must be between 1 and {MAX_RESULTS}.")
    plain = re.sub(r"[\s\-]", "", text).upper()
    if len(plain) < 2 or not any(sign.isalnum() for sign in plain):
        raise BadInput("text", "Give at least two letters or digits: a tag, a locator, a name, a file or a flight.")
    readings = _readings(text.strip(), plain)
    found: list[Bag | Passenger | Flight | Pir] = []
    for _, find in readings:
        found.extend(await find(context, limit - len(found)) if len(found) < limit else [])
    return SearchResults([kind for kind, _ in readings], found)


_Find = Callable[[Context, int], Awaitable[Sequence[Bag | Passenger | Flight | Pir]]]


def _readings(text: str, plain: str) -> list[tuple[SearchKind, _Find]]:
    readings: list[tuple[SearchKind, _Find]] = []
    if pirs.read_reference(plain):
        readings.append((SearchKind.PIR, lambda context, limit: pirs.by_reference(context, plain, limit)))
    if _is_tag(plain):
        readings.append((SearchKind.TAG, lambda context, limit: bags.by_tag(context, plain, limit)))
    if flights.parse_designator(plain):
        readings.append((SearchKind.FLIGHT, lambda context, limit: flights.by_designator(context, plain, None, limit)))
    if _LOCATOR.fullmatch(plain):
        readings.append((SearchKind.LOCATOR, lambda context, limit: passengers.by_locator(context, plain, limit)))
    if len(teletype(plain)) > 1 and not any(sign.isdigit() for sign in plain):
        readings.append((SearchKind.NAME, lambda context, limit: passengers.by_name(context, text, limit)))
    return readings


def _is_tag(plain: str) -> bool:
    try:
        parse_tag(plain)
    except InvalidTagError:
        return False
    return True
