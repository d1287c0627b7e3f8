"""Email by SendGrid: the adapter of ``ports.MailSender``, and the reader of its signed events.

The package's helpers build bodies and verify signatures. The call is our own, since the package's client blocks.
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sendgrid.helpers import mail as helpers
from sendgrid.helpers.eventwebhook import EventWebhook

from integrations.errors import OutsideError, Unavailable
from integrations.partners.ports import MessageRefused
from integrations.partners.transport import ErrorResponse, PartnerResponse, Transport
from integrations.records.deliveries import (
    Attachment,
    ConsentChange,
    DeliveryRefusal,
    DeliveryReport,
    DeliveryStatus,
    ForgedReport,
    SendResult,
    UnreadableReport,
)
from integrations.records.effects import Service

PARTNER = "sendgrid"
URL = "https://api.sendgrid.com"
ACCEPTED = 202
# Until an agent has repaired the account.
ACCOUNT_SECONDS = 60.0

# Stricter than RFC 5322, whose quotes, comments and addresses without a domain no passenger has.
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
MESSAGE_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")

# https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
EVENTS = {
    "processed": DeliveryStatus.QUEUED,
    "deferred": DeliveryStatus.QUEUED,
    "delivered": DeliveryStatus.DELIVERED,
    "bounce": DeliveryStatus.BOUNCED,
    "dropped": DeliveryStatus.FAILED,
}
OPT_OUTS = frozenset({"spamreport", "unsubscribe", "group_unsubscribe"})

# https://www.twilio.com/docs/sendgrid/api-reference/e-mail-activity
ACTIVITIES = {
    "processed": DeliveryStatus.QUEUED,
    "processing": DeliveryStatus.QUEUED,
    "delivered": DeliveryStatus.DELIVERED,
    "not_delivered": DeliveryStatus.UNDELIVERED,
}

# SendGrid repeats for 24 hours and does not document whether it signs again. Within that time, event ids detect a
# replay.
OLDEST_REPORT = timedelta(hours=25)
CLOCK_SKEW = timedelta(minutes=5)


class SendGridMail:
    """Email by SendGrid. ``ports.MailSender`` describes the methods.

    Args:
        api_key: key with the right to send mail.
        sender: sender address; its domain is authenticated at SendGrid.
        sender_name: display name of the sender.
        url: address of SendGrid or of its mock.
        mock: whether a mock is at that address. A response that is labelled as a mock's counts as well.
        read_seconds: limit for a response.
    """

    def __init__(
        self,
        api_key: str,
        sender: str,
        *,
        sender_name: str | None = None,
        url: str = URL,
        mock: bool = False,
        read_seconds: float = 10.0,
    ) -> None:
        self.mock = mock
        self._from = helpers.From(sender, sender_name)
        self._transport = Transport(
            PARTNER, url, headers={"authorization": f"Bearer {api_key}"}, read_seconds=read_seconds
        )

    async def close_connections(self) -> None:
        """Closes the connections."""
        await self._transport.close()

    async def ping(self) -> None:
        """Returns if SendGrid responds and accepts our key."""
        response = await self._call("GET", "/v3/scopes")
        response.document()

    async def send_email(
        self,
        to: str,
        subject: str,
        html_content: str,
        attachments: Sequence[Attachment] = (),
        *,
        text_content: str,
        our_key: str,
    ) -> SendResult:
        """Sends one email; its events carry ``our_key``."""
        mail = helpers.Mail(self._from, _recipient(to), subject, text_content, html_content)
        for attachment in attachments:
            mail.add_attachment(_attachment(attachment))
        return await self._send(mail, our_key)

    async def send_template_email(
        self, to: str, template_id: str, data: Mapping[str, Any], *, our_key: str
    ) -> SendResult:
        """Sends one email from a dynamic template, ``d-...``."""
        recipient = _recipient(to)
        recipient.dynamic_template_data = dict(data)
        mail = helpers.Mail(self._from, recipient)
        mail.template_id = template_id
        return await self._send(mail, our_key)

    async def check_delivery_status(self, message_id: str) -> DeliveryStatus:
        """Delivery status by the Email Activity API; UNKNOWN for an account without that add-on."""
        if not MESSAGE_ID.fullmatch(message_id):
            return DeliveryStatus.UNKNOWN
        try:
            response = await self._call(
                "GET", "/v3/messages", params={"query": f"msg_id LIKE '{message_id}%'", "limit": "1"}
            )
        except MessageRefused:
            return DeliveryStatus.UNKNOWN
        found = response.document().get("messages")
        status = found[0].get("status") if isinstance(found, list) and found and isinstance(found[0], dict) else None
        return ACTIVITIES.get(str(status), DeliveryStatus.UNKNOWN)

    async def _send(self, mail: helpers.Mail, our_key: str) -> SendResult:
        mail.add_custom_arg(helpers.CustomArg("our_key", our_key))
        # Passengers are not tracked, and links stay the airline's own.
        mail.tracking_settings = helpers.TrackingSettings(
            helpers.ClickTracking(False, False), helpers.OpenTracking(False)
        )
        response = await self._call("POST", "/v3/mail/send", json=mail.get())
        message_id = response.headers.get("x-message-id", "")
        if response.status != ACCEPTED or not message_id:
            raise response.outside_contract("not accepted with an X-Message-Id")
        return SendResult(message_id, 1, self.mock or "x-mock" in response.headers)

    async def _call(
        self, method: str, path: str, *, json: Any = None, params: Mapping[str, str] | None = None
    ) -> PartnerResponse:
        try:
            return await self._transport.request(method, path, repeatable=method == "GET", json=json, params=params)
        except ErrorResponse as rejection:
            raise _refusal(rejection.response) from rejection


def read_sendgrid_events(
    body: bytes, signature: str, timestamp: str, public_key: str, received_at: datetime
) -> list[DeliveryReport | ConsentChange]:
    """Reads a signed batch of events, in order. Events about opening and clicking are left out.

    Args:
        body: body as received, byte for byte.
        signature: header ``X-Twilio-Email-Event-Webhook-Signature``.
        timestamp: header ``X-Twilio-Email-Event-Webhook-Timestamp``.
        public_key: verification key of the account's mail settings: base64, without the lines around it.
        received_at: when the batch arrived, with a zone.

    Raises:
        ForgedReport: the batch is not signed with the key, or was signed more than 25 hours ago.
        UnreadableReport: the body is not a list of events.
        ValueError: the public key is not a valid key.
    """
    _verify(body, signature, timestamp, public_key, received_at)
    try:
        events = orjson.loads(body)
        return [report for event in events if (report := _report_of(event)) is not None]
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise UnreadableReport("the body must be a list of events with id, kind and timestamp") from None


def _verify(body: bytes, signature: str, timestamp: str, public_key: str, received_at: datetime) -> None:
    webhook = EventWebhook(public_key)
    try:
        signed = webhook.verify_signature(body.decode(), signature, timestamp)
    except ValueError:  # a body or a signature that is not text of its kind
        signed = False
    if not signed or not timestamp.isdecimal():
        raise ForgedReport("not signed by SendGrid")
    age = received_at.timestamp() - int(timestamp)
    if not -CLOCK_SKEW.total_seconds() <= age <= OLDEST_REPORT.total_seconds():
        raise ForgedReport("signed too long ago")


def _report_of(event: Mapping[str, Any]) -> DeliveryReport | ConsentChange | None:
    kind = event["event"]
    at = datetime.fromtimestamp(event["timestamp"], UTC)
    if kind in OPT_OUTS:
        return ConsentChange(Service.EMAIL, event["email"], True, at)
    if kind not in EVENTS:
        return None
    return DeliveryReport(
        Service.EMAIL,
        event["sg_event_id"],
        # It is the X-Message-Id of the response to the send, then a dot and SendGrid's own suffix.
        event.get("sg_message_id", "").partition(".")[0],
        event.get("our_key"),
        EVENTS[kind],
        at,
    )


def _refusal(response: PartnerResponse) -> OutsideError:
    if response.status in (401, 403):
        return Unavailable(PARTNER, f"HTTP {response.status}: the account was rejected", ACCOUNT_SECONDS)
    refusal = DeliveryRefusal.INVALID_RECIPIENT if _names_recipient(response) else DeliveryRefusal.OTHER
    return MessageRefused(PARTNER, f"HTTP {response.status}", refusal)


def _names_recipient(response: PartnerResponse) -> bool:
    """Whether an error names the recipient's field: ``personalizations.0.to.0.email``."""
    try:
        errors = orjson.loads(response.body)["errors"]
        return any(re.fullmatch(r"personalizations\.\d+\.to(\..*)?", str(error["field"])) for error in errors)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return False


def _recipient(to: str) -> helpers.To:
    if not ADDRESS.fullmatch(to):
        raise MessageRefused(PARTNER, "the recipient is not an email address", DeliveryRefusal.INVALID_RECIPIENT)
    return helpers.To(to)


def _attachment(attachment: Attachment) -> helpers.Attachment:
    return helpers.Attachment(
        helpers.FileContent(b64encode(attachment.content).decode()),
        helpers.FileName(attachment.name),
        helpers.FileType(attachment.media_type),
    )
