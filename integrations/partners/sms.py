"""SMS by Twilio: the adapter of ``ports.SmsSender``, and the reader of its callbacks.

The documented HTTP calls go over our own transport; the package verifies signatures. Its client would bring a second
HTTP stack and hide whether a failed call may be repeated, which the caller must know.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson
from twilio.request_validator import RequestValidator

from integrations.errors import OutsideError, Unavailable
from integrations.partners.ports import MessageRefused
from integrations.partners.transport import ErrorResponse, PartnerResponse, Transport
from integrations.records.codes import E_164
from integrations.records.deliveries import (
    ConsentChange,
    DeliveryRefusal,
    DeliveryReport,
    DeliveryStatus,
    ForgedReport,
    SendResult,
    SentMessage,
    UnreadableReport,
)
from integrations.records.effects import Service
from integrations.records.sms import measure

PARTNER = "twilio"
URL = "https://api.twilio.com"
PAGE_SIZE = 200
# Until an agent has repaired the account.
ACCOUNT_SECONDS = 60.0

WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
MESSAGE_SID = re.compile(r"(SM|MM)[0-9a-f]{32}")

# https://www.twilio.com/docs/messaging/api/message-resource (message status values)
STATUSES = {
    "accepted": DeliveryStatus.QUEUED,
    "scheduled": DeliveryStatus.QUEUED,
    "queued": DeliveryStatus.QUEUED,
    "sending": DeliveryStatus.QUEUED,
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.DELIVERED,
    "undelivered": DeliveryStatus.UNDELIVERED,
    "failed": DeliveryStatus.FAILED,
    "canceled": DeliveryStatus.FAILED,
}

# https://www.twilio.com/docs/api/errors
REFUSALS = {
    21211: DeliveryRefusal.INVALID_RECIPIENT,  # not a valid number
    21214: DeliveryRefusal.INVALID_RECIPIENT,  # cannot be reached
    21217: DeliveryRefusal.INVALID_RECIPIENT,  # does not appear to be valid
    21614: DeliveryRefusal.INVALID_RECIPIENT,  # not a mobile number
    21610: DeliveryRefusal.OPTED_OUT,
}
# Too many messages at once: nothing was sent, and a later attempt succeeds.
RATE_LIMITS = frozenset({14107, 20429, 21611})

# Words that Twilio itself takes as an opt-out or its withdrawal. Other words, in any language, are configured at Twilio
# as Advanced Opt-Out, which sends its verdict as OptOutType.
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
# https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out
VERDICTS = frozenset({"STOP", "START", "HELP"})


class TwilioSms:
    """SMS by Twilio. ``ports.SmsSender`` describes the methods.

    Args:
        account_sid: ``AC...``.
        auth_token: token of the account; callbacks are signed with it as well.
        sender: a number in E.164, or the SID of a messaging service, ``MG...``.
        status_callback: public address of status callbacks.
        url: address of Twilio or of its mock.
        mock: whether a mock is at that address. A response that is labelled as a mock's counts as well.
        read_seconds: limit for a response.
    """

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        sender: str,
        *,
        status_callback: str | None = None,
        url: str = URL,
        mock: bool = False,
        read_seconds: float = 10.0,
    ) -> None:
        self.mock = mock
        self._account = f"/2010-04-01/Accounts/{account_sid}"
        self._from = {"MessagingServiceSid" if sender.startswith("MG") else "From": sender}
        self._status_callback = status_callback
        self._transport = Transport(PARTNER, url, auth=(account_sid, auth_token), read_seconds=read_seconds)

    async def close_connections(self) -> None:
        """Closes the connections."""
        await self._transport.close()

    async def ping(self) -> None:
        """Returns if Twilio responds and the account is active."""
        response = await self._call("GET", f"{self._account}.json")
        if response.document().get("status") != "active":
            raise Unavailable(PARTNER, "the account is not active", ACCOUNT_SECONDS)

    async def send_sms(self, to: str, message: str, *, our_key: str = "") -> SendResult:
        """Sends one message; the address of its status callbacks carries ``our_key``."""
        if not E_164.fullmatch(to):
            raise MessageRefused(PARTNER, "the number is not in E.164", DeliveryRefusal.INVALID_RECIPIENT)
        form = {"To": to, "Body": message, **self._from, **self._status_callback_fields(our_key)}
        response = await self._call("POST", f"{self._account}/Messages.json", form=form)
        created = response.document()
        if not MESSAGE_SID.fullmatch(str(created.get("sid"))):
            raise response.outside_contract("no message SID")
        # A messaging service does not know the number of parts yet and reports 0.
        return SendResult(created["sid"], _units(created) or measure(message).parts, self._is_mock(response))

    async def send_bulk_sms(self, recipients: Sequence[str], message: str) -> list[SendResult]:
        """Sends the same message to several recipients."""
        return [await self.send_sms(recipient, message) for recipient in recipients]

    async def check_delivery_status(self, message_sid: str) -> DeliveryStatus:
        """Delivery status of a message; UNKNOWN if Twilio has no message of that SID."""
        if not MESSAGE_SID.fullmatch(message_sid):
            return DeliveryStatus.UNKNOWN
        try:
            response = await self._call("GET", f"{self._account}/Messages/{message_sid}.json")
        except MessageRefused:
            return DeliveryStatus.UNKNOWN
        return STATUSES.get(str(response.document().get("status")), DeliveryStatus.UNKNOWN)

    async def sent_since(self, to: str, since: datetime) -> list[SentMessage]:
        """Newest messages to that number since then, at most 200. Twilio filters by day, this method by second."""
        if not E_164.fullmatch(to):
            return []
        day = since.astimezone(UTC).date().isoformat()
        response = await self._call(
            "GET",
            f"{self._account}/Messages.json",
            params={"To": to, "DateSent>": day, "PageSize": str(PAGE_SIZE)},
        )
        found = response.document().get("messages")
        if not isinstance(found, list):
            raise response.outside_contract("no list of messages")
        try:
            messages = [_sent_message(message, mock=self._is_mock(response)) for message in found]
        except (KeyError, TypeError, ValueError):
            raise response.outside_contract("a message violates the documentation") from None
        return [message for message in messages if message.sent_at >= since.replace(microsecond=0)]

    def _status_callback_fields(self, our_key: str) -> dict[str, str]:
        if self._status_callback is None:
            return {}
        return {"StatusCallback": f"{self._status_callback}?{urlencode({'key': our_key})}"}

    async def _call(
        self, method: str, path: str, *, form: Mapping[str, str] | None = None, params: Mapping[str, str] | None = None
    ) -> PartnerResponse:
        try:
            return await self._transport.request(method, path, repeatable=method == "GET", form=form, params=params)
        except ErrorResponse as rejection:
            raise _refusal(rejection.response) from rejection

    def _is_mock(self, response: PartnerResponse) -> bool:
        return self.mock or "x-mock" in response.headers


def read_twilio_callback(
    url: str, form: Mapping[str, str], signature: str, token: str, received_at: datetime
) -> DeliveryReport:
    """Reads a status callback.

    Args:
        url: the address that Twilio was given, query included. A gateway behind a proxy must know its public address.
        form: fields of the body.
        signature: header ``X-Twilio-Signature``.
        token: token of the account.
        received_at: timestamp of the report, since Twilio sends none.

    Raises:
        ForgedReport: the callback is not signed with the token.
        UnreadableReport: it has no message or no status.
    """
    _verify(url, form, signature, token)
    sid, status = _word(form, "MessageSid"), _word(form, "MessageStatus").lower()
    our_key = parse_qs(urlsplit(url).query).get("key", [""])[0]
    return DeliveryReport(
        Service.SMS,
        f"{sid}:{status}",
        sid,
        our_key or None,
        STATUSES.get(status, DeliveryStatus.UNKNOWN),
        received_at,
    )


def read_twilio_inbound(
    url: str, form: Mapping[str, str], signature: str, token: str, received_at: datetime
) -> ConsentChange | None:
    """Reads a message from a passenger; None unless it is an opt-out or its withdrawal.

    The arguments are those of ``read_twilio_callback``. Only a message that consists of such a word counts, as at
    Twilio.

    Raises:
        ForgedReport: the message is not signed with the token.
        UnreadableReport: it has no id or no sender.
    """
    _verify(url, form, signature, token)
    sid, sender, word = _word(form, "MessageSid"), form.get("From", ""), form.get("Body", "").strip().upper()
    if not E_164.fullmatch(sender):
        raise UnreadableReport("an inbound message must have the sender's number in From")
    # A verdict that is not known says nothing, so the words decide.
    if (verdict := form.get("OptOutType", "").strip().upper()) in VERDICTS:
        word = verdict
    if word in STOP_WORDS:
        return ConsentChange(Service.SMS, sid, sender, True, received_at)
    if word in START_WORDS:
        return ConsentChange(Service.SMS, sid, sender, False, received_at)
    return None


def _word(form: Mapping[str, str], name: str) -> str:
    """A field of letters and digits.

    Raises:
        UnreadableReport: the field is missing or holds anything else.
    """
    if not WORD.fullmatch(word := form.get(name, "")):
        raise UnreadableReport(f"{name} must be a word of at most 64 letters and digits")
    return word


def _verify(url: str, form: Mapping[str, str], signature: str, token: str) -> None:
    if not RequestValidator(token).validate(url, dict(form), signature):
        raise ForgedReport("not signed by Twilio")


def _refusal(response: PartnerResponse) -> OutsideError:
    code = _code(response)
    if code in REFUSALS:
        return MessageRefused(PARTNER, f"error {code}", REFUSALS[code])
    if code in RATE_LIMITS:
        return Unavailable(PARTNER, f"error {code}")
    if response.status in (401, 403):
        return Unavailable(PARTNER, f"HTTP {response.status}: the account was rejected", ACCOUNT_SECONDS)
    return MessageRefused(PARTNER, f"HTTP {response.status}, error {code}", DeliveryRefusal.OTHER)


def _code(response: PartnerResponse) -> int | None:
    """Twilio's error code; None if the response is not Twilio's, such as a proxy's."""
    try:
        found = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return None
    code = found.get("code") if isinstance(found, dict) else None
    return code if isinstance(code, int) else None


def _units(message: Mapping[str, Any]) -> int:
    parts = str(message.get("num_segments"))
    return int(parts) if parts.isdecimal() else 0


def _sent_message(message: Mapping[str, Any], *, mock: bool) -> SentMessage:
    return SentMessage(
        provider_id=message["sid"],
        to=message["to"],
        text=message["body"],
        sent_at=parsedate_to_datetime(message["date_created"]).astimezone(UTC),
        status=STATUSES.get(message["status"], DeliveryStatus.UNKNOWN),
        units=_units(message),
        mock=mock,
    )
