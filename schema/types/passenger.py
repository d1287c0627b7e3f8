"""Passengers. Names, phones and addresses are personal data: masked by role, each reveal audited."""

import strawberry

from integrations.records import passengers as records
from integrations.records.passengers import Language
from resolvers import bags, passengers
from schema.fields.batching import batched, masked, read
from schema.fields.node import Node
from schema.types.refs import LazyBag


@strawberry.type(description="Membership of a frequent-flyer programme.")
class Loyalty:
    """Values are passengers' rows."""

    loyalty_programme: str = strawberry.field(name="programme", description="Name of the programme.")
    loyalty_tier: str | None = strawberry.field(name="tier", description="Tier in the programme; null if unknown.")
    alliance_tier: str | None = strawberry.field(
        description="Tier in the alliance: Star Alliance Silver or Gold; null if the member has none."
    )


@strawberry.type(description="Contact details of a passenger. Each access is written to the audit trail.")
class Contact:
    """Values are passengers' rows."""

    phone: str | None = strawberry.field(description="Phone number in E.164 form: +50761234567; null if unknown.")
    email: str | None = strawberry.field(description="Email address; null if unknown.")


@strawberry.type(description="Passenger with checked bags.")
class Passenger(Node, record=records.PassengerColumns, load=passengers.by_ids):
    """Values are ``integrations.records.passengers.PassengerColumns``, a row or a part of one."""

    locator: str | None = strawberry.field(
        description="Record locator (PNR) of the booking; null if the booking is unknown."
    )
    language: Language = strawberry.field(description="Language of notifications.")

    surname: str = masked(
        passengers.surnames,
        description="Family name; for roles without access to personal data its initial, or *** for a name of "
        "one sign.",
    )
    given_names: str = masked(
        passengers.given_names,
        description="Given names; for roles without access to personal data their initial, or *** for a name of "
        "one sign.",
    )
    title: str = strawberry.field(description="Titles as messages write them, such as MRS; empty without one.")
    loyalty: Loyalty | None = read(
        passengers.membership, description="Frequent-flyer membership; null if the passenger has none."
    )
    masked_phone: str | None = read(
        passengers.masked_phone,
        description="Last digits of the phone number, for verification with the passenger; null if there is no "
        "phone number.",
    )
    masked_email: str | None = read(
        passengers.masked_email,
        description="First letter and domain of the email address, *** and the domain where there is only one letter "
        "before the @; null if there is no email address.",
    )
    contact: Contact | None = batched(
        passengers.reveal,
        description="Contact details in full, for agents, supervisors and administrators; null with an error for "
        "other roles. Each access is audited.",
    )
    bags: list[LazyBag] = batched(bags.of_passengers, description="Bags of the passenger.")
