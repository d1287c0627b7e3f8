"""Webhooks of Twilio and SendGrid: delivery reports and opt-outs, verified and stored."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.config import Settings, plain
from gateway.partners import INBOUND_CALLBACK, MAIL_CALLBACK, SMS_CALLBACK
from integrations.errors import OutsideError
from integrations.partners.mail import read_sendgrid_events
from integrations.partners.sms import read_twilio_callback, read_twilio_inbound
from integrations.records.deliveries import ConsentChange, DeliveryReport, ForgedReport, UnreadableReport
from resolvers.notifications import delivery_reports

logger = logging.getLogger(__name__)

BODY_SECONDS = 10.0
# A callback of Twilio has one message; a batch of SendGrid has at most 768 KB.
MAX_FORM_BYTES = 65_536
MAX_BATCH_BYTES = 1_048_576
MAX_FIELDS = 200
MAX_LOGGED = 10

TWILIO_SIGNATURE = "x-twilio-signature"
SENDGRID_SIGNATURE = "x-twilio-email-event-webhook-signature"
SENDGRID_TIMESTAMP = "x-twilio-email-event-webhook-timestamp"

# Form of the signatures: a SHA-1, and an ECDSA signature in DER with the time of signing; both in base64.
SIGNATURE = re.compile(r"[A-Za-z0-9+/]{27}=")
EVENT_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{80,120}={0,2}")
EVENT_TIMESTAMP = re.compile(r"[0-9]{1,12}")

Reports = tuple[Sequence[DeliveryReport | ConsentChange], Sequence[str]]


class _BodyTooLong(Exception):
    """The body exceeds the limit of its route."""


@dataclass(frozen=True, slots=True)
class _Webhook:
    """A route that a provider calls.

    Args:
        signature: form of each header that the signature consists of.
        max_bytes: the maximum length of a body.
        read: verifies and reads a body; returns the reports, and what could not be read.
    """

    signature: Mapping[str, re.Pattern[str]]
    max_bytes: int
    read: Callable[[Request, bytes], Reports]


def callback_routes(settings: Settings, now: Callable[[], datetime]) -> list[BaseRoute]:
    """Returns the routes that Twilio and SendGrid call; without a key for verification, every call is rejected."""
    token, public_key = plain(settings.twilio_auth_token), settings.sendgrid_webhook_public_key
    group = settings.sendgrid_unsubscribe_group

    def status(request: Request, body: bytes) -> Reports:
        url, form = _signed(settings, request), _form(body)
        return [read_twilio_callback(url, form, _header(request, TWILIO_SIGNATURE), _key(token), now())], []

    def inbound(request: Request, body: bytes) -> Reports:
        url, form = _signed(settings, request), _form(body)
        change = read_twilio_inbound(url, form, _header(request, TWILIO_SIGNATURE), _key(token), now())
        return [change] if change else [], []

    def events(request: Request, body: bytes) -> Reports:
        signature, timestamp = _header(request, SENDGRID_SIGNATURE), _header(request, SENDGRID_TIMESTAMP)
        return read_sendgrid_events(body, signature, timestamp, _key(public_key), now(), group)

    async def store(request: Request, reports: Sequence[DeliveryReport | ConsentChange]) -> None:
        await delivery_reports.receive_reports(request.state.stores.postgres, settings.copa_airline_id, reports, now)

    def route(path: str, webhook: _Webhook) -> BaseRoute:
        async def handle(request: Request) -> Response:
            return Response(status_code=await _receive(request, webhook, store))

        return Route(path, handle, methods=["POST"])

    by_twilio = {TWILIO_SIGNATURE: SIGNATURE}
    by_sendgrid = {SENDGRID_SIGNATURE: EVENT_SIGNATURE, SENDGRID_TIMESTAMP: EVENT_TIMESTAMP}
    return [
        route(SMS_CALLBACK, _Webhook(by_twilio, MAX_FORM_BYTES, status)),
        route(INBOUND_CALLBACK, _Webhook(by_twilio, MAX_FORM_BYTES, inbound)),
        route(MAIL_CALLBACK, _Webhook(by_sendgrid, MAX_BATCH_BYTES, events)),
    ]


async def _receive(
    request: Request,
    webhook: _Webhook,
    store: Callable[[Request, Sequence[DeliveryReport | ConsentChange]], Awaitable[None]],
) -> HTTPStatus:
    """Verifies a callback and stores its reports; returns the status of the response.

    What is signed and cannot be read is logged and accepted, since a repetition would be the same.
    """
    path = request.url.path
    try:
        # The form of the signature costs an anonymous caller's body nothing.
        for name, form in webhook.signature.items():
            if not form.fullmatch(_header(request, name)):
                raise ForgedReport(f"no signature in {name}")
        reports, faults = webhook.read(request, await _body(request, webhook.max_bytes))
        for fault in faults[:MAX_LOGGED]:
            logger.warning("a callback to %s could not be parsed: %s", path, fault)
        if faults:
            logger.warning("a callback to %s: %d of its events could not be parsed", path, len(faults))
        await store(request, reports)
    except ForgedReport as error:
        logger.warning("a callback to %s was rejected: %s", path, error)
        return HTTPStatus.FORBIDDEN
    except UnreadableReport as error:
        logger.warning("a callback to %s could not be parsed: %s", path, error)
    except _BodyTooLong:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    except TimeoutError:
        return HTTPStatus.REQUEST_TIMEOUT
    except OutsideError as error:
        # The provider repeats the call later.
        logger.warning("a callback to %s could not be stored: %s", path, error)
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.NO_CONTENT


async def _body(request: Request, max_bytes: int) -> bytes:
    """Returns the body.

    Raises:
        _BodyTooLong: it is longer than ``max_bytes``.
        TimeoutError: it was not received within ``BODY_SECONDS``.
    """
    body = bytearray()
    async with asyncio.timeout(BODY_SECONDS):
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                raise _BodyTooLong
    return bytes(body)


def _signed(settings: Settings, request: Request) -> str:
    """Returns the URL that Twilio signed: the public one, whatever Host a proxy sends."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{settings.public_url}{request.url.path}{query}"


def _form(body: bytes) -> dict[str, str]:
    """Returns the fields of a form.

    Raises:
        ForgedReport: it has more fields than Twilio sends.
    """
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS))
    except ValueError:
        raise ForgedReport(f"more than {MAX_FIELDS} fields") from None


def _header(request: Request, name: str) -> str:
    return request.headers.get(name, "")


def _key(key: str | None) -> str:
    if not key:
        raise ForgedReport("no verification key is configured")
    return key
