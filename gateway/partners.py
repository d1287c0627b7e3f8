"""Partners from the settings: adapters, mocks and fallbacks, breakers, prices and rate limits."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from typing import TypeVar

from gateway.config import ServiceFlags, Settings, plain
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

SMS_CALLBACK = "/callbacks/twilio/status"
INBOUND_CALLBACK = "/callbacks/twilio/inbound"
MAIL_CALLBACK = "/callbacks/sendgrid/events"

# Accounts for mocks where the settings name none: a number reserved for fiction and a reserved domain.
MOCK_ACCOUNT = "mock"
MOCK_NUMBER = "+12025550100"
MOCK_ADDRESS = "baggage@example.com"

PortT = TypeVar("PortT", bound=PartnerPort)


@asynccontextmanager
async def open_partners(settings: Settings) -> AsyncIterator[PartnerLinks]:
    """Creates the adapters of all partners, which connect on first use.

    Raises:
        SettingsError: a setting of an enabled partner is missing.
    """
    settings.check_partners()
    flags = settings.external_services

    def worldtracer(*, mock: bool) -> WorldTracerClient:
        endpoint = settings.worldtracer_mock_endpoint if mock else settings.worldtracer_endpoint
        return WorldTracerClient(
            endpoint or "",
            plain(settings.worldtracer_api_key) or MOCK_ACCOUNT,
            settings.designator,
            mock=mock,
        )

    def twilio(*, mock: bool) -> TwilioSms:
        return TwilioSms(
            settings.twilio_account_sid or MOCK_ACCOUNT,
            plain(settings.twilio_auth_token) or MOCK_ACCOUNT,
            settings.twilio_phone_number or MOCK_NUMBER,
            status_callback=f"{settings.public_url}{SMS_CALLBACK}",
            url=(settings.twilio_mock_endpoint or "") if mock else TWILIO,
            mock=mock,
        )

    def sendgrid(*, mock: bool) -> SendGridMail:
        return SendGridMail(
            plain(settings.sendgrid_api_key) or MOCK_ACCOUNT,
            settings.sendgrid_from_email or MOCK_ADDRESS,
            sender_name=settings.brand,
            group=settings.sendgrid_unsubscribe_group,
            url=(settings.sendgrid_mock_endpoint or "") if mock else SENDGRID,
            mock=mock,
        )

    async with AsyncExitStack() as stack:

        def link(
            service: Service,
            flags: ServiceFlags,
            adapter: Callable[..., PortT],
            price: Decimal,
            per_minute: int | None = None,
        ) -> PartnerLink[PortT]:
            port = adapter(mock=flags.mock)
            fallback = adapter(mock=True) if flags.fallback and not flags.mock else None
            for adapter_in_use in filter(None, (port, fallback)):
                stack.push_async_callback(adapter_in_use.close_connections)
            breaker = Breaker(service.consumer)
            return PartnerLink(service, port, fallback, breaker, flags.enabled, round(price * 1_000_000), per_minute)

        yield PartnerLinks(
            worldtracer=link(Service.WORLDTRACER, flags.worldtracer, worldtracer, settings.worldtracer_call_price),
            sms=link(Service.SMS, flags.twilio, twilio, settings.sms_part_price, settings.sms_per_minute),
            email=link(Service.EMAIL, flags.sendgrid, sendgrid, settings.email_price),
            rules=ContactRules(settings.quiet_from, settings.quiet_until, settings.sms_per_passenger_day),
        )
