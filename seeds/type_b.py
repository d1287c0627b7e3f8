"""What stations send about the bags of the demo: the steps of their trails as Type B messages.

Which element says what: domain reference, sections 3.3 and 12 (rules 8 and 11).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from integrations.messages.typeb import Element, TypeBMessage, write
from integrations.records.codes import day_and_month
from integrations.records.events import EventKind
from integrations.records.instructions import InstructionAction, MessageKind, Source
from integrations.records.passengers import teletype
from seeds.operations import DatedFlight
from seeds.steps import Step

# A passenger who has not come is called for a while before the bags are ordered off.
CALLED = timedelta(minutes=7)

# By whom a bag is processed: sortation, reconciliation, ground, hand scan.
PROCESSES = {
    EventKind.SCREENED: "S",
    EventKind.SORTED: "S",
    EventKind.TRANSFER_IN: "S",
    EventKind.AT_CLAIM: "G",
    EventKind.DELIVERED: "H",
}
RECONCILIATION = "R"
STATUSES = {
    EventKind.ARRIVED: "NOF",
    EventKind.NOT_SEEN: "UNS",
    EventKind.OFFLOADED: "OFF",
    EventKind.LEFT_BEHIND: "ONA",
    EventKind.ON_HAND: "OND",
}


@dataclass(frozen=True, slots=True)
class Telegram:
    """A message as it stands on the line.

    Args:
        at: when it was sent.
    """

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Group:
    """The bags of one passenger that a message speaks of.

    Args:
        tags: in ascending order.
        kilos: of all of them together.
    """

    tags: Sequence[str]
    kilos: int
    surname: str
    given_names: str
    locator: str
    seat: str
    priority: bool


def announced(step: Step, legs: Sequence[DatedFlight], groups: Sequence[Group]) -> Iterator[Telegram]:
    """Departure control tells the station where bags of a party start, and those where they change flights.

    Bags that are not accepted at the airport itself are remote to it.
    """
    source = Source.LOCAL if step.kind == EventKind.ACCEPTED else Source.REMOTE
    return _at_each_station(step.at, source, legs, groups)


def deleted(at: datetime, legs: Sequence[DatedFlight], group: Group) -> Iterator[Telegram]:
    """The bags go nowhere: told to the same stations."""
    return _at_each_station(at, Source.LOCAL, legs, [group], change=InstructionAction.DEL, authority=("N",))


def _at_each_station(
    at: datetime, source: Source, legs: Sequence[DatedFlight], groups: Sequence[Group], **how: Any
) -> Iterator[Telegram]:
    """A BSM for the station where the way begins, and one for each where it goes on."""
    yield _source(at, source, None, legs, groups, **how)
    for index, inbound in enumerate(legs[:-1], start=1):
        yield _source(at, Source.TRANSFER, inbound, legs[index:], groups, **how)


def rush_tagged(step: Step, legs: Sequence[DatedFlight], group: Group, original: str, file: str | None) -> Telegram:
    """A bag goes on without its passenger, under another tag."""
    remark = f"ORIG {original} FILE {file}" if file else f"ORIG {original}"
    more = [Element("E", ("RUSH",)), Element("R", (remark,))]
    return _source(step.at, Source.LOCAL, None, legs, [group], more)


def withdrawn(step: Step, group: Group) -> Telegram:
    """A bag that is not there when its flight closes may no longer be loaded."""
    assert step.outbound is not None
    return _source(
        step.at,
        Source.TRANSFER,
        step.inbound,
        [step.outbound],
        [group],
        change=InstructionAction.CHG,
        authority=("N", "", "N"),
    )


def ordered_off(step: Step, group: Group) -> Telegram:
    """The bag of a passenger who has not boarded is to be taken off."""
    assert step.outbound is not None
    elements = [
        _flight("F", step.outbound, step.outbound.destination),
        *_tags(group.tags),
        _name(group),
        Element("R", ("PAX NOT BOARDED",)),
    ]
    return _message(MessageKind.BUM, step.at - CALLED, Source.LOCAL, step.airport, elements)


def processed(step: Step) -> Telegram:
    """A bag was seen, or was not where it should have been."""
    elements = [_processing(step)]
    if step.outbound is not None:
        elements.append(_flight("F", step.outbound, step.outbound.destination))
    count = f"{step.tag}001"
    status = STATUSES.get(step.kind)
    elements.append(Element("B", (status, count)) if status else Element("N", (count,)))
    if step.inbound is not None:
        elements.append(_flight("I", step.inbound, step.inbound.origin))
    if step.kind == EventKind.SCREENED:
        elements.append(Element("X", ("SEL", "CLR", "D", "XRAY")))
    return _message(MessageKind.BPM, step.at, _stands(step), step.airport, elements)


def _stands(step: Step) -> Source:
    """How the bag stands to the station."""
    if step.inbound is None:
        return Source.LOCAL
    return Source.TERMINATING if step.outbound is None else Source.TRANSFER


def _source(
    at: datetime,
    source: Source,
    inbound: DatedFlight | None,
    legs: Sequence[DatedFlight],
    groups: Sequence[Group],
    more: Sequence[Element] = (),
    *,
    change: InstructionAction = InstructionAction.NEW,
    authority: tuple[str, ...] = (),
) -> Telegram:
    """A BSM of the station that the first of the legs leaves from; flights in front are those of all groups.

    Args:
        more: further elements of each group.
        authority: the fields of ``.S``, where it says other than that the bags of a checked-in passenger may be loaded.
    """
    outbound, *onward = legs
    elements = [_flight("F", outbound, outbound.destination)]
    if inbound is not None:
        elements.append(_flight("I", inbound, inbound.origin))
    elements += [_flight("O", flight, flight.destination) for flight in onward]
    for group in groups:
        elements += _tags(group.tags)
        elements.append(Element("S", authority or ("Y", group.seat, "C", "", "", "", "Y", "A")))
        elements.append(Element("W", ("K", str(len(group.tags)), str(group.kilos))))
        elements += [_name(group), Element("L", (group.locator,))]
        elements += [Element("E", ("PRIO",))] if group.priority else []
        elements += more
    return _message(MessageKind.BSM, at, source, outbound.origin, elements, change)


def _message(
    kind: MessageKind,
    at: datetime,
    source: Source,
    airport: str,
    elements: Sequence[Element],
    change: InstructionAction = InstructionAction.NEW,
) -> Telegram:
    message = TypeBMessage(
        kind=kind,
        change=change,
        origin=f".{airport}KMCM {at.astimezone(UTC):%d%H%M}",
        addresses=(f"{airport}KPCM",),
        source=source,
        airport=airport,
        part="",
        reference="",
        elements=(Element("V", (f"1{source}{airport}",)), *elements),
    )
    return Telegram(at, write(message))


def _processing(step: Step) -> Element:
    """``.J``; in UTC, since a local time is told twice where clocks go back."""
    at = step.at.astimezone(UTC)
    code = PROCESSES.get(step.kind, RECONCILIATION)
    to = (step.outbound.designator,) if step.outbound else ()
    return Element("J", (code, "", step.device, day_and_month(at), f"{at:%H%M%S}Z", step.place, *to))


def _flight(name: str, flight: DatedFlight, airport: str) -> Element:
    return Element(name, (flight.designator, day_and_month(flight.departure_date), airport, "Y"))


def _name(group: Group) -> Element:
    return Element("P", (f"1{teletype(group.surname)}", teletype(group.given_names)))


def _tags(tags: Sequence[str]) -> list[Element]:
    """Counted from the first where they are in a row, which they are but where serials begin anew."""
    in_a_row = all(int(after) == int(before) + 1 for before, after in pairwise(tags))
    named = (f"{tags[0]}{len(tags):03d}",) if in_a_row else tuple(f"{tag}001" for tag in tags)
    return [Element("N", named)]
