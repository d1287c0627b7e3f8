"""Search by any text that an agent may have: tag, locator, name, PIR reference or flight."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from integrations.records.bags import Bag
from integrations.records.flights import Flight
from integrations.records.passengers import Passenger, name_key
from integrations.records.pirs import Pir
from integrations.records.tags import InvalidTagError, parse_tag
from integrations.records.transliteration import code_form, is_name_of_one_sign
from resolvers import bags, flights, passengers, pirs
from resolvers.context import Context
from resolvers.errors import BadInput, check_range

_LOCATOR = re.compile(r"(?=.*[A-Z])[A-Z0-9]{5,7}")


MAX_RESULTS = 100


class SearchKind(StrEnum):
    """A reading of a search text."""

    TAG = "TAG"
    LOCATOR = "LOCATOR"
    NAME = "NAME"
    PIR = "PIR"
    FLIGHT = "FLIGHT"


@dataclass(frozen=True, slots=True)
class SearchResults:
    """The result of a search.

    Args:
        read_as: the readings of the text, the best first.
        found: results of the readings in this order.
    """

    read_as: Sequence[SearchKind]
    found: Sequence[Bag | Passenger | Flight | Pir]


async def search(context: Context, text: str, limit: int) -> SearchResults:
    """Finds bags, passengers, flights and PIRs by each reading of a text.

    At most three readings apply to one text; each takes one statement. Only roles that see names search by name.

    Args:
        limit: maximum number of results, 1 to 100.

    Raises:
        BadInput: ``limit`` is out of bounds, or the text has no letter or digit, or fewer than two
            characters; one sign of Han, Hangul or kana is enough.
    """
    check_range("first", limit, 1, MAX_RESULTS)
    plain = code_form(text)
    if (len(plain) < 2 and not is_name_of_one_sign(plain)) or not any(sign.isalnum() for sign in plain):
        kinds = "a tag, a locator, a name, a PIR reference or a flight"
        raise BadInput("text", f"text must have at least 2 letters or digits: {kinds}")
    readings = _readings(text.strip(), plain, names=passengers.may_search_by_name(context))
    found: list[Bag | Passenger | Flight | Pir] = []
    for _, find in readings:
        found.extend(await find(context, limit - len(found)) if len(found) < limit else [])
    return SearchResults([kind for kind, _ in readings], found)


_Find = Callable[[Context, int], Awaitable[Sequence[Bag | Passenger | Flight | Pir]]]


def _readings(text: str, plain: str, *, names: bool) -> list[tuple[SearchKind, _Find]]:
    readings: list[tuple[SearchKind, _Find]] = []
    if pirs.read_reference(plain):
        readings.append((SearchKind.PIR, lambda context, limit: pirs.by_reference(context, plain, limit)))
    if _is_tag(plain):
        readings.append((SearchKind.TAG, lambda context, limit: bags.by_tag(context, plain, limit)))
    if flights.parse_designator(plain):
        readings.append((SearchKind.FLIGHT, lambda context, limit: flights.by_designator(context, plain, None, limit)))
    if _LOCATOR.fullmatch(plain):
        readings.append((SearchKind.LOCATOR, lambda context, limit: passengers.by_locator(context, plain, limit)))
    if names and name_key(plain) and not any(sign.isdigit() for sign in plain):
        readings.append((SearchKind.NAME, lambda context, limit: passengers.by_name(context, text, limit)))
    return readings


def _is_tag(plain: str) -> bool:
    try:
        parse_tag(plain)
    except InvalidTagError:
        return False
    return True
