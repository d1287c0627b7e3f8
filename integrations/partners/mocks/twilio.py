"""A Twilio that speaks the contract of docs/EXTERNAL_SERVICES.md: messages, their list, and signed callbacks.

Beside the control endpoints of ``faults`` and ``deliveries``, ``POST /_mock/inbound`` with ``{"from": "+1...", "to":
"+1...", "body": "STOP"}`` is a passenger's message: opt-outs take effect as at Twilio, and ``callback`` is told.
"""

import re
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from uuid import uuid4

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator

from integrations.partners.mocks.deliveries import NOWHERE, Deliveries, Outcome, is_loopback
from integrations.partners.mocks.faults import Faults, mock_app
from integrations.records.sms import measure

NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
LONGEST_BODY = 1600
LARGEST_PAGE = 1000
# Twilio asks once more where it could not connect.
TRIES = 2
ERRORS = {"undelivered": 30003, "failed": 30008}
OUTCOMES = ("delivered", "sent", *ERRORS)

STOP = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE")
START = ("START", "YES", "UNSTOP")
# What the judge of a test is told of a message and a customer is not: the key in its callback's address.
OUR_KEY = "our_key"

# Signs what has no request of a customer behind it, where any token is taken.
TOKEN = "mock"  # noqa: S105 # no secret


class Caller(NamedTuple):
    """Whose request it is."""

    account: str
    token: str


class Inbound(NamedTuple):
    """What a passenger writes."""

    sender: str
    to: str
    body: str


class TwilioFault(Exception):
    """What Twilio says no with: its number for it, and the HTTP status."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def create_app(*, key: str | None = None, callback: str | None = None, latency: float = 0.0) -> Starlette:
    """The mock.

    Args:
        key: the only ``account SID:token`` that is taken; None takes any.
        callback: where passengers' messages are reported to; status callbacks go where each message asks for.
        latency: seconds that every answer takes.

    Raises:
        ValueError: the callback is not on this machine.
    """
    if callback is not None and not is_loopback(callback):
        raise ValueError("a mock calls back to a loopback address only")
    exchange = Exchange(key, callback)
    account = "/2010-04-01/Accounts/{account}"
    routes = [
        Route(account + ".json", exchange.answering(exchange.account)),
        Route(account + "/Messages.json", exchange.answering(exchange.create, 201), methods=["POST"]),
        Route(account + "/Messages.json", exchange.answering(exchange.list)),
        Route(account + "/Messages/{sid}.json", exchange.answering(exchange.fetch)),
        Route("/_mock/inbound", exchange.inbound, methods=["POST"]),
        *exchange.deliveries.routes("Twilio"),
    ]
    return mock_app("twilio", list(routes), Faults(latency), exchange.forget)


class Exchange:
    """Takes messages, delivers them and reports.

    Args:
        key: ``account SID:token``, the only one that is taken.
        callback: where inbound messages are reported to.
    """

    def __init__(self, key: str | None, callback: str | None) -> None:
        self.deliveries = Deliveries(OUTCOMES, TRIES)
        self._key = key
        self._callback = callback
        self._opted_out: set[str] = set()

    def forget(self) -> None:
        """Empties the memory."""
        self.deliveries.forget()
        self._opted_out.clear()

    def answering(
        self, method: Callable[[Caller, Request], Awaitable[dict[str, Any]]], status: int = 200
    ) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of a method: checks who calls, and says no in Twilio's form."""

        async def endpoint(request: Request) -> Response:
            try:
                return JSONResponse(await method(self._caller(request), request), status)
            except TwilioFault as fault:
                said = {"code": fault.code, "message": str(fault), "status": fault.status}
                return JSONResponse(said, fault.status)

        return endpoint

    async def account(self, caller: Caller, _request: Request) -> dict[str, Any]:
        """The account."""
        return {"sid": caller.account, "friendly_name": "Mock", "status": "active", "type": "Full"}

    async def create(self, caller: Caller, request: Request) -> dict[str, Any]:
        """Takes a message."""
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        self._check(form)
        now = format_datetime(datetime.now(UTC))
        message = {
            "sid": f"SM{uuid4().hex}",
            "account_sid": caller.account,
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
        self.deliveries.messages.append(message)
        self.deliveries.begin(self._deliver(message, caller.token, form.get("StatusCallback")))
        return _told(message)

    async def fetch(self, _caller: Caller, request: Request) -> dict[str, Any]:
        """One message."""
        for message in self.deliveries.messages:
            if message["sid"] == request.path_params["sid"]:
                return _told(message)
        raise TwilioFault(20404, "The requested resource was not found", 404)

    async def list(self, caller: Caller, request: Request) -> dict[str, Any]:
        """The newest messages first, by recipient, sender and day or time of sending."""
        asked = request.query_params
        said = asked.get("PageSize", "50")
        size = int(said) if said.isdecimal() else 0
        if not 1 <= size <= LARGEST_PAGE:
            raise TwilioFault(20001, "Page size must be from 1 to 1000")
        since = _moment(asked.get("DateSent>"))
        found = [
            message
            for message in reversed(self.deliveries.messages)
            if message["account_sid"] == caller.account
            and asked.get("To") in (None, message["to"])
            and asked.get("From") in (None, message["from"])
            and (since is None or parsedate_to_datetime(message["date_sent"]) >= since)
        ]
        return {
            "messages": [_told(message) for message in found[:size]],
            "page": 0,
            "page_size": size,
            "next_page_uri": None,
        }

    async def inbound(self, request: Request) -> Response:
        """A passenger's message."""
        try:
            given = _read_inbound(await request.body())
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        word = given.body.strip().upper()
        if word in STOP:
            self._opted_out.add(given.sender)
        if word in START:
            self._opted_out.discard(given.sender)
        if self._callback is not None:
            token = TOKEN if self._key is None else self._key.partition(":")[2]
            fields = {"MessageSid": f"SM{uuid4().hex}", "From": given.sender, "To": given.to, "Body": given.body}
            self.deliveries.begin(self._post(self._callback, fields, token))
        return Response(status_code=202)

    def _caller(self, request: Request) -> Caller:
        scheme, _, said = request.headers.get("authorization", "").partition(" ")
        try:
            key = b64decode(said).decode() if scheme.lower() == "basic" else ""
        except ValueError:
            key = ""
        account, _, token = key.partition(":")
        if account != request.path_params["account"] or not token or self._key not in (None, key):
            raise TwilioFault(20003, "Authenticate", 401)
        return Caller(account, token)

    def _check(self, form: Mapping[str, str]) -> None:
        if "To" not in form:
            raise TwilioFault(21604, "A 'To' phone number is required.")
        if not NUMBER.fullmatch(form["To"]):
            raise TwilioFault(21211, "The 'To' number is not a valid phone number.")
        if "From" not in form and "MessagingServiceSid" not in form:
            raise TwilioFault(21603, "A 'From' phone number is required.")
        if "Body" not in form:
            raise TwilioFault(21602, "Message body is required.")
        if len(form["Body"]) > LONGEST_BODY:
            raise TwilioFault(21617, "The concatenated message body exceeds the 1600 character limit")
        if "StatusCallback" in form and not is_loopback(form["StatusCallback"]):
            raise TwilioFault(21609, "Invalid 'StatusCallback' URL: a mock calls back to a loopback address only")
        if form["To"] in self._opted_out:
            raise TwilioFault(21610, "Attempt to send to unsubscribed recipient")

    async def _deliver(self, message: dict[str, Any], token: str, callback: str | None) -> None:
        outcome = self.deliveries.take(message["to"])

        def say(word: str) -> None:
            message.update(status=word, error_code=ERRORS.get(word), date_updated=format_datetime(datetime.now(UTC)))

        async def tell(word: str) -> None:
            if callback is not None:
                await self._post(callback, _callback_fields(message, word), token)

        await self.deliveries.report(outcome, _words(outcome), say, tell)

    async def _post(self, url: str, fields: Mapping[str, str], token: str) -> None:
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "x-twilio-signature": RequestValidator(token).compute_signature(url, fields),
        }
        await self.deliveries.call(url, urlencode(fields).encode(), lambda: headers)


def _read_inbound(body: bytes) -> Inbound:
    match orjson.loads(body):
        case {"from": str(sender), "to": str(to), "body": str(text)}:
            return Inbound(sender, to, text)
    raise ValueError("an inbound message has from, to and body")


def _told(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message as Twilio tells of it."""
    return {name: value for name, value in message.items() if name != OUR_KEY}


def _words(outcome: Outcome) -> list[str]:
    if outcome.outcome == NOWHERE:
        return []
    return ["sent"] if outcome.outcome == "sent" else ["sent", outcome.outcome]


def _callback_fields(message: Mapping[str, Any], word: str) -> dict[str, str]:
    error = {"ErrorCode": str(ERRORS[word])} if word in ERRORS else {}
    return {
        "AccountSid": message["account_sid"],
        "MessageSid": message["sid"],
        "SmsSid": message["sid"],
        "MessageStatus": word,
        "SmsStatus": word,
        "To": message["to"],
        "From": message["from"] or "",
        "ApiVersion": "2010-04-01",
        **error,
    }


def _moment(text: str | None) -> datetime | None:
    """A day, or a moment, as Twilio takes them; in UTC."""
    if text is None:
        return None
    try:
        if len(text) == len("2026-11-23"):
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        raise TwilioFault(20001, "DateSent is a date or a time in ISO 8601") from None
