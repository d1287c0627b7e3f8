"""WorldTracer files: the data of requests about a file, and of the responses.

Terms and rules are WorldTracer's. Fields with personal data are left out of every ``repr``.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

# Code of the warning that reason for loss or fault station is missing: the call succeeds, and the file stays open.
NOT_CLOSED = 4065


class FileType(StrEnum):
    """WorldTracer's types of files: AHL, DPR, OHD and FWD. Damage and pilferage share one."""

    DELAYED = "DELAYED"
    DAMAGED = "DAMAGED"
    ON_HAND = "ON_HAND"
    FORWARDED = "FORWARDED"


class Tracing(StrEnum):
    """Extent to which a file is compared with others, chosen when it is created."""

    FULL = "FULL"
    NONE = "NONE"
    SUSPENDED = "SUSPENDED"
    ONLINE_ONLY = "ONLINE_ONLY"


class TracedBagState(StrEnum):
    """Whether one bag of a file is being traced."""

    TRACING = "TRACING"
    SUSPENDED = "SUSPENDED"


@dataclass(frozen=True, slots=True)
class TracedFlight:
    """A flight of the bag's or the passenger's itinerary.

    Args:
        carrier: designator of the carrier; ``YY`` where the flight is unknown.
        number: flight number, None where it is unknown.
        date: scheduled local date of departure.
        origin: IATA code, ``""`` where unknown.
        destination: IATA code, ``""`` where unknown.
    """

    carrier: str
    number: int | None
    date: date
    origin: str = ""
    destination: str = ""


@dataclass(frozen=True, slots=True)
class TracedBag:
    """One bag of a file.

    Args:
        tag: ten digits, None where it is unknown.
        colour_type: colour, type and descriptor (Resolution 743b), ``BK22RHW``; ``""`` where unknown.
        brand: brand, as the passenger named it.
        contents: contents, one thing each.
        damage: damage or missing contents, for a damage file.
    """

    tag: str | None
    colour_type: str = ""
    brand: str = ""
    contents: tuple[str, ...] = field(default=(), repr=False)
    damage: str = ""


@dataclass(frozen=True, slots=True)
class BaggageData:
    """Data of a new file about its bags.

    Args:
        file_type: DELAYED, DAMAGED or ON_HAND.
        station: station that creates the file, normally the passenger's destination.
        airline: designator of the airline of the file.
        bags: the bags, in order; exactly one for ON_HAND.
        flights: the bags' itinerary.
        routing: IATA codes of the itinerary's airports.
        storage_location: location of an on-hand bag.
        remarks: free text.
        tracing: extent of the comparison with other files.
        recreated_from: reference of the closed file that this one replaces.
    """

    file_type: FileType
    station: str
    airline: str
    bags: tuple[TracedBag, ...]
    flights: tuple[TracedFlight, ...] = ()
    routing: tuple[str, ...] = ()
    storage_location: str = ""
    remarks: str = field(default="", repr=False)
    tracing: Tracing = Tracing.FULL
    recreated_from: str | None = None


@dataclass(frozen=True, slots=True)
class PassengerData:
    """Passenger of a file; all fields are empty for an on-hand bag without a known passenger.

    Args:
        language: ``es``, ``en`` or ``pt``.
    """

    surname: str = field(default="", repr=False)
    given_names: str = field(default="", repr=False)
    title: str = field(default="", repr=False)
    locator: str = field(default="", repr=False)
    ticket: str = field(default="", repr=False)
    frequent_flyer: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    permanent_address: str = field(default="", repr=False)
    temporary_address: str = field(default="", repr=False)
    language: str = ""


@dataclass(frozen=True, slots=True)
class FileUpdates:
    """Changes of a file; None leaves a value unchanged. Bags and flights replace those of the file."""

    bags: tuple[TracedBag, ...] | None = field(default=None, repr=False)
    flights: tuple[TracedFlight, ...] | None = None
    passenger: PassengerData | None = None
    storage_location: str | None = None
    remarks: str | None = field(default=None, repr=False)
    reason_for_loss: int | None = None
    fault_station: str | None = None


@dataclass(frozen=True, slots=True)
class Forwarding:
    """A bag that is re-flown without its passenger, under a rush tag.

    Args:
        station: station that sends the bag.
        airline: designator of the airline of the forward file.
        tag: the bag's original tag.
        rush_tag: the tag of the new flights.
        flights: the new flights.
        colour_type: colour, type and descriptor, as in ``TracedBag``.
        surname: surname of the passenger.
        reason_for_loss: code of the reason, None where the station does not know it.
        fault_station: IATA code of the station that caused the loss.
    """

    station: str
    airline: str
    tag: str | None
    rush_tag: str | None
    flights: tuple[TracedFlight, ...]
    colour_type: str = ""
    surname: str = field(default="", repr=False)
    reason_for_loss: int | None = None
    fault_station: str | None = None


@dataclass(frozen=True, slots=True)
class SearchCriteria:
    """Conditions of a search, all of which a file must meet. One of the first three at least must be set.

    Args:
        tag: ten digits.
        surname: surname of the passenger.
        our_key: key that the file was created with.
        file_types: types of files; empty for all.
        station: station that created the file.
    """

    tag: str | None = None
    surname: str | None = field(default=None, repr=False)
    our_key: str | None = None
    file_types: tuple[FileType, ...] = ()
    station: str | None = None


@dataclass(frozen=True, slots=True)
class TracedFile:
    """A file as a search finds it. ``our_key`` is None if another system created it; ``created_at`` is in UTC."""

    reference: str
    file_type: FileType
    closed: bool
    tags: tuple[str, ...]
    surname: str = field(repr=False)
    our_key: str | None
    created_at: datetime
    mock: bool


@dataclass(frozen=True, slots=True)
class BagDescription:
    """Known values of a found bag, for the comparison with open files."""

    tag: str | None = None
    surname: str = field(default="", repr=False)
    colour_type: str = ""
    brand: str = ""
    contents: tuple[str, ...] = field(default=(), repr=False)
    routing: tuple[str, ...] = ()
    flights: tuple[TracedFlight, ...] = ()


@dataclass(frozen=True, slots=True)
class TracingMatch:
    """A file that may be about the bag. An agent decides; a score alone is never an acceptance.

    Args:
        reference: reference of the file.
        file_type: type of the file.
        bag: ordinal of the bag in the file, from 1.
        score: points earned of points possible, in percent; 100 is best.
        elements: two-letter codes of the elements that agree (``TN``, ``NM``, ``CT`` ...).
    """

    reference: str
    file_type: FileType
    bag: int
    score: float
    elements: tuple[str, ...]
    mock: bool


@dataclass(frozen=True, slots=True)
class TracingStatus:
    """Status of a file at WorldTracer. ``bags`` are in the file's order."""

    reference: str
    file_type: FileType
    closed: bool
    bags: tuple[TracedBagState, ...]
    reason_for_loss: int | None
    fault_station: str | None
    recreated_from: str | None
    mock: bool


@dataclass(frozen=True, slots=True)
class TracingWarning:
    """Warning that WorldTracer adds to a success. Success alone does not mean that all was done, see ``NOT_CLOSED``."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class TracingResult:
    """Response to a call that WorldTracer accepted.

    Args:
        reference: reference of the file that was created or changed, or of the new forward file.
        warnings: warnings about missing data.
        mock: whether a mock accepted the call, so that no station sees it.
    """

    reference: str
    warnings: tuple[TracingWarning, ...]
    mock: bool

    @property
    def incomplete(self) -> bool:
        """Whether the file stays open because reason for loss or fault station is missing."""
        return any(warning.code == NOT_CLOSED for warning in self.warnings)
