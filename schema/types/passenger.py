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

    loyalty_programme: str = strawberry.field(name="programme", description="The programme's name.")
    loyalty_tier: str | None = strawberry.field(name="tier", description="The member's tier in the programme.")
    alliance_tier: str | None = strawberry.field(
        description="The tier that partners honour: Star Alliance Silver or Gold."
    )


@strawberry.type(description="Ways to reach a passenger. Reading it is written to the audit trail.")
class Contact:
    """Values are passengers' rows."""

    phone: str | None = strawberry.field(description="In E.164 form: +507 and so on.")
    email: str | None = strawberry.field(description="Email address.")


@strawberry.type(description="Somebody who travels with bags.")
class Passenger(Node, record=records.PassengerColumns, load=passengers.by_ids):
    """Values are ``integrations.records.passengers.PassengerColumns``, a row or a part of one."""

    locator: str | None = strawberry.field(description="Record locator (PNR) of the booking.")
    language: Language = strawberry.field(description="The language to write to the passenger in.")

    surname: str = masked(
        passengers.surnames, description="Family name; its initial for roles that do not meet passengers."
    )
    given_names: str = masked(
        passengers.given_names, description="Given names; their initial for roles that do not meet passengers."
    )
    loyalty: Loyalty | None = read(passengers.membership, description="Frequent-flyer membership, if any.")
    masked_phone: str | None = read(
        passengers.masked_phone, description="The phone's last digits, to ask the passenger whether it is theirs."
    )
    masked_email: str | None = read(passengers.masked_email, description="The address's first letter and domain.")
    contact: Contact | None = batched(
        passengers.reveal, description="Phone and email in full: for agents, supervisors and administrators; audited."
    )
    bags: list[LazyBag] = batched(bags.of_passengers, description="All bags of the passenger.")
