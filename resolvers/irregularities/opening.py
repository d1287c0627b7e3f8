"""Opening of PIRs: create, and recreate from a closed one."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from integrations.records.bags import Bag
from integrations.records.effects import TracingCall, Trigger
from integrations.records.events import EventKind
from integrations.records.flights import Leg
from integrations.records.pirs import PirAction, PirKind, PirLink, PirStatus
from integrations.records.tags import parse_tag
from integrations.stores.postgres import airports, bags, flights, passengers, pirs
from integrations.stores.postgres.manager import Reader
from integrations.stores.postgres.pirs import NewPirBag
from resolvers.bags import MOST_OF_A_TAG
from resolvers.context import Context
from resolvers.errors import AlreadyOpen, BadInput, InvalidState, NotFound
from resolvers.ingestion import bag_tags, history
from resolvers.irregularities import matches
from resolvers.irregularities.commands import DAMAGE, CommandResult, run_once
from resolvers.irregularities.pir_unit import PirUnit, Target
from resolvers.irregularities.tracing import propose_reason
from resolvers.rules import pir_lifecycle
from resolvers.rules.history import History

MOST_BAGS = 10


MOST_PAST = timedelta(days=2 * 366)


OPENED = {
    PirKind.DELAYED: (EventKind.DELAYED, Trigger.FILE_OPENED),
    PirKind.DAMAGED: (EventKind.DAMAGED, Trigger.DAMAGE_FILE_OPENED),
    PirKind.PILFERED: (None, Trigger.DAMAGE_FILE_OPENED),
    PirKind.ON_HAND: (EventKind.ON_HAND, None),
}


@dataclass(frozen=True, slots=True)
class Described:
    """A bag as it goes into a file; what is None is taken from the bag itself.

    Args:
        tag: in any written form, where the bag's id is not known.
        description: as CCTTDDD.
    """

    bag_id: int | None = None
    tag: str | None = None
    description: str | None = None
    brand: str = ""
    contents: str = ""
    damage: str = ""
    name_on_bag: str = ""


@dataclass(frozen=True, slots=True)
class ContactDetails:
    """How the passenger is reached because of this file; None for what the booking says."""

    phone: str | None = None
    email: str | None = None
    delivery_address: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Create:
    """Opens a file.

    Args:
        station: which opens it; the bags' destination for None.
        received_at: when the passenger got a damaged or pilfered bag; as the bag's scans say for None.
        follows: the delayed file whose bag came back damaged.
        found_flight_id: the flight that a found bag came with.
    """

    kind: PirKind
    bags: tuple[Described, ...]
    station: str | None = None
    remarks: str = ""
    contact: ContactDetails = ContactDetails()
    storage_location: str | None = None
    found_flight_id: int | None = None
    received_at: datetime | None = None
    follows: int | None = None


async def create(context: Context, command: Create, key: str | None) -> CommandResult:
    """Opens a file, filled in from its bags, their booking and their journey.

    Raises:
        BadInput, NotFound: something of the input cannot be used.
        AlreadyOpen: a bag has an open file of that kind.
    """

    async def work(records: Reader) -> int:
        if not 1 <= len(command.bags) <= (1 if command.kind == PirKind.ON_HAND else MOST_BAGS):
            raise BadInput("bags", f"A file has 1 to {MOST_BAGS} bags; that of a found bag has one.")
        if command.kind == PirKind.ON_HAND and not command.storage_location:
            raise BadInput("storageLocation", "Say where the bag lies: WorldTracer asks for it.")
        await _check_named(context, records, command)
        known = await _bags_of(context, records, command.bags)
        await check_none_open(context, records, command.kind, known)
        await _check_one_booking(context, records, known)
        return await _open(context, records, command, known)

    return await run_once(context, key, "createPir", asdict(command), work)


async def _check_named(context: Context, records: Reader, command: Create) -> None:
    """The file and the flight that the command names are there, and the file is one that this can follow."""
    if command.follows is not None:
        earlier = await pirs.lock(records, context.airline_id, command.follows)
        if earlier is None:
            raise NotFound("follows", "There is no such file.")
        if command.kind not in DAMAGE or (earlier.kind, earlier.status) != (PirKind.DELAYED, PirStatus.CLOSED):
            raise InvalidState("follows", "A damage file follows a delayed file that is closed: close that one first.")
    flight_id = command.found_flight_id
    if flight_id is not None and not await flights.by_id(records, context.airline_id, [flight_id]):
        raise NotFound("foundFlightId", "There is no such flight.")
    if command.received_at is not None and not timedelta(0) <= context.now() - command.received_at <= MOST_PAST:
        raise BadInput("receivedAt", "The passenger got the bag before now, and within the two years of the law.")


async def _bags_of(context: Context, records: Reader, described: Sequence[Described]) -> list[Bag | None]:
    """The bag that each description is of, held until the transaction ends; None where not even a tag is known.

    A tag means the bag that carries it now, as in a scan; one that no bag carries makes the bag, so that later scans
    find it.
    """
    numbers = {
        place: await _number(context, records, one.tag, f"bags[{place}].tag")
        for place, one in enumerate(described)
        if one.bag_id is None and one.tag is not None
    }
    carried = await bag_tags.bags_for_tags(
        records, context.airline_id, list(numbers.values()), [context.now()] * len(numbers)
    )
    tagged = dict(zip(numbers, carried, strict=True))
    ids = [one.bag_id if one.bag_id is not None else tagged.get(place) for place, one in enumerate(described)]
    named = [bag_id for bag_id in ids if bag_id is not None]
    if len(set(named)) < len(named):
        raise BadInput("bags", "Each bag stands in a file once.")
    locked = await bags.lock(records, context.airline_id, sorted(named))
    for place, bag_id in enumerate(ids):
        if bag_id is not None and bag_id not in locked:
            raise NotFound(f"bags[{place}].bagId", "There is no such bag.")
    return [locked[bag_id] if bag_id is not None else None for bag_id in ids]


async def _number(context: Context, records: Reader, text: str, field: str) -> str:
    """The ten digits that a tag stands for; a printed one, by the bags that carry such a number now."""
    query, now = parse_tag(text), context.now()
    if query.printed is None:
        candidates = set(query.numbers)
    else:
        found = await bags.by_tag(records, context.airline_id, query, MOST_OF_A_TAG)
        candidates = {
            tag.number
            for tag in await bags.tags(records, context.airline_id, [bag.id for bag in found])
            if tag.valid_from <= now < tag.valid_until and tag.number.endswith(query.printed[1])
        }
    if len(candidates) != 1:
        raise BadInput(field, "This fits no bag, or several: give all ten digits of its tag.")
    return candidates.pop()


async def _check_one_booking(context: Context, records: Reader, known: Sequence[Bag | None]) -> None:
    """What one passenger is told of must not be another's."""
    owners = {bag.passenger_id: place for place, bag in enumerate(known) if bag is not None and bag.passenger_id}
    if len(owners) < 2:
        return
    found = await passengers.by_id(records, context.airline_id, list(owners))
    bookings = {owner: found[owner].booking_id for owner in owners}
    first = next(iter(bookings.values()))
    for owner, booking_id in bookings.items():
        if booking_id != first:
            raise BadInput(f"bags[{owners[owner]}]", "This bag belongs to another booking: open a file of its own.")


async def check_none_open(context: Context, records: Reader, kind: PirKind, known: Sequence[Bag | None]) -> None:
    """Checks that none of the bags has an open PIR of this kind.

    Raises:
        AlreadyOpen: names the first bag that has one.
    """
    ids = [bag.id for bag in known if bag is not None]
    for bag_id, pir in (await pirs.open_of_bags(records, context.airline_id, ids, kind.value)).items():
        place = next(place for place, bag in enumerate(known) if bag is not None and bag.id == bag_id)
        raise AlreadyOpen(f"bags[{place}]", f"File {pir.name} is open for this bag: go on with that one.")


async def _open(context: Context, records: Reader, command: Create, known: Sequence[Bag | None]) -> int:
    airline_id, now = context.airline_id, context.now()
    first = next((bag for bag in known if bag is not None), None)
    past = (await history.of_bags(records, airline_id, [first.id]))[first.id] if first else None
    plan: Sequence[Leg] = past.planned if past else ()
    station = await _station(records, command, first, plan)
    pir_id = await pirs.create(
        records,
        airline_id,
        kind=command.kind.value,
        station=station,
        opened_at=now,
        passenger_id=first.passenger_id if first and command.kind != PirKind.ON_HAND else None,
        origin=plan[0].origin if plan else None,
        previous_id=command.follows,
        link=PirLink.DAMAGE_OF.value if command.follows is not None else None,
        found_flight_id=command.found_flight_id,
    )
    new = [_new_bag(pir_id, place, command, bag) for place, bag in enumerate(known)]
    await pirs.insert_bags(records, airline_id, new)
    change = await PirUnit.of(context, records, Target(pir_id))
    destination = plan[-1].destination if plan and command.kind != PirKind.ON_HAND else station
    change.set(
        remarks=command.remarks,
        destination=destination,
        expected_arrival_at=_arrival(plan) or now,
        delivered_at=(command.received_at or _received(past) or now) if command.kind in DAMAGE else None,
        storage_location=command.storage_location,
        **asdict(command.contact),
    )
    await propose_reason(change)
    await pir_opened(change)
    return pir_id


async def _station(records: Reader, command: Create, first: Bag | None, plan: Sequence[Leg]) -> str:
    guessed = (first.airport if first else None) if command.kind == PirKind.ON_HAND else None
    station = command.station or guessed or (plan[-1].destination if plan else None)
    if station is None:
        raise BadInput("station", "Name the station: nothing is known of these bags' journey.")
    if station not in await airports.by_code(records, [station]):
        raise NotFound("station", "There is no such station.")
    return station


def _arrival(plan: Sequence[Leg]) -> datetime | None:
    """When the passenger came, or was to come, to where the plan ends: a rush flight to the same place comes later."""
    leg = next((leg for leg in plan if leg.destination == plan[-1].destination), None)
    return None if leg is None else leg.actual_arrival or leg.estimated_arrival or leg.scheduled_arrival


def _received(past: History | None) -> datetime | None:
    """When the passenger got the bag: when it was handed over, else when it lay on the belt."""
    moments = {event.kind: event.at for event in past.events} if past else {}
    return moments.get(EventKind.DELIVERED) or moments.get(EventKind.AT_CLAIM)


def _new_bag(pir_id: int, place: int, command: Create, bag: Bag | None) -> NewPirBag:
    described = command.bags[place]
    description = described.description or (bag.description if bag else None)
    if description is None:
        raise BadInput(
            f"bags[{place}].description", "Describe the bag as CCTTDDD (colour, type, descriptors): BK22RHW."
        )
    return NewPirBag(
        pir_id=pir_id,
        seq=place + 1,
        bag_id=bag.id if bag else None,
        description=description,
        brand=described.brand,
        contents=described.contents,
        state=pir_lifecycle.first(command.kind).value,
        tag=bag.tag if bag else None,
        name_on_bag=described.name_on_bag,
        damage=described.damage,
    )


async def pir_opened(change: PirUnit, action: PirAction = PirAction.CREATE) -> None:
    """What follows from a new file."""
    event, trigger = OPENED[change.kind]
    if event is not None:
        await change.happened(event, change.bags.values(), change.pir.station)
    await change.write(action)
    await change.trace(TracingCall.CREATE)
    if trigger is not None:
        await change.notify(trigger)
    await matches.propose(change.context, change.records, change.pir.id)


async def recreate(context: Context, target: Target, key: str | None) -> CommandResult:
    """Makes a closed file anew, under a reference of its own that quotes the old one.

    Raises:
        NotFound: there is no such file.
        InvalidState: it is open.
        AlreadyOpen: it was recreated before, or a bag has another open file.
    """

    async def work(records: Reader) -> int:
        old = await PirUnit.of(context, records, target)
        pir_lifecycle.check_closed(PirStatus(old.pir.status))
        for later in await pirs.after(records, context.airline_id, [old.pir.id]):
            if later.link == PirLink.RECREATED:
                raise AlreadyOpen("pirId", f"It was recreated as {later.name}: go on with that one.")
        ids = [bag.bag_id for bag in old.bags.values() if bag.bag_id is not None]
        locked = await bags.lock(records, context.airline_id, sorted(ids))
        await check_none_open(context, records, old.kind, list(locked.values()))
        pir_id = await _copy(context, records, old)
        new = await PirUnit.of(context, records, Target(pir_id))
        kept = pirs.values_of(old.pir)
        new.values = kept._replace(
            status=PirStatus.OPEN.value,
            closed_at=None,
            delivered_at=kept.delivered_at if old.kind in DAMAGE else None,
            reason_for_loss=None,
            fault_station=None,
        )
        await pir_opened(new, PirAction.RECREATE)
        return pir_id

    return await run_once(context, key, "recreatePir", asdict(target), work)


async def _copy(context: Context, records: Reader, old: PirUnit) -> int:
    pir_id = await pirs.create(
        records,
        context.airline_id,
        kind=old.pir.kind,
        station=old.pir.station,
        opened_at=context.now(),
        passenger_id=old.pir.passenger_id,
        origin=old.pir.origin,
        previous_id=old.pir.id,
        link=PirLink.RECREATED.value,
        found_flight_id=old.pir.found_flight_id,
    )
    first = pir_lifecycle.first(old.kind).value
    await pirs.insert_bags(
        records,
        context.airline_id,
        [
            NewPirBag(
                pir_id,
                bag.seq,
                bag.bag_id,
                bag.description,
                bag.brand,
                bag.contents,
                first,
                bag.tag,
                bag.name_on_bag,
                bag.damage,
            )
            for bag in old.bags.values()
        ],
    )
    return pir_id
