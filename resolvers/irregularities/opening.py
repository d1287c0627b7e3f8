"""Opening of PIRs: create, and recreate from a closed one."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from integrations.errors import Conflict
from integrations.records.bags import Bag
from integrations.records.effects import TracingCall, Trigger
from integrations.records.events import EventKind
from integrations.records.flights import Leg
from integrations.records.pirs import PirAction, PirKind, PirLink, PirStatus
from integrations.records.tags import parse_tag
from integrations.stores.postgres import airports, bags, flights, passengers, pirs
from integrations.stores.postgres.manager import Reader
from integrations.stores.postgres.pirs import NewPirBag
from resolvers.bags import MAX_PER_TAG
from resolvers.context import Context
from resolvers.errors import AlreadyOpen, BadInput, InvalidState, NotFound
from resolvers.ingestion import bag_tags, history
from resolvers.irregularities.commands import DAMAGE, opening_command
from resolvers.irregularities.pir_unit import PirUnit, Target
from resolvers.irregularities.tracing import propose_reason
from resolvers.rules import pir_lifecycle
from resolvers.rules.history import History

MAX_BAGS = 10
# A passenger receives a bag at most this long before the PIR: the time limit for legal action, two years.
MAX_RECEIPT_AGE = timedelta(days=2 * 366)

# Event and notification of a new PIR, by its kind.
OPENED = {
    PirKind.DELAYED: (EventKind.DELAYED, Trigger.FILE_OPENED),
    PirKind.DAMAGED: (EventKind.DAMAGED, Trigger.DAMAGE_FILE_OPENED),
    PirKind.PILFERED: (None, Trigger.DAMAGE_FILE_OPENED),
    PirKind.ON_HAND: (EventKind.ON_HAND, None),
}


@dataclass(frozen=True, slots=True)
class ReportedBag:
    """A bag of a new PIR as the agent reports it; None takes the value from the bag itself.

    Args:
        tag: in any written form, if the id of the bag is unknown.
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
    """Contact details of the passenger for one PIR; None takes them from the booking."""

    phone: str | None = None
    email: str | None = None
    delivery_address: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class CreatePir:
    """Opens a PIR.

    Args:
        station: IATA code of the station that opens it; None for the destination of the bags.
        received_at: timestamp at which the passenger received a damaged or pilfered bag; None to take it from the
            scans of the bag.
        follows: id of the delayed PIR whose bag arrived damaged.
        found_flight_id: id of the flight on which a found bag arrived.
    """

    kind: PirKind
    bags: tuple[ReportedBag, ...]
    station: str | None = None
    remarks: str = ""
    contact: ContactDetails = ContactDetails()
    storage_location: str | None = None
    found_flight_id: int | None = None
    received_at: datetime | None = None
    follows: int | None = None


@opening_command("createPir")
async def create(context: Context, records: Reader, command: CreatePir) -> int:
    """Opens a PIR, filled in from its bags, their booking and their journey.

    Raises:
        BadInput, NotFound: a value of the command cannot be used.
        InvalidState: the PIR that it follows cannot be followed.
        AlreadyOpen: a bag has an open PIR of this kind.
    """
    most = 1 if command.kind == PirKind.ON_HAND else MAX_BAGS
    if not 1 <= len(command.bags) <= most:
        limits = f"exactly 1 bag for an ON_HAND PIR, and 1 to {MAX_BAGS} bags for any other"
        raise BadInput("bags", f"bags must hold {limits}")
    if command.kind == PirKind.ON_HAND and not command.storage_location:
        raise BadInput("storageLocation", "storageLocation must not be empty for an ON_HAND PIR")
    await _check_references(context, records, command)
    known = await _lock_bags(context, records, command.bags)
    await check_none_open(context, records, command.kind, known)
    await _check_one_booking(context, records, known)
    return await _open(context, records, command, known)


async def _check_references(context: Context, records: Reader, command: CreatePir) -> None:
    """Checks the PIR and the flight that the command names, and when the passenger received the bag."""
    if command.follows is not None:
        earlier = await pirs.lock(records, context.airline_id, command.follows)
        if earlier is None:
            raise NotFound("follows", "follows must be the id of an existing PIR")
        if command.kind not in DAMAGE or (earlier.kind, earlier.status) != (PirKind.DELAYED, PirStatus.CLOSED):
            limits = "the id of a CLOSED DELAYED PIR, and only for a DAMAGED or PILFERED PIR"
            raise InvalidState("follows", f"follows must be {limits}")
    flight_id = command.found_flight_id
    if flight_id is not None and not await flights.by_id(records, context.airline_id, [flight_id]):
        raise NotFound("foundFlightId", "foundFlightId must be the id of an existing flight")
    if command.received_at is not None and not timedelta(0) <= context.now() - command.received_at <= MAX_RECEIPT_AGE:
        raise BadInput("receivedAt", "receivedAt must be in the past and at most 2 years ago")


async def _lock_bags(context: Context, records: Reader, reported: Sequence[ReportedBag]) -> list[Bag | None]:
    """Locks the bag that each report is about; None if not even a tag is known.

    A tag means the bag that carries it now, as in a scan. A tag that no bag carries creates the bag, so that later
    scans find it.
    """
    numbers = {
        index: await _number(context, records, one.tag, f"bags[{index}].by.tag")
        for index, one in enumerate(reported)
        if one.bag_id is None and one.tag is not None
    }
    carried = await bag_tags.bags_for_tags(
        records, context.airline_id, list(numbers.values()), [context.now()] * len(numbers)
    )
    tagged = dict(zip(numbers, carried, strict=True))
    ids = [one.bag_id if one.bag_id is not None else tagged.get(index) for index, one in enumerate(reported)]
    named = [bag_id for bag_id in ids if bag_id is not None]
    if len(set(named)) < len(named):
        raise BadInput("bags", "bags must hold each bag once")
    locked = await bags.lock(records, context.airline_id, sorted(named))
    for index, bag_id in enumerate(ids):
        if bag_id is not None and bag_id not in locked:
            if index in tagged:
                raise Conflict("records", "a bag was merged into another one")
            raise NotFound(f"bags[{index}].by.id", f"bags[{index}].by.id must be the id of an existing bag")
    return [locked[bag_id] if bag_id is not None else None for bag_id in ids]


async def _number(context: Context, records: Reader, text: str, field: str) -> str:
    """Returns the ten digits of a tag; those of a printed tag come from the bags that carry such a number now."""
    query, now = parse_tag(text), context.now()
    if query.printed is None:
        candidates = set(query.numbers)
    else:
        found = await bags.by_tag(records, context.airline_id, query, MAX_PER_TAG)
        candidates = {
            tag.number
            for tag in await bags.tags(records, context.airline_id, [bag.id for bag in found])
            if tag.valid_from <= now < tag.valid_until and tag.number.endswith(query.printed[1])
        }
    if len(candidates) != 1:
        raise BadInput(field, f"{field} must fit exactly 1 bag, not {len(candidates)}; give all ten digits of the tag")
    return candidates.pop()


async def _check_one_booking(context: Context, records: Reader, known: Sequence[Bag | None]) -> None:
    """Checks that the bags belong to one booking: a notification to one passenger must not name another's bag.

    Passengers without a known booking never share one (``docs/DOMAIN.md#rule-18``).
    """
    owners = {bag.passenger_id: index for index, bag in enumerate(known) if bag is not None and bag.passenger_id}
    if len(owners) < 2:
        return
    found = await passengers.by_id(records, context.airline_id, list(owners))
    bookings = {owner: found[owner].booking_id for owner in owners}
    first, *others = bookings
    for owner in others:
        if bookings[owner] is None or bookings[owner] != bookings[first]:
            field = f"bags[{owners[owner]}]"
            raise BadInput(field, f"{field} must belong to the same booking as the other bags")


async def check_none_open(context: Context, records: Reader, kind: PirKind, known: Sequence[Bag | None]) -> None:
    """Checks that none of the bags has an open PIR of this kind.

    Raises:
        AlreadyOpen: names the first bag that has one.
    """
    ids = [bag.id for bag in known if bag is not None]
    for bag_id, pir in (await pirs.open_of_bags(records, context.airline_id, ids, kind.value)).items():
        index = next(index for index, bag in enumerate(known) if bag is not None and bag.id == bag_id)
        field = f"bags[{index}]"
        raise AlreadyOpen(field, f"{field} must not have an open PIR of this kind; it has {pir.name}")


async def _open(context: Context, records: Reader, command: CreatePir, known: Sequence[Bag | None]) -> int:
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
    new = [_new_bag(pir_id, index, command, bag) for index, bag in enumerate(known)]
    await pirs.insert_bags(records, airline_id, new)
    pir = await PirUnit.of(context, records, Target(pir_id))
    destination = plan[-1].destination if plan and command.kind != PirKind.ON_HAND else station
    pir.set(
        remarks=command.remarks,
        destination=destination,
        expected_arrival_at=_arrival(plan) or now,
        delivered_at=(command.received_at or _received(past) or now) if command.kind in DAMAGE else None,
        storage_location=command.storage_location,
        **asdict(command.contact),
    )
    await propose_reason(pir)
    await pir_opened(pir)
    return pir_id


async def _station(records: Reader, command: CreatePir, first: Bag | None, plan: Sequence[Leg]) -> str:
    guessed = (first.airport if first else None) if command.kind == PirKind.ON_HAND else None
    station = command.station or guessed or (plan[-1].destination if plan else None)
    if station is None:
        raise BadInput("station", "station must be given for bags without a known journey")
    if station not in await airports.by_code(records, [station]):
        raise NotFound("station", f"station must be the IATA code of a known airport, not {station}")
    return station


def _arrival(plan: Sequence[Leg]) -> datetime | None:
    """Returns the arrival of the passenger at the last airport of the itinerary; None if its time is unknown.

    The first leg to that airport counts: a later one is the rush flight of the bag.
    """
    leg = next((leg for leg in plan if leg.destination == plan[-1].destination), None)
    if leg is None or leg.left_at_stop:
        return None
    return leg.actual_arrival or leg.estimated_arrival or leg.scheduled_arrival


def _received(past: History | None) -> datetime | None:
    """Returns when the passenger received the bag: its delivery, else its arrival at the belt."""
    times = {event.kind: event.at for event in past.events} if past else {}
    return times.get(EventKind.DELIVERED) or times.get(EventKind.AT_CLAIM)


def _new_bag(pir_id: int, index: int, command: CreatePir, bag: Bag | None) -> NewPirBag:
    reported = command.bags[index]
    description = reported.description or (bag.description if bag else None)
    if description is None:
        field = f"bags[{index}].description"
        raise BadInput(field, f"{field} must be given for a bag without a known description, as CCTTDDD: BK22RHW")
    return NewPirBag(
        pir_id=pir_id,
        seq=index + 1,
        bag_id=bag.id if bag else None,
        description=description,
        brand=reported.brand,
        contents=reported.contents,
        state=pir_lifecycle.initial_state(command.kind).value,
        tag=bag.tag if bag else None,
        name_on_bag=reported.name_on_bag,
        damage=reported.damage,
    )


async def pir_opened(pir: PirUnit, action: PirAction = PirAction.CREATE) -> None:
    """Writes a new PIR with its event, its call to WorldTracer and its notification."""
    event, trigger = OPENED[pir.kind]
    if event is not None:
        await pir.append_events(event, pir.bags.values(), pir.before.station)
    await pir.write(action)
    await pir.trace(TracingCall.CREATE)
    if trigger is not None:
        await pir.notify(trigger)
    await pir.propose_matches()


@opening_command("recreatePir")
async def recreate(context: Context, records: Reader, command: Target) -> int:
    """Opens a new PIR from a closed one, with a reference of its own.

    Raises:
        NotFound: the closed PIR does not exist.
        VersionConflict: it has another version.
        InvalidState: it is open.
        AlreadyOpen: it was recreated before, or a bag has another open PIR.
    """
    old = await PirUnit.of(context, records, command)
    pir_lifecycle.check_closed(PirStatus(old.before.status))
    for later in await pirs.after(records, context.airline_id, [old.id]):
        if later.link == PirLink.RECREATED:
            raise AlreadyOpen("pirId", f"pirId must be a PIR that was not recreated before; it was, as {later.name}")
    ids = [bag.bag_id for bag in old.bags.values() if bag.bag_id is not None]
    locked = await bags.lock(records, context.airline_id, sorted(ids))
    await check_none_open(context, records, old.kind, list(locked.values()))
    pir_id = await _copy(context, records, old)
    new = await PirUnit.of(context, records, Target(pir_id))
    kept = pirs.values_of(old.before)
    new.values = kept._replace(
        status=PirStatus.OPEN.value,
        closed_at=None,
        delivered_at=kept.delivered_at if old.kind in DAMAGE else None,
        reason_for_loss=None,
        fault_station=None,
    )
    await pir_opened(new, PirAction.RECREATE)
    return pir_id


async def _copy(context: Context, records: Reader, old: PirUnit) -> int:
    """Inserts a PIR with the bags of a closed one; returns its id."""
    airline_id, before = context.airline_id, old.before
    pir_id = await pirs.create(
        records,
        airline_id,
        kind=before.kind,
        station=before.station,
        opened_at=context.now(),
        passenger_id=before.passenger_id,
        origin=before.origin,
        previous_id=before.id,
        link=PirLink.RECREATED.value,
        found_flight_id=before.found_flight_id,
    )
    copies = [
        NewPirBag(
            pir_id=pir_id,
            seq=bag.seq,
            bag_id=bag.bag_id,
            description=bag.description,
            brand=bag.brand,
            contents=bag.contents,
            state=pir_lifecycle.initial_state(old.kind).value,
            tag=bag.tag,
            name_on_bag=bag.name_on_bag,
            damage=bag.damage,
        )
        for bag in old.bags.values()
    ]
    await pirs.insert_bags(records, airline_id, copies)
    return pir_id
