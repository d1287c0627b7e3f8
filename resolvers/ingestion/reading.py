"""Reading of input: pieces of text are parsed into messages with their instructions, scans and flights."""

import hashlib
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from integrations.messages import baggage_xml, typeb_reader
from integrations.messages import scans as json_scans
from integrations.messages.scans import ScanError
from integrations.messages.split_input import InputPiece, PieceKind
from integrations.messages.typeb import TypeBError, TypeBMessage, parse
from integrations.messages.typeb_reader import MessageContent
from integrations.records.events import FlightKey
from integrations.records.instructions import MessageKind
from resolvers.context import Context
from resolvers.ingestion.events import CLOCK_TOLERANCE

# A flight may leave late, and its date is local; a close-out further from the date belongs to another flight.
CLOSED_WITHIN = timedelta(days=3)
OTHER = "OTHER"

_CODES_IN_XML = re.compile(r">\s*([A-Z]{3})\s*<")


@dataclass(frozen=True, slots=True)
class ParsedPiece:
    """A piece of input with its kind: a message with its reading, an unreadable message with its fault, or other text.

    Args:
        id: derived from the airline and the content.
        fault: where and why the piece cannot be read.
        unknown_airports: codes that the reading names and the reference data do not have; kept as written
            (``docs/DOMAIN.md#rule-13``).
    """

    id: UUID
    piece: InputPiece
    kind: str = OTHER
    message: TypeBMessage | None = None
    reading: MessageContent | None = None
    fault: TypeBError | None = None
    unknown_airports: tuple[str, ...] = ()

    @property
    def stations(self) -> Sequence[str]:
        """IATA codes of airports whose time zone the reading may need."""
        if self.kind == MessageKind.XML:
            return _CODES_IN_XML.findall(self.piece.text)
        return [self.message.airport] if self.message else []

    def failed(self, line: int, column: int, reason: str) -> "ParsedPiece":
        """The same piece with a fault."""
        return ParsedPiece(self.id, self.piece, self.kind, fault=TypeBError(line, column, reason))


async def check_messages(context: Context, pieces: Sequence[InputPiece], received_at: datetime) -> list[UUID]:
    """Checks that all pieces can be read; returns the ids of the messages among them.

    Raises:
        TypeBError: the fault of the first piece that cannot be read.
    """
    parsed = await read_all(context, pieces, received_at)
    readings = [one.reading for one in parsed if one.reading]
    flight_ids = {flight.key: 0 for reading in readings for flight in reading.flights if flight.destination}
    for one in parsed:
        if fault := with_known_flights(one, flight_ids).fault:
            raise fault
    return [one.id for one in parsed if one.reading is not None]


async def read_all(context: Context, pieces: Sequence[InputPiece], received_at: datetime) -> list[ParsedPiece]:
    """Parses pieces of input and reads their instructions, scans and flights; a constant number of statements."""
    parsed = [_parse_piece(context.airline_id, piece) for piece in pieces]
    records, reference = context.stores.postgres, context.stores.reference
    stations = await reference.airports(records, sorted({code for one in parsed for code in one.stations}))
    zones = {code: ZoneInfo(airport.time_zone) for code, airport in stations.items()}
    read = [_read_piece(one, zones, received_at) for one in parsed]
    named = {code for one in read if one.reading for code in _airports(one.reading)}
    airports = await reference.airports(records, sorted(named))
    unknown = named - airports.keys()
    return [_with_unknown_airports(one, unknown) for one in read] if unknown else read


def _parse_piece(airline_id: int, piece: InputPiece) -> ParsedPiece:
    digest = hashlib.sha256(f"{airline_id}\x1f".encode() + piece.digest).digest()
    one = ParsedPiece(UUID(bytes=digest[:16]), piece)
    if piece.kind == PieceKind.BROKEN:
        return one.failed(piece.error_line, piece.column, piece.reason)
    if piece.kind == PieceKind.OTHER:
        return one
    if piece.text.startswith("{"):
        return replace(one, kind=MessageKind.SCAN)
    if piece.text.startswith("<"):
        return replace(one, kind=MessageKind.XML)
    try:
        message = parse(piece.text)
    except TypeBError as fault:
        return replace(one, fault=fault)
    return replace(one, kind=message.kind, message=message)


def _read_piece(one: ParsedPiece, zones: Mapping[str, ZoneInfo], received_at: datetime) -> ParsedPiece:
    if one.fault is not None or one.kind == OTHER:
        return one
    try:
        if one.kind == MessageKind.SCAN:
            reading = MessageContent(scans=(json_scans.read(one.piece.text),))
        elif one.kind == MessageKind.XML:
            reading = baggage_xml.read(one.piece.text.encode(), zones.get)
        else:
            assert one.message is not None
            reading = typeb_reader.read(one.message, received_at, zones.get)
    except TypeBError as fault:
        return replace(one, fault=fault)
    except ScanError as fault:
        return one.failed(1, 1, str(fault))
    if any(scan.at > received_at + CLOCK_TOLERANCE for scan in reading.scans):
        minutes = CLOCK_TOLERANCE // timedelta(minutes=1)
        return one.failed(1, 1, f"The time of a scan must be at most {minutes} minutes after receipt: check the clock.")
    closed, sent_at = reading.flight_closed, reading.sent_at
    if closed and sent_at and abs((sent_at.date() - closed.departure_date).days) > CLOSED_WITHIN.days:
        return one.failed(1, 1, f"A close-out must be within {CLOSED_WITHIN.days} days of the flight's date.")
    return replace(one, reading=reading)


def _with_unknown_airports(one: ParsedPiece, unknown: Set[str]) -> ParsedPiece:
    named = _airports(one.reading) & unknown if one.reading else frozenset()
    return replace(one, unknown_airports=tuple(sorted(named))) if named else one


def with_known_flights(one: ParsedPiece, flight_ids: Mapping[FlightKey, int]) -> ParsedPiece:
    """The piece, with a fault if it names an unknown flight without a destination, which cannot be created.

    Args:
        flight_ids: the flights that are known or can be created.
    """
    if one.fault is not None or one.reading is None:
        return one
    named = {scan.flight for scan in one.reading.scans if scan.flight} | {flight.key for flight in one.reading.flights}
    unknown = sorted((key for key in named if key not in flight_ids), key=str)
    if not unknown:
        return one
    key = unknown[0]
    name = f"{key.carrier}{key.number}{key.suffix} of {key.departure_date} from {key.origin}"
    return one.failed(1, 1, f"The flight {name} is unknown, and the message does not name its destination.")


def _airports(reading: MessageContent) -> set[str]:
    named = {code for flight in reading.flights for code in (flight.origin, flight.destination) if code}
    return named | {scan.airport for scan in reading.scans} | {one.airport for one in reading.instructions}
