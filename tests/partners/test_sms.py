"""Twilio's adapter and its mock on the wire, and Twilio's callbacks."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator

from integrations.errors import OutsideError, Unavailable, Unsettled
from integrations.partners.mocks import twilio
from integrations.partners.mocks.server import serving
from integrations.partners.ports import MessageRefused, SmsSender
from integrations.partners.sms import TwilioSms, read_twilio_callback, read_twilio_inbound
from integrations.records.deliveries import (
    ConsentChange,
    DeliveryRefusal,
    DeliveryReport,
    DeliveryStatus,
    ForgedReport,
    UnreadableReport,
)
from integrations.records.effects import Service
from tests.partners.control import Control, controlled
from tests.partners.hook import Call, Hook, hooked

ACCOUNT, TOKEN, SENDER, TO = "AC" + "0" * 32, "a-token", "+13055550100", "+5075550123"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OUR_KEY = "1-42-1795435200"


@pytest.fixture(scope="module")
async def hook() -> AsyncIterator[Hook]:
    async with hooked() as opened:
        yield opened


@pytest.fixture(scope="module")
async def mock(hook: Hook) -> AsyncIterator[Control]:
    async with controlled(twilio.create_app(key=f"{ACCOUNT}:{TOKEN}", callback=hook.url)) as opened:
        yield opened


@pytest.fixture
async def sender(mock: Control, hook: Hook) -> AsyncIterator[TwilioSms]:
    adapter = TwilioSms(ACCOUNT, TOKEN, SENDER, status_callback=hook.url, url=mock.url, read_seconds=0.3)
    yield adapter
    await adapter.close_connections()
    await mock.reset()
    hook.calls.clear()


async def order_outcome(mock: Control, **outcome: object) -> None:
    response = await mock.client.post("/_mock/deliveries", json={"seconds": 0.01, **outcome})
    assert response.status_code == 201, response.text


def read(call: Call) -> DeliveryReport:
    return read_twilio_callback(call.url, form_of(call), call.headers["x-twilio-signature"], TOKEN, NOW)


def form_of(call: Call) -> dict[str, str]:
    return dict(parse_qsl(call.body.decode(), keep_blank_values=True))


def test_the_adapter_implements_the_port(sender: TwilioSms) -> None:
    port: SmsSender = sender
    assert port.mock is False


async def test_a_message_is_taken_and_found_again(mock: Control, sender: TwilioSms) -> None:
    before = datetime.now(UTC)
    sent = await sender.send_sms(TO, "a" * 161, our_key=OUR_KEY)
    assert (sent.units, sent.mock) == (2, True)
    (found,) = await sender.sent_since(TO, before)
    assert (found.provider_id, found.to, found.text) == (sent.provider_id, TO, "a" * 161)
    assert found.sent_at >= before.replace(microsecond=0)
    assert await sender.sent_since("+5075550199", before) == []
    assert await sender.sent_since(TO, before + timedelta(seconds=2)) == []
    assert await sender.check_delivery_status(sent.provider_id) == DeliveryStatus.QUEUED
    assert await sender.check_delivery_status("SM" + "0" * 32) == DeliveryStatus.UNKNOWN
    assert await sender.check_delivery_status("../../Accounts") == DeliveryStatus.UNKNOWN


async def test_the_call_on_the_wire_is_the_documented_one(mock: Control, sender: TwilioSms, hook: Hook) -> None:
    await sender.send_sms(TO, "Copa: daños", our_key=OUR_KEY)
    (request,) = await mock.received()
    assert (request["method"], request["path"]) == ("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
    callback = f"{hook.url}?key={OUR_KEY}"
    assert dict(parse_qsl(request["body"])) == {
        "To": TO,
        "Body": "Copa: daños",
        "From": SENDER,
        "StatusCallback": callback,
    }


async def test_a_messaging_service_may_be_the_sender(mock: Control, sender: TwilioSms) -> None:
    service = TwilioSms(ACCOUNT, TOKEN, "MG" + "0" * 32, url=mock.url)
    sent = await service.send_sms(TO, "a" * 161)
    assert sent.units == 2  # Twilio reports 0 until it has chosen a number
    await service.close_connections()


async def test_a_bulk_is_a_message_for_each(mock: Control, sender: TwilioSms) -> None:
    numbers = [TO, "+5075550124"]
    sent = await sender.send_bulk_sms(numbers, "Copa: ...")
    messages = (await mock.client.get("/_mock/messages")).json()["messages"]
    assert [(message["sid"], message["to"]) for message in messages] == [
        (one.provider_id, number) for one, number in zip(sent, numbers, strict=True)
    ]


async def test_ping_reports_a_wrong_token(mock: Control, sender: TwilioSms) -> None:
    await sender.ping()
    stranger = TwilioSms(ACCOUNT, "another", SENDER, url=mock.url)
    for call in (stranger.ping(), stranger.send_sms(TO, "Copa: ...")):
        with pytest.raises(Unavailable, match="account was rejected"):
            await call
    await stranger.close_connections()


@pytest.mark.parametrize(
    "number", ["", "5550100", "+0123456789", "+1 305 555 0100", "+13055550100\n", "+" + "1" * 16, "+١٢٣٤٥٦٧٨"]
)
async def test_an_invalid_number_is_rejected_without_a_call(mock: Control, sender: TwilioSms, number: str) -> None:
    with pytest.raises(MessageRefused) as rejected:
        await sender.send_sms(number, "Copa: ...")
    assert rejected.value.refusal is DeliveryRefusal.INVALID_RECIPIENT
    assert await sender.sent_since(number, NOW) == []
    assert await mock.received() == []


async def test_no_message_is_sent_between_stop_and_start(mock: Control, sender: TwilioSms, hook: Hook) -> None:
    await mock.client.post("/_mock/inbound", json={"from": TO, "to": SENDER, "body": " stop "})
    with pytest.raises(MessageRefused) as rejected:
        await sender.send_sms(TO, "Copa: ...")
    assert rejected.value.refusal is DeliveryRefusal.OPTED_OUT
    await mock.client.post("/_mock/inbound", json={"from": TO, "to": SENDER, "body": "START"})
    await sender.send_sms(TO, "Copa: ...")
    stop, start = (
        read_twilio_inbound(call.url, form_of(call), call.headers["x-twilio-signature"], TOKEN, NOW)
        for call in (await hook.wait(2))[:2]
    )
    assert isinstance(stop, ConsentChange)
    assert isinstance(start, ConsentChange)
    assert stop == ConsentChange(Service.SMS, stop.change_id, TO, True, NOW)
    assert start == ConsentChange(Service.SMS, start.change_id, TO, False, NOW)
    assert stop.change_id != start.change_id


async def test_a_message_that_is_too_long_is_rejected(sender: TwilioSms) -> None:
    with pytest.raises(MessageRefused) as rejected:
        await sender.send_sms(TO, "a" * 1601)
    assert rejected.value.refusal is DeliveryRefusal.OTHER


MAYBE_SENT = [
    ({"kind": "late", "seconds": 0.6}, 1),
    ({"kind": "hang", "seconds": 1}, 0),
    ({"kind": "hang", "seconds": 1, "processed": True}, 1),
    ({"kind": "reset_before"}, 0),
    ({"kind": "reset_after"}, 1),
    ({"kind": "status", "status": 500}, 0),
    ({"kind": "status", "status": 502, "processed": True}, 1),
    ({"kind": "html"}, 0),
    ({"kind": "html", "processed": True}, 1),
    ({"kind": "malformed", "processed": True}, 1),
]


@pytest.mark.parametrize(("fault", "arrived"), MAYBE_SENT)
async def test_a_send_whose_response_is_lost_is_unsettled_and_the_list_settles_it(
    mock: Control, sender: TwilioSms, fault: dict[str, object], arrived: int
) -> None:
    before = datetime.now(UTC)
    await mock.order(**fault)  # type: ignore[arg-type]
    with pytest.raises(Unsettled):
        await sender.send_sms(TO, "Copa: ...", our_key=OUR_KEY)
    assert len(await sender.sent_since(TO, before)) == arrived


async def test_a_message_that_is_not_listed_yet_may_still_arrive(mock: Control, sender: TwilioSms) -> None:
    before = datetime.now(UTC)
    await mock.order("latency", seconds=0.6)
    with pytest.raises(Unsettled):
        await sender.send_sms(TO, "Copa: ...")
    assert await sender.sent_since(TO, before) == []
    await asyncio.sleep(0.5)
    assert len(await sender.sent_since(TO, before)) == 1


@pytest.mark.parametrize(
    "response",
    [{}, {"sid": None}, {"sid": "SM1"}, [], 5, {"messages": 5}, {"messages": [5]}, {"messages": [{"sid": "SM1"}]}],
)
async def test_a_response_outside_the_contract_leaves_the_outcome_unknown(response: object) -> None:
    async def other(_request: Request) -> Response:
        return JSONResponse(response)

    async with serving(Starlette(routes=[Route("/{path:path}", other, methods=["GET", "POST"])])) as url:
        adapter = TwilioSms(ACCOUNT, TOKEN, SENDER, url=url)
        with pytest.raises(Unsettled):
            await adapter.send_sms(TO, "Copa: ...")
        for call in (adapter.sent_since(TO, NOW), adapter.ping()):
            with pytest.raises(Unavailable):
                await call
        await adapter.close_connections()


@pytest.mark.parametrize("status", [408, 425, 429, 503])
async def test_a_send_that_was_not_processed_may_be_repeated(mock: Control, sender: TwilioSms, status: int) -> None:
    await mock.order("status", status=status, retry_after=7)
    with pytest.raises(Unavailable) as unavailable:
        await sender.send_sms(TO, "Copa: ...")
    assert unavailable.value.retry_after_seconds == 7


async def test_an_unreachable_address_is_unavailable() -> None:
    unreachable = TwilioSms(ACCOUNT, TOKEN, SENDER, url="http://127.0.0.1:9")
    with pytest.raises(Unavailable):
        await unreachable.send_sms(TO, "Copa: ...")
    await unreachable.close_connections()


@pytest.mark.parametrize("kind", ["hang", "reset_before", "reset_after", "html", "malformed", "status"])
async def test_a_read_that_fails_may_be_repeated(mock: Control, sender: TwilioSms, kind: str) -> None:
    for call in (sender.check_delivery_status("SM" + "0" * 32), sender.sent_since(TO, NOW), sender.ping()):
        await mock.order(kind)
        with pytest.raises(Unavailable):
            await call


async def test_no_number_and_no_text_is_in_an_error(mock: Control, sender: TwilioSms) -> None:
    for kind in ("reset_after", "html", "status"):
        await mock.order(kind)
        with pytest.raises(OutsideError) as failed:
            await sender.send_sms(TO, "Copa: secret")
        assert TO not in f"{failed.value!r} {failed.value}"
        assert "secret" not in f"{failed.value!r} {failed.value}"


async def test_a_delivery_is_reported(mock: Control, sender: TwilioSms, hook: Hook) -> None:
    await order_outcome(mock)
    sent = await sender.send_sms(TO, "Copa: ...", our_key=OUR_KEY)
    assert [read(call) for call in await hook.wait(2)] == [
        DeliveryReport(Service.SMS, f"{sent.provider_id}:sent", sent.provider_id, OUR_KEY, DeliveryStatus.SENT, NOW),
        DeliveryReport(
            Service.SMS, f"{sent.provider_id}:delivered", sent.provider_id, OUR_KEY, DeliveryStatus.DELIVERED, NOW
        ),
    ]
    assert await sender.check_delivery_status(sent.provider_id) == DeliveryStatus.DELIVERED


@pytest.mark.parametrize(
    ("outcome", "status"), [("undelivered", DeliveryStatus.UNDELIVERED), ("failed", DeliveryStatus.FAILED)]
)
async def test_repeated_reports_and_reports_out_of_order_are_distinguished(
    mock: Control, sender: TwilioSms, hook: Hook, outcome: str, status: DeliveryStatus
) -> None:
    await order_outcome(mock, outcome=outcome, copies=2, reversed=True)
    sent = await sender.send_sms(TO, "Copa: ...", our_key=OUR_KEY)
    reports = [read(call) for call in await hook.wait(4)]
    assert [report.status for report in reports] == [status, status, DeliveryStatus.SENT, DeliveryStatus.SENT]
    assert {report.report_id for report in reports} == {f"{sent.provider_id}:{outcome}", f"{sent.provider_id}:sent"}


async def test_a_report_without_a_valid_signature_is_rejected(mock: Control, sender: TwilioSms, hook: Hook) -> None:
    await order_outcome(mock)
    await sender.send_sms(TO, "Copa: ...", our_key=OUR_KEY)
    (call,) = await hook.wait(1)
    form, signature = form_of(call), call.headers["x-twilio-signature"]
    assert read_twilio_callback(call.url, form, signature, TOKEN, NOW)
    forged = [
        (call.url.replace("42", "43"), form, signature, TOKEN),
        (call.url, form | {"MessageStatus": "delivered"}, signature, TOKEN),
        (call.url, form | {"More": "1"}, signature, TOKEN),
        (call.url, form, signature[:-2] + ("E=" if signature.endswith("A=") else "A="), TOKEN),
        (call.url, form, "", TOKEN),
        (call.url, form, "é", TOKEN),
        (call.url, form, signature, "another"),
    ]
    for url, fields, given_signature, token in forged:
        with pytest.raises(ForgedReport):
            read_twilio_callback(url, fields, given_signature, token, NOW)
        with pytest.raises(ForgedReport):
            read_twilio_inbound(url, fields, given_signature, token, NOW)


def signed(fields: dict[str, str], url: str = "https://gateway.example/callbacks/twilio") -> Iterator[object]:
    yield from (url, fields, RequestValidator(TOKEN).compute_signature(url, fields), TOKEN, NOW)


def test_a_signed_report_may_be_unreadable() -> None:
    for fields in (
        {},
        {"MessageSid": "SM1"},
        {"MessageStatus": "sent"},
        {"MessageSid": "", "MessageStatus": "sent"},
        {"MessageSid": "SM1\0", "MessageStatus": "sent"},
        {"MessageSid": "S" * 65, "MessageStatus": "sent"},
        {"MessageSid": "SM1", "MessageStatus": "déjà"},
    ):
        with pytest.raises(UnreadableReport):
            read_twilio_callback(*signed(fields))  # type: ignore[arg-type]
    reading = read_twilio_callback(*signed({"MessageSid": "SM1", "MessageStatus": "teleported"}))  # type: ignore[arg-type]
    assert (reading.status, reading.our_key) == (DeliveryStatus.UNKNOWN, None)
    shouted = read_twilio_callback(*signed({"MessageSid": "SM1", "MessageStatus": "Delivered"}))  # type: ignore[arg-type]
    assert shouted.status == DeliveryStatus.DELIVERED
    for fields in ({"From": "whatsapp:+12025550142"}, {"From": "22395"}, {"From": TO, "MessageSid": ""}, {}):
        with pytest.raises(UnreadableReport):
            read_twilio_inbound(*signed({"MessageSid": "SM1", "Body": "STOP", **fields}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "opted_out"),
    [
        ({"Body": "Stop"}, True),
        ({"Body": "unsubscribe\n"}, True),
        ({"Body": "ALTO", "OptOutType": "STOP"}, True),
        ({"Body": "PARAR", "OptOutType": "STOP"}, True),
        ({"Body": "ALTO", "OptOutType": "stop"}, True),
        ({"Body": "SI", "OptOutType": "START"}, False),
        ({"Body": "Yes"}, False),
        ({"Body": "Stop ", "OptOutType": "FOO"}, True),
        ({"Body": "start", "OptOutType": "FOO"}, False),
        ({"Body": "hello", "OptOutType": "FOO"}, None),
        ({"Body": "HELP", "OptOutType": "HELP"}, None),
        ({"Body": "END", "OptOutType": "HELP"}, None),
        ({"Body": "Please do not stop looking"}, None),
        ({"Body": ""}, None),
        ({}, None),
    ],
)
def test_opt_out_words_of_passengers(fields: dict[str, str], opted_out: bool | None) -> None:
    reading = read_twilio_inbound(*signed({"MessageSid": "SM1", "From": TO, **fields}))  # type: ignore[arg-type]
    assert reading == (None if opted_out is None else ConsentChange(Service.SMS, "SM1", TO, opted_out, NOW))


@pytest.mark.parametrize("query", ["PageSize=0", "PageSize=x", "DateSent>=yesterday", "DateSent%3E=2026-13-01"])
async def test_the_mock_rejects_an_invalid_query(mock: Control, query: str) -> None:
    address = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?{query}"
    assert (await mock.client.get(address, auth=(ACCOUNT, TOKEN))).json()["code"] == 20001
    for header in ("", "Basic", "Basic x", "Basic eA==", f"Bearer {TOKEN}"):
        assert (await mock.client.get(address, headers={"authorization": header})).json()["code"] == 20003


@pytest.mark.parametrize("body", ["", "5", "{}", '{"from": 1, "to": "+1", "body": "STOP"}'])
async def test_the_mock_rejects_an_invalid_inbound_message(mock: Control, body: str) -> None:
    assert (await mock.client.post("/_mock/inbound", content=body)).status_code == 400


async def test_the_mock_calls_back_to_loopback_only(mock: Control) -> None:
    elsewhere = TwilioSms(ACCOUNT, TOKEN, SENDER, status_callback="https://gateway.example/hook", url=mock.url)
    with pytest.raises(MessageRefused, match="21609"):
        await elsewhere.send_sms(TO, "Copa: ...")
    await elsewhere.close_connections()
    with pytest.raises(ValueError, match="loopback"):
        twilio.create_app(callback="http://10.0.0.1/hook")


async def test_the_outbox_shows_what_was_sent_as_text(mock: Control, sender: TwilioSms) -> None:
    await sender.send_sms(TO, "<script>alert(1)</script>")
    page = (await mock.client.get("/_mock/outbox")).text
    assert "None of these messages left this machine" in page
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


@pytest.mark.parametrize(
    "order", [{"outcome": "eaten"}, {"copies": 0}, {"seconds": -1}, {"times": 0}, {"colour": 1}, [], "x"]
)
async def test_an_invalid_order_is_rejected(mock: Control, order: object) -> None:
    assert (await mock.client.post("/_mock/deliveries", json=order)).status_code == 400
