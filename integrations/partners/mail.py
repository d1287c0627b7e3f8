"""Email by SendGrid: the adapter of ``ports.MailSender``, and how its signed events are read.

Bodies are built by the package's helpers and signatures verified by it; the call is our own, as the package's blocks.
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
from integrations.partners.transport import PartnerResponse, RefusedAnswer, Transport
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
# An agent has to put the account in order first.
ACCOUNT_SECONDS = 60.0

# Stricter than RFC 5322, which allows what no passenger has: quotes, comments, addresses without a domain.
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

# SendGrid repeats for 24 hours and does not say whether it signs anew; within that, a replay is told by its event ids.
OLDEST_REPORT = timedelta(hours=25)
CLOCK_SKEW = timedelta(minutes=5)


class SendGridMail:
    """Email by SendGrid; the methods are described by ``ports.MailSender``.

    Args:
        api_key: with the right to send mail.
        sender: the address that emails are from; its domain is authenticated at SendGrid.
        sender_name: shown with it.
        url: where SendGrid, or its mock, is.
        mock: a stand-in is at that address. One that says so itself is believed, too.
        read_seconds: for an answer.
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
        """Lets go of the connections."""
        await self._transport.close()

    async def ping(self) -> None:
        """Returns if SendGrid answers and takes our key."""
        answer = await self._call("GET", "/v3/scopes")
        answer.document()

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
            mail.add_attachment(_part(attachment))
        return await self._send(mail, our_key)

    async def send_template_email(
        self, to: str, template_id: str, data: Mapping[str, Any], *, our_key: str
    ) -> SendResult:
        """Sends one email by a dynamic template, ``d-...``."""
        recipient = _recipient(to)
        recipient.dynamic_template_data = dict(data)
        mail = helpers.Mail(self._from, recipient)
        mail.template_id = template_id
        return await self._send(mail, our_key)

    async def check_delivery_status(self, message_id: str) -> DeliveryStatus:
        """How far an email is by the Email Activity API; UNKNOWN for an account without that add-on."""
        if not MESSAGE_ID.fullmatch(message_id):
            return DeliveryStatus.UNKNOWN
        try:
            answer = await self._call(
                "GET", "/v3/messages", params={"query": f"msg_id LIKE '{message_id}%'", "limit": "1"}
            )
        except MessageRefused:
            return DeliveryStatus.UNKNOWN
        found = answer.document().get("messages")
        status = found[0].get("status") if isinstance(found, list) and found and isinstance(found[0], dict) else None
        return ACTIVITIES.get(str(status), DeliveryStatus.UNKNOWN)

    async def _send(self, mail: helpers.Mail, our_key: str) -> SendResult:
        mail.add_custom_arg(helpers.CustomArg("our_key", our_key))
        # A passenger's reading is not watched, and links stay the airline's own.
        mail.tracking_settings = helpers.TrackingSettings(
            helpers.ClickTracking(False, False), helpers.OpenTracking(False)
        )
        answer = await self._call("POST", "/v3/mail/send", json=mail.get())
        message_id = answer.headers.get("x-message-id", "")
        if answer.status != ACCEPTED or not message_id:
            raise answer.outside_contract("not accepted with an X-Message-Id")
        return SendResult(message_id, 1, self.mock or "x-mock" in answer.headers)

    async def _call(
        self, method: str, path: str, *, json: Any = None, params: Mapping[str, str] | None = None
    ) -> PartnerResponse:
        try:
            return await self._transport.request(method, path, repeatable=method == "GET", json=json, params=params)
        except RefusedAnswer as refused:
            raise _refusal(refused.answer) from refused


def read_sendgrid_events(
    body: bytes, signature: str, timestamp: str, public_key: str, received_at: datetime
) -> list[DeliveryReport | ConsentChange]:
    """What a signed batch of events reports, in its order; events about opening and clicking are left out.

    Args:
        body: as it came, byte for byte.
        signature: the header ``X-Twilio-Email-Event-Webhook-Signature``.
        timestamp: the header ``X-Twilio-Email-Event-Webhook-Timestamp``.
        public_key: the verification key of the account's mail settings: base64, without the lines around it.

    Raises:
        ForgedReport: not signed with the key, or more than 25 hours ago.
        UnreadableReport: no list of events.
        ValueError: the public key is none.
    """
    _verify(body, signature, timestamp, public_key, received_at)
    try:
        events = orjson.loads(body)
        return [told for event in events if (told := _told(event)) is not None]
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise UnreadableReport("a list of events has events with an id, a kind and a time") from None


def _verify(body: bytes, signature: str, timestamp: str, public_key: str, received_at: datetime) -> None:
    webhook = EventWebhook(public_key)
    try:
        signed = webhook.verify_signature(body.decode(), signature, timestamp)
    except ValueError:  # a body or a signature that is no text of its kind
        signed = False
    if not signed or not timestamp.isdecimal():
        raise ForgedReport("not signed by SendGrid")
    age = received_at.timestamp() - int(timestamp)
    if not -CLOCK_SKEW.total_seconds() <= age <= OLDEST_REPORT.total_seconds():
        raise ForgedReport("signed too long ago")


def _told(event: Mapping[str, Any]) -> DeliveryReport | ConsentChange | None:
    kind = event["event"]
    at = datetime.fromtimestamp(event["timestamp"], UTC)
    if kind in OPT_OUTS:
        return ConsentChange(Service.EMAIL, event["email"], True, at)
    if kind not in EVENTS:
        return None
    return DeliveryReport(
        Service.EMAIL,
        event["sg_event_id"],
        # It continues the X-Message-Id that the send was answered with by a dot and the place of the work.
        event.get("sg_message_id", "").partition(".")[0],
        event.get("our_key"),
        EVENTS[kind],
        at,
    )


def _refusal(answer: PartnerResponse) -> OutsideError:
    if answer.status in (401, 403):
        return Unavailable(PARTNER, f"HTTP {answer.status}: the account was not accepted", ACCOUNT_SECONDS)
    refusal = DeliveryRefusal.INVALID_RECIPIENT if _blames_recipient(answer) else DeliveryRefusal.OTHER
    return MessageRefused(PARTNER, f"HTTP {answer.status}", refusal)


def _blames_recipient(answer: PartnerResponse) -> bool:
    """Whether an error names the field of the recipient: ``personalizations.0.to.0.email``."""
    try:
        errors = orjson.loads(answer.body)["errors"]
        return any(re.fullmatch(r"personalizations\.\d+\.to(\..*)?", str(error["field"])) for error in errors)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return False


def _recipient(to: str) -> helpers.To:
    if not ADDRESS.fullmatch(to):
        raise MessageRefused(PARTNER, "no address of email", DeliveryRefusal.INVALID_RECIPIENT)
    return helpers.To(to)


def _part(attachment: Attachment) -> helpers.Attachment:
    return helpers.Attachment(
        helpers.FileContent(b64encode(attachment.content).decode()),
        helpers.FileName(attachment.name),
        helpers.FileType(attachment.media_type),
    )
