"""Bags: reads."""

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
from resolvers.errors import BadInput, check_range
from resolvers.ingestion.events import RecordedScan
from resolvers.selection import Selected, Selection

# A printed form stands for ten numbers, and each number may have been reused several times.
MAX_PER_TAG = 50

MAX_FELLOWS = 200
MAX_MINUTES = 240

# Fields of a bag whose values a statement can fetch with the bag's row.
PASSENGER, FLIGHT, SCANS = "passenger", "flight", "scans"
RELATED = frozenset({PASSENGER, FLIGHT, SCANS})
# Numbers of events of a bag that a list of bags fetches with the rows.
PREFETCHED_EVENTS = range(1, 21)


@dataclass(frozen=True, slots=True)
class FellowBag:
    """A fellow bag of another bag; times as in ``integrations.stores.neo4j.journeys.Fellow``."""

    bag: Bag
    at: datetime | None
    minutes: int | None


def read_tag(text: str) -> TagQuery:
    """The tags that a written tag may stand for.

    Raises:
        BadInput: the text is not a tag.
    """
    try:
        return parse_tag(text)
    except InvalidTagError as error:
        raise BadInput("tag", str(error)) from error


async def by_ids(context: Context, ids: Sequence[int]) -> list[Bag | None]:
    """The bag of each id; None for an unknown one."""
    found = await bags.by_id(context.stores.postgres, context.airline_id, ids)
    return [found.get(bag_id) for bag_id in ids]


async def by_tag(context: Context, text: str, limit: int = MAX_PER_TAG) -> list[Bag]:
    """Bags that ever carried a tag, the most recently tagged first.

    Args:
        text: the tag in any written form (``docs/DOMAIN.md#written-forms``).

    Raises:
        BadInput: the text is not a tag.
    """
    return await bags.by_tag(context.stores.postgres, context.airline_id, read_tag(text), limit)


async def carrying(context: Context, text: str, at: datetime | None, selected: Selected = None) -> Bag | None:
    """The bag that carried a tag at a time, else the bag that carried it last; None if no bag ever did.

    Args:
        text: the tag in any written form.
        at: the time, UTC; None for now.
        selected: the selected fields of the bag; None if unknown.

    Raises:
        BadInput: the text is not a tag, or the printed form fits several bags at that time.
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
    time = at or context.now()
    tags = await bags.tags(records, airline_id, [bag.id for bag in found])
    carried = {
        tag.bag_id: tag.number for tag in tags if tag.valid_from <= time < tag.valid_until and _fits(query, tag.number)
    }
    candidates = [bag for bag in found if bag.id in carried]
    if len(candidates) > 1:
        numbers = ", ".join(sorted(carried.values()))
        raise BadInput("tag", f"tag must fit one bag, not {numbers}: give all ten digits, or use tagAt or search")
    return candidates[0] if candidates else found[0]


def _columns(record: type, selected: Selection, field: str) -> tuple[str, ...]:
    """The columns of a record that a field's selection needs; none if the field is not selected."""
    if field not in selected:
        return ()
    subfields = selected.get(field)
    return columns_for(record, None if subfields is None else frozenset(subfields))


def _fits(query: TagQuery, number: str) -> bool:
    return number in query.numbers if query.printed is None else number.endswith(query.printed[1])


async def page(context: Context, states: Sequence[str] | None, airport: str | None, page: Page) -> list[Bag]:
    """A page of bags, the newest first.

    Args:
        states: None for all.
        airport: IATA code of the airport where a bag was seen last; None for any.
    """
    return await bags.page(context.stores.postgres, context.airline_id, states, airport, page)


async def of_flights(
    context: Context, parents: Sequence[Flight], page: Page, *, selected: Selected = None
) -> list[list[Bag]]:
    """Bags planned on each flight; ``page`` applies to each flight.

    Args:
        selected: the selected fields of the bags; None if unknown.
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
    """The known bags of each PIR."""
    found: dict[int, list[Bag]] = {pir.id: [] for pir in parents}
    for bag in await bags.of_pirs(context.stores.postgres, context.airline_id, list(found)):
        found[bag.parent_id].append(bag)
    return [found[pir.id] for pir in parents]


async def of_recorded(context: Context, parents: Sequence[RecordedScan]) -> list[Bag | None]:
    """The bag of each recorded scan; None for a rejected scan and an unreadable tag."""
    found = await bags.by_id(
        context.stores.postgres, context.airline_id, [one.bag_id for one in parents if one.bag_id is not None]
    )
    return [found.get(one.bag_id) if one.bag_id else None for one in parents]


async def of_described(context: Context, parents: Sequence[PirBag]) -> list[Bag | None]:
    """The bag of each description in a PIR; None if unknown."""
    found = await bags.by_id(
        context.stores.postgres, context.airline_id, [one.bag_id for one in parents if one.bag_id is not None]
    )
    return [found.get(one.bag_id) if one.bag_id else None for one in parents]


async def tags(context: Context, parents: Sequence[Bag]) -> list[list[BagTag]]:
    """All tags of each bag, by start of validity."""
    found: dict[int, list[BagTag]] = {bag.id: [] for bag in parents}
    for tag in await bags.tags(context.stores.postgres, context.airline_id, list(found)):
        found[tag.bag_id].append(tag)
    return [found[bag.id] for bag in parents]


async def printed_tags(context: Context, parents: Sequence[Bag | BagTag]) -> list[str]:
    """The printed form of each tag, such as ``CM456781``; ten digits if the issuer is unknown."""
    numbers = [parent.tag if isinstance(parent, Bag) else parent.number for parent in parents]
    wanted = list({number[1:4] for number in numbers})
    issuers = await context.stores.reference.issuers(context.stores.postgres, wanted)
    return [printed_form(number, issuers.get(number[1:4])) for number in numbers]


async def authorities(context: Context, parents: Sequence[Bag]) -> list[bool | None]:
    """The authority to load of each bag, as the messages say; None if none does."""
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
    """Bags that shared the inbound flight or a place with each bag, from the graph.

    Args:
        by: what the bags shared.
        within_minutes: maximum time between two bags at a place, 1 to 240 minutes.
        first: maximum number of fellow bags of a bag, 1 to 200.

    Returns:
        One result for each bag; None for a bag that has not flown, or was not scanned at such a place.

    Raises:
        BadInput: ``within_minutes`` or ``first`` is out of bounds.
        Unavailable: the graph is unavailable.
    """
    check_range("withinMinutes", within_minutes, 1, MAX_MINUTES)
    check_range("first", first, 1, MAX_FELLOWS)
    graph, airline_id, ids = context.stores.neo4j, context.airline_id, list({bag.id for bag in parents})
    if by == FellowsBy.FLIGHT:
        found = await journeys.fellows_on_flights(graph, airline_id, ids, first)
    else:
        kind = None if by == FellowsBy.PLACE else PlaceKind(by)
        found = await journeys.fellows_at_places(graph, airline_id, ids, kind, within_minutes, first)
    return [found.get(bag.id) for bag in parents]


async def of_fellows(context: Context, parents: Sequence[Fellows]) -> list[list[Bag]]:
    """The fellow bags themselves."""
    return [[fellow.bag for fellow in of_one] for of_one in await with_times(context, parents)]


async def with_times(context: Context, parents: Sequence[Fellows]) -> list[list[FellowBag]]:
    """The fellow bags with their times, except those that are no longer in the records."""
    ids = sorted({bag_id for fellows in parents for bag_id in fellows.fellow_ids})
    found = await bags.by_id(context.stores.postgres, context.airline_id, ids)
    return [
        [FellowBag(found[one.bag_id], one.at, one.minutes) for one in fellows.fellows if one.bag_id in found]
        for fellows in parents
    ]
