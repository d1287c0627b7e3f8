"""The partners as the settings name them: adapters, their stand-ins, breakers, prices and paces."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from typing import TypeVar

from pydantic import SecretStr

from gateway.config import ServiceFlags, Settings
from integrations.partners.breaker import Breaker
from integrations.partners.mail import URL as SENDGRID
from integrations.partners.mail import SendGridMail
from integrations.partners.ports import PartnerPort
from integrations.partners.sms import URL as TWILIO
from integrations.partners.sms import TwilioSms
from integrations.partners.worldtracer import WorldTracerClient
from integrations.records.effects import Service
from resolvers.notifications.partner_links import PartnerLink, PartnerLinks
from resolvers.rules.contact_hours import ContactRules

# Below what a dispatcher gives a call, connecting included.
WORLDTRACER_SECONDS = 12.0
SMS_CALLBACK = "/callbacks/twilio/status"
INBOUND_CALLBACK = "/callbacks/twilio/inbound"
MAIL_CALLBACK = "/callbacks/sendgrid/events"

# What a mock is told where the settings name no account: a number kept free for fiction, a reserved domain.
NOBODY = "nobody"
MOCK_NUMBER = "+12025550100"
MOCK_ADDRESS = "baggage@example.com"

PortT = TypeVar("PortT", bound=PartnerPort)


@asynccontextmanager
async def open_partners(settings: Settings) -> AsyncIterator[PartnerLinks]:
    """Adapters for all partners; connections are made when they are needed.

    Raises:
        SettingsError: something that a used partner needs is missing.
    """
    settings.check_partners()
    flags = settings.external_services

    def worldtracer(*, mock: bool) -> WorldTracerClient:
        endpoint = settings.worldtracer_mock_endpoint if mock else settings.worldtracer_endpoint
        return WorldTracerClient(
            endpoint or "",
            _plain(settings.worldtracer_api_key),
            settings.designator,
            mock=mock,
            read_seconds=WORLDTRACER_SECONDS,
        )

    def twilio(*, mock: bool) -> TwilioSms:
        return TwilioSms(
            settings.twilio_account_sid or NOBODY,
            _plain(settings.twilio_auth_token),
            settings.twilio_phone_number or MOCK_NUMBER,
            status_callback=f"{settings.public_url}{SMS_CALLBACK}",
            url=(settings.twilio_mock_endpoint or "") if mock else TWILIO,
            mock=mock,
        )

    def sendgrid(*, mock: bool) -> SendGridMail:
        return SendGridMail(
            _plain(settings.sendgrid_api_key),
            settings.sendgrid_from_email or MOCK_ADDRESS,
            sender_name=settings.brand,
            url=(settings.sendgrid_mock_endpoint or "") if mock else SENDGRID,
            mock=mock,
        )

    async with AsyncExitStack() as stack:

        def link(
            service: Service,
            flags: ServiceFlags,
            adapter: Callable[..., PortT],
            price: Decimal,
            a_minute: int | None = None,
        ) -> PartnerLink[PortT]:
            port = adapter(mock=flags.mock)
            fallback = adapter(mock=True) if flags.fallback and not flags.mock else None
            for one in filter(None, (port, fallback)):
                stack.push_async_callback(one.close_connections)
            breaker = Breaker(service.consumer)
            return PartnerLink(service, port, fallback, breaker, flags.enabled, round(price * 1_000_000), a_minute)

        yield PartnerLinks(
            worldtracer=link(Service.WORLDTRACER, flags.worldtracer, worldtracer, settings.worldtracer_call_price),
            sms=link(Service.SMS, flags.twilio, twilio, settings.sms_part_price, settings.sms_per_minute),
            email=link(Service.EMAIL, flags.sendgrid, sendgrid, settings.email_price),
            rules=ContactRules(settings.quiet_from, settings.quiet_until, settings.sms_per_passenger_day),
        )


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else NOBODY
