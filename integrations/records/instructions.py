"""Instructions of messages about a bag: its passenger, its itinerary, and its authority to load.

An event says what happened; an instruction says what is planned. The instructions of one tag take effect in order of
their time (docs/DOMAIN.md#rule-4), and a change replaces single elements (docs/DOMAIN.md#rule-6).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from integrations.records.events import FlightKey

# How long before a bag's first flight an event of unknown time is dated: no scan of the bag is earlier.
_BEFORE_ANY_SCAN = timedelta(days=3)


class MessageKind(StrEnum):
    """Identifier of an RP1745 message, or one of the two other forms of the same content: a scan or baggage XML."""

    BSM = "BSM"
    BPM = "BPM"
    BUM = "BUM"
    BTM = "BTM"
    BNS = "BNS"
    BCM = "BCM"
    BMM = "BMM"
    BRQ = "BRQ"
    SCAN = "SCAN"
    XML = "XML"


class InstructionAction(StrEnum):
    """Effect of a message on earlier ones: new, changed or deleted."""

    NEW = "NEW"
    CHG = "CHG"
    DEL = "DEL"


class Source(StrEnum):
    """Relation of a bag to a message's airport: starts there, changes flights, comes from elsewhere, or ends there."""

    LOCAL = "L"
    TRANSFER = "T"
    REMOTE = "R"
    TERMINATING = "X"


@dataclass(frozen=True, slots=True)
class NamedFlight:
    """A flight as a message names it.

    Args:
        key: identity of the flight. The reader has derived the year of its date (docs/DOMAIN.md#rule-7).
        destination: IATA code; empty where the message does not say.
        travel_class: class of the passenger on the flight; empty where the message does not say.
    """

    key: FlightKey
    destination: str
    travel_class: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """Content of one message about one tag.

    None means that the message does not have the element, and earlier values stay. An empty text or tuple is a value: a
    change that has the element without the field removes the value, since it replaces whole elements
    (docs/DOMAIN.md#rule-6).

    The field names are also the keys of the stored JSON (``instructions.said``).

    Args:
        tag: ten digits.
        at: when the message was sent, UTC; when it was received where ``assumed``.
        airport: the station of the message.
        assumed: whether the message has no origin line and so no time (docs/DOMAIN.md#rule-2).
        ordinal: ordinal of the tag among the ``bags_in_group`` of its passenger group, from 1.
        authorised: authority to load.
        passenger_status: ``C`` checked in, ``B`` boarded, ``N`` not boarded, ``S`` standby, as written.
        authorised_to_transport: authority to carry, the seventh field of ``.S``.
        weight_unit: ``K`` kilograms, ``L`` pounds, ``P`` where only pieces were counted.
        pieces: number of bags that were weighed together.
        weight: weight of these bags together, in ``weight_unit``.
        group: ordinal of the passenger group in its message, from 1.
        party: number of passengers under this name.
        given_names: given names, initials and title of the first passenger as written, separated by spaces.
        companions: likewise of the others of a party, who travel along (docs/DOMAIN.md#rule-18).
        locator: locator of the booking, as written.
        exceptions: codes such as RUSH, CREW, PRIO.
        remarks: free text, one for each ``.R``.
        original_tag: the tag that this rush tag replaces.
        frequent_flyer: the whole ``.Y``, as written.
    """

    tag: str
    kind: MessageKind
    change: InstructionAction
    at: datetime
    airport: str
    source: Source
    assumed: bool = False
    ordinal: int = 1
    bags_in_group: int = 1
    group: int = 1
    outbound: NamedFlight | None = None
    inbound: NamedFlight | None = None
    onward: tuple[NamedFlight, ...] | None = None
    authorised: bool | None = None
    seat: str | None = None
    passenger_status: str | None = None
    sequence: str | None = None
    security: str | None = None
    authorised_to_transport: bool | None = None
    tag_active: bool | None = None
    weight_unit: str | None = None
    pieces: int | None = None
    weight: float | None = None
    party: int | None = None
    surname: str | None = None
    given_names: str | None = None
    companions: tuple[str, ...] | None = None
    locator: str | None = None
    exceptions: tuple[str, ...] | None = None
    remarks: tuple[str, ...] | None = None
    original_tag: str | None = None
    frequent_flyer: str | None = None

    @property
    def implied_at(self) -> datetime:
        """Time of ACCEPTED or EXPECTED, UTC: where ``assumed``, before every scan (docs/DOMAIN.md#rule-2)."""
        if not self.assumed:
            return self.at
        flights = (self.outbound, self.inbound, *(self.onward or ()))
        days = [flight.key.departure_date for flight in flights if flight is not None]
        before = datetime.combine(min(days), time(), UTC) - _BEFORE_ANY_SCAN if days else self.at
        return before if before < self.at else self.at - _BEFORE_ANY_SCAN


class Receipt(NamedTuple):
    """Place of a message in the order of receipt.

    Args:
        at: when the text was received, UTC.
        position: where the message begins in that text: its line, from 1.
        text_id: digest of the text; 0 where it is not known.
    """

    at: datetime
    position: int
    text_id: int = 0

    def precedes(self, other: "Receipt") -> bool:
        """Whether this receipt is earlier; within one text the position decides (docs/DOMAIN.md#rule-15)."""
        if self.at == other.at:
            return self.text_id == other.text_id and self.position < other.position
        return self.at < other.at

    def is_unordered(self, other: "Receipt") -> bool:
        """Whether nothing says which receipt is earlier: they are of two texts of one time."""
        return self.at == other.at and self.text_id != other.text_id


class BagInstruction(NamedTuple):
    """An instruction for one bag, with the message that it was read from.

    Args:
        received: first receipt of the message (docs/DOMAIN.md#rule-15).
        repeated: last receipt of a text without an origin line that came again (docs/DOMAIN.md#rule-3); else None.
    """

    bag_id: int
    message_id: UUID
    instruction: Instruction
    received: Receipt
    repeated: Receipt | None = None

    @property
    def last_received(self) -> Receipt:
        """The last receipt that counts: of a text with an origin line the first."""
        return self.repeated or self.received
