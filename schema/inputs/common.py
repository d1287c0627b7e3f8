"""What mutations take, and how it becomes the product's own values."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from enum import Enum

import strawberry

from integrations.records.codes import AIRPORT, NO_AIRPORT, NO_DESIGNATOR, NO_PARTY, NO_PLACE, PARTY, PLACE
from integrations.records.events import EventKind, FlightKey, Scan, ScanMethod
from integrations.records.flights import FlightStatus
from integrations.records.tags import InvalidTagError, parse_tag
from resolvers.errors import BadInput
from resolvers.flights import parse_designator
from resolvers.ingestion.flight_updates import FlightChange

MOST_SCANS = 500
_FIRST_YEAR = 2000
MOST_TEXT = 4_000
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def values(members: Sequence[Enum] | None) -> list[str] | None:
    """The values of enum members, None where no list was given."""
    return None if members is None else [member.value for member in members]


def airport_code(text: str, field: str) -> str:
    """An IATA code as it is stored.

    Raises:
        BadInput: it cannot be one.
    """
    code = text.strip().upper()
    if not AIRPORT.fullmatch(code):
        raise BadInput(field, NO_AIRPORT)
    return code


def optional_airport_code(text: str | None, field: str) -> str | None:
    """As ``airport_code``; None stays None."""
    return None if text is None else airport_code(text, field)


def free_text(text: str | None, field: str, most: int = MOST_TEXT) -> str | None:
    """Text that people wrote, line ends included; None stays None.

    Raises:
        BadInput: too long, or with signs that are no text: control characters, halves of surrogate pairs.
    """
    if text is None:
        return None
    if len(text) > most:
        raise BadInput(field, f"At most {most} characters; these are {len(text)}.")
    if _NO_TEXT.search(text):
        raise BadInput(field, "Only text: no control characters, no halves of surrogate pairs.")
    return text


@strawberry.input(description="A flight as a scanner or a message names it.")
class FlightKeyInput:
    """A flight by designator, date and origin."""

    designator: str = strawberry.field(description="Carrier and number, padded or not: CM758, CM0758.")
    departure_date: date = strawberry.field(description="Scheduled local departure date at the flight's own origin.")
    origin: str | None = strawberry.field(
        default=None, description="IATA code of the airport it leaves from; the scan's own airport if absent."
    )

    def key(self, airport: str, field: str) -> FlightKey:
        """The flight's identity.

        Raises:
            BadInput: no designator, or no airport.
        """
        designator = parse_designator(self.designator)
        if designator is None:
            raise BadInput(f"{field}.designator", NO_DESIGNATOR)
        origin = airport if self.origin is None else airport_code(self.origin, f"{field}.origin")
        return FlightKey(designator.carrier, designator.number, designator.suffix, self.departure_date, origin)


@strawberry.input(description="One scan of one bag.")
class ScanInput:
    """A scan as it reaches the product."""

    tag: str = strawberry.field(description="Ten digits; nine where a leading zero was lost. 0000000000: unreadable.")
    kind: EventKind = strawberry.field(description="What it says.")
    at: datetime = strawberry.field(description="When it happened.")
    airport: str = strawberry.field(description="IATA code of the station.")
    place: str = strawberry.field(default="", description="Belt, sorter, cart, stand or desk; at most 40 characters.")
    flight: FlightKeyInput | None = strawberry.field(default=None, description="The flight it concerns, if any.")
    released_by: str | None = strawberry.field(default=None, description="Code of the party that had the bag before.")
    custodian: str | None = strawberry.field(default=None, description="Code of the party that has it from then on.")
    method: ScanMethod = strawberry.field(default=ScanMethod.LASER, description="How it was captured.")
    device: str = strawberry.field(default="", description="Scanner or desk; at most 40 characters.")

    def scan(self, field: str) -> Scan:
        """The scan as the product records it.

        Raises:
            BadInput: a part of it cannot be used; names the part.
        """
        airport = airport_code(self.airport, f"{field}.airport")
        if self.at.year < _FIRST_YEAR:
            raise BadInput(f"{field}.at", f"A scan is of the year {_FIRST_YEAR} or later.")
        for name, text in (("place", self.place), ("device", self.device)):
            if not PLACE.fullmatch(text):
                raise BadInput(f"{field}.{name}", NO_PLACE)
        for name, party in (("releasedBy", self.released_by), ("custodian", self.custodian)):
            if party is not None and not PARTY.fullmatch(party):
                raise BadInput(f"{field}.{name}", NO_PARTY)
        return Scan(
            tag=_one_tag(self.tag, f"{field}.tag"),
            kind=self.kind,
            at=self.at,
            airport=airport,
            place=self.place,
            flight=self.flight.key(airport, f"{field}.flight") if self.flight else None,
            released_by=self.released_by,
            custodian=self.custodian,
            method=self.method,
            device=self.device,
        )


def _one_tag(text: str, field: str) -> str:
    try:
        query = parse_tag(text)
    except InvalidTagError as error:
        raise BadInput(field, str(error)) from error
    if len(query.numbers) != 1:
        raise BadInput(field, "A scan is of one tag and needs all its digits: 0230456781.")
    return query.numbers[0]


@strawberry.input(description="Scans to record.")
class RecordScansInput:
    """Input of ``recordScans``."""

    scans: list[ScanInput] = strawberry.field(description=f"The scans in any order, 1 to {MOST_SCANS}.")
    client_mutation_id: str | None = strawberry.field(default=None, description="Given back as it is.")


@strawberry.input(description="New times, status or gate of a flight. What is absent or null stays as it is.")
class UpdateFlightInput:
    """Input of ``updateFlight``."""

    flight_id: strawberry.ID = strawberry.field(description="The flight's global id.")
    estimated_departure: datetime | None = strawberry.field(default=None, description="Expected off-block time.")
    estimated_arrival: datetime | None = strawberry.field(default=None, description="Expected on-block time.")
    actual_departure: datetime | None = strawberry.field(
        default=None, description="Off-block time: bags loaded on it are in flight from then on."
    )
    actual_arrival: datetime | None = strawberry.field(default=None, description="On-block time.")
    status: FlightStatus | None = strawberry.field(
        default=None, description="Where it stands; if absent, actual times say it."
    )
    gate: str | None = strawberry.field(default=None, description="Gate or stand of departure, at most 40 characters.")
    client_mutation_id: str | None = strawberry.field(default=None, description="Given back as it is.")

    def change(self) -> FlightChange:
        """The change as the product makes it.

        Raises:
            BadInput: the gate is no printable text.
        """
        if self.gate is not None and not PLACE.fullmatch(self.gate):
            raise BadInput("gate", NO_PLACE)
        return FlightChange(
            self.estimated_departure,
            self.estimated_arrival,
            self.actual_departure,
            self.actual_arrival,
            self.status,
            self.gate,
        )
