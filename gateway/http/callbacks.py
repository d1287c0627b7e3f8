"""What providers call back: delivery reports and opt-outs, verified and kept."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.config import Settings
from gateway.partners import INBOUND_CALLBACK, MAIL_CALLBACK, SMS_CALLBACK
from integrations.errors import OutsideError
from integrations.partners.mail import read_sendgrid_events
from integrations.partners.sms import read_twilio_callback, read_twilio_inbound
from integrations.records.deliveries import ConsentChange, DeliveryReport, ForgedReport, UnreadableReport
from resolvers.notifications import delivery_reports

logger = logging.getLogger(__name__)

Told = Sequence[DeliveryReport | ConsentChange]
Read = Callable[[Request, bytes], Told]


def callback_routes(settings: Settings, now: Callable[[], datetime]) -> list[BaseRoute]:
    """The addresses that Twilio and SendGrid are given; without a key to verify with, nothing is taken."""
    token = settings.twilio_auth_token.get_secret_value() if settings.twilio_auth_token else None
    public_key = settings.sendgrid_webhook_public_key

    def status(request: Request, body: bytes) -> Told:
        url, form = _signed(settings, request), _form(body)
        return [read_twilio_callback(url, form, _header(request, "x-twilio-signature"), _key(token), now())]

    def inbound(request: Request, body: bytes) -> Told:
        url, form = _signed(settings, request), _form(body)
        change = read_twilio_inbound(url, form, _header(request, "x-twilio-signature"), _key(token), now())
        return [change] if change else []

    def events(request: Request, body: bytes) -> Told:
        signature = _header(request, "x-twilio-email-event-webhook-signature")
        timestamp = _header(request, "x-twilio-email-event-webhook-timestamp")
        return read_sendgrid_events(body, signature, timestamp, _key(public_key), now())

    def taking(read: Read) -> Callable[[Request], Awaitable[Response]]:
        async def take(request: Request) -> Response:
            body = await request.body()
            try:
                told = read(request, body)
                await delivery_reports.receive_reports(
                    request.state.stores.postgres, settings.copa_airline_id, told, now
                )
            except ForgedReport as error:
                logger.warning("a callback to %s was not believed: %s", request.url.path, error)
                return Response(status_code=HTTPStatus.FORBIDDEN)
            except UnreadableReport as error:
                logger.warning("a callback to %s was not understood: %s", request.url.path, error)
                return Response(status_code=HTTPStatus.BAD_REQUEST)
            except OutsideError as error:
                # The provider tells it again later.
                logger.warning("a callback to %s could not be kept: %s", request.url.path, error)
                return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE)
            return Response(status_code=HTTPStatus.NO_CONTENT)

        return take

    return [
        Route(SMS_CALLBACK, taking(status), methods=["POST"]),
        Route(INBOUND_CALLBACK, taking(inbound), methods=["POST"]),
        Route(MAIL_CALLBACK, taking(events), methods=["POST"]),
    ]


def _signed(settings: Settings, request: Request) -> str:
    """The address that Twilio signed: the public one, whatever name the proxy in front used for us."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{settings.public_url}{request.url.path}{query}"


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _header(request: Request, name: str) -> str:
    return request.headers.get(name, "")


def _key(key: str | None) -> str:
    if not key:
        raise ForgedReport("there is no key to verify it with")
    return key
