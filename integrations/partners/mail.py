"""Email by SendGrid: the adapter of ``ports.MailSender``, and the reader of its signed events.

The package's helpers build bodies and read the verification key. The call is our own, since the package's client
blocks.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from sendgrid.helpers import mail as helpers
from sendgrid.helpers.eventwebhook import EventWebhook

from integrations.errors import OutsideError, Unavailable
from integrations.partners.ports import MessageRefused
from integrations.partners.transport import ErrorResponse, PartnerResponse, Transport
from integrations.records.codes import EMAIL
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

# What may stand around an address in a text: ``Ana Silva <ana@example.com>``.
AROUND_ADDRESS = re.compile(r'[\s<>"(),;:]+')
MESSAGE_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
GROUP = re.compile(r"\s*0*([1-9][0-9]{0,17})(?:\.0+)?\s*")
# What decides where a JSON value ends: strings as wholes, an unclosed one up to the end of the text, and the signs that
# open, close and separate.
JSON_SIGNS = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[\[\]{},]', re.DOTALL)

# https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
EVENTS = {
    "processed": DeliveryStatus.QUEUED,
    "deferred": DeliveryStatus.QUEUED,
    "delivered": DeliveryStatus.DELIVERED,
    "bounce": DeliveryStatus.BOUNCED,
    "dropped": DeliveryStatus.FAILED,
}
# Events of a recipient's consent: whether it is an opt-out, and whether it is about one unsubscribe group only.
# SendGrid has no event for the withdrawal of an unsubscription from all mail or of a spam report.
CONSENTS = {
    "spamreport": (True, False),
    "unsubscribe": (True, False),
    "group_unsubscribe": (True, True),
    "group_resubscribe": (False, True),
}

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
# Longer than any id or address of SendGrid.
LONGEST_TEXT = 400
EARLIEST_SECONDS = 1e9


class SendGridMail:
    """Email by SendGrid. ``ports.MailSender`` describes the methods.

    Args:
        api_key: key with the right to send mail.
        sender: sender address; its domain is authenticated at SendGrid.
        sender_name: display name of the sender.
        group: unsubscribe group of the emails at SendGrid; None for none.
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
        group: int | None = None,
        url: str = URL,
        mock: bool = False,
        read_seconds: float = 10.0,
    ) -> None:
        self.mock = mock
        self._from = helpers.From(sender, sender_name)
        self._group = group
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
        if self._group is not None:
            mail.asm = helpers.Asm(helpers.GroupId(self._group))
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
    body: bytes, signature: str, timestamp: str, public_key: str, received_at: datetime, group: int | None = None
) -> tuple[list[DeliveryReport | ConsentChange], list[str]]:
    """Reads a signed batch of events, in order. Events about opening and clicking are left out.

    Args:
        body: body as received, byte for byte.
        signature: header ``X-Twilio-Email-Event-Webhook-Signature``.
        timestamp: header ``X-Twilio-Email-Event-Webhook-Timestamp``.
        public_key: verification key of the account's mail settings: base64, without the lines around it.
        received_at: when the batch arrived, with a zone.
        group: unsubscribe group of our emails; unsubscriptions from other groups are left out.

    Returns:
        The reports, and why each event that has none could not be read; without personal data.

    Raises:
        ForgedReport: the batch is not signed with the key, or was signed more than 25 hours ago.
        UnreadableReport: the body is not a list of events.
        ValueError: the public key is not a valid key.
    """
    _verify(body, signature, timestamp, public_key, received_at)
    reports: list[DeliveryReport | ConsentChange] = []
    faults: list[str] = []
    for place, text in enumerate(_events(body)):
        try:
            report, fault = _report_of(_event(text), received_at, group)
        except UnreadableReport as error:
            report, fault = None, str(error)
        reports += [report] if report is not None else []
        faults += [f"event {place}: {fault}"] if fault is not None else []
    return reports, faults


def _events(body: bytes) -> list[str]:
    """The JSON text of each event, so that one that cannot be read costs only itself.

    Raises:
        UnreadableReport: the body is not a list.
    """
    # A byte that is not UTF-8 becomes a lone surrogate, which only the texts that are needed must not have.
    text = body.decode("utf-8-sig", "surrogateescape").strip()
    events, depth, start = list[str](), 0, 1
    for sign in JSON_SIGNS.finditer(text) if text.startswith("[") else ():
        match sign[0]:
            case "[" | "{":
                depth += 1
            case "," if depth == 1:
                events.append(text[start : sign.start()])
                start = sign.end()
            case "]" | "}":
                depth -= 1
                if not depth and (sign[0], sign.end()) == ("]", len(text)):
                    last = text[start:-1]
                    return [*events, last] if events or last.strip() else []
                if not depth:
                    break
    raise UnreadableReport("the body must be a list of events")


def _event(text: str) -> Any:
    try:
        # Unlike orjson it reads an event in which a text is not well-formed Unicode.
        return json.loads(text)
    except ValueError:
        raise UnreadableReport("an event must be JSON") from None
    except RecursionError:
        raise UnreadableReport("an event must not be nested so deeply") from None


def _verify(body: bytes, signature: str, timestamp: str, public_key: str, received_at: datetime) -> None:
    key: ec.EllipticCurvePublicKey = EventWebhook(public_key).public_key
    try:
        # Not by the package's own method, which takes a text: an event may hold bytes that are not UTF-8.
        key.verify(b64decode(signature), timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature):
        raise ForgedReport("not signed by SendGrid") from None
    if not timestamp.isdecimal():
        raise ForgedReport("not signed by SendGrid")
    age = received_at.timestamp() - int(timestamp)
    if not -CLOCK_SKEW.total_seconds() <= age <= OLDEST_REPORT.total_seconds():
        raise ForgedReport("signed too long ago")


def _report_of(
    event: Any, received_at: datetime, group: int | None
) -> tuple[DeliveryReport | ConsentChange | None, str | None]:
    """The report of an event, None for an event that is of no concern; and what of it could not be read, if anything.

    Raises:
        UnreadableReport: a property that the report needs is missing or has another type.
    """
    if not isinstance(event, dict) or not isinstance(kind := event.get("event"), str):
        raise UnreadableReport("an event must be an object with a kind")
    if kind not in EVENTS and kind not in CONSENTS:
        return None, None
    # A timestamp in the future would outlast every later event.
    event_id, at = _text(event, "sg_event_id"), min(_timestamp(event), received_at)
    if kind in EVENTS:
        # The message id is the X-Message-Id of the response to the send, then a dot and SendGrid's own suffix.
        message_id = _text(event, "sg_message_id", required=False).partition(".")[0]
        our_key = event.get("our_key")
        key = our_key if isinstance(our_key, str) else None
        return DeliveryReport(Service.EMAIL, event_id, message_id, key, EVENTS[kind], at), None
    opted_out, of_group = CONSENTS[kind]
    about, fault = _group_of(event) if of_group else (None, None)
    # An unsubscription that names no group, or one that cannot be read, may be from ours; a withdrawal must name it.
    if of_group and (group is None or about != group) and not (about is None and opted_out):
        return None, fault
    scope = str(group) if of_group and group is not None else ""
    return ConsentChange(Service.EMAIL, event_id, _address(event), opted_out, at, scope), fault


def _group_of(event: Mapping[str, Any]) -> tuple[int | None, str | None]:
    """The unsubscribe group of an event, None if there is none; and why it could not be read, if so."""
    group = event.get("asm_group_id")
    if group is None:
        return None, None
    found = GROUP.fullmatch(str(group)) if isinstance(group, str | int | float) else None
    return (int(found[1]), None) if found else (None, "asm_group_id must be the number of a group")


def _address(event: Mapping[str, Any]) -> str:
    """The email address of an event, without a name and blanks beside it."""
    words = [word.strip("'") for word in AROUND_ADDRESS.split(_text(event, "email"))]
    found = [word for word in words if EMAIL.fullmatch(word)]
    if not found:
        raise UnreadableReport("email must hold an email address")
    return found[-1]


def _text(event: Mapping[str, Any], name: str, *, required: bool = True) -> str:
    """A property that is a text PostgreSQL can store; empty if it is absent and not required."""
    text = event.get(name, None if required else "")
    if not isinstance(text, str) or not len(text) <= LONGEST_TEXT or not (text or not required):
        raise UnreadableReport(f"{name} must be a text of at most {LONGEST_TEXT} characters")
    if "\0" in text or (not text.isascii() and not _is_unicode(text)):
        raise UnreadableReport(f"{name} must be well-formed Unicode without NUL")
    return text


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _timestamp(event: Mapping[str, Any]) -> datetime:
    seconds = event.get("timestamp")
    try:
        if isinstance(seconds, bool) or float(seconds or 0) < EARLIEST_SECONDS:
            raise ValueError(seconds)
        return datetime.fromtimestamp(float(seconds or 0), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise UnreadableReport("timestamp must be in seconds since 1970, after 2001") from None


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
    if not EMAIL.fullmatch(to):
        raise MessageRefused(PARTNER, "the recipient is not an email address", DeliveryRefusal.INVALID_RECIPIENT)
    return helpers.To(to)


def _attachment(attachment: Attachment) -> helpers.Attachment:
    return helpers.Attachment(
        helpers.FileContent(b64encode(attachment.content).decode()),
        helpers.FileName(attachment.name),
        helpers.FileType(attachment.media_type),
    )
