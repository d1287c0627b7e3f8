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


# Logs an error whose text, and that of the one before it, quote a passenger.
FAILING = """
import logging
from gateway.logs import configure_logging

def read(number):
    try:
        int(number)
    except ValueError as error:
        raise KeyError(number) from error

configure_logging("INFO")
try:
    read("phone: +12025550147")
except KeyError:
    logging.getLogger("gateway").exception("request 1 failed")
"""


async def test_a_traceback_shows_where_an_error_arose_and_not_its_text() -> None:
    command = [sys.executable, "-c", FAILING]
    ended = await asyncio.to_thread(
        subprocess.run, command, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=True
    )
    assert "request 1 failed" in ended.stderr
    assert ended.stderr.index("ValueError") < ended.stderr.index("KeyError")
    assert "in read" in ended.stderr
    assert "12025550147" not in ended.stderr


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING"])
async def test_no_number_and_no_key_of_a_call_to_a_partner_is_logged(level: str) -> None:
    command = [sys.executable, "-c", PROGRAM, level]
    ended = await asyncio.to_thread(
        subprocess.run, command, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=True
    )
    assert "the last line" in ended.stderr
    for secret in ("12025550147", "text of the message", "secret-token", "authorization", "QUMxOnNlY3JldC10b2tlbg=="):
        assert secret not in ended.stderr
