"""Passengers. Names, phones and addresses are personal data: masked by role, each reveal audited."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from integrations.records import passengers as records
from integrations.records.passengers import Language
from resolvers import bags, passengers
from resolvers.context import Context
from schema.batching import batched
from schema.node import Node

if TYPE_CHECKING:
    from schema.types.bag import Bag

Info = strawberry.Info[Context, None]


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
class Passenger(Node, record=records.Passenger, load=passengers.by_ids):
    """Values are ``integrations.records.passengers.Passenger``."""

    locator: str | None = strawberry.field(description="Record locator (PNR) of the booking.")
    language: Language = strawberry.field(description="The language to write to the passenger in.")

    @strawberry.field(description="Family name; its initial for roles that do not meet passengers.")
    def surname(parent: strawberry.Parent[records.Passenger], info: Info) -> str:
        """Masked by role."""
        return passengers.shown(info.context, parent.surname)

    @strawberry.field(description="Given names; their initial for roles that do not meet passengers.")
    def given_names(parent: strawberry.Parent[records.Passenger], info: Info) -> str:
        """Masked by role."""
        return passengers.shown(info.context, parent.given_names)

    @strawberry.field(description="Frequent-flyer membership, if any.")
    def loyalty(parent: strawberry.Parent[records.Passenger]) -> Loyalty | None:
        """The same row, seen as a membership."""
        return parent if parent.loyalty_programme else None  # type: ignore[return-value] # rows are the values of types

    @strawberry.field(description="The phone's last digits, to ask the passenger whether it is theirs.")
    def masked_phone(parent: strawberry.Parent[records.Passenger]) -> str | None:
        """Never the whole number."""
        return passengers.masked_phone(parent.phone)

    @strawberry.field(description="The address's first letter and domain.")
    def masked_email(parent: strawberry.Parent[records.Passenger]) -> str | None:
        """Never the whole address."""
        return passengers.masked_email(parent.email)

    contact: Contact | None = batched(
        passengers.reveal, description="Phone and email in full: for agents, supervisors and administrators; audited."
    )
    bags: list[Annotated["Bag", strawberry.lazy("schema.types.bag")]] = batched(
        bags.of_passengers, description="All bags of the passenger."
    )
