"""Parser of Baggage XML (RP1755): the public fields of ``IATA_BagEventNotif`` as scans and instructions.

The schema itself is not public. Names of elements come from public sources: ``Bag``, ``BagSegment`` and their children
(Avinor's mapping, and a public broker client), ``BagLocation.IATALocationCode``, ``BagTag.Scanner.ScannerDeviceID``.
Two things are our interpretation until a partner's documents correct it: ``BagActivity`` holds ``ActivityDateTime``,
``ProcessCode``, ``SubProcessCode`` and ``TaskCode`` with the values of the code lists of IATA's BIX, and these values
mean the event kinds in ``_EVENT_KINDS``. See ``docs/DOMAIN.md#baggage-xml``.

The standard library's expat parses the document, so no package is needed: the dangerous features of XML (entities that
expand or fetch) must be declared in a DTD, and the parser rejects a document with one at the declaration. Size and
depth are bounded.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder, tostring
from xml.parsers import expat
from zoneinfo import ZoneInfo

from integrations.messages.scans import YEARS, ScanError, tag, timestamp
from integrations.messages.typeb_reader import LONGEST_PLACE, MOST_TAGS, MessageContent
from integrations.records.codes import AIRPORT, DESIGNATOR, NO_AIRPORT
from integrations.records.events import EventKind, FlightKey, Scan, ScanMethod
from integrations.records.instructions import Instruction, InstructionAction, MessageKind, NamedFlight, Source
from integrations.records.tags import UNREADABLE

LARGEST_DOCUMENT = 1_048_576
DEEPEST = 32

# BIX process codes: departing, arriving for a transfer, departing after a transfer, terminating.
_SOURCES = {"L": Source.LOCAL, "F": Source.TRANSFER, "T": Source.TRANSFER, "X": Source.TERMINATING}
# By process and sub-process. Any other pair only gives the position of the bag.
_EVENT_KINDS = {
    ("L", "Acquire"): EventKind.ACCEPTED,
    ("L", "Screen"): EventKind.SCREENED,
    ("L", "Load"): EventKind.LOADED,
    ("L", "Unload"): EventKind.OFFLOADED,
    ("F", "Unload"): EventKind.ARRIVED,
    ("T", "Acquire"): EventKind.TRANSFER_IN,
    ("T", "Screen"): EventKind.SCREENED,
    ("T", "Load"): EventKind.LOADED,
    ("T", "Unload"): EventKind.OFFLOADED,
    ("X", "Unload"): EventKind.ARRIVED,
    ("X", "Deliver"): EventKind.DELIVERED,
}
_ROUTED = "Route"
_WEIGHT = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,3})?")


def read(data: bytes, zone_of: Callable[[str], ZoneInfo | None], encoding: str | None = None) -> MessageContent:
    """Parses a notification: for each bag a scan, and a change with the elements that the notification names.

    Args:
        data: the document, UTF-8 unless its declaration names another encoding.
        zone_of: returns the time zone of an airport, or None for an unknown airport. A segment has the time of its
            departure, while a flight is identified by its local date.
        encoding: of a document that has been decoded before, whatever its declaration names.

    Returns:
        One scan for each bag, one instruction for each readable tag, and all flights that they name.

    Raises:
        ScanError: the document is not a notification, or a part of it cannot be used. ``field`` is the part.
    """
    root = _parse(data, encoding)
    if root.tag.removesuffix("RQ") != "IATA_BagEventNotif":
        raise ScanError("", "The root element must be IATA_BagEventNotif.")
    bags = root.findall("Bag")
    if not 1 <= len(bags) <= MOST_TAGS:
        raise ScanError("Bag", f"A notification must have 1 to {MOST_TAGS} bags.")
    parsed = [_bag(bag, f"Bag[{index}]", zone_of) for index, bag in enumerate(bags)]
    instructions = tuple(instruction for instruction, _ in parsed if instruction.tag != UNREADABLE)
    flights = tuple(
        flight
        for instruction, _ in parsed
        for flight in (instruction.inbound, instruction.outbound, *(instruction.onward or ()))
        if flight is not None
    )
    return MessageContent(instructions, tuple(scan for _, scan in parsed), flights)


def divided(data: bytes, encoding: str | None = None) -> list[str]:
    """The bags of a notification as notifications of their own; none where it has one bag or too many.

    Raises:
        ScanError: the document cannot be parsed.
    """
    root = _parse(data, encoding)
    bags = root.findall("Bag")
    texts = []
    for bag in bags if 1 < len(bags) <= MOST_TAGS else ():
        alone = Element(root.tag)
        alone.append(bag)
        texts.append(tostring(alone, "unicode").strip())
    return texts


def _parse(data: bytes, encoding: str | None) -> Element:
    """Parses the document into a tree whose names have no namespace."""
    if len(data) > LARGEST_DOCUMENT:
        raise ScanError("", f"A notification must have at most {LARGEST_DOCUMENT} bytes.")
    builder = TreeBuilder()
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise ScanError("", f"Elements must be nested at most {DEEPEST} deep.")
        builder.start(name.rpartition("}")[2], attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name.rpartition("}")[2])

    def reject_doctype(*_: Any) -> None:
        raise ScanError("", "A document type declaration is not accepted.")

    parser = expat.ParserCreate(encoding, "}")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = reject_doctype
    try:
        parser.Parse(data, True)
        return builder.close()
    except ScanError:
        raise
    except (expat.ExpatError, LookupError, ValueError):
        raise ScanError("", "The text is not well-formed XML.") from None


def _bag(bag: Element, path: str, zone_of: Callable[[str], ZoneInfo | None]) -> tuple[Instruction, Scan]:
    number = tag(_text(bag, "BagTag/BagTagID"), f"{path}.BagTag.BagTagID")
    airport = _text(bag, "BagLocation/IATALocationCode") or _text(bag, "BagLocation/IATA_LocationCode")
    if not AIRPORT.fullmatch(airport):
        raise ScanError(f"{path}.BagLocation.IATALocationCode", NO_AIRPORT)
    process = _text(bag, "BagActivity/ProcessCode")
    if process not in _SOURCES:
        raise ScanError(f"{path}.BagActivity.ProcessCode", f"The value must be one of {', '.join(_SOURCES)}.")
    at = timestamp(_text(bag, "BagActivity/ActivityDateTime"), f"{path}.BagActivity.ActivityDateTime")
    instruction = Instruction(
        tag=number,
        kind=MessageKind.XML,
        change=InstructionAction.CHG,
        at=at,
        airport=airport,
        source=_SOURCES[process],
        **_route(list(_segments(bag, path, zone_of)), airport),
        **_bag_data(bag),
    )
    kind = _event_kind(process, _text(bag, "BagActivity/SubProcessCode"), _text(bag, "BagActivity/TaskCode"))
    arriving = kind == EventKind.ARRIVED or instruction.source == Source.TERMINATING
    flight = instruction.inbound if arriving else instruction.outbound
    device = _text(bag, "BagTag/Scanner/ScannerDeviceID")[:LONGEST_PLACE]
    return instruction, Scan(
        tag=number,
        kind=kind,
        at=at,
        airport=airport,
        place=_text(bag, "BagPosition/AreaID")[:LONGEST_PLACE],
        flight=flight.key if flight else None,
        method=ScanMethod.LASER if device else ScanMethod.MESSAGE,
        device=device,
    )


def _event_kind(process: str, sub_process: str, task: str) -> EventKind:
    kind = _EVENT_KINDS.get((process, sub_process), EventKind.POSITION)
    return EventKind.SORTED if kind == EventKind.POSITION and task == _ROUTED and process in ("L", "T") else kind


def _bag_data(bag: Element) -> dict[str, Any]:
    """Passenger and bag data of the notification; absent elements are None or left out."""
    data: dict[str, Any] = {
        "surname": _text(bag, "BagOwner/Surname") or None,
        "given_names": _text(bag, "BagOwner/GivenName") or None,
        "locator": _text(bag, "BagOwner/Pax/Booking/BookingRefID") or None,
    }
    weight = bag.find("BagPhysicalProperty/WeightMeasure")
    if weight is not None and weight.get("UnitCode") == "KGM" and _WEIGHT.fullmatch((weight.text or "").strip()):
        data |= {"weight_unit": "K", "pieces": 1, "weight": float(weight.text or "")}
    if _text(bag, "BagTag/TagExpediteInd") in ("1", "true"):
        data["exceptions"] = ("RUSH",)
    return data


def _segments(bag: Element, path: str, zone_of: Callable[[str], ZoneInfo | None]) -> Iterator[NamedFlight]:
    for index, segment in enumerate(bag.findall("BagSegment")):
        where = f"{path}.BagSegment[{index}]"
        written = "".join(
            _text(segment, name)
            for name in (
                "OperatingCarrier/AirlineDesigCode",
                "OperatingCarrierFlightNumberText",
                "OperationalSuffixText",
            )
        )
        designator = DESIGNATOR.fullmatch(written)
        if designator is None:
            raise ScanError(where, "A flight must have a carrier of two characters and a number.")
        origin = _text(segment, "DepStation/IATA_LocationCode")
        destination = _text(segment, "ArrivalStation/IATA_LocationCode")
        if not (AIRPORT.fullmatch(origin) and AIRPORT.fullmatch(destination)):
            raise ScanError(where, "A flight must have the IATA codes of two airports.")
        zone = zone_of(origin)
        if zone is None:
            raise ScanError(f"{where}.DepStation", "The time zone of the airport is unknown.")
        departure = _departure(_text(segment, "AircraftScheduledDepDateTime"), f"{where}.AircraftScheduledDepDateTime")
        date = departure.astimezone(zone).date()
        key = FlightKey(designator[1], int(designator[2]), designator[3], date, origin)
        yield NamedFlight(key, destination)


def _departure(text: str, field: str) -> datetime:
    """Departure time of a segment. A time without a zone is UTC, as in Avinor's mapping."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ScanError(field, "The time must be written as 2026-11-23T19:12:05Z.") from None
    if at.year not in YEARS:
        raise ScanError(field, f"The year must be from {YEARS.start} to {YEARS.stop - 1}.")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _route(flights: Sequence[NamedFlight], airport: str) -> dict[str, Any]:
    """Flights by their relation to the airport: the last that ends there, the one that leaves, and those after it."""
    leaving = next((index for index, flight in enumerate(flights) if flight.key.origin == airport), None)
    before = flights[: leaving if leaving is not None else len(flights)]
    return {
        "outbound": flights[leaving] if leaving is not None else None,
        "inbound": next((flight for flight in reversed(before) if flight.destination == airport), None),
        "onward": tuple(flights[leaving + 1 :]) if leaving is not None else None,
    }


def _text(element: Element, path: str) -> str:
    return (element.findtext(path) or "").strip()
