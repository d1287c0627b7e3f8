"""Baggage XML (RP1755): the fields of ``IATA_BagEventNotif`` that are public, to scans and instructions.

The schema itself is not public. Names of elements are from public sources: ``Bag``, ``BagSegment`` and what is in them
(Avinor's mapping, and a public broker client), ``BagLocation.IATALocationCode``, ``BagTag.Scanner.ScannerDeviceID``.
Our reading, assumed until a partner's documents say otherwise: that ``BagActivity`` holds ``ActivityDateTime``,
``ProcessCode``, ``SubProcessCode`` and ``TaskCode``, with the values of the code lists of IATA's BIX; and what these
say (``_HAPPENED``).

Parsed by the standard library's expat, without a package: all that is dangerous in XML (entities that expand or fetch)
must be declared in a DTD, and a document with one is refused at its first byte. Size and depth are bounded.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat
from zoneinfo import ZoneInfo

from integrations.messages.scans import YEARS, ScanError, moment, tag
from integrations.messages.typeb_reader import LONGEST_PLACE, MOST_TAGS, Reading
from integrations.records.codes import AIRPORT, DESIGNATOR, NO_AIRPORT
from integrations.records.events import EventKind, Scan, ScanMethod
from integrations.records.instructions import Instruction, InstructionAction, MessageKind, NamedFlight, Source
from integrations.records.tags import UNREADABLE

LARGEST_DOCUMENT = 1_048_576
DEEPEST = 32

# By process of BIX: departing, arriving to transfer, departing from a transfer, ending.
_SOURCES = {"L": Source.LOCAL, "F": Source.TRANSFER, "T": Source.TRANSFER, "X": Source.TERMINATING}
# By process and sub-process; other pairs only say where the bag is.
_HAPPENED = {
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


def read(data: bytes, zone_of: Callable[[str], ZoneInfo | None]) -> Reading:
    """What a notification says of each of its bags: a scan, and a change of what it names.

    Args:
        zone_of: the time zone of an airport, None where it is unknown: a segment names the time of its departure, and
            a flight is known by its local date.

    Raises:
        ScanError: it is no such document, or a part of it cannot be used; names the part.
    """
    root = _parse(data)
    if root.tag.removesuffix("RQ") != "IATA_BagEventNotif":
        raise ScanError("", "This is no IATA_BagEventNotif.")
    bags = root.findall("Bag")
    if not 1 <= len(bags) <= MOST_TAGS:
        raise ScanError("Bag", f"A notification is of 1 to {MOST_TAGS} bags.")
    said = [_bag(bag, f"Bag[{index}]", zone_of) for index, bag in enumerate(bags)]
    instructions = tuple(told for told, _ in said if told.tag != UNREADABLE)
    flights = tuple(
        flight
        for told, _ in said
        for flight in (told.inbound, told.outbound, *(told.onward or ()))
        if flight is not None
    )
    return Reading(instructions, tuple(scan for _, scan in said), flights)


def _parse(data: bytes) -> Element:
    """The document as a tree, its names without their namespaces."""
    if len(data) > LARGEST_DOCUMENT:
        raise ScanError("", f"A notification has at most {LARGEST_DOCUMENT} bytes.")
    builder = TreeBuilder()
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise ScanError("", f"Elements are nested at most {DEEPEST} deep.")
        builder.start(name.rpartition("}")[2], attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name.rpartition("}")[2])

    def refuse(*_: Any) -> None:
        raise ScanError("", "A document type is not accepted.")

    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
        return builder.close()
    except ScanError:
        raise
    except (expat.ExpatError, LookupError, ValueError):
        raise ScanError("", "This is no XML.") from None


def _bag(bag: Element, path: str, zone_of: Callable[[str], ZoneInfo | None]) -> tuple[Instruction, Scan]:
    number = tag(_text(bag, "BagTag/BagTagID"), f"{path}.BagTag.BagTagID")
    airport = _text(bag, "BagLocation/IATALocationCode") or _text(bag, "BagLocation/IATA_LocationCode")
    if not AIRPORT.fullmatch(airport):
        raise ScanError(f"{path}.BagLocation.IATALocationCode", NO_AIRPORT)
    process = _text(bag, "BagActivity/ProcessCode")
    if process not in _SOURCES:
        raise ScanError(f"{path}.BagActivity.ProcessCode", f"It is one of {', '.join(_SOURCES)}.")
    at = moment(_text(bag, "BagActivity/ActivityDateTime"), f"{path}.BagActivity.ActivityDateTime")
    told = Instruction(
        tag=number,
        kind=MessageKind.XML,
        change=InstructionAction.CHG,
        at=at,
        airport=airport,
        source=_SOURCES[process],
        **_route(list(_segments(bag, path, zone_of)), airport),
        **_facts(bag),
    )
    kind = _happened(process, _text(bag, "BagActivity/SubProcessCode"), _text(bag, "BagActivity/TaskCode"))
    arriving = kind == EventKind.ARRIVED or told.source == Source.TERMINATING
    flight = told.inbound if arriving else told.outbound
    device = _text(bag, "BagTag/Scanner/ScannerDeviceID")[:LONGEST_PLACE]
    return told, Scan(
        tag=number,
        kind=kind,
        at=at,
        airport=airport,
        place=_text(bag, "BagPosition/AreaID")[:LONGEST_PLACE],
        flight=flight.key if flight else None,
        method=ScanMethod.LASER if device else ScanMethod.MESSAGE,
        device=device,
    )


def _happened(process: str, sub_process: str, task: str) -> EventKind:
    kind = _HAPPENED.get((process, sub_process), EventKind.POSITION)
    return EventKind.SORTED if kind == EventKind.POSITION and task == _ROUTED and process in ("L", "T") else kind


def _facts(bag: Element) -> dict[str, Any]:
    """What is said of the passenger and the bag; what is not is left out."""
    facts: dict[str, Any] = {
        "surname": _text(bag, "BagOwner/Surname") or None,
        "given_names": _text(bag, "BagOwner/GivenName") or None,
        "locator": _text(bag, "BagOwner/Pax/Booking/BookingRefID") or None,
    }
    weight = bag.find("BagPhysicalProperty/WeightMeasure")
    if weight is not None and weight.get("UnitCode") == "KGM" and _WEIGHT.fullmatch((weight.text or "").strip()):
        facts |= {"weight_unit": "K", "pieces": 1, "weight": float(weight.text or "")}
    if _text(bag, "BagTag/TagExpediteInd") in ("1", "true"):
        facts["exceptions"] = ("RUSH",)
    return facts


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
            raise ScanError(where, "A flight has a carrier of two characters and a number.")
        origin = _text(segment, "DepStation/IATA_LocationCode")
        destination = _text(segment, "ArrivalStation/IATA_LocationCode")
        if not (AIRPORT.fullmatch(origin) and AIRPORT.fullmatch(destination)):
            raise ScanError(where, "A flight has the IATA codes of two airports.")
        zone = zone_of(origin)
        if zone is None:
            raise ScanError(f"{where}.DepStation", "The time zone of this airport is not known.")
        departure = _departure(_text(segment, "AircraftScheduledDepDateTime"), f"{where}.AircraftScheduledDepDateTime")
        date = departure.astimezone(zone).date()
        yield NamedFlight(designator[1], int(designator[2]), designator[3], date, origin, destination)


def _departure(text: str, field: str) -> datetime:
    """Without a zone it is UTC, as in Avinor's mapping."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ScanError(field, "A time is written as 2026-11-23T19:12:05Z.") from None
    if at.year not in YEARS:
        raise ScanError(field, "A time has a year of this century.")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _route(flights: Sequence[NamedFlight], airport: str) -> dict[str, Any]:
    """The flights as they stand to the airport: the last that ends there, the one that leaves, and those after it."""
    leaving = next((index for index, flight in enumerate(flights) if flight.origin == airport), None)
    before = flights[: leaving if leaving is not None else len(flights)]
    return {
        "outbound": flights[leaving] if leaving is not None else None,
        "inbound": next((flight for flight in reversed(before) if flight.destination == airport), None),
        "onward": tuple(flights[leaving + 1 :]) if leaving is not None else None,
    }


def _text(element: Element, path: str) -> str:
    return (element.findtext(path) or "").strip()
