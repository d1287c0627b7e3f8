"""Type B messages about the bags of the demo, made from their steps.

Elements and their meaning: ``docs/DOMAIN.md#elements``, ``docs/DOMAIN.md#rule-8``, ``docs/DOMAIN.md#rule-11``.
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

# A missing passenger is called for this long before the bags are ordered off.
CALLED = timedelta(minutes=7)

# Processes: sortation, reconciliation, ground, hand scan.
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
class SeedMessage:
    """A message and its time.

    Args:
        at: when it is sent.
        text: the message with its envelope.
    """

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class PassengerGroup:
    """Bags of one passenger in a message.

    Args:
        tags: tags in ascending order.
        kilos: weight of all of them together.
    """

    tags: Sequence[str]
    kilos: int
    surname: str
    given_names: str
    locator: str
    seat: str
    priority: bool


def new_bsms(step: Step, legs: Sequence[DatedFlight], groups: Sequence[PassengerGroup]) -> Iterator[SeedMessage]:
    """BSMs of departure control about a party, for the first station and for those where the bags change flights.

    Bags that are not accepted at the airport itself are remote to it.
    """
    source = Source.LOCAL if step.kind == EventKind.ACCEPTED else Source.REMOTE
    return _at_each_station(step.at, source, legs, groups)


def deletion_bsms(at: datetime, legs: Sequence[DatedFlight], group: PassengerGroup) -> Iterator[SeedMessage]:
    """BSM DELs: the bags do not travel. They go to the same stations."""
    return _at_each_station(at, Source.LOCAL, legs, [group], change=InstructionAction.DEL, authority=("N",))


def _at_each_station(
    at: datetime, source: Source, legs: Sequence[DatedFlight], groups: Sequence[PassengerGroup], **options: Any
) -> Iterator[SeedMessage]:
    """A BSM for the first station, and one for each station at which the journey continues."""
    yield _bsm(at, source, None, legs, groups, **options)
    for index, inbound in enumerate(legs[:-1], start=1):
        yield _bsm(at, Source.TRANSFER, inbound, legs[index:], groups, **options)


def rush_bsm(
    step: Step, legs: Sequence[DatedFlight], group: PassengerGroup, original: str, pir_reference: str | None
) -> SeedMessage:
    """BSM of a bag that is sent on without its passenger, under another tag."""
    remark = f"ORIG {original} FILE {pir_reference}" if pir_reference else f"ORIG {original}"
    more = [Element("E", ("RUSH",)), Element("R", (remark,))]
    return _bsm(step.at, Source.LOCAL, None, legs, [group], more)


def withdrawal_bsm(step: Step, group: PassengerGroup) -> SeedMessage:
    """BSM CHG: a bag that is missing when its flight closes may no longer be loaded."""
    assert step.outbound is not None
    return _bsm(
        step.at,
        Source.TRANSFER,
        step.inbound,
        [step.outbound],
        [group],
        change=InstructionAction.CHG,
        authority=("N", "", "N"),
    )


def bum(step: Step, group: PassengerGroup) -> SeedMessage:
    """BUM: the bag of a passenger who has not boarded is to be taken off."""
    assert step.outbound is not None
    elements = [
        _flight("F", step.outbound, step.outbound.destination),
        *_tags(group.tags),
        _name(group),
        Element("R", ("PAX NOT BOARDED",)),
    ]
    return _message(MessageKind.BUM, step.at - CALLED, Source.LOCAL, step.airport, elements)


def bpm(step: Step) -> SeedMessage:
    """BPM: a bag was seen, or was not where it should be."""
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
    return _message(MessageKind.BPM, step.at, _source_of(step), step.airport, elements)


def _source_of(step: Step) -> Source:
    """Source of the bag as the station sees it."""
    if step.inbound is None:
        return Source.LOCAL
    return Source.TERMINATING if step.outbound is None else Source.TRANSFER


def _bsm(
    at: datetime,
    source: Source,
    inbound: DatedFlight | None,
    legs: Sequence[DatedFlight],
    groups: Sequence[PassengerGroup],
    more: Sequence[Element] = (),
    *,
    change: InstructionAction = InstructionAction.NEW,
    authority: tuple[str, ...] = (),
) -> SeedMessage:
    """A BSM of the station from which the first leg departs. The flights stand before the groups and apply to all.

    Args:
        more: further elements of each group.
        authority: fields of ``.S``, if the bags are not simply those of a checked-in passenger that may be loaded.
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
) -> SeedMessage:
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
    return SeedMessage(at, write(message))


def _processing(step: Step) -> Element:
    """Element ``.J``, in UTC, since local times are ambiguous where clocks go back."""
    at = step.at.astimezone(UTC)
    code = PROCESSES.get(step.kind, RECONCILIATION)
    to = (step.outbound.designator,) if step.outbound else ()
    return Element("J", (code, "", step.device, day_and_month(at), f"{at:%H%M%S}Z", step.place, *to))


def _flight(name: str, flight: DatedFlight, airport: str) -> Element:
    return Element(name, (flight.designator, day_and_month(flight.departure_date), airport, "Y"))


def _name(group: PassengerGroup) -> Element:
    return Element("P", (f"1{teletype(group.surname)}", teletype(group.given_names)))


def _tags(tags: Sequence[str]) -> list[Element]:
    """Tags with a count if they are consecutive, which they are unless serials wrap."""
    in_a_row = all(int(after) == int(before) + 1 for before, after in pairwise(tags))
    named = (f"{tags[0]}{len(tags):03d}",) if in_a_row else tuple(f"{tag}001" for tag in tags)
    return [Element("N", named)]
