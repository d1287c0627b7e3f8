"""Working a file: each command is one transaction of the file, its history, its bags' events and what is to leave."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from integrations.records.bags import Bag, TagRole
from integrations.records.effects import TracingCall, Trigger
from integrations.records.events import EventKind
from integrations.records.flights import Flight, FlightStatus, Leg
from integrations.records.matches import Match
from integrations.records.pirs import Pir, PirAction, PirBag, PirKind, PirLink, PirStatus
from integrations.records.tags import parse_tag
from integrations.stores.postgres import airports, bags, flights, passengers, pirs
from integrations.stores.postgres.bags import NewTag
from integrations.stores.postgres.flights import NewLeg
from integrations.stores.postgres.manager import Reader
from integrations.stores.postgres.pirs import NewPirBag, PirValues
from resolvers.bags import MOST_OF_A_TAG
from resolvers.context import Context
from resolvers.errors import AlreadyOpen, BadInput, InvalidState, NotFound, ReasonRequired
from resolvers.ingestion import events, history
from resolvers.ingestion.events import UNKNOWN_TAG_WINDOW
from resolvers.irregularities import idempotency, matches
from resolvers.irregularities.pir_unit import PirUnit, Target, seqs_of
from resolvers.rules import fault, pir_lifecycle
from resolvers.rules.history import History

MOST_BAGS = 10
MOST_PAST = timedelta(days=2 * 366)
DAMAGE = frozenset({PirKind.DAMAGED, PirKind.PILFERED})
OPENED = {
    PirKind.DELAYED: (EventKind.DELAYED, Trigger.FILE_OPENED),
    PirKind.DAMAGED: (EventKind.DAMAGED, Trigger.DAMAGE_FILE_OPENED),
    PirKind.PILFERED: (None, Trigger.DAMAGE_FILE_OPENED),
    PirKind.ON_HAND: (EventKind.ON_HAND, None),
}


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command came to.

    Args:
        replayed: the same command was done before under its key; nothing was done now.
    """

    pir: Pir
    replayed: bool


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


@dataclass(frozen=True, slots=True)
class DescribedBagUpdate:
    """New descriptions of one bag of a file; None leaves it as it is."""

    seq: int
    description: str | None = None
    brand: str | None = None
    contents: str | None = None
    damage: str | None = None
    name_on_bag: str | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """New values of a file; None leaves them as they are."""

    remarks: str | None = None
    phone: str | None = None
    email: str | None = None
    delivery_address: str | None = None
    language: str | None = None
    storage_location: str | None = None
    bags: tuple[DescribedBagUpdate, ...] = ()


@dataclass(frozen=True, slots=True)
class Forward:
    """Sends bags on.

    Args:
        rush_tag: ten digits; for one bag only.
    """

    flight_id: int
    bags: tuple[int, ...] | None = None
    rush_tag: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """Orders a courier."""

    courier: str
    window_start: datetime
    window_end: datetime
    bags: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class ClosePir:
    """Closes a file.

    Args:
        accept_proposal: take reason and station from the proposal where they are not given.
    """

    reason_for_loss: str | None = None
    fault_station: str | None = None
    accept_proposal: bool = False
    comment: str = ""


Work = Callable[[Reader], Awaitable[int]]


async def _once(
    context: Context, key: str | None, operation: str, command: Mapping[str, Any], work: Work
) -> CommandResult:
    """Does the work in a transaction, or answers as it was answered under the key."""
    async with context.stores.postgres.transaction() as records:
        earlier = await idempotency.earlier_answer(context, records, key, operation, command) if key else None
        pir_id = int(earlier["pir"]) if earlier is not None else await work(records)
        if key and earlier is None:
            await idempotency.keep(context, records, key, {"pir": pir_id})
    found = await pirs.by_id(context.stores.postgres, context.airline_id, [pir_id])
    return CommandResult(found[pir_id], earlier is not None)


async def _change(
    context: Context,
    key: str | None,
    operation: str,
    target: Target,
    command: Mapping[str, Any],
    work: Callable[[PirUnit], Awaitable[None]],
) -> CommandResult:
    """As ``_once``, for one open file."""

    async def change(records: Reader) -> int:
        await work(await PirUnit.of_open(context, records, target))
        return target.pir_id

    return await _once(context, key, operation, {**asdict(target), **command}, change)


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
        await _check_none_open(context, records, command.kind, known)
        await _check_one_booking(context, records, known)
        return await _open(context, records, command, known)

    return await _once(context, key, "createPir", asdict(command), work)


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
    carried = await events.bags_for_tags(
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


async def _check_none_open(context: Context, records: Reader, kind: PirKind, known: Sequence[Bag | None]) -> None:
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
    await _propose_reason(change)
    await _opened(change)
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


async def _propose_reason(change: PirUnit) -> None:
    """What the journeys of a delayed file's bags prove by now; where they prove nothing, what was proposed stays."""
    ids = [bag.bag_id for bag in change.bags.values() if bag.bag_id is not None]
    if change.kind != PirKind.DELAYED or not ids:
        return
    airline_id = change.context.airline_id
    times = await airports.connection_times(change.records, airline_id)
    switch = await matches.tag_switch(change.records, airline_id, change.pir.id)
    journeys = await history.of_bags(change.records, airline_id, ids)
    proposals = (
        fault.propose(journeys[bag_id], times, final_destination=change.values.destination, switch=switch)
        for bag_id in ids
    )
    proposal = next(filter(None, proposals), None)
    if proposal is not None:
        change.set(
            proposed_reason=proposal.reason,
            proposed_station=proposal.station,
            evidence=[
                {"name": fact.name.value, "value": fact.value, "at": fact.at.isoformat() if fact.at else None}
                for fact in proposal.evidence
            ],
        )


async def _opened(change: PirUnit, action: PirAction = PirAction.CREATE) -> None:
    """What follows from a new file."""
    event, trigger = OPENED[change.kind]
    if event is not None:
        await change.happened(event, change.bags.values(), change.pir.station)
    await change.write(action)
    await change.trace(TracingCall.CREATE)
    if trigger is not None:
        await change.notify(trigger)
    await matches.propose(change.context, change.records, change.pir.id)


async def update(context: Context, target: Target, command: Update, key: str | None) -> CommandResult:
    """Changes what a file says."""

    async def work(change: PirUnit) -> None:
        said = asdict(command)
        said.pop("bags")
        if not command.bags and not any(value is not None for value in said.values()):
            return
        change.set(**{name: value for name, value in said.items() if value is not None})
        for one in command.bags:
            (bag,) = change.chosen([one.seq])
            values = {name: value for name, value in asdict(one).items() if name != "seq" and value is not None}
            change.set_bag(bag.seq, **values)
        changed = sorted(name for name, value in said.items() if value is not None)
        await change.write(PirAction.UPDATE, detail={"changed": changed, "bags": [one.seq for one in command.bags]})
        await change.trace(TracingCall.UPDATE)
        await matches.propose(context, change.records, target.pir_id)

    return await _change(context, key, "updatePir", target, asdict(command), work)


async def assign(context: Context, target: Target, assignee: str | None, key: str | None) -> CommandResult:
    """Gives a file to an agent, or takes it back."""

    async def work(change: PirUnit) -> None:
        change.set(assignee=assignee)
        await change.write(PirAction.ASSIGN, detail={"assignee": assignee})

    return await _change(context, key, "assignPir", target, {"assignee": assignee}, work)


async def comment(context: Context, target: Target, text: str, key: str | None) -> CommandResult:
    """Adds a comment to a file's history."""

    async def work(change: PirUnit) -> None:
        await change.write(PirAction.COMMENT, comment=text)

    return await _change(context, key, "commentPir", target, {"text": text}, work)


async def suspend(context: Context, target: Target, seqs: Sequence[int] | None, key: str | None) -> CommandResult:
    """Lets the search for bags rest: they seem to be found."""

    async def work(change: PirUnit) -> None:
        chosen = change.chosen(seqs)
        change.move(PirAction.SUSPEND, chosen)
        await change.write(PirAction.SUSPEND)
        await change.trace(TracingCall.SUSPEND, bags=seqs_of(chosen))
        await matches.propose(context, change.records, target.pir_id)

    return await _change(context, key, "suspendTracing", target, {"bags": seqs}, work)


async def reinstate(context: Context, target: Target, seqs: Sequence[int] | None, key: str | None) -> CommandResult:
    """Looks for bags again: the wrong one was found, or it was lost again."""

    async def work(change: PirUnit) -> None:
        chosen = change.chosen(seqs)
        gone = {"located_airport": None, "forward_flight_id": None, "rush_tag": None, "courier": None}
        gone |= {"window_start": None, "window_end": None, "delivered_at": None, "matched_pir_id": None}
        change.move(PirAction.REINSTATE, chosen, **gone)
        await matches.release(context, change.records, target.pir_id, seqs_of(chosen))
        await change.write(PirAction.REINSTATE)
        if change.kind == PirKind.DELAYED:
            await change.happened(EventKind.DELAYED, chosen, change.place)
            await change.trace(TracingCall.REINSTATE, bags=seqs_of(chosen))
        await matches.propose(context, change.records, target.pir_id)

    return await _change(context, key, "reinstateTracing", target, {"bags": seqs}, work)


async def locate(
    context: Context, target: Target, airport: str, seqs: Sequence[int] | None, key: str | None
) -> CommandResult:
    """Bags of a delayed file were found at an airport."""

    async def work(change: PirUnit) -> None:
        await _check_airport(change.records, airport)
        await _located(change, airport, change.chosen(seqs))
        await matches.propose(context, change.records, target.pir_id)

    return await _change(context, key, "locateBags", target, {"airport": airport, "bags": seqs}, work)


async def _located(change: PirUnit, airport: str, chosen: Sequence[PirBag], matched_pir_id: int | None = None) -> None:
    change.move(PirAction.LOCATE, chosen, located_airport=airport, matched_pir_id=matched_pir_id)
    await _propose_reason(change)
    await change.happened(EventKind.LOCATED, chosen, airport)
    await change.write(PirAction.LOCATE, detail={"airport": airport})
    await change.trace(TracingCall.UPDATE, bags=seqs_of(chosen))
    await change.notify(Trigger.BAG_LOCATED, bags=seqs_of(chosen))


async def locate_match(context: Context, records: Reader, match: Match) -> None:
    """What follows for two files from an agent's word that a found bag is a missed one; part of that transaction.

    Raises:
        PirClosed, InvalidState: one of the files does not allow it.
    """
    missed = await PirUnit.of_open(context, records, Target(match.delayed_pir_id))
    found = await PirUnit.of_open(context, records, Target(match.on_hand_pir_id))
    found.move(PirAction.MATCH, found.chosen(None), matched_pir_id=match.delayed_pir_id)
    await found.write(PirAction.MATCH, detail={"file": match.delayed_pir_id, "bag": match.seq})
    await found.trace(TracingCall.UPDATE)
    await _located(missed, found.pir.station, missed.chosen([match.seq]), match.on_hand_pir_id)


async def _check_airport(records: Reader, airport: str) -> None:
    if airport not in await airports.by_code(records, [airport]):
        raise NotFound("airport", "There is no such airport.")


async def forward(context: Context, target: Target, command: Forward, key: str | None) -> CommandResult:
    """Sends found bags on by a flight, under a rush tag where one is given; that of a found bag closes its file.

    Raises:
        NotFound: there is no such flight.
        BadInput: one rush tag for several bags.
    """

    async def work(change: PirUnit) -> None:
        chosen = change.chosen(command.bags)
        locked = await flights.lock(change.records, context.airline_id, [command.flight_id])
        flight = locked.get(command.flight_id)
        if flight is None:
            raise NotFound("flightId", "There is no such flight.")
        if flight.status == FlightStatus.CANCELLED:
            raise BadInput("flightId", f"{flight.designator} is cancelled.")
        if command.rush_tag is not None:
            if len(chosen) != 1:
                raise BadInput("rushTag", "A rush tag is for one bag: forward the others by themselves.")
            await _tie_rush_tag(change, chosen[0], command.rush_tag, flight)
        await _forwarded(change, chosen, flight, command.rush_tag)
        await change.happened(EventKind.FORWARDED, chosen, flight.origin, flight=flight)
        await matches.propose(context, change.records, target.pir_id)
        # A found bag and the missed one that it is are one bag: what is done with one file is done with the other.
        for bag in chosen:
            if bag.matched_pir_id is not None:
                other = await PirUnit.of_open(context, change.records, Target(bag.matched_pir_id))
                same = [one for one in other.bags.values() if one.matched_pir_id == target.pir_id]
                await _forwarded(other, same, flight, command.rush_tag)
                await matches.propose(context, change.records, other.pir.id)

    return await _change(context, key, "forwardBags", target, asdict(command), work)


async def _forwarded(change: PirUnit, chosen: Sequence[PirBag], flight: Flight, rush_tag: str | None) -> None:
    """Of two files of one bag, that of the found one tells WorldTracer and is closed; the other tells the passenger."""
    change.move(PirAction.FORWARD, chosen, forward_flight_id=flight.id, rush_tag=rush_tag)
    await _propose_reason(change)
    await change.write(PirAction.FORWARD, detail={"flight": flight.designator, "flightId": flight.id})
    delayed = change.kind == PirKind.DELAYED
    if told := seqs_of(bag for bag in chosen if bag.matched_pir_id is None or not delayed):
        await change.trace(TracingCall.FORWARD, bags=told)
    if delayed:
        await change.notify(Trigger.BAG_FORWARDED, bags=seqs_of(chosen))


async def _tie_rush_tag(change: PirUnit, bag: PirBag, number: str, flight: Flight) -> None:
    """The bag travels under a second tag, on a flight that its plan then has.

    Raises:
        BadInput: another bag carries the number: what is scanned of that one would be taken for this one.
    """
    if bag.bag_id is None:
        return
    airline_id, at = change.context.airline_id, change.at
    await bags.lock_unknown_tags(change.records, airline_id, [number])
    carrier = (await bags.tagged_at(change.records, airline_id, [number], [at])).get(0)
    if carrier not in (None, bag.bag_id):
        raise BadInput("rushTag", "Another bag carries this number: check its digits.")
    if carrier is None:
        tag = NewTag(bag.bag_id, number, TagRole.RUSH.value, at, at + UNKNOWN_TAG_WINDOW)
        await bags.insert_tags(change.records, airline_id, [tag])
    legs = await flights.legs_of_bags(change.records, airline_id, [bag.bag_id])
    if flight.id not in {leg.id for leg in legs}:
        leg = NewLeg(bag.bag_id, max((leg.seq for leg in legs), default=0) + 1, flight.id)
        await flights.insert_legs(change.records, airline_id, [leg])
    await change.happened(EventKind.RUSH_TAGGED, [bag], flight.origin, tags={bag.seq: number})


async def receive(context: Context, target: Target, seqs: Sequence[int] | None, key: str | None) -> CommandResult:
    """Bags came in at the passenger's airport, or a damaged one was taken in."""

    async def work(change: PirUnit) -> None:
        chosen = change.chosen(seqs)
        change.move(PirAction.RECEIVE, chosen)
        await change.write(PirAction.RECEIVE)
        await change.trace(TracingCall.UPDATE, bags=seqs_of(chosen))
        if change.kind == PirKind.DELAYED:
            await change.notify(Trigger.BAG_RECEIVED, bags=seqs_of(chosen))

    return await _change(context, key, "receiveBags", target, {"bags": seqs}, work)


async def arrange_delivery(context: Context, target: Target, command: Delivery, key: str | None) -> CommandResult:
    """Orders a courier for bags that came in.

    Raises:
        BadInput: a window that ends before it begins, or lasts for more than a day.
    """

    async def work(change: PirUnit) -> None:
        if not timedelta(0) < command.window_end - command.window_start <= timedelta(days=1):
            raise BadInput("windowEnd", "The window ends after it begins, within a day.")
        chosen = change.chosen(command.bags)
        window = {"window_start": command.window_start, "window_end": command.window_end}
        change.move(PirAction.ARRANGE_DELIVERY, chosen, courier=command.courier, **window)
        await change.happened(EventKind.OUT_FOR_DELIVERY, chosen, change.place, custodian="COURIER")
        await change.write(PirAction.ARRANGE_DELIVERY, detail={"courier": command.courier})
        await change.trace(TracingCall.UPDATE, bags=seqs_of(chosen))
        await change.notify(Trigger.OUT_FOR_DELIVERY, bags=seqs_of(chosen))

    return await _change(context, key, "arrangeDelivery", target, asdict(command), work)


async def confirm_delivery(
    context: Context, target: Target, at: datetime | None, seqs: Sequence[int] | None, key: str | None
) -> CommandResult:
    """The passenger has the bags.

    Raises:
        BadInput: in the future, or before the file was opened.
    """

    async def work(change: PirUnit) -> None:
        delivered_at = at or change.at
        if not change.pir.opened_at <= delivered_at <= change.at:
            raise BadInput("deliveredAt", "A delivery lies between the opening of the file and now.")
        chosen = change.chosen(seqs)
        change.move(PirAction.CONFIRM_DELIVERY, chosen, delivered_at=delivered_at)
        await change.happened(EventKind.DELIVERED, chosen, change.place, custodian="PASSENGER", at=delivered_at)
        await change.write(PirAction.CONFIRM_DELIVERY)
        await change.trace(TracingCall.UPDATE, bags=seqs_of(chosen))
        await change.notify(Trigger.DELIVERED, bags=seqs_of(chosen))

    return await _change(context, key, "confirmDelivery", target, {"at": at, "bags": seqs}, work)


async def close(context: Context, target: Target, command: ClosePir, key: str | None) -> CommandResult:
    """Closes a file; a delayed one with reason for loss and fault station.

    Raises:
        ReasonRequired: one of the two is missing.
        BadInput, NotFound: a code that is not on the list, a station that is none.
    """

    async def work(change: PirUnit) -> None:
        await _propose_reason(change)
        proposed = change.values if command.accept_proposal else None
        reason = command.reason_for_loss or (proposed.proposed_reason if proposed else None)
        station = command.fault_station or (proposed.proposed_station if proposed else None)
        if change.kind == PirKind.DELAYED and (reason is None or station is None):
            raise ReasonRequired("reasonForLoss" if reason is None else "faultStation", _needed(change.values))
        if reason is not None:
            await _check_reason(change, reason)
        if station is not None:
            await _check_airport(change.records, station)
        change.set(status=PirStatus.CLOSED.value, closed_at=change.at, reason_for_loss=reason, fault_station=station)
        await change.write(
            PirAction.CLOSE, comment=command.comment, detail={"reasonForLoss": reason, "faultStation": station}
        )
        await _tell_closed(change)
        await change.trace(TracingCall.CLOSE)
        await matches.propose(context, change.records, target.pir_id)

    return await _change(context, key, "closePir", target, asdict(command), work)


async def _tell_closed(change: PirUnit) -> None:
    """The bags' journeys end with their files: a bag that has another open file goes on, and so does a found one."""
    if change.kind == PirKind.ON_HAND:
        return
    ids = [bag.bag_id for bag in change.bags.values() if bag.bag_id is not None]
    known = await pirs.of_bags(change.records, change.context.airline_id, ids)
    ended = [bag for bag in change.bags.values() if bag.bag_id in known and known[bag.bag_id].closed_at is not None]
    await change.happened(EventKind.CLOSED, ended, change.place)


async def _check_reason(change: PirUnit, reason: str) -> None:
    """80 to 99 are for damaged and pilfered bags only, and their list is not public (RP1743e)."""
    of_damage = reason[0] in "89"
    if of_damage != (change.kind in DAMAGE):
        raise BadInput("reasonForLoss", "Reasons from 80 on are for damaged and pilfered bags, and only those are.")
    if not of_damage and not await pirs.is_reason_for_loss(change.records, reason, change.at.date()):
        raise BadInput("reasonForLoss", "This is no reason for loss of IATA's list: 55, for example, is one.")


def _needed(values: PirValues) -> str:
    proposed = f" Proposed: {values.proposed_reason} at {values.proposed_station}." if values.proposed_reason else ""
    return f"A delayed file is closed with reason for loss and fault station (WorldTracer).{proposed}"


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
        await _check_none_open(context, records, old.kind, list(locked.values()))
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
        await _opened(new, PirAction.RECREATE)
        return pir_id

    return await _once(context, key, "recreatePir", asdict(target), work)


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
