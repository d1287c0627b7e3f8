"""Bags: finding them, and what belongs to each of many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from integrations.records.bags import Bag, BagOf, BagTag
from integrations.records.columns import columns_for
from integrations.records.flights import Flight, JoinedFlight, Leg
from integrations.records.journeys import FellowsBy
from integrations.records.page import Page
from integrations.records.passengers import JoinedPassenger, PassengerColumns
from integrations.records.pirs import Pir, PirBag
from integrations.records.places import PlaceKind
from integrations.records.tags import InvalidTagError, TagQuery, parse_tag, printed_form
from integrations.stores.neo4j import journeys
from integrations.stores.neo4j.journeys import Fellows
from integrations.stores.postgres import bags, flights
from resolvers import events
from resolvers.context import Context
from resolvers.errors import BadInput
from resolvers.ingestion.events import RecordedScan
from resolvers.selection import Selected, Selection

# One printed form stands for ten numbers, and each number may have come round again: more are never worth reading.
MAX_PER_TAG = 50

MAX_FELLOWS = 200
MAX_MINUTES = 240

# The fields of a bag that its row can bring along.
PASSENGER, FLIGHT, SCANS = "passenger", "flight", "scans"
RELATED = frozenset({PASSENGER, FLIGHT, SCANS})
# How many events of each bag its row brings along in a list.
PREFETCHED_EVENTS = range(1, 21)


@dataclass(frozen=True, slots=True)
class FellowBag:
    """A bag that shares something with another; times as in ``integrations.stores.neo4j.journeys.Fellow``."""

    bag: Bag
    at: datetime | None
    minutes: int | None


def read_tag(text: str) -> TagQuery:
    """What a written tag may stand for.

    Raises:
        BadInput: it cannot be a tag.
    """
    try:
        return parse_tag(text)
    except InvalidTagError as error:
        raise BadInput("tag", str(error)) from error


async def by_ids(context: Context, ids: Sequence[int]) -> list[Bag | None]:
    """The bag of each id, None for an unknown one."""
    found = await bags.by_id(context.stores.postgres, context.airline_id, ids)
    return [found.get(bag_id) for bag_id in ids]


async def by_tag(context: Context, text: str, limit: int = MAX_PER_TAG) -> list[Bag]:
    """Bags that ever carried the tag, in any written form, the most recently tagged first.

    Raises:
        BadInput: the text cannot be a tag.
    """
    return await bags.by_tag(context.stores.postgres, context.airline_id, read_tag(text), limit)


async def carrying(context: Context, text: str, at: datetime | None, selected: Selected = None) -> Bag | None:
    """The one bag that carried the tag at that moment, now where none is given; None where no bag did.

    A number that no bag carries at the moment still finds the bag that carried it last.

    Args:
        selected: the fields that the bag is asked for; None where nobody can say.

    Raises:
        BadInput: the text cannot be a tag, or the printed form fits several bags of that time.
    """
    query = read_tag(text)
    records, airline_id = context.stores.postgres, context.airline_id
    if selected is None or RELATED.isdisjoint(selected) or len(query.numbers) != 1:
        found: Sequence[Bag] = await bags.by_tag(records, airline_id, query, MAX_PER_TAG)
    else:
        layout, last = events.layout_of(selected.get(SCANS))
        layout = layout if last is None else None
        passenger = _columns(JoinedPassenger, selected, PASSENGER)
        flight = _columns(JoinedFlight, selected, FLIGHT)
        number = query.numbers[0]
        found = await bags.related_by_tag(records, airline_id, number, MAX_PER_TAG, passenger, flight, layout)
    if len(found) < 2:
        return found[0] if found else None
    moment = at or context.now()
    tags = await bags.tags(records, airline_id, [bag.id for bag in found])
    then = {
        tag.bag_id: tag.number
        for tag in tags
        if tag.valid_from <= moment < tag.valid_until and _fits(query, tag.number)
    }
    candidates = [bag for bag in found if bag.id in then]
    if len(candidates) > 1:
        numbers = ", ".join(sorted(then.values()))
        raise BadInput("tag", f"{text} fits several bags ({numbers}): give all ten digits, use tagAt, or use search.")
    return candidates[0] if candidates else found[0]


def _columns(record: type, selected: Selection, field: str) -> tuple[str, ...]:
    """The columns that a field's values are wanted with; none where the field is not asked."""
    if field not in selected:
        return ()
    asked = selected.get(field)
    return columns_for(record, None if asked is None else frozenset(asked))


def _fits(query: TagQuery, number: str) -> bool:
    return number in query.numbers if query.printed is None else number.endswith(query.printed[1])


async def page(context: Context, states: Sequence[str] | None, airport: str | None, page: Page) -> list[Bag]:
    """The newest bags first; ``airport`` is where a bag was seen last."""
    return await bags.page(context.stores.postgres, context.airline_id, states, airport, page)


async def of_flights(
    context: Context, parents: Sequence[Flight], page: Page, *, selected: Selected = None
) -> list[list[Bag]]:
    """Bags planned on each flight; ``page`` counts for every flight by itself.

    Args:
        selected: the fields that the bags are asked for; None where nobody can say.
    """
    found: dict[int, list[Bag]] = {flight.id: [] for flight in parents}
    records, airline_id = context.stores.postgres, context.airline_id
    if selected is None or PASSENGER not in selected or page.backward:
        rows: Sequence[BagOf] = await bags.of_flights(records, airline_id, list(found), page)
    else:
        layout, last = events.layout_of(selected.get(SCANS))
        layout = layout if last in PREFETCHED_EVENTS else None
        passenger = _columns(JoinedPassenger, selected, PASSENGER)
        rows = await bags.of_flights_with_passengers(records, airline_id, list(found), page, passenger, layout, last)
    for bag in rows:
        found[bag.parent_id].append(bag)
    return [found[flight.id] for flight in parents]


async def of_passengers(context: Context, parents: Sequence[PassengerColumns]) -> list[list[Bag]]:
    """All bags of each passenger."""
    found: dict[int, list[Bag]] = {passenger.id: [] for passenger in parents}
    for bag in await bags.of_passengers(context.stores.postgres, context.airline_id, list(found)):
        found[bag.parent_id].append(bag)
    return [found[passenger.id] for passenger in parents]


async def of_pirs(context: Context, parents: Sequence[Pir]) -> list[list[Bag]]:
    """The known bags of each file."""
    found: dict[int, list[Bag]] = {pir.id: [] for pir in parents}
    for bag in await bags.of_pirs(context.stores.postgres, context.airline_id, list(found)):
        found[bag.parent_id].append(bag)
    return [found[pir.id] for pir in parents]


async def of_recorded(context: Context, parents: Sequence[RecordedScan]) -> list[Bag | None]:
    """The bag that each scan was recorded for."""
    found = await bags.by_id(
        context.stores.postgres, context.airline_id, [one.bag_id for one in parents if one.bag_id is not None]
    )
    return [found.get(one.bag_id) if one.bag_id else None for one in parents]


async def of_described(context: Context, parents: Sequence[PirBag]) -> list[Bag | None]:
    """The bag that each description is of, None where it is not known."""
    found = await bags.by_id(
        context.stores.postgres, context.airline_id, [one.bag_id for one in parents if one.bag_id is not None]
    )
    return [found.get(one.bag_id) if one.bag_id else None for one in parents]


async def tags(context: Context, parents: Sequence[Bag]) -> list[list[BagTag]]:
    """All tags of each bag, the first tied first."""
    found: dict[int, list[BagTag]] = {bag.id: [] for bag in parents}
    for tag in await bags.tags(context.stores.postgres, context.airline_id, list(found)):
        found[tag.bag_id].append(tag)
    return [found[bag.id] for bag in parents]


async def printed_tags(context: Context, parents: Sequence[Bag | BagTag]) -> list[str]:
    """Each tag as people read it: ``CM456781``; ten digits where the issuer is unknown."""
    numbers = [parent.tag if isinstance(parent, Bag) else parent.number for parent in parents]
    wanted = list({number[1:4] for number in numbers})
    issuers = await context.stores.reference.issuers(context.stores.postgres, wanted)
    return [printed_form(number, issuers.get(number[1:4])) for number in numbers]


async def authorities(context: Context, parents: Sequence[Bag]) -> list[bool | None]:
    """Whether each bag may be loaded, as messages say; None where none does."""
    known = await bags.by_id(context.stores.postgres, context.airline_id, list({bag.id for bag in parents}))
    return [known[bag.id].authorised if bag.id in known else None for bag in parents]


async def itineraries(context: Context, parents: Sequence[Bag]) -> list[list[Leg]]:
    """The planned legs of each bag, in travel order."""
    found: dict[int, list[Leg]] = {bag.id: [] for bag in parents}
    for leg in await flights.legs_of_bags(context.stores.postgres, context.airline_id, list(found)):
        found[leg.bag_id].append(leg)
    return [found[bag.id] for bag in parents]


async def fellows(
    context: Context,
    parents: Sequence[Bag],
    *,
    by: FellowsBy = FellowsBy.FLIGHT,
    within_minutes: int = 30,
    first: int = 25,
) -> list[Fellows | None]:
    """Who came on the same inbound flight as each bag, or was at the same place, from the graph.

    None for a bag that flew nowhere yet, or was scanned at no such place.

    Raises:
        BadInput: ``within_minutes`` or ``first`` is out of bounds.
        Unavailable: the graph cannot be reached; nothing else knows.
    """
    if not 1 <= within_minutes <= MAX_MINUTES:
        raise BadInput("withinMinutes", f"`withinMinutes` must be between 1 and {MAX_MINUTES}.")
    if not 1 <= first <= MAX_FELLOWS:
        raise BadInput("first", f"`first` must be between 1 and {MAX_FELLOWS}.")
    graph, airline_id, ids = context.stores.neo4j, context.airline_id, list({bag.id for bag in parents})
    if by == FellowsBy.FLIGHT:
        found = await journeys.fellows_on_flights(graph, airline_id, ids, first)
    else:
        kind = None if by == FellowsBy.PLACE else PlaceKind(by)
        found = await journeys.fellows_at_places(graph, airline_id, ids, kind, within_minutes, first)
    return [found.get(bag.id) for bag in parents]


async def of_fellows(context: Context, parents: Sequence[Fellows]) -> list[list[Bag]]:
    """The records of the fellow bags."""
    return [[fellow.bag for fellow in of_one] for of_one in await with_times(context, parents)]


async def with_times(context: Context, parents: Sequence[Fellows]) -> list[list[FellowBag]]:
    """The fellow bags with the times between, without those that the records know no more."""
    ids = sorted({bag_id for fellows in parents for bag_id in fellows.fellow_ids})
    found = await bags.by_id(context.stores.postgres, context.airline_id, ids)
    return [
        [FellowBag(found[one.bag_id], one.at, one.minutes) for one in fellows.fellows if one.bag_id in found]
        for fellows in parents
    ]
