"""Webhooks of Twilio and SendGrid: delivery reports and opt-outs, verified and stored."""

import logging
from collections.abc import Awaitable, Callable, Sequence
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

Reports = Sequence[DeliveryReport | ConsentChange]
ReadReports = Callable[[Request, bytes], Reports]


def callback_routes(settings: Settings, now: Callable[[], datetime]) -> list[BaseRoute]:
    """Returns the routes that Twilio and SendGrid call; without a key for verification, every call is rejected."""
    token = plain(settings.twilio_auth_token)
    public_key = settings.sendgrid_webhook_public_key

    def status(request: Request, body: bytes) -> Reports:
        url, form = _signed(settings, request), _form(body)
        return [read_twilio_callback(url, form, _header(request, "x-twilio-signature"), _key(token), now())]

    def inbound(request: Request, body: bytes) -> Reports:
        url, form = _signed(settings, request), _form(body)
        change = read_twilio_inbound(url, form, _header(request, "x-twilio-signature"), _key(token), now())
        return [change] if change else []

    def events(request: Request, body: bytes) -> Reports:
        signature = _header(request, "x-twilio-email-event-webhook-signature")
        timestamp = _header(request, "x-twilio-email-event-webhook-timestamp")
        return read_sendgrid_events(body, signature, timestamp, _key(public_key), now())

    def handler(read: ReadReports) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            body = await request.body()
            try:
                reports = read(request, body)
                await delivery_reports.receive_reports(
                    request.state.stores.postgres, settings.copa_airline_id, reports, now
                )
            except ForgedReport as error:
                logger.warning("a callback to %s was rejected: %s", request.url.path, error)
                return Response(status_code=HTTPStatus.FORBIDDEN)
            except UnreadableReport as error:
                logger.warning("a callback to %s could not be parsed: %s", request.url.path, error)
                return Response(status_code=HTTPStatus.BAD_REQUEST)
            except OutsideError as error:
                # The provider repeats the call later.
                logger.warning("a callback to %s could not be stored: %s", request.url.path, error)
                return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE)
            return Response(status_code=HTTPStatus.NO_CONTENT)

        return handle

    return [
        Route(SMS_CALLBACK, handler(status), methods=["POST"]),
        Route(INBOUND_CALLBACK, handler(inbound), methods=["POST"]),
        Route(MAIL_CALLBACK, handler(events), methods=["POST"]),
    ]


def _signed(settings: Settings, request: Request) -> str:
    """Returns the URL that Twilio signed: the public one, whatever Host a proxy sends."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{settings.public_url}{request.url.path}{query}"


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _header(request: Request, name: str) -> str:
    return request.headers.get(name, "")


def _key(key: str | None) -> str:
    if not key:
        raise ForgedReport("no verification key is configured")
    return key
