"""Effects of PIRs: calls to WorldTracer, SMS and email."""

from datetime import datetime
from decimal import Decimal

import strawberry

from integrations.records import effects as records
from integrations.records.attempts import SendOutcome
from integrations.records.effects import EffectReason, EffectState, Service
from integrations.records.passengers import Language
from integrations.records.sms import Encoding
from resolvers import effects, pirs
from resolvers.context import Context
from schema.fields.batching import batched, read
from schema.fields.node import Node
from schema.types.refs import LazyPir

Info = strawberry.Info[Context, None]


@strawberry.type(description="Attempt to send an effect: one call to the partner.")
class Send:
    """Values are ``integrations.records.attempts.Send``."""

    started_at: datetime = strawberry.field(description="When the call started.")
    ended_at: datetime | None = strawberry.field(description="When the call ended; null while it is in progress.")
    outcome: SendOutcome | None = strawberry.field(description="Outcome of the call; null while it is in progress.")
    provider_id: str | None = strawberry.field(
        description="The partner's id: a message id or a WorldTracer reference; null if the partner returned none."
    )
    mock: bool = strawberry.field(description="Whether a mock received the call instead of the partner.")
    units: int = strawberry.field(description="Number of billed units: parts of an SMS, emails, calls.")

    recipient: str | None = batched(
        effects.recipients,
        description="Phone number or email address of the recipient, or the PIR's reference for a call to WorldTracer; "
        "null for roles without access to personal data. Each access to a number or address is audited.",
    )
    cost: Decimal = read(effects.dollars, description="Cost in US dollars, by the configured price list.")


@strawberry.type(
    description="Effect of a change of a PIR outside the gateway: a call to WorldTracer, an SMS or an email. It is "
    "sent after the change is committed, once. `pirUpdated` delivers its changes."
)
class Effect(Node, record=records.Effect, load=effects.by_ids):
    """Values are ``integrations.records.effects.Effect``."""

    service: Service = strawberry.field(description="Partner that the effect is for.")
    action: str = strawberry.field(
        description="For WorldTracer the call: CREATE, UPDATE, SUSPEND, REINSTATE, FORWARD or CLOSE. For SMS and email "
        "the milestone: FILE_OPENED, BAG_LOCATED and the other values of `Trigger`."
    )
    state: EffectState = strawberry.field(description="State of the delivery.")
    reason: EffectReason | None = strawberry.field(
        description="Why the effect is delayed, failed or was not sent; null in any other case."
    )
    tries: int = strawberry.field(description="Number of attempts.")
    created_at: datetime = strawberry.field(description="When the effect was requested.")
    settled_at: datetime | None = strawberry.field(description="When the effect was settled; null until then.")
    provider_id: str | None = strawberry.field(
        description="The partner's id: a message id or a WorldTracer reference; null until the partner returns one."
    )
    mock: bool | None = strawberry.field(
        description="Whether a mock received the effect instead of the partner; null before the first attempt."
    )
    next_at: datetime | None = read(
        effects.next_at, description="When the effect is attempted or looked up next; null once it is settled."
    )
    sends: list[Send] = batched(effects.sends, description="Attempts in order.")
    pir: LazyPir | None = batched(pirs.of_effects, description="PIR of the effect; null if it was deleted.")


@strawberry.type(description="Cost of one kind of call to a partner.")
class ApiCost:
    """Values are ``integrations.records.effects.ServiceCost``."""

    service: Service = strawberry.field(description="Partner.")
    call: str = strawberry.field(description="Kind of call, as in `Effect.action`.")
    mock: bool = strawberry.field(
        description="Whether a mock received the calls; the cost is then what the partner would have charged."
    )
    calls: int = strawberry.field(description="Number of calls.")
    units: int = strawberry.field(description="Number of billed units: parts of an SMS, emails, calls.")
    cost: Decimal = read(effects.dollars, description="Cost in US dollars, by the configured price list.")


@strawberry.type(description="Cost of calls to partners during a period.")
class ApiCosts:
    """Values are ``resolvers.effects.Costs``."""

    since: datetime = strawberry.field(description="Start of the period.")
    until: datetime = strawberry.field(description="End of the period, exclusive.")
    total: Decimal = strawberry.field(description="Total cost in US dollars.")
    daily_budget: Decimal | None = strawberry.field(
        description="Configured budget in US dollars a day; null if none is configured."
    )
    budget_exceeded: bool = strawberry.field(
        description="Whether the cost of the last day of the period exceeds the daily budget."
    )
    by_call: list[ApiCost] = strawberry.field(description="Cost of each kind of call.")


@strawberry.type(description="SMS as it would be sent.")
class SmsPreview:
    """Values are ``integrations.records.sms.Sms``."""

    text: str = strawberry.field(description="Text of the message.")
    encoding: Encoding = strawberry.field(description="Encoding that the text needs.")
    parts: int = strawberry.field(description="Number of parts that the network sends and the provider bills.")


@strawberry.type(description="Email as it would be sent.")
class EmailPreview:
    """Values are ``resolvers.notifications.render.Mail``."""

    subject: str = strawberry.field(description="Subject.")
    html: str = strawberry.field(description="HTML body.")
    text: str = strawberry.field(description="Plain-text body.")


@strawberry.type(description="Notification of a passenger as it would be sent.")
class NotificationPreview:
    """Values are ``resolvers.effects.Preview``."""

    language: Language = strawberry.field(description="Language of the notification.")
    sms: SmsPreview = strawberry.field(description="SMS of the notification.")
    email: EmailPreview = strawberry.field(description="Email of the notification.")
