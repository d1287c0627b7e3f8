"""Files as WorldTracer keeps them: what it is told of a file, and what it answers.

Words and rules are WorldTracer's. What holds personal data is left out of every ``repr``.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

# What is missing to close a file: reason for loss or fault station. The call succeeds and the file stays open.
NOT_CLOSED = 4065


class FileType(StrEnum):
    """WorldTracer's kinds of files: AHL, DPR, OHD and FWD. Damage and pilferage share one."""

    DELAYED = "DELAYED"
    DAMAGED = "DAMAGED"
    ON_HAND = "ON_HAND"
    FORWARDED = "FORWARDED"


class Tracing(StrEnum):
    """How far a file is compared with others, chosen when it is made."""

    FULL = "FULL"
    NONE = "NONE"
    SUSPENDED = "SUSPENDED"
    ONLINE_ONLY = "ONLINE_ONLY"


class TracedBagState(StrEnum):
    """Whether one bag of a file is being looked for."""

    TRACING = "TRACING"
    SUSPENDED = "SUSPENDED"


@dataclass(frozen=True, slots=True)
class TracedFlight:
    """A flight of the bag's or the passenger's itinerary.

    Args:
        carrier: its designator; ``YY`` where the flight is unknown.
        number: None where it is unknown.
        date: scheduled local departure.
        origin: its airport, ``""`` where unknown.
        destination: its airport, ``""`` where unknown.
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
        brand: as the passenger said it.
        contents: what is in it, one thing each.
        damage: what is damaged or missing, for a damage file.
    """

    tag: str | None
    colour_type: str = ""
    brand: str = ""
    contents: tuple[str, ...] = field(default=(), repr=False)
    damage: str = ""


@dataclass(frozen=True, slots=True)
class BaggageData:
    """What a new file says about its bags.

    Args:
        file_type: DELAYED, DAMAGED or ON_HAND.
        station: where the file is made, normally the passenger's destination.
        airline: the designator under which it is made.
        bags: in order; exactly one for ON_HAND.
        flights: the bags' itinerary.
        routing: the airports of the itinerary.
        storage_location: where an on-hand bag lies.
        remarks: free text.
        tracing: how far it is compared with others.
        recreated_from: the reference of the closed file that it takes the place of.
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
    """Whose bags they are; all empty for an on-hand bag whose owner is unknown. ``language`` is ``es``, ``en`` or
    ``pt``.
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
    """What changes in a file; None leaves it as it is. Bags and flights replace those that the file has."""

    bags: tuple[TracedBag, ...] | None = field(default=None, repr=False)
    flights: tuple[TracedFlight, ...] | None = None
    passenger: PassengerData | None = None
    storage_location: str | None = None
    remarks: str | None = field(default=None, repr=False)
    reason_for_loss: int | None = None
    fault_station: str | None = None


@dataclass(frozen=True, slots=True)
class Forwarding:
    """A bag that is flown again without its passenger, under a rush tag.

    Args:
        station: which sends it.
        airline: the designator under which the forward file is made.
        tag: the bag's own tag.
        rush_tag: the tag it flies under.
        flights: the flights it takes.
        colour_type: as in ``TracedBag``.
        surname: of its owner.
        reason_for_loss: that station knows best; None where it does not.
        fault_station: who caused it.
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
    """What the files looked for have in common: all that is given. At least one of the first three must be.

    Args:
        tag: ten digits.
        surname: of the passenger.
        our_key: the key that a file was made with.
        file_types: none means all.
        station: where they were made.
    """

    tag: str | None = None
    surname: str | None = field(default=None, repr=False)
    our_key: str | None = None
    file_types: tuple[FileType, ...] = ()
    station: str | None = None


@dataclass(frozen=True, slots=True)
class TracedFile:
    """A file as a search finds it. ``our_key`` is None where somebody else made it; ``created_at`` is in UTC."""

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
    """A found bag, to be compared with the open files; whatever is known of it."""

    tag: str | None = None
    surname: str = field(default="", repr=False)
    colour_type: str = ""
    brand: str = ""
    contents: tuple[str, ...] = field(default=(), repr=False)
    routing: tuple[str, ...] = ()
    flights: tuple[TracedFlight, ...] = ()


@dataclass(frozen=True, slots=True)
class TracingMatch:
    """A file that may be about the bag. An agent decides: a score alone is never an acceptance.

    Args:
        reference: the file.
        file_type: what it is.
        bag: the number of the bag in it, from 1.
        score: points earned of points possible, in percent; 100 is best.
        elements: the two-letter codes of what agrees (``TN``, ``NM``, ``CT`` ...).
    """

    reference: str
    file_type: FileType
    bag: int
    score: float
    elements: tuple[str, ...]
    mock: bool


@dataclass(frozen=True, slots=True)
class TracingStatus:
    """How a file stands at WorldTracer. ``bags`` are in the file's order."""

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
    """What WorldTracer adds to a success. Success alone does not mean that all was done: see ``NOT_CLOSED``."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class TracingResult:
    """A call that WorldTracer took.

    Args:
        reference: of the file made or changed; of the new forward file where one was made.
        warnings: what was missing.
        mock: a stand-in answered, no station will see it.
    """

    reference: str
    warnings: tuple[TracingWarning, ...]
    mock: bool

    @property
    def incomplete(self) -> bool:
        """Whether the file stays open because reason for loss or fault station is missing."""
        return any(warning.code == NOT_CLOSED for warning in self.warnings)
