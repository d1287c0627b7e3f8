"""Reading of input: pieces of text are parsed into messages with their instructions, scans and flights."""

import asyncio
import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from integrations.messages import baggage_xml, typeb_reader
from integrations.messages import scans as json_scans
from integrations.messages.scans import ScanError
from integrations.messages.split_input import InputPiece, PieceKind, identity
from integrations.messages.typeb import TypeBError, TypeBMessage, parse
from integrations.messages.typeb_reader import MessageContent
from integrations.records.digests import digest_id
from integrations.records.events import FlightKey
from integrations.records.instructions import MessageKind
from integrations.tracebacks import place_of
from resolvers.context import Context
from resolvers.errors import BadInput
from resolvers.ingestion.events import CLOCK_TOLERANCE

logger = logging.getLogger(__name__)

# A flight may leave late, and its date is local; a close-out further from the date belongs to another flight.
CLOSED_WITHIN = timedelta(days=3)
OTHER = "OTHER"
# Messages of the year 2000 are no longer sent; an earlier receipt is a wrong clock.
FIRST_RECEIPT = datetime(2000, 1, 1, tzinfo=UTC)
_CLOCK_TOLERANCE_MINUTES = CLOCK_TOLERANCE // timedelta(minutes=1)
# Reason of a dead letter that an error of the product made.
INTERNAL_ERROR = "The message could not be processed because of an internal error."
# Pieces that are read without a pause for other tasks: about a millisecond.
_SLICE = 32

PieceT = TypeVar("PieceT")

_CODES_IN_XML = re.compile(r">\s*([A-Z]{3})\s*<")


@dataclass(frozen=True, slots=True)
class ParsedPiece:
    """A piece of input with its kind: a message with its reading, an unreadable message with its fault, or other text.

    Args:
        id: derived from the airline and the content.
        fault: where and why the piece cannot be read.
        unknown_airports: codes that the reading names and the reference data do not have; kept as written
            (``docs/DOMAIN.md#rule-13``).
        groups: the passenger groups of the message as messages of their own, where one may name an unknown flight.
    """

    id: UUID
    piece: InputPiece
    kind: str = OTHER
    message: TypeBMessage | None = None
    reading: MessageContent | None = None
    fault: TypeBError | None = None
    unknown_airports: tuple[str, ...] = ()
    groups: Sequence["ParsedPiece"] = ()

    @property
    def stations(self) -> Sequence[str]:
        """IATA codes of airports whose time zone the reading may need."""
        if self.kind == MessageKind.XML:
            return _CODES_IN_XML.findall(self.piece.text)
        return [self.message.airport] if self.message else []

    @property
    def may_count_again(self) -> bool:
        """Whether a repeat may take effect: it has instructions and no origin line (``docs/DOMAIN.md#rule-3``)."""
        reading = self.reading
        return reading is not None and reading.sent_at is None and bool(reading.instructions)

    def failed(self, line: int, column: int, reason: str) -> "ParsedPiece":
        """The same piece with a fault."""
        return ParsedPiece(self.id, self.piece, self.kind, fault=TypeBError(line, column, reason))


def receipt_time(given: datetime | None, now: datetime) -> datetime:
    """The time of receipt, in UTC: as given, or now (``docs/DOMAIN.md#rule-1``).

    Args:
        given: with a zone.

    Raises:
        BadInput: the time is after now, by more than clocks differ, or before the year 2000.
    """
    if given is None:
        return now
    if not FIRST_RECEIPT <= given <= now + CLOCK_TOLERANCE:
        latest = f"{_CLOCK_TOLERANCE_MINUTES} minutes after now"
        raise BadInput("receivedAt", f"receivedAt must be from the year {FIRST_RECEIPT.year} to {latest}")
    return given.astimezone(UTC)


async def check_messages(context: Context, pieces: Sequence[InputPiece], received_at: datetime) -> list[UUID]:
    """Checks that all pieces can be read; returns the ids of the messages among them.

    Raises:
        TypeBError: the fault of the first piece that cannot be read.
    """
    parsed = await read_all(context, pieces, received_at)
    readings = [one.reading for one in parsed if one.reading]
    flight_ids = {flight.key: 0 for reading in readings for flight in reading.flights if flight.destination}
    for one in parsed:
        for piece in with_known_flights(one, flight_ids):
            if piece.fault is not None:
                raise piece.fault
    return [one.id for one in parsed if one.reading is not None]


async def read_all(context: Context, pieces: Sequence[InputPiece], received_at: datetime) -> list[ParsedPiece]:
    """Parses pieces of input and reads their instructions, scans and flights; a constant number of statements.

    Returns:
        The pieces in order. A message of which a group cannot be read is there as several, one for each of its groups.
    """
    airline_id = context.airline_id
    parsed = await _each(lambda piece: (_parse_piece(airline_id, piece),), pieces)
    records, reference = context.stores.postgres, context.stores.reference
    stations = await reference.airports(records, sorted({code for one in parsed for code in one.stations}))
    zones = {code: ZoneInfo(airport.time_zone) for code, airport in stations.items()}
    read = await _each(lambda one: _read_with_groups(airline_id, one, zones, received_at), parsed)
    named = {code for one in read if one.reading for code in _airports(one.reading)}
    airports = await reference.airports(records, sorted(named))
    unknown = named - airports.keys()
    return [_with_unknown_airports(one, unknown) for one in read] if unknown else read


async def _each(read: Callable[[PieceT], Sequence[ParsedPiece]], pieces: Iterable[PieceT]) -> list[ParsedPiece]:
    """Reads pieces one by one; other tasks run after each ``_SLICE`` of them."""
    done = list[ParsedPiece]()
    for count, piece in enumerate(pieces, start=1):
        done += read(piece)
        if count % _SLICE == 0:
            await asyncio.sleep(0)
    return done


def _parse_piece(airline_id: int, piece: InputPiece) -> ParsedPiece:
    digest = hashlib.sha256(b"%d\x1f%b" % (airline_id, piece.digest)).digest()
    piece_id = digest_id(digest)
    try:
        return _parsed(piece_id, piece)
    except TypeBError as fault:
        return ParsedPiece(piece_id, piece, fault=fault)
    except Exception as error:  # noqa: BLE001 # a message that fails must not keep the others out
        logger.warning("a message failed: %s", place_of(error))
        return ParsedPiece(piece_id, piece, fault=TypeBError(1, 1, INTERNAL_ERROR))


def _parsed(piece_id: UUID, piece: InputPiece) -> ParsedPiece:
    if piece.kind == PieceKind.BROKEN:
        return ParsedPiece(piece_id, piece, fault=TypeBError(piece.error_line, piece.column, piece.reason))
    if piece.kind == PieceKind.OTHER:
        return ParsedPiece(piece_id, piece)
    if piece.text.startswith("{"):
        return ParsedPiece(piece_id, piece, MessageKind.SCAN)
    if piece.text.startswith("<"):
        return ParsedPiece(piece_id, piece, MessageKind.XML)
    message = parse(piece.text)
    return ParsedPiece(piece_id, piece, message.kind, message)


def _read_with_groups(
    airline_id: int, one: ParsedPiece, zones: Mapping[str, ZoneInfo], received_at: datetime
) -> Sequence[ParsedPiece]:
    """Reads a piece. Where a group or an XML bag cannot be read, or may not be stored, each one is read by itself.

    So a fault costs only its group (``docs/DOMAIN.md#rule-13``): the dead letter has this group alone, and a corrected
    one applies nothing twice.
    """
    whole = _read_piece(one, zones, received_at)
    may_fail_later = whole.reading is not None and "" in [flight.destination for flight in whole.reading.flights]
    if whole.fault is None and not may_fail_later:
        return (whole,)
    try:
        if one.message is not None:
            texts = typeb_reader.divided(one.message, one.piece.text)
        elif one.kind == MessageKind.XML:
            texts = baggage_xml.divided(one.piece.text.encode(), "utf-8")
        else:
            return [whole]
    except (TypeBError, ScanError):
        return [whole]
    parsed = [_parse_piece(airline_id, _group_piece(one.piece, text)) for text in texts]
    groups = [_read_piece(group, zones, received_at) for group in parsed]
    if whole.fault is None:
        return [replace(whole, groups=groups)]
    return groups if any(group.fault is None for group in groups) else [whole]


def _group_piece(piece: InputPiece, text: str) -> InputPiece:
    digest = hashlib.sha256(text.encode()).digest() if text.startswith("<") else identity(text)
    return InputPiece(PieceKind.MESSAGE, text, piece.line, digest, len(text), text_id=piece.text_id)


def _read_piece(one: ParsedPiece, zones: Mapping[str, ZoneInfo], received_at: datetime) -> ParsedPiece:
    if one.fault is not None or one.kind == OTHER:
        return one
    try:
        if one.kind == MessageKind.SCAN:
            reading = MessageContent(scans=(json_scans.read(one.piece.text),))
        elif one.kind == MessageKind.XML:
            reading = baggage_xml.read(one.piece.text.encode(), zones.get, "utf-8")
        else:
            assert one.message is not None
            reading = typeb_reader.read(one.message, received_at, zones.get)
    except TypeBError as fault:
        return replace(one, fault=fault)
    except ScanError as fault:
        return one.failed(1, 1, str(fault))
    except Exception as error:  # noqa: BLE001 # a message that fails must not keep the others out
        logger.warning("a message failed: %s", place_of(error))
        return one.failed(1, 1, INTERNAL_ERROR)
    if future := _future_time(one.message, reading, received_at + CLOCK_TOLERANCE):
        return replace(one, fault=future)
    closed, sent_at = reading.flight_closed, reading.sent_at
    if closed and sent_at and abs((sent_at.date() - closed.key.departure_date).days) > CLOSED_WITHIN.days:
        return one.failed(1, 1, f"A close-out must be within {CLOSED_WITHIN.days} days of the flight's date.")
    return ParsedPiece(one.id, one.piece, one.kind, one.message, reading)


def _future_time(message: TypeBMessage | None, reading: MessageContent, latest: datetime) -> TypeBError | None:
    """The fault of a message with a time after ``latest`` that its content depends on (``docs/DOMAIN.md#rule-1``)."""
    sent_at, minutes = reading.sent_at, _CLOCK_TOLERANCE_MINUTES
    if sent_at is not None and sent_at > latest and message is not None and _depends_on_origin(reading):
        reason = f"The time of the origin line must be at most {minutes} minutes after receipt: check the clock."
        return TypeBError(len(message.addresses) + 1, 1, reason)
    for scan in reading.scans:
        if scan.at > latest:
            reason = f"The time of a scan must be at most {minutes} minutes after receipt: check the clock."
            return TypeBError(1, 1, reason)
    return None


def _depends_on_origin(reading: MessageContent) -> bool:
    return bool(
        reading.instructions or reading.flight_closed or any(scan.at == reading.sent_at for scan in reading.scans)
    )


def _with_unknown_airports(one: ParsedPiece, unknown: Set[str]) -> ParsedPiece:
    named = _airports(one.reading) & unknown if one.reading else frozenset()
    if not named:
        return one
    groups = [_with_unknown_airports(group, unknown) for group in one.groups]
    return replace(one, unknown_airports=tuple(sorted(named)), groups=groups)


def with_known_flights(one: ParsedPiece, flight_ids: Mapping[FlightKey, int]) -> Sequence[ParsedPiece]:
    """The piece, with a fault if it names an unknown flight without a destination, which cannot be created.

    Args:
        flight_ids: the flights that are known or can be created.

    Returns:
        The piece; its groups if only some of them have the fault.
    """
    whole = _with_known_flights(one, flight_ids)
    groups = [_with_known_flights(group, flight_ids) for group in one.groups] if whole.fault is not None else []
    return groups if any(group.fault is None for group in groups) else [whole]


def _with_known_flights(one: ParsedPiece, flight_ids: Mapping[FlightKey, int]) -> ParsedPiece:
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
    named = {code for flight in reading.flights for code in (flight.key.origin, flight.destination) if code}
    return named | {scan.airport for scan in reading.scans} | {one.airport for one in reading.instructions}
