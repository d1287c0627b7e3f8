"""Input of ``recordScans``."""

from datetime import date, datetime

import strawberry

from integrations.records.codes import PARTY
from integrations.records.events import EventKind, FlightKey, Scan, ScanMethod
from resolvers.errors import BadInput
from resolvers.flights import parse_designator
from schema.fields.commands import CommandInput
from schema.inputs.common import airport_code, check_pattern, check_place, written_tag

MAX_SCANS = 500
_FIRST_YEAR = 2000


@strawberry.input(description="A flight as a scanner or a message names it.")
class FlightKeyInput:
    """A flight by designator, date and origin."""

    designator: str = strawberry.field(description="Carrier and number, padded or not: CM758, CM0758.")
    departure_date: date = strawberry.field(description="Scheduled local departure date at the flight's own origin.")
    origin: str | None = strawberry.field(
        default=None, description="IATA code of the airport of departure; the scan's own airport if absent."
    )

    def key(self, airport: str, field: str) -> FlightKey:
        """Returns the flight's key.

        Args:
            airport: origin of a flight that names none.
            field: path of this input, for the error.

        Raises:
            BadInput: the designator or the origin is not one.
        """
        designator = parse_designator(self.designator)
        if designator is None:
            raise BadInput(f"{field}.designator", f"{field}.designator must be carrier and number: CM758")
        origin = airport if self.origin is None else airport_code(self.origin, f"{field}.origin")
        return FlightKey(designator.carrier, designator.number, designator.suffix, self.departure_date, origin)


@strawberry.input(description="One scan of one bag.")
class ScanInput:
    """Part of ``recordScans``."""

    tag: str = strawberry.field(
        description="Ten digits; nine if a leading zero was lost. 0000000000 if the tag was unreadable."
    )
    kind: EventKind = strawberry.field(description="What happened to the bag.")
    at: datetime = strawberry.field(description="When it happened.")
    airport: str = strawberry.field(description="IATA code of the station.")
    place: str = strawberry.field(default="", description="Belt, sorter, cart, stand or desk; at most 40 characters.")
    flight: FlightKeyInput | None = strawberry.field(default=None, description="The flight that it concerns, if any.")
    released_by: str | None = strawberry.field(default=None, description="Code of the party that held the bag before.")
    custodian: str | None = strawberry.field(default=None, description="Code of the party that holds it afterwards.")
    method: ScanMethod = strawberry.field(default=ScanMethod.LASER, description="How it was captured.")
    device: str = strawberry.field(default="", description="Scanner or desk; at most 40 characters.")

    def scan(self, field: str) -> Scan:
        """Returns the scan.

        Args:
            field: path of this input, for the error.

        Raises:
            BadInput: a part of it cannot be used.
        """
        airport = airport_code(self.airport, f"{field}.airport")
        if self.at.year < _FIRST_YEAR:
            raise BadInput(f"{field}.at", f"{field}.at must be in the year {_FIRST_YEAR} or later")
        check_place(self.place, f"{field}.place")
        check_place(self.device, f"{field}.device")
        for name, party in (("releasedBy", self.released_by), ("custodian", self.custodian)):
            check_pattern(party, PARTY, f"{field}.{name}", "1 to 16 capital letters, digits, hyphens and underscores")
        return Scan(
            tag=_number(self.tag, f"{field}.tag"),
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


def _number(text: str, field: str) -> str:
    numbers = written_tag(text, field).numbers
    if len(numbers) != 1:
        raise BadInput(field, f"{field} must be one tag with all its ten digits: 0230456781")
    return numbers[0]


@strawberry.input(description="Scans to record.")
class RecordScansInput(CommandInput):
    """Input of ``recordScans``."""

    scans: list[ScanInput] = strawberry.field(description=f"The scans in any order, 1 to {MAX_SCANS}.")

    def arguments(self) -> tuple[list[Scan | BadInput]]:
        """Returns the scans, in order, with the error of each one that cannot be used.

        Raises:
            BadInput: too few or too many scans.
        """
        if not 1 <= len(self.scans) <= MAX_SCANS:
            raise BadInput("scans", f"scans must hold 1 to {MAX_SCANS} scans, not {len(self.scans)}")
        return ([_scan_or_error(one, f"scans[{index}]") for index, one in enumerate(self.scans)],)


def _scan_or_error(one: ScanInput, field: str) -> Scan | BadInput:
    try:
        return one.scan(field)
    except BadInput as error:
        return error
