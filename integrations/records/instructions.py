"""What messages say of a bag: whose it is, where it is to go, and whether it may be loaded.

An event says what happened; an instruction says what is meant to. Several of one tag are merged by the rules of the
domain reference, section 12: in order of their time (4), and element by element where one is a change (6).
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from integrations.records.events import FlightKey


class MessageKind(StrEnum):
    """The identifier of an RP1745 message, and the two other forms in which the same is said."""

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
    """What a message does to what was said before."""

    NEW = "NEW"
    CHG = "CHG"
    DEL = "DEL"


class Source(StrEnum):
    """How the bag stands to the airport of a message: starts, changes flight, comes from elsewhere, ends there."""

    LOCAL = "L"
    TRANSFER = "T"
    REMOTE = "R"
    TERMINATING = "X"


@dataclass(frozen=True, slots=True)
class NamedFlight:
    """A flight as a message names it.

    Args:
        departure_date: scheduled local departure date at the flight's own origin; its year was worked out.
        destination: IATA code; empty where the message does not say.
        travel_class: class of the passenger on it; empty where the message does not say.
    """

    carrier: str
    number: int
    suffix: str
    departure_date: date
    origin: str
    destination: str
    travel_class: str = ""

    @property
    def key(self) -> FlightKey:
        """What identifies the flight."""
        return FlightKey(self.carrier, self.number, self.suffix, self.departure_date, self.origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """What one message says of one tag.

    None is "the message does not say", which leaves what earlier ones said. An empty text or tuple is said: a change
    that has the element without the field takes the value away (rule 6 replaces whole elements).

    Args:
        tag: ten digits.
        at: when the message was sent, UTC. Three days before its first flight's date where ``assumed``.
        assumed: the message has no origin line, hence no time: it comes before every scan and overrides none (rule 2).
        airport: the station that the message speaks of.
        ordinal: place of the tag among the ``bags_in_group`` of its passenger group, from 1.
        authorised: authority to load.
        passenger_status: ``C`` checked in, ``B`` boarded, ``N`` not boarded, ``S`` standby, as written.
        authorised_to_transport: authority to carry, the seventh field of ``.S``.
        weight_unit: ``K`` kilograms, ``L`` pounds, ``P`` where only pieces were counted.
        pieces: bags that were weighed together.
        weight: of these together, in ``weight_unit``.
        party: passengers under this name.
        given_names: given names, initials and title as written, separated by spaces.
        locator: of the booking, as written.
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
    locator: str | None = None
    exceptions: tuple[str, ...] | None = None
    remarks: tuple[str, ...] | None = None
    original_tag: str | None = None
    frequent_flyer: str | None = None
