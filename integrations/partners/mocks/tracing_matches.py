"""Score of a found bag against the bags that are traced.

WorldTracer compares 23 elements; the points of each are not public. This mock compares seven of them, with points of
its own. As at WorldTracer, the score is points earned of points possible, in percent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.partners.mocks.tracing_files import MOST_FOUND, TracingFile, tag_of

LEAST_POINTS = 15.0

Elements = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MatchedBag:
    """A bag of a file that may be the found one; ``elements`` are those that agree at least in half."""

    file: TracingFile
    bag: int
    score: float
    elements: list[str]


def matches(files: Iterable[TracingFile], found: Elements) -> list[MatchedBag]:
    """Bags of open delayed files that are traced and agree with the found one, the best match first."""
    candidates = (
        _compare(found, file, number)
        for file in files
        if file.record_type == "DELAYED" and not file.closed
        for number, state in enumerate(file.tracing, 1)
        if state == "TRACING"
    )
    return sorted((match for match in candidates if match), key=lambda match: -match.score)[:MOST_FOUND]


def _compare(found: Elements, file: TracingFile, number: int) -> MatchedBag | None:
    here, there = found["Bag"], file.bags[number - 1]
    compared = [
        ("TN", 30, _same(tag_of(here), tag_of(there))),
        ("NM", 20, _same(_plain(found, "PassengerName"), _plain(file.elements, "PassengerName"))),
        ("CT", 15, _colour_type(here.get("ColorTypeDesc"), there.get("ColorTypeDesc"))),
        ("BI", 10, _same(_plain(here, "BrandInfo"), _plain(there, "BrandInfo"))),
        ("CC", 10, _shared(here.get("Contents"), there.get("Contents"))),
        ("RT", 10, _shared(found.get("RouteStations"), file.elements.get("RouteStations"))),
        ("FD", 5, _shared(_flights(found), _flights(file.elements))),
    ]
    both = [(code, points, degree) for code, points, degree in compared if degree is not None]
    earned = sum(points * degree for _, points, degree in both)
    if earned < LEAST_POINTS:
        return None
    score = round(100 * earned / sum(points for _, points, _ in both), 1)
    return MatchedBag(file, number, score, [code for code, _, degree in both if degree >= 0.5])


def _plain(elements: Elements, name: str) -> str | None:
    text = elements.get(name)
    return text.upper() if text else None


def _same(here: str | None, there: str | None) -> float | None:
    return None if here is None or there is None else float(here == there)


def _shared(here: list[str] | None, there: list[str] | None) -> float | None:
    if not here or not there:
        return None
    these, those = {item.upper() for item in here}, {item.upper() for item in there}
    return len(these & those) / min(len(these), len(those))


def _colour_type(here: Elements | None, there: Elements | None) -> float | None:
    if here is None or there is None:
        return None
    return (float(here["ColorCode"] == there["ColorCode"]) + float(here["TypeCode"] == there["TypeCode"])) / 2


def _flights(elements: Elements) -> list[str]:
    return [
        f"{flight['AirlineCode']}{flight['FlightNumber']}/{flight['FlightDate']}"
        for flight in elements.get("BagItinerary", ())
        if "FlightNumber" in flight
    ]
