"""Logging: what libraries log about personal data is left out at every level."""

import asyncio
import os
import subprocess
import sys

import pytest

# Sends an SMS and looks for it at a mock, with the logging of a process at the level of the first argument.
PROGRAM = """
import asyncio, logging, sys
from datetime import UTC, datetime
from gateway.logs import configure_logging
from integrations.partners.mocks import twilio
from integrations.partners.mocks.server import serving
from integrations.partners.sms import TwilioSms

async def main():
    async with serving(twilio.create_app(key="AC1:secret-token")) as url:
        sender = TwilioSms("AC1", "secret-token", "+12025550100", url=url)
        await sender.send_sms("+12025550147", "Copa: text of the message")
        await sender.sent_since("+12025550147", datetime.now(UTC))
        await sender.close_connections()
    logging.getLogger("uvicorn.error").debug("< TEXT 'a frame with secret-token'")
    logging.getLogger("gateway").error("the last line")

configure_logging(sys.argv[1])
asyncio.run(main())
"""


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING"])
async def test_no_number_and_no_key_of_a_call_to_a_partner_is_logged(level: str) -> None:
    command = [sys.executable, "-c", PROGRAM, level]
    ended = await asyncio.to_thread(
        subprocess.run, command, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=True
    )
    assert "the last line" in ended.stderr
    for secret in ("12025550147", "text of the message", "secret-token", "authorization", "QUMxOnNlY3JldC10b2tlbg=="):
        assert secret not in ended.stderr
