"""SMS and email: results of sending, and the providers' reports."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from integrations.records.effects import Service


class DeliveryStatus(StrEnum):
    """Status of a message at its provider; the provider's adapter maps its own statuses onto these."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    UNDELIVERED = "UNDELIVERED"
    FAILED = "FAILED"
    BOUNCED = "BOUNCED"
    UNKNOWN = "UNKNOWN"


class DeliveryRefusal(StrEnum):
    """Reason why a provider rejects a message."""

    INVALID_RECIPIENT = "INVALID_RECIPIENT"
    OPTED_OUT = "OPTED_OUT"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class SendResult:
    """A message that its provider accepted.

    Args:
        provider_id: the provider's id of the message (a message SID, an ``X-Message-Id``).
        units: units that the provider charges: parts of an SMS, 1 for an email.
        mock: whether a mock accepted it, so that no passenger receives it.
    """

    provider_id: str
    units: int
    mock: bool


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message in the provider's list.

    Args:
        provider_id: the provider's id of the message.
        to: the recipient's number, in E.164.
        text: the text as sent.
        sent_at: when the provider accepted it, UTC.
        units: units that the provider charges.
        mock: whether it is a mock's list.
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
    """A file attached to an email.

    Args:
        name: file name for the recipient.
        media_type: media type, such as ``application/pdf``.
        content: the file's bytes.
    """

    name: str
    media_type: str
    content: bytes = field(repr=False)


class ForgedReport(ValueError):
    """A callback without a valid signature of its provider, or with one that is too old."""


class UnreadableReport(ValueError):
    """A callback with a valid signature whose content is not as specified."""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A provider's report on a message.

    Args:
        report_id: identity of the report, the same when the provider repeats it.
        provider_id: the provider's id of the message; empty if the report does not hold it.
        our_key: the key that the message was sent with; None if the report does not hold it.
        at: when the status changed, UTC; if the report does not say, when it arrived.
    """

    service: Service
    report_id: str
    provider_id: str
    our_key: str | None
    status: DeliveryStatus
    at: datetime


@dataclass(frozen=True, slots=True)
class ConsentChange:
    """A recipient's opt-out from a service, or its withdrawal.

    Args:
        change_id: identity of the change, the same when the provider repeats it.
        recipient: a number in E.164, or an email address.
        opted_out: False withdraws an opt-out of the same scope.
        at: when it was made, UTC; if the provider does not say, when it arrived.
        scope: the provider's unsubscribe group; empty for all messages of the service.
    """

    service: Service
    change_id: str
    recipient: str = field(repr=False)
    opted_out: bool
    at: datetime
    scope: str = ""
