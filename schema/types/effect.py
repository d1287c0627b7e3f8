"""What leaves the product because of a file: calls to WorldTracer, SMS and email."""

from datetime import datetime
from decimal import Decimal

import strawberry

from integrations.records import effects as records
from integrations.records.attempts import SendOutcome
from integrations.records.effects import EffectReason, EffectState, Service
from integrations.records.passengers import Language
from integrations.records.sms import Encoding
from resolvers import effects, passengers, pirs
from resolvers.context import Context
from schema.fields.batching import batched, masked, read
from schema.fields.node import Node
from schema.types.refs import LazyPir

Info = strawberry.Info[Context, None]


@strawberry.type(description="One try of an effect.")
class Send:
    """Values are ``integrations.records.attempts.Send``."""

    started_at: datetime = strawberry.field(description="When the call began.")
    ended_at: datetime | None = strawberry.field(description="When it ended; null while it is under way.")
    outcome: SendOutcome | None = strawberry.field(description="How it ended; null while nobody knows.")
    provider_id: str | None = strawberry.field(
        description="The partner's name for it: a message's number, a reference."
    )
    mock: bool = strawberry.field(description="Whether a stand-in was asked: nothing reached a station or passenger.")
    units: int = strawberry.field(description="What it is charged by: parts of a message, emails, calls.")

    recipient: str | None = masked(
        passengers.personal,
        description="The number or address it went to; null for roles that do not meet passengers.",
    )
    cost: Decimal = read(effects.dollars, description="What it cost in US dollars, by the configured price list.")


@strawberry.type(
    description="Something that leaves because of a file: a call to WorldTracer, an SMS or an email. "
    "It is sent after the change that asked for it, as soon as its partner takes it; `pirUpdated` delivers its changes."
)
class Effect(Node, record=records.Effect, load=effects.by_ids):
    """Values are ``integrations.records.effects.Effect``."""

    service: Service = strawberry.field(description="Which partner it is for.")
    action: str = strawberry.field(
        description="What it is: CREATE, UPDATE, SUSPEND, REINSTATE, FORWARD or CLOSE of a WorldTracer file, "
        "or the milestone that the passenger is told of: FILE_OPENED, BAG_LOCATED ..."
    )
    state: EffectState = strawberry.field(description="How far it is.")
    reason: EffectReason | None = strawberry.field(description="Why it waits, failed or was left out.")
    tries: int = strawberry.field(description="How often it was tried.")
    created_at: datetime = strawberry.field(description="When the change was made that asked for it.")
    settled_at: datetime | None = strawberry.field(description="When it ended, as far as it has.")
    provider_id: str | None = strawberry.field(
        description="The partner's name for it: a message's number, a reference."
    )
    mock: bool | None = strawberry.field(description="Whether a stand-in took it; null before the first try.")
    next_at: datetime | None = read(
        effects.next_at, description="When it is tried, or looked for, next; null where it has ended."
    )
    sends: list[Send] = batched(effects.sends, description="Its tries, in order.")
    pir: LazyPir | None = batched(pirs.of_effects, description="The file that it belongs to.")


@strawberry.type(description="What one kind of call to one partner came to.")
class ApiCost:
    """Values are ``integrations.records.effects.ServiceCost``."""

    service: Service = strawberry.field(description="The partner.")
    call: str = strawberry.field(description="What it was asked for, as in `Effect.action`.")
    mock: bool = strawberry.field(description="Whether a stand-in was asked: then it is what it would have cost.")
    calls: int = strawberry.field(description="How many calls were made.")
    units: int = strawberry.field(description="What they are charged by: parts of messages, emails, calls.")
    cost: Decimal = read(effects.dollars, description="US dollars, by the configured price list.")


@strawberry.type(description="What partners cost in a time.")
class ApiCosts:
    """Values are ``resolvers.irregularities.effects.Costs``."""

    since: datetime = strawberry.field(description="From then on.")
    until: datetime = strawberry.field(description="Before then.")
    total: Decimal = strawberry.field(description="US dollars in all.")
    daily_budget: Decimal | None = strawberry.field(description="US dollars a day; null where none is configured.")
    budget_exceeded: bool = strawberry.field(description="Whether the last day of that time cost more than the budget.")
    by_call: list[ApiCost] = strawberry.field(description="Each kind of call.")


@strawberry.type(description="A short message as it would be sent.")
class SmsPreview:
    """Values are ``integrations.records.sms.Sms``."""

    text: str = strawberry.field(description="The words.")
    encoding: Encoding = strawberry.field(description="The alphabet that it needs.")
    parts: int = strawberry.field(description="How many messages the network carries, and the provider charges.")


@strawberry.type(description="An email as it would be sent.")
class EmailPreview:
    """Values are ``resolvers.notifications.render.Mail``."""

    subject: str = strawberry.field(description="Its subject.")
    html: str = strawberry.field(description="The message for mail programs that show HTML.")
    text: str = strawberry.field(description="The same as plain text.")


@strawberry.type(description="What a passenger would be told.")
class NotificationPreview:
    """Values are ``resolvers.irregularities.effects.Preview``."""

    language: Language = strawberry.field(description="The language it is in.")
    sms: SmsPreview = strawberry.field(description="By SMS.")
    email: EmailPreview = strawberry.field(description="By email.")
