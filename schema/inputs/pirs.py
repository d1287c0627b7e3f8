"""Inputs of PIR mutations."""

import re
from datetime import datetime
from typing import Protocol, TypeVar

import strawberry

from integrations.records.codes import E_164, EMAIL
from integrations.records.passengers import Language
from integrations.records.pirs import PirKind
from resolvers.irregularities.closing import ClosePir
from resolvers.irregularities.commands import AssignPir, ChosenBags, CommentPir, DescribedBagUpdate, UpdatePir
from resolvers.irregularities.delivery import ArrangeDelivery, ConfirmDelivery
from resolvers.irregularities.opening import ContactDetails, CreatePir, ReportedBag
from resolvers.irregularities.pir_unit import Target
from resolvers.irregularities.tracing import ForwardBags, LocateBags
from schema.fields.commands import CommandInput
from schema.inputs.common import (
    airport_code,
    check_pattern,
    free_text,
    optional_airport_code,
    optional_text,
    required_text,
    written_tag,
)
from schema.types.bag import Bag
from schema.types.flight import Flight
from schema.types.match import Match
from schema.types.pir import Pir

MAX_WORDS = 200
MAX_ADDRESS = 500
MAX_COURIER = 80

_DESCRIPTION = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z]{3}")
_KEY = re.compile(r"[\x21-\x7e]{8,128}")
_NAME = re.compile(r"[A-Za-z0-9._@:-]{1,64}")
_REASON = re.compile(r"[0-9]{2}")
_RUSH_TAG = re.compile(r"[0-9]{10}")

C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)
Key = str | None
BagSeqs = tuple[int, ...] | None


@strawberry.input
class KeyedInput(CommandInput):
    """Base of the inputs of commands that run once for each idempotency key."""

    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Key of this command, chosen by the client: 8 to 128 visible ASCII characters. A command that is "
        "repeated with its key runs once and returns the same result.",
    )

    def key(self) -> Key:
        """Returns the idempotency key.

        Raises:
            BadInput: it is too short or too long, or has other characters.
        """
        check_pattern(
            self.idempotency_key, _KEY, "idempotencyKey", "8 to 128 visible ASCII characters without spaces, as a UUID"
        )
        return self.idempotency_key


@strawberry.input(one_of=True, description="Identifies a bag of a new PIR. Set exactly one field.")
class PirBagBy:
    """Part of ``PirBagInput``."""

    id: strawberry.ID | None = strawberry.field(description="Global id of the bag.")
    tag: str | None = strawberry.field(
        description="Tag in any written form: CM456782. A tag that no bag carries now registers a new bag."
    )


@strawberry.input(description="A bag of a new PIR. An absent value is taken from the bag.")
class PirBagInput:
    """Part of ``createPir``."""

    by: PirBagBy | None = strawberry.field(
        default=None, description="Identity of the bag; absent for a found bag without a readable tag."
    )
    description: str | None = strawberry.field(
        default=None, description="Colour, type and descriptors as CCTTDDD: BK22RHW."
    )
    brand: str = strawberry.field(default="", description="Brand, in the words of the passenger.")
    contents: str = strawberry.field(default="", description="What is inside, separated by commas.")
    damage: str = strawberry.field(default="", description="What is damaged or missing.")
    name_on_bag: str = strawberry.field(default="", description="The name on a label or tag.")

    def reported(self, field: str) -> ReportedBag:
        """Returns the bag.

        Args:
            field: path of this input, for the error.

        Raises:
            BadInput: a part of it cannot be used.
        """
        bag_id, tag = (self.by.id, self.by.tag) if self.by else (None, None)
        if tag is not None:
            written_tag(tag, f"{field}.by.tag")
        return ReportedBag(
            bag_id=None if bag_id is None else Bag.key_of(bag_id, f"{field}.by.id"),
            tag=tag,
            description=bag_description(self.description, f"{field}.description"),
            brand=free_text(self.brand, f"{field}.brand", MAX_WORDS),
            contents=free_text(self.contents, f"{field}.contents"),
            damage=free_text(self.damage, f"{field}.damage"),
            name_on_bag=free_text(self.name_on_bag, f"{field}.nameOnBag", MAX_WORDS),
        )


@strawberry.input(description="A new PIR.")
class CreatePirInput(KeyedInput):
    """Input of ``createPir``."""

    kind: PirKind = strawberry.field(description="Kind of the PIR.")
    bags: list[PirBagInput] = strawberry.field(description="Bags of the PIR, 1 to 10; one for a found bag.")
    station: str | None = strawberry.field(
        default=None,
        description="IATA code of the station that opens it; the destination of the bags if absent.",
    )
    remarks: str = strawberry.field(default="", description="Local remarks, at most 4,000 characters.")
    phone: str | None = strawberry.field(
        default=None, description="Phone number instead of the passenger's own, in E.164 form: +50761234567."
    )
    email: str | None = strawberry.field(default=None, description="Email address instead of the passenger's own.")
    delivery_address: str | None = strawberry.field(default=None, description="Address for the delivery of the bags.")
    language: Language | None = strawberry.field(default=None, description="Language instead of the passenger's own.")
    storage_location: str | None = strawberry.field(default=None, description="Storage location of a found bag.")
    found_flight_id: strawberry.ID | None = strawberry.field(
        default=None, description="Global id of the flight on which a found bag arrived."
    )
    received_at: datetime | None = strawberry.field(
        default=None,
        description="When the passenger received a damaged or pilfered bag, from which the time to complain counts; "
        "taken from the scans of the bag if absent.",
    )
    follows: strawberry.ID | None = strawberry.field(
        default=None, description="Global id of the delayed PIR whose bag arrived damaged."
    )

    def arguments(self) -> tuple[CreatePir, Key]:
        """Returns the command and its key.

        Raises:
            BadInput: a part of the input cannot be used.
        """
        return self.to_command(), self.key()

    def to_command(self) -> CreatePir:
        """Returns the command.

        Raises:
            BadInput: a part of the input cannot be used.
        """
        found_flight_id, follows = self.found_flight_id, self.follows
        return CreatePir(
            kind=self.kind,
            bags=tuple(bag.reported(f"bags[{i}]") for i, bag in enumerate(self.bags)),
            station=optional_airport_code(self.station, "station"),
            remarks=free_text(self.remarks, "remarks"),
            contact=ContactDetails(
                phone_number(self.phone, "phone") or None,
                email_address(self.email, "email") or None,
                optional_text(self.delivery_address, "deliveryAddress", MAX_ADDRESS) or None,
                self.language.value if self.language else None,
            ),
            storage_location=optional_text(self.storage_location, "storageLocation", MAX_WORDS) or None,
            found_flight_id=None if found_flight_id is None else Flight.key_of(found_flight_id, "foundFlightId"),
            received_at=self.received_at,
            follows=None if follows is None else Pir.key_of(follows, "follows"),
        )


@strawberry.input
class PirTargetInput(KeyedInput):
    """Base of the inputs of commands on a PIR."""

    pir_id: strawberry.ID = strawberry.field(description="The PIR's global id.")
    version: int | None = strawberry.field(
        default=None,
        description="Version of the PIR that the client has read. The command is rejected if the PIR has changed.",
    )

    def target(self) -> Target:
        """Returns the PIR and its expected version.

        Raises:
            BadInput: the id is none of a PIR.
        """
        return Target(Pir.key_of(self.pir_id, "pirId"), self.version)


@strawberry.input(description="A closed PIR to recreate.")
class PirInput(PirTargetInput):
    """Input of ``recreatePir``."""

    def arguments(self) -> tuple[Target, Key]:
        """Returns the PIR and the key."""
        return self.target(), self.key()


class HasCommand(Protocol[C_co]):
    """An input that makes a command on a PIR."""

    def target(self) -> Target:
        """Returns the PIR."""

    def to_command(self) -> C_co:
        """Returns the command."""

    def key(self) -> Key:
        """Returns the idempotency key."""


@strawberry.input
class PirCommandInput(PirTargetInput):
    """Base of the inputs of commands on an open PIR."""

    def arguments(self: HasCommand[C]) -> tuple[Target, C, Key]:
        """Returns the PIR, the command and the key.

        Raises:
            BadInput: a part of the input cannot be used.
        """
        return self.target(), self.to_command(), self.key()


@strawberry.input(description="New descriptions of one bag of a PIR. An absent or null field keeps its value.")
class PirBagUpdateInput:
    """Part of ``updatePir``."""

    seq: int = strawberry.field(description="Number of the bag in the PIR, from 1.")
    description: str | None = strawberry.field(default=None, description="As CCTTDDD: BK22RHW.")
    brand: str | None = strawberry.field(default=None, description="Brand.")
    contents: str | None = strawberry.field(default=None, description="What is inside.")
    damage: str | None = strawberry.field(default=None, description="What is damaged or missing.")
    name_on_bag: str | None = strawberry.field(default=None, description="The name on a label or tag.")

    def update(self, field: str) -> DescribedBagUpdate:
        """Returns the new descriptions.

        Args:
            field: path of this input, for the error.

        Raises:
            BadInput: a part of it cannot be used.
        """
        return DescribedBagUpdate(
            self.seq,
            bag_description(self.description, f"{field}.description"),
            optional_text(self.brand, f"{field}.brand", MAX_WORDS),
            optional_text(self.contents, f"{field}.contents"),
            optional_text(self.damage, f"{field}.damage"),
            optional_text(self.name_on_bag, f"{field}.nameOnBag", MAX_WORDS),
        )


@strawberry.input(description="New values of a PIR. An absent or null field keeps its value.")
class UpdatePirInput(PirCommandInput):
    """Input of ``updatePir``."""

    remarks: str | None = strawberry.field(default=None, description="Local remarks, at most 4,000 characters.")
    phone: str | None = strawberry.field(
        default=None,
        description="Phone number instead of the passenger's own, in E.164 form: +50761234567. Empty to "
        "remove it: the passenger's own then counts again.",
    )
    email: str | None = strawberry.field(
        default=None,
        description="Email address instead of the passenger's own. Empty to remove it: the passenger's own then counts "
        "again.",
    )
    delivery_address: str | None = strawberry.field(
        default=None, description="Address for the delivery of the bags. Empty to remove it."
    )
    language: Language | None = strawberry.field(default=None, description="Language instead of the passenger's own.")
    storage_location: str | None = strawberry.field(
        default=None, description="Storage location of a found bag. Empty to remove it."
    )
    bags: list[PirBagUpdateInput] | None = strawberry.field(default=None, description="New descriptions of its bags.")

    def to_command(self) -> UpdatePir:
        """Returns the command.

        Raises:
            BadInput: a part of the input cannot be used.
        """
        return UpdatePir(
            remarks=optional_text(self.remarks, "remarks"),
            phone=phone_number(self.phone, "phone"),
            email=email_address(self.email, "email"),
            delivery_address=optional_text(self.delivery_address, "deliveryAddress", MAX_ADDRESS),
            language=self.language.value if self.language else None,
            storage_location=optional_text(self.storage_location, "storageLocation", MAX_WORDS),
            bags=tuple(one.update(f"bags[{i}]") for i, one in enumerate(self.bags or ())),
        )


@strawberry.input(description="The agent to whom a PIR is assigned.")
class AssignPirInput(PirCommandInput):
    """Input of ``assignPir``."""

    assignee: str | None = strawberry.field(
        default=None, description="Technical name of the agent; null removes the assignment."
    )

    def to_command(self) -> AssignPir:
        """Returns the command.

        Raises:
            BadInput: the name has other characters, or too many.
        """
        check_pattern(self.assignee, _NAME, "assignee", "1 to 64 letters, digits and characters of . _ @ : -")
        return AssignPir(self.assignee)


@strawberry.input(description="A comment on a PIR.")
class CommentPirInput(PirCommandInput):
    """Input of ``commentPir``."""

    comment: str = strawberry.field(description="The comment, 1 to 4,000 characters.")

    def to_command(self) -> CommentPir:
        """Returns the command.

        Raises:
            BadInput: the comment is empty, or cannot be used.
        """
        return CommentPir(required_text(self.comment, "comment"))


@strawberry.input
class ChosenBagsInput(PirCommandInput):
    """Base of the inputs of commands on bags of a PIR."""

    bags: list[int] | None = strawberry.field(
        default=None, description="Numbers of the bags in the PIR; all bags if absent."
    )

    def seqs(self) -> BagSeqs:
        """Returns the numbers of the bags; None for all."""
        return None if self.bags is None else tuple(self.bags)


@strawberry.input(description="Bags of a PIR.")
class PirBagsInput(ChosenBagsInput):
    """Input of ``suspendTracing``, ``reinstateTracing`` and ``receiveBags``."""

    def to_command(self) -> ChosenBags:
        """Returns the command."""
        return ChosenBags(self.seqs())


@strawberry.input(description="Bags of a PIR, and the airport where they were found.")
class LocateBagsInput(ChosenBagsInput):
    """Input of ``locateBags``."""

    airport: str = strawberry.field(description="IATA code of the airport.")

    def to_command(self) -> LocateBags:
        """Returns the command."""
        return LocateBags(airport_code(self.airport, "airport"), self.seqs())


@strawberry.input(description="Bags of a PIR, and the flight that forwards them.")
class ForwardBagsInput(ChosenBagsInput):
    """Input of ``forwardBags``."""

    flight_id: strawberry.ID = strawberry.field(description="Global id of the flight.")
    rush_tag: str | None = strawberry.field(
        default=None, description="Ten digits of a rush tag, for one bag: 2230700001."
    )

    def to_command(self) -> ForwardBags:
        """Returns the command.

        Raises:
            BadInput: the flight's id or the rush tag is not one.
        """
        check_pattern(self.rush_tag, _RUSH_TAG, "rushTag", "ten digits: 2230700001")
        return ForwardBags(Flight.key_of(self.flight_id, "flightId"), self.seqs(), self.rush_tag)


@strawberry.input(description="Bags of a PIR, the courier and the time of the delivery.")
class ArrangeDeliveryInput(ChosenBagsInput):
    """Input of ``arrangeDelivery``."""

    courier: str = strawberry.field(description=f"The delivery company, 1 to {MAX_COURIER} characters.")
    window_start: datetime = strawberry.field(description="Earliest time of the delivery.")
    window_end: datetime = strawberry.field(
        description="Latest time of the delivery, at most 24 hours after `windowStart`."
    )

    def to_command(self) -> ArrangeDelivery:
        """Returns the command.

        Raises:
            BadInput: the courier is empty, or cannot be used.
        """
        courier = required_text(self.courier, "courier", MAX_COURIER).strip()
        return ArrangeDelivery(courier, self.window_start, self.window_end, self.seqs())


@strawberry.input(description="Bags of a PIR, and when the passenger received them.")
class ConfirmDeliveryInput(ChosenBagsInput):
    """Input of ``confirmDelivery``."""

    delivered_at: datetime | None = strawberry.field(default=None, description="Time of the delivery; now if absent.")

    def to_command(self) -> ConfirmDelivery:
        """Returns the command."""
        return ConfirmDelivery(self.delivered_at, self.seqs())


@strawberry.input(description="Reason for loss and fault station of a PIR to close.")
class ClosePirInput(PirCommandInput):
    """Input of ``closePir``."""

    reason_for_loss: str | None = strawberry.field(
        default=None, description="A code of IATA's list (RP1743e): 55. Required for a delayed PIR."
    )
    fault_station: str | None = strawberry.field(
        default=None, description="IATA code of the station at fault. Required for a delayed PIR."
    )
    accept_proposal: bool = strawberry.field(
        default=False, description="Whether an absent reason or station is taken from the PIR's proposal."
    )
    comment: str = strawberry.field(default="", description="Comment for the history, at most 4,000 characters.")

    def to_command(self) -> ClosePir:
        """Returns the command.

        Raises:
            BadInput: a part of the input cannot be used.
        """
        check_pattern(self.reason_for_loss, _REASON, "reasonForLoss", "two digits: 55")
        station = optional_airport_code(self.fault_station, "faultStation")
        return ClosePir(self.reason_for_loss, station, self.accept_proposal, free_text(self.comment, "comment"))


@strawberry.input(description="A match.")
class MatchInput(CommandInput):
    """Input of ``confirmMatch`` and ``rejectMatch``."""

    match_id: strawberry.ID = strawberry.field(description="The match's global id.")

    def arguments(self) -> tuple[int]:
        """Returns the match's id.

        Raises:
            BadInput: it is none of a match.
        """
        return (Match.key_of(self.match_id, "matchId"),)


def bag_description(text: str | None, field: str) -> str | None:
    """Returns a bag description as CCTTDDD (docs/DOMAIN.md#colour-and-type-codes); None for None.

    Raises:
        BadInput: it has another form.
    """
    limits = "two letters of colour, two digits of type and three letters of descriptors: BK22RHW"
    check_pattern(text, _DESCRIPTION, field, limits)
    return text


def phone_number(text: str | None, field: str) -> str | None:
    """Returns a phone number in E.164 form without spaces around it; None for None, empty for an empty text.

    Raises:
        BadInput: it has another form.
    """
    limits = "a phone number in E.164 form, 7 to 15 digits after the plus sign: +50761234567"
    return _contact(text, E_164, field, limits)


def email_address(text: str | None, field: str) -> str | None:
    """Returns an email address without spaces around it; None for None, empty for an empty text.

    Raises:
        BadInput: it has another form.
    """
    limits = "an email address of at most 254 ASCII characters, without a name before it: maria@example.com"
    return _contact(text, EMAIL, field, limits)


def _contact(text: str | None, pattern: re.Pattern[str], field: str, limits: str) -> str | None:
    trimmed = text.strip() if text else text
    check_pattern(trimmed or None, pattern, field, limits)
    return trimmed
