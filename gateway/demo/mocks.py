"""Mocks of the partners, on the ports that the settings name."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

from gateway.config import Settings, plain
from gateway.partners import INBOUND_CALLBACK, MAIL_CALLBACK
from integrations.partners.mocks import sendgrid, twilio, worldtracer
from integrations.partners.mocks.server import serving


async def serve_mocks(settings: Settings, journal: Path | None = None) -> None:
    """Serves the mock of each partner with a mock endpoint, until cancelled.

    Args:
        journal: file that keeps the WorldTracer mock's PIRs across restarts.
    """
    account = f"{settings.twilio_account_sid}:{plain(settings.twilio_auth_token)}"
    public_url = settings.public_url
    apps = {
        settings.worldtracer_mock_endpoint: worldtracer.create_app(
            key=plain(settings.worldtracer_api_key), journal=journal
        ),
        settings.twilio_mock_endpoint: twilio.create_app(key=account, callback=f"{public_url}{INBOUND_CALLBACK}"),
        settings.sendgrid_mock_endpoint: sendgrid.create_app(
            key=plain(settings.sendgrid_api_key), callback=f"{public_url}{MAIL_CALLBACK}"
        ),
    }
    async with AsyncExitStack() as stack:
        for endpoint, app in apps.items():
            if endpoint is not None:
                await stack.enter_async_context(serving(app, urlsplit(endpoint).port or 0))
        await asyncio.Event().wait()
