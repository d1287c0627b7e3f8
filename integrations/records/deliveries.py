"""SMS and email as they are sent, and what providers say about them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from integrations.records.effects import Service


class DeliveryStatus(StrEnum):
    """How far a message is with its provider; the provider's own words are mapped onto these by its adapter."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    UNDELIVERED = "UNDELIVERED"
    FAILED = "FAILED"
    BOUNCED = "BOUNCED"
    UNKNOWN = "UNKNOWN"


class DeliveryRefusal(StrEnum):
    """Why a provider does not take a message."""

    INVALID_RECIPIENT = "INVALID_RECIPIENT"
    OPTED_OUT = "OPTED_OUT"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class SendResult:
    """A message that its provider took.

    Args:
        provider_id: the provider's name for it (a message SID, an ``X-Message-Id``).
        units: what it is charged by: parts of an SMS, 1 for an email.
        mock: no passenger will see it: a stand-in answered.
    """

    provider_id: str
    units: int
    mock: bool


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message that the provider remembers.

    Args:
        to: the number, in E.164.
        text: as sent.
        sent_at: when the provider took it, UTC.
    """

    provider_id: str
    to: str = field(repr=False)
    text: str = field(repr=False)
    sent_at: datetime
    status: DeliveryStatus
    units: int
    mock: bool


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with an email.

    Args:
        name: as the recipient sees it.
        media_type: such as ``application/pdf``.
        content: the bytes.
    """

    name: str
    media_type: str
    content: bytes = field(repr=False)


class ForgedReport(ValueError):
    """A callback that its provider did not sign, or signed too long ago."""


class UnreadableReport(ValueError):
    """A callback that its provider signed and that is not as agreed on."""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a provider reports about a message.

    Args:
        report_id: the same when the provider repeats itself.
        provider_id: the provider's name for the message; empty where the provider does not tell.
        our_key: what the message was sent with; None where the provider does not tell.
        at: when it became so, UTC; where the provider does not tell, when its report came.
    """

    service: Service
    report_id: str
    provider_id: str
    our_key: str | None
    status: DeliveryStatus
    at: datetime


@dataclass(frozen=True, slots=True)
class ConsentChange:
    """A recipient says whether to be written to any more.

    Args:
        recipient: a number in E.164, or an address.
        opted_out: False takes an opt-out back.
    """

    service: Service
    recipient: str = field(repr=False)
    opted_out: bool
    at: datetime
