"""Logging: what libraries log about personal data is left out at every level."""

import asyncio
import logging
import os
import subprocess
import sys

import orjson
import pytest
from opentelemetry.trace import SpanKind

from gateway.http.middleware import LINE, access
from gateway.logs import JsonFormatter
from integrations.log_fields import add_log_fields, log_fields
from integrations.tracing import root_span
from tests.spans import Recorder

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


def json_line(name: str, message: str, *args: object, error: BaseException | None = None) -> dict[str, object]:
    """What the JSON form writes of a record."""
    exc_info = (type(error), error, None) if error else None
    record = logging.LogRecord(name, logging.WARNING, "file.py", 1, message, args, exc_info)
    line = JsonFormatter().format(record)
    assert "\n" not in line
    found: dict[str, object] = orjson.loads(line)
    assert str(found.pop("time")).endswith("+00:00")
    return found


def test_a_json_line_names_request_tenant_operation_and_trace() -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    parent = f"00-{trace}-b7ad6b7169203331-01"
    with log_fields(request="r1"), root_span(Recorder().tracer, "request", SpanKind.SERVER, parent, {}):
        add_log_fields(tenant=1, operation="BagPage")
        line = json_line("gateway.test", "two\nlines %d", 7)
    assert line == {
        "level": "WARNING",
        "logger": "gateway.test",
        "message": "two\nlines 7",
        "trace": trace,
        "request": "r1",
        "tenant": 1,
        "operation": "BagPage",
    }
    add_log_fields(tenant=2)
    assert json_line("gateway.test", "later") == {"level": "WARNING", "logger": "gateway.test", "message": "later"}


def test_a_json_line_of_the_access_log_has_its_values_as_fields() -> None:
    line = json_line(access.name, LINE, "POST", "/graphql", 200, 1.25, "agent.1", "BagPage", "r1")
    assert {name: line[name] for name in ("method", "path", "status", "ms", "actor", "operation", "request")} == {
        "method": "POST",
        "path": "/graphql",
        "status": 200,
        "ms": 1.25,
        "actor": "agent.1",
        "operation": "BagPage",
        "request": "r1",
    }


def test_a_json_line_of_an_error_has_its_type_without_its_text() -> None:
    assert json_line("gateway.test", "failed", error=ValueError("a number"))["error"] == "ValueError"
