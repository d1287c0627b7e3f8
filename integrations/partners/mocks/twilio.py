"""Mock of Twilio with the contract of ``docs/EXTERNAL_SERVICES.md``: messages, their list, and signed callbacks.

Beside the control endpoints of ``faults`` and ``delivery_simulator``, ``POST /_mock/inbound`` with ``{"from": "+1...",
"to": "+1...", "body": "STOP"}`` is a passenger's message: opt-outs take effect as at Twilio, and the mock reports the
message to ``callback``.
"""

from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from uuid import uuid4

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator

from integrations.partners.mocks.delivery_simulator import NO_REPORT, DeliveryOutcome, DeliverySimulator, is_loopback
from integrations.partners.mocks.faults import FaultInjector, mock_app
from integrations.records.codes import E_164
from integrations.records.sms import measure

LONGEST_BODY = 1600
LARGEST_PAGE = 1000
# Twilio tries once more if it could not connect.
TRIES = 2
ERRORS = {"undelivered": 30003, "failed": 30008}
OUTCOMES = ("delivered", "sent", *ERRORS)

STOP = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE")
START = ("START", "YES", "UNSTOP")
# The key in the address of a message's callback. ``/_mock/messages`` shows it to a test; the customer does not see it.
OUR_KEY = "our_key"

# Signs callbacks that no customer's request precedes, where any token is accepted.
TOKEN = "mock"  # noqa: S105 # no secret


class TwilioCredentials(NamedTuple):
    """Account and token of a request."""

    account: str
    token: str


class InboundSms(NamedTuple):
    """Message from a passenger."""

    sender: str
    to: str
    body: str


class TwilioError(Exception):
    """Rejection by Twilio: error code, message and HTTP status."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def create_app(
    *, key: str | None = None, callback: str | None = None, latency: float = 0.0, journal: Path | None = None
) -> Starlette:
    """Creates the mock.

    Args:
        key: the only ``account SID:token`` to accept; None accepts any.
        callback: address to which passengers' messages are reported. Each message names its own for status callbacks.
        latency: seconds before every response.
        journal: file in which messages survive a restart; None keeps none.

    Raises:
        ValueError: the callback is not on this machine.
    """
    if callback is not None and not is_loopback(callback):
        raise ValueError("callback must be a loopback address")
    service = TwilioService(key, callback, journal)
    account = "/2010-04-01/Accounts/{account}"
    routes = [
        Route(account + ".json", service.endpoint_of(service.account)),
        Route(account + "/Messages.json", service.endpoint_of(service.create, 201), methods=["POST"]),
        Route(account + "/Messages.json", service.endpoint_of(service.list)),
        Route(account + "/Messages/{sid}.json", service.endpoint_of(service.fetch)),
        Route("/_mock/inbound", service.inbound, methods=["POST"]),
        *service.simulator.routes("Twilio"),
    ]
    return mock_app("twilio", list(routes), FaultInjector(latency), service.clear)


class TwilioService:
    """State and endpoints of the mock: takes messages, delivers them and sends callbacks.

    Args:
        key: the only ``account SID:token`` to accept.
        callback: address to which inbound messages are reported.
        journal: file in which messages survive a restart.
    """

    def __init__(self, key: str | None, callback: str | None, journal: Path | None = None) -> None:
        self.simulator = DeliverySimulator(OUTCOMES, TRIES, journal)
        self._key = key
        self._callback = callback
        self._opted_out: set[str] = set()

    def clear(self) -> None:
        """Clears the state."""
        self.simulator.clear()
        self._opted_out.clear()

    def endpoint_of(
        self, method: Callable[[TwilioCredentials, Request], Awaitable[dict[str, Any]]], status: int = 200
    ) -> Callable[[Request], Awaitable[Response]]:
        """Endpoint of a method: checks the credentials, and returns rejections in Twilio's form."""

        async def endpoint(request: Request) -> Response:
            try:
                return JSONResponse(await method(self._credentials(request), request), status)
            except TwilioError as error:
                body = {"code": error.code, "message": str(error), "status": error.status}
                return JSONResponse(body, error.status)

        return endpoint

    async def account(self, credentials: TwilioCredentials, _request: Request) -> dict[str, Any]:
        """Status of the account."""
        return {"sid": credentials.account, "friendly_name": "Mock", "status": "active", "type": "Full"}

    async def create(self, credentials: TwilioCredentials, request: Request) -> dict[str, Any]:
        """Takes a message."""
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        self._check(form)
        now = format_datetime(datetime.now(UTC))
        message = {
            "sid": f"SM{uuid4().hex}",
            "account_sid": credentials.account,
            "from": form.get("From"),
            "messaging_service_sid": form.get("MessagingServiceSid"),
            "to": form["To"],
            "body": form["Body"],
            "status": "queued",
            "direction": "outbound-api",
            "num_segments": str(measure(form["Body"]).parts) if "From" in form else "0",
            "error_code": None,
            "error_message": None,
            "date_created": now,
            "date_sent": now,
            "date_updated": now,
            "price": None,
            "price_unit": "USD",
            OUR_KEY: parse_qs(urlsplit(form.get("StatusCallback", "")).query).get("key", [None])[0],
        }
        self.simulator.take(message)
        self.simulator.start(self._deliver(message, credentials.token, form.get("StatusCallback")))
        return _public(message)

    async def fetch(self, _credentials: TwilioCredentials, request: Request) -> dict[str, Any]:
        """Returns one message."""
        for message in self.simulator.messages:
            if message["sid"] == request.path_params["sid"]:
                return _public(message)
        raise TwilioError(20404, "The requested resource was not found", 404)

    async def list(self, credentials: TwilioCredentials, request: Request) -> dict[str, Any]:
        """Messages, the newest first, by recipient, sender and day or time of sending."""
        query = request.query_params
        page_size = query.get("PageSize", "50")
        size = int(page_size) if page_size.isdecimal() else 0
        if not 1 <= size <= LARGEST_PAGE:
            raise TwilioError(20001, "Page size must be from 1 to 1000")
        since = _timestamp(query.get("DateSent>"))
        found = [
            message
            for message in reversed(self.simulator.messages)
            if message["account_sid"] == credentials.account
            and query.get("To") in (None, message["to"])
            and query.get("From") in (None, message["from"])
            and (since is None or parsedate_to_datetime(message["date_sent"]) >= since)
        ]
        return {
            "messages": [_public(message) for message in found[:size]],
            "page": 0,
            "page_size": size,
            "next_page_uri": None,
        }

    async def inbound(self, request: Request) -> Response:
        """Takes a message from a passenger."""
        try:
            message = _read_inbound(await request.body())
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        word = message.body.strip().upper()
        if word in STOP:
            self._opted_out.add(message.sender)
        if word in START:
            self._opted_out.discard(message.sender)
        if self._callback is not None:
            token = TOKEN if self._key is None else self._key.partition(":")[2]
            fields = {"MessageSid": f"SM{uuid4().hex}", "From": message.sender, "To": message.to, "Body": message.body}
            self.simulator.start(self._post(self._callback, fields, token))
        return Response(status_code=202)

    def _credentials(self, request: Request) -> TwilioCredentials:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            key = b64decode(encoded).decode() if scheme.lower() == "basic" else ""
        except ValueError:
            key = ""
        account, _, token = key.partition(":")
        if account != request.path_params["account"] or not token or self._key not in (None, key):
            raise TwilioError(20003, "Authenticate", 401)
        return TwilioCredentials(account, token)

    def _check(self, form: Mapping[str, str]) -> None:
        if "To" not in form:
            raise TwilioError(21604, "A 'To' phone number is required.")
        if not E_164.fullmatch(form["To"]):
            raise TwilioError(21211, "The 'To' number is not a valid phone number.")
        if "From" not in form and "MessagingServiceSid" not in form:
            raise TwilioError(21603, "A 'From' phone number is required.")
        if "Body" not in form:
            raise TwilioError(21602, "Message body is required.")
        if len(form["Body"]) > LONGEST_BODY:
            raise TwilioError(21617, "The concatenated message body exceeds the 1600 character limit")
        if "StatusCallback" in form and not is_loopback(form["StatusCallback"]):
            raise TwilioError(21609, "Invalid 'StatusCallback' URL: it must be a loopback address")
        if form["To"] in self._opted_out:
            raise TwilioError(21610, "Attempt to send to unsubscribed recipient")

    async def _deliver(self, message: dict[str, Any], token: str, callback: str | None) -> None:
        outcome = self.simulator.outcome_for(message["to"])

        def set_status(status: str) -> None:
            message.update(
                status=status, error_code=ERRORS.get(status), date_updated=format_datetime(datetime.now(UTC))
            )

        async def send(status: str) -> None:
            if callback is not None:
                await self._post(callback, _callback_fields(message, status), token)

        await self.simulator.run(outcome, _statuses(outcome), set_status, send)

    async def _post(self, url: str, fields: Mapping[str, str], token: str) -> None:
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "x-twilio-signature": RequestValidator(token).compute_signature(url, fields),
        }
        await self.simulator.call(url, urlencode(fields).encode(), lambda: headers)


def _read_inbound(body: bytes) -> InboundSms:
    match orjson.loads(body):
        case {"from": str(sender), "to": str(to), "body": str(text)}:
            return InboundSms(sender, to, text)
    raise ValueError("an inbound message must have from, to and body")


def _public(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message as Twilio shows it."""
    return {name: value for name, value in message.items() if name != OUR_KEY}


def _statuses(outcome: DeliveryOutcome) -> list[str]:
    if outcome.outcome == NO_REPORT:
        return []
    return ["sent"] if outcome.outcome == "sent" else ["sent", outcome.outcome]


def _callback_fields(message: Mapping[str, Any], status: str) -> dict[str, str]:
    error = {"ErrorCode": str(ERRORS[status])} if status in ERRORS else {}
    return {
        "AccountSid": message["account_sid"],
        "MessageSid": message["sid"],
        "SmsSid": message["sid"],
        "MessageStatus": status,
        "SmsStatus": status,
        "To": message["to"],
        "From": message["from"] or "",
        "ApiVersion": "2010-04-01",
        **error,
    }


def _timestamp(text: str | None) -> datetime | None:
    """A day or a timestamp, as Twilio accepts them; in UTC."""
    if text is None:
        return None
    try:
        if len(text) == len("2026-11-23"):
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
        timestamp = datetime.fromisoformat(text)
        return timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)
    except ValueError:
        raise TwilioError(20001, "DateSent must be a date or a time in ISO 8601") from None
