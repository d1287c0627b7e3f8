"""Inputs of PIR mutations."""

import re
from datetime import datetime

import strawberry

from integrations.records.passengers import Language
from integrations.records.pirs import PirKind
from integrations.records.tags import InvalidTagError, parse_tag
from resolvers.errors import BadInput
from resolvers.irregularities.closing import ClosePir
from resolvers.irregularities.commands import DescribedBagUpdate, Update
from resolvers.irregularities.delivery import Delivery
from resolvers.irregularities.opening import ContactDetails, Create, Described
from resolvers.irregularities.pir_unit import Target
from resolvers.irregularities.tracing import Forward
from schema.inputs.common import free_text, optional_airport_code
from schema.types.bag import Bag
from schema.types.flight import Flight
from schema.types.pir import Pir

MOST_WORDS = 200


_DESCRIPTION = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z]{3}")


_KEY = re.compile(r"[\x21-\x7e]{8,128}")


_NAME = re.compile(r"[A-Za-z0-9._@:-]{1,64}")


_REASON = re.compile(r"[0-9]{2}")


_RUSH_TAG = re.compile(r"[0-9]{10}")


_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")


KEY = "Your own name for this command, 8 to 128 signs: sent again with it, it is done once and answered alike."


@strawberry.input(description="One bag of a new file. Give its id or its tag; what is absent is taken from the bag.")
class PirBagInput:
    """Part of ``createPir``."""

    bag_id: strawberry.ID | None = strawberry.field(default=None, description="The bag's global id.")
    tag: str | None = strawberry.field(default=None, description="Its tag in any written form: CM456782.")
    description: str | None = strawberry.field(
        default=None, description="Colour, type and descriptors as CCTTDDD: BK22RHW."
    )
    brand: str = strawberry.field(default="", description="Brand, as the passenger says it.")
    contents: str = strawberry.field(default="", description="What is inside, one thing each, with commas.")
    damage: str = strawberry.field(default="", description="What is damaged or missing.")
    name_on_bag: str = strawberry.field(default="", description="The name on a label or tag.")

    def described(self, field: str) -> Described:
        """The bag as the command takes it."""
        return Described(
            bag_id=None if self.bag_id is None else Bag.key_of(self.bag_id, f"{field}.bagId"),
            tag=tag_text(self.tag, f"{field}.tag"),
            description=bag_description(self.description, f"{field}.description"),
            brand=free_text(self.brand, f"{field}.brand", MOST_WORDS) or "",
            contents=free_text(self.contents, f"{field}.contents") or "",
            damage=free_text(self.damage, f"{field}.damage") or "",
            name_on_bag=free_text(self.name_on_bag, f"{field}.nameOnBag", MOST_WORDS) or "",
        )


@strawberry.input(description="What opens a file. Bags by `bagIds`, or by `bags` where they are to be described.")
class CreatePirInput:
    """Input of ``createPir``."""

    kind: PirKind = strawberry.field(description="What it is about.")
    bag_ids: list[strawberry.ID] | None = strawberry.field(default=None, description="Global ids of its bags.")
    bags: list[PirBagInput] | None = strawberry.field(default=None, description="Its bags with their descriptions.")
    station: str | None = strawberry.field(
        default=None, description="IATA code of the station that opens it; the end of the bags' journey if absent."
    )
    remarks: str = strawberry.field(default="", description="Local remarks, at most 4,000 characters.")
    phone: str | None = strawberry.field(default=None, description="Instead of the passenger's own: +50761234567.")
    email: str | None = strawberry.field(default=None, description="Instead of the passenger's own.")
    delivery_address: str | None = strawberry.field(default=None, description="Where the bags are to be brought.")
    language: Language | None = strawberry.field(default=None, description="Instead of the passenger's own.")
    storage_location: str | None = strawberry.field(default=None, description="Where a found bag lies.")
    found_flight_id: strawberry.ID | None = strawberry.field(
        default=None, description="Global id of the flight that a found bag came with."
    )
    received_at: datetime | None = strawberry.field(
        default=None,
        description="When the passenger got a damaged or pilfered bag, from which the time to complain counts; "
        "as its scans say if absent.",
    )
    follows: strawberry.ID | None = strawberry.field(
        default=None, description="Global id of the delayed file whose bag came back damaged."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)
    client_mutation_id: str | None = strawberry.field(default=None, description="Given back as it is.")

    def command(self) -> Create:
        """The command.

        Raises:
            BadInput: a part of it cannot be used.
        """
        if (self.bag_ids is None) == (self.bags is None):
            raise BadInput("bags", "Give either `bagIds` or `bags`.")
        described = [
            *(Described(bag_id=Bag.key_of(one, f"bagIds[{place}]")) for place, one in enumerate(self.bag_ids or ())),
            *(one.described(f"bags[{place}]") for place, one in enumerate(self.bags or ())),
        ]
        return Create(
            kind=self.kind,
            bags=tuple(described),
            station=optional_airport_code(self.station, "station"),
            remarks=free_text(self.remarks, "remarks") or "",
            contact=ContactDetails(
                phone_number(self.phone, "phone"),
                free_text(self.email, "email", MOST_WORDS),
                free_text(self.delivery_address, "deliveryAddress", 500),
                self.language.value if self.language else None,
            ),
            storage_location=free_text(self.storage_location, "storageLocation", MOST_WORDS),
            found_flight_id=None
            if self.found_flight_id is None
            else Flight.key_of(self.found_flight_id, "foundFlightId"),
            received_at=self.received_at,
            follows=None if self.follows is None else Pir.key_of(self.follows, "follows"),
        )


@strawberry.input(description="New descriptions of one bag of a file; what is absent or null stays.")
class PirBagUpdateInput:
    """Part of ``updatePir``."""

    seq: int = strawberry.field(description="Its place in the file, from 1.")
    description: str | None = strawberry.field(default=None, description="As CCTTDDD: BK22RHW.")
    brand: str | None = strawberry.field(default=None, description="Brand.")
    contents: str | None = strawberry.field(default=None, description="What is inside.")
    damage: str | None = strawberry.field(default=None, description="What is damaged or missing.")
    name_on_bag: str | None = strawberry.field(default=None, description="The name on a label or tag.")

    def update(self, field: str) -> DescribedBagUpdate:
        """The change as the command takes it."""
        return DescribedBagUpdate(
            self.seq,
            bag_description(self.description, f"{field}.description"),
            free_text(self.brand, f"{field}.brand", MOST_WORDS),
            free_text(self.contents, f"{field}.contents"),
            free_text(self.damage, f"{field}.damage"),
            free_text(self.name_on_bag, f"{field}.nameOnBag", MOST_WORDS),
        )


@strawberry.input(description="Which file, and under which key.")
class PirInput:
    """What every command on a file takes; input of ``recreatePir``."""

    pir_id: strawberry.ID = strawberry.field(description="The file's global id.")
    version: int | None = strawberry.field(
        default=None, description="The version that you have read: refused if somebody has changed the file since."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=KEY)
    client_mutation_id: str | None = strawberry.field(default=None, description="Given back as it is.")

    def target(self) -> Target:
        """The file that it is about."""
        return Target(Pir.key_of(self.pir_id, "pirId"), self.version)


@strawberry.input(description="New values of a file; what is absent or null stays.")
class UpdatePirInput(PirInput):
    """Input of ``updatePir``."""

    remarks: str | None = strawberry.field(default=None, description="Local remarks, at most 4,000 characters.")
    phone: str | None = strawberry.field(default=None, description="Instead of the passenger's own: +50761234567.")
    email: str | None = strawberry.field(default=None, description="Instead of the passenger's own.")
    delivery_address: str | None = strawberry.field(default=None, description="Where the bags are to be brought.")
    language: Language | None = strawberry.field(default=None, description="Instead of the passenger's own.")
    storage_location: str | None = strawberry.field(default=None, description="Where a found bag lies.")
    bags: list[PirBagUpdateInput] | None = strawberry.field(default=None, description="What changes of its bags.")

    def command(self) -> Update:
        """The command."""
        return Update(
            remarks=free_text(self.remarks, "remarks"),
            phone=phone_number(self.phone, "phone"),
            email=free_text(self.email, "email", MOST_WORDS),
            delivery_address=free_text(self.delivery_address, "deliveryAddress", 500),
            language=self.language.value if self.language else None,
            storage_location=free_text(self.storage_location, "storageLocation", MOST_WORDS),
            bags=tuple(one.update(f"bags[{place}]") for place, one in enumerate(self.bags or ())),
        )


@strawberry.input(description="To whom a file is given.")
class AssignPirInput(PirInput):
    """Input of ``assignPir``."""

    assignee: str | None = strawberry.field(default=None, description="The agent's technical name; null for nobody.")

    def name(self) -> str | None:
        """The agent."""
        if self.assignee is not None and not _NAME.fullmatch(self.assignee):
            raise BadInput("assignee", "A technical name: at most 64 letters, digits and . _ @ : -")
        return self.assignee


@strawberry.input(description="A comment on a file.")
class CommentPirInput(PirInput):
    """Input of ``commentPir``."""

    comment: str = strawberry.field(description="The words, at most 4,000 characters.")

    def text(self) -> str:
        """The comment."""
        text = free_text(self.comment, "comment") or ""
        if not text.strip():
            raise BadInput("comment", "Say something.")
        return text


@strawberry.input(description="Bags of a file.")
class PirBagsInput(PirInput):
    """Input of ``suspendTracing``, ``reinstateTracing`` and ``receiveBags``."""

    bags: list[int] | None = strawberry.field(default=None, description="Their places in the file; all if absent.")


@strawberry.input(description="Where bags were found.")
class LocateBagsInput(PirBagsInput):
    """Input of ``locateBags``."""

    airport: str = strawberry.field(description="IATA code of the airport.")


@strawberry.input(description="How bags are sent on.")
class ForwardBagsInput(PirBagsInput):
    """Input of ``forwardBags``."""

    flight_id: strawberry.ID = strawberry.field(description="Global id of the flight that brings them.")
    rush_tag: str | None = strawberry.field(default=None, description="Ten digits of a rush tag, for one bag: 2230...")

    def command(self) -> Forward:
        """The command."""
        if self.rush_tag is not None and not _RUSH_TAG.fullmatch(self.rush_tag):
            raise BadInput("rushTag", "A rush tag has ten digits: 2230700001.")
        return Forward(Flight.key_of(self.flight_id, "flightId"), as_tuple(self.bags), self.rush_tag)


@strawberry.input(description="Who brings bags to the passenger, and when.")
class ArrangeDeliveryInput(PirBagsInput):
    """Input of ``arrangeDelivery``."""

    courier: str = strawberry.field(description="The delivery company.")
    window_start: datetime = strawberry.field(description="When the delivery begins.")
    window_end: datetime = strawberry.field(description="When it ends.")

    def command(self) -> Delivery:
        """The command."""
        courier = (free_text(self.courier, "courier", 80) or "").strip()
        if not courier:
            raise BadInput("courier", "Name the delivery company.")
        return Delivery(courier, self.window_start, self.window_end, as_tuple(self.bags))


@strawberry.input(description="When the passenger got bags.")
class ConfirmDeliveryInput(PirBagsInput):
    """Input of ``confirmDelivery``."""

    delivered_at: datetime | None = strawberry.field(default=None, description="When; now if absent.")


@strawberry.input(description="Why bags were lost.")
class ClosePirInput(PirInput):
    """Input of ``closePir``."""

    reason_for_loss: str | None = strawberry.field(
        default=None, description="A code of IATA's list (RP1743e): 55. Required for a delayed file."
    )
    fault_station: str | None = strawberry.field(
        default=None, description="IATA code of the station at fault. Required for a delayed file."
    )
    accept_proposal: bool = strawberry.field(
        default=False, description="Take what is proposed from the journey where reason or station are absent."
    )
    comment: str = strawberry.field(default="", description="Said in the history, at most 4,000 characters.")

    def command(self) -> ClosePir:
        """The command."""
        if self.reason_for_loss is not None and not _REASON.fullmatch(self.reason_for_loss):
            raise BadInput("reasonForLoss", "A reason for loss is two digits: 55.")
        return ClosePir(
            self.reason_for_loss,
            optional_airport_code(self.fault_station, "faultStation"),
            self.accept_proposal,
            free_text(self.comment, "comment") or "",
        )


@strawberry.input(description="Which match.")
class MatchInput:
    """Input of ``confirmMatch`` and ``rejectMatch``."""

    match_id: strawberry.ID = strawberry.field(description="The match's global id.")
    client_mutation_id: str | None = strawberry.field(default=None, description="Given back as it is.")


def idempotency_key(text: str | None) -> str | None:
    """An idempotency key: 8 to 128 visible ASCII characters."""
    if text is not None and not _KEY.fullmatch(text):
        raise BadInput("idempotencyKey", "A key has 8 to 128 printable ASCII signs, no spaces: a UUID will do.")
    return text


def tag_text(text: str | None, field: str) -> str | None:
    """A tag as people write it."""
    if text is None:
        return None
    try:
        parse_tag(text)
    except InvalidTagError as error:
        raise BadInput(field, str(error)) from error
    return text


def bag_description(text: str | None, field: str) -> str | None:
    """A bag description as CCTTDDD (IATA Resolution 743b)."""
    if text is not None and not _DESCRIPTION.fullmatch(text):
        raise BadInput(field, "Two letters of colour, two digits of type, three letters of descriptors: BK22RHW.")
    return text


def phone_number(text: str | None, field: str) -> str | None:
    """A phone number in E.164 form."""
    if text is not None and not _PHONE.fullmatch(text):
        raise BadInput(field, "A number with its country, digits only: +50761234567.")
    return text


def as_tuple(seqs: list[int] | None) -> tuple[int, ...] | None:
    """Places of bags in a file; None where none are given."""
    return None if seqs is None else tuple(seqs)
