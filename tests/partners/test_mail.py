"""SendGrid's adapter and its mock on the wire, and SendGrid's signed events."""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from integrations.errors import OutsideError, Unavailable, Unsettled
from integrations.partners.mail import SendGridMail, read_sendgrid_events
from integrations.partners.mocks import sendgrid
from integrations.partners.mocks.server import serving
from integrations.partners.ports import MailSender, MessageRefused
from integrations.records.deliveries import (
    Attachment,
    ConsentChange,
    DeliveryRefusal,
    DeliveryReport,
    DeliveryStatus,
    ForgedReport,
    SendResult,
    UnreadableReport,
)
from integrations.records.effects import Service
from tests.partners.control import Control, controlled
from tests.partners.hook import Call, Hook, hooked

KEY, SENDER, TO = "SG.a-key", "baggage@example.com", "maria@example.org"
OUR_KEY = "1-42-1795435200"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
async def hook() -> AsyncIterator[Hook]:
    async with hooked() as opened:
        yield opened


@pytest.fixture(scope="module")
async def mock(hook: Hook) -> AsyncIterator[Control]:
    async with controlled(sendgrid.create_app(key=KEY, callback=hook.url)) as opened:
        yield opened


@pytest.fixture(scope="module")
async def public_key(mock: Control) -> str:
    key: str = (await mock.client.get("/_mock/public-key")).json()["publicKey"]
    return key


@pytest.fixture
async def sender(mock: Control, hook: Hook) -> AsyncIterator[SendGridMail]:
    adapter = SendGridMail(KEY, SENDER, sender_name="Copa", url=mock.url, read_seconds=0.3)
    yield adapter
    await adapter.close_connections()
    await mock.reset()
    hook.calls.clear()


async def send(sender: SendGridMail, to: str = TO, attachments: tuple[Attachment, ...] = ()) -> SendResult:
    return await sender.send_email(
        to, "Equipaje demorado", "<p>Señor", attachments, text_content="Señor", our_key=OUR_KEY
    )


async def order_outcome(mock: Control, **outcome: object) -> None:
    response = await mock.client.post("/_mock/deliveries", json={"seconds": 0.01, **outcome})
    assert response.status_code == 201, response.text


async def messages(mock: Control) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await mock.client.get("/_mock/messages")).json()["messages"]
    return found


def read(call: Call, public_key: str, received_at: datetime | None = None) -> list[DeliveryReport | ConsentChange]:
    reports, faults = read_sendgrid_events(
        call.body,
        call.headers["x-twilio-email-event-webhook-signature"],
        call.headers["x-twilio-email-event-webhook-timestamp"],
        public_key,
        received_at or datetime.now(UTC),
    )
    assert faults == []
    return reports


def test_the_adapter_implements_the_port(sender: SendGridMail) -> None:
    port: MailSender = sender
    assert port.mock is False


async def test_the_call_on_the_wire_is_the_documented_one(mock: Control, sender: SendGridMail) -> None:
    sent = await send(sender, attachments=(Attachment("PIR.pdf", "application/pdf", b"%PDF"),))
    assert (sent.units, sent.mock) == (1, True)
    (request,) = await mock.received()
    assert (request["method"], request["path"]) == ("POST", "/v3/mail/send")
    assert orjson.loads(request["body"]) == {
        "from": {"email": SENDER, "name": "Copa"},
        "personalizations": [{"to": [{"email": TO}]}],
        "subject": "Equipaje demorado",
        "content": [{"type": "text/plain", "value": "Señor"}, {"type": "text/html", "value": "<p>Señor"}],
        "attachments": [
            {"content": b64encode(b"%PDF").decode(), "type": "application/pdf", "filename": "PIR.pdf"},
        ],
        "custom_args": {"our_key": OUR_KEY},
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
        },
    }
    (kept,) = await messages(mock)
    assert (kept["to"], kept["our_key"], kept["attachments"]) == (TO, OUR_KEY, ["PIR.pdf"])
    assert kept["id"].startswith(f"{sent.provider_id}.")


async def test_a_template_of_the_provider_is_sent_with_its_data(mock: Control, sender: SendGridMail) -> None:
    await sender.send_template_email(TO, "d-1", {"reference": "GRUCM12345"}, our_key=OUR_KEY)
    (kept,) = await messages(mock)
    assert (kept["template"], kept["data"], kept["our_key"]) == ("d-1", {"reference": "GRUCM12345"}, OUR_KEY)


async def test_ping_reports_a_wrong_key(mock: Control, sender: SendGridMail) -> None:
    await sender.ping()
    stranger = SendGridMail("another", SENDER, url=mock.url)
    for call in (stranger.ping(), send(stranger)):
        with pytest.raises(Unavailable, match="account was rejected"):
            await call
    await stranger.close_connections()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "maria",
        "maria@",
        "@example.org",
        "maria@example",
        "María <maria@example.org>",
        "maria@example.org,other@example.org",
        "maria@example.org\nbcc: other@example.org",
        "ma ria@example.org",
        "m" * 65 + "@example.org",
    ],
)
async def test_an_invalid_address_is_rejected_without_a_call(mock: Control, sender: SendGridMail, address: str) -> None:
    with pytest.raises(MessageRefused) as rejected:
        await send(sender, address)
    assert rejected.value.refusal is DeliveryRefusal.INVALID_RECIPIENT
    assert await mock.received() == []


async def test_rejections_by_the_provider_are_classified(mock: Control, sender: SendGridMail) -> None:
    with pytest.raises(MessageRefused) as rejected:
        await sender.send_email(TO, "", "<p>", text_content="x", our_key=OUR_KEY)
    assert rejected.value.refusal is DeliveryRefusal.OTHER
    with pytest.raises(MessageRefused) as rejected:
        await send(sender, "m@" + "example." * 40 + "org")
    assert rejected.value.refusal is DeliveryRefusal.INVALID_RECIPIENT
    await mock.order("status", status=413)
    with pytest.raises(MessageRefused) as rejected:
        await send(sender)
    assert rejected.value.refusal is DeliveryRefusal.OTHER


@pytest.mark.parametrize(
    ("fault", "arrived"),
    [
        ({"kind": "late", "seconds": 0.6}, 1),
        ({"kind": "hang", "seconds": 1}, 0),
        ({"kind": "hang", "seconds": 1, "processed": True}, 1),
        ({"kind": "reset_before"}, 0),
        ({"kind": "reset_after"}, 1),
        ({"kind": "status", "status": 500}, 0),
        ({"kind": "status", "status": 500, "processed": True}, 1),
        # A 200 is SendGrid's response to a check without a send, or a network's log-in page.
        ({"kind": "html"}, 0),
        ({"kind": "malformed", "processed": True}, 1),
    ],
)
async def test_a_send_whose_response_is_lost_is_unsettled_and_its_event_settles_it(
    mock: Control, sender: SendGridMail, hook: Hook, public_key: str, fault: dict[str, object], arrived: int
) -> None:
    await order_outcome(mock)
    await mock.order(**fault)  # type: ignore[arg-type]
    with pytest.raises(Unsettled):
        await send(sender)
    assert len(await messages(mock)) == arrived
    for call in await hook.wait(arrived):
        (report,) = read(call, public_key)
        assert isinstance(report, DeliveryReport)
        assert report.our_key == OUR_KEY


@pytest.mark.parametrize(("status", "headers"), [(202, {}), (200, {"x-message-id": "abc"}), (204, {})])
async def test_a_response_outside_the_contract_leaves_the_outcome_unknown(status: int, headers: dict[str, str]) -> None:
    async def other(_request: Request) -> Response:
        return Response(status_code=status, headers=headers)

    async with serving(Starlette(routes=[Route("/{path:path}", other, methods=["GET", "POST"])])) as url:
        adapter = SendGridMail(KEY, SENDER, url=url)
        with pytest.raises(Unsettled):
            await send(adapter)
        for call in (adapter.check_delivery_status("abc"), adapter.ping()):
            with pytest.raises(Unavailable):
                await call
        await adapter.close_connections()


@pytest.mark.parametrize("status", [408, 425, 429, 503])
async def test_a_send_that_was_not_processed_may_be_repeated(mock: Control, sender: SendGridMail, status: int) -> None:
    await mock.order("status", status=status, retry_after=7)
    with pytest.raises(Unavailable) as unavailable:
        await send(sender)
    assert unavailable.value.retry_after_seconds == 7


async def test_no_address_and_no_text_is_in_an_error(mock: Control, sender: SendGridMail) -> None:
    for kind in ("reset_after", "html", "status"):
        await mock.order(kind)
        with pytest.raises(OutsideError) as failed:
            await send(sender)
        assert TO not in f"{failed.value!r} {failed.value}"
        assert "Señor" not in f"{failed.value!r} {failed.value}"


@pytest.mark.parametrize(
    ("outcome", "statuses"),
    [
        ("delivered", ["QUEUED", "DELIVERED"]),
        ("bounce", ["QUEUED", "BOUNCED"]),
        ("dropped", ["FAILED"]),
        ("deferred", ["QUEUED", "QUEUED"]),
    ],
)
async def test_a_delivery_is_reported_and_a_repeated_report_counts_once(
    mock: Control, sender: SendGridMail, hook: Hook, public_key: str, outcome: str, statuses: list[str]
) -> None:
    await order_outcome(mock, outcome=outcome, copies=2)
    sent = await send(sender)
    reports = [report for call in await hook.wait(2 * len(statuses)) for report in read(call, public_key)]
    reports_by_id = {report.report_id: report for report in reports if isinstance(report, DeliveryReport)}
    assert [report.status for report in reports_by_id.values()] == statuses
    assert all((report.provider_id, report.our_key) == (sent.provider_id, OUR_KEY) for report in reports_by_id.values())
    last = (await sender.check_delivery_status(sent.provider_id)).value
    assert last == {"BOUNCED": "UNDELIVERED", "FAILED": "UNDELIVERED"}.get(statuses[-1], statuses[-1])


async def test_reports_out_of_order_carry_their_own_timestamps(
    mock: Control, sender: SendGridMail, hook: Hook, public_key: str
) -> None:
    await order_outcome(mock, reversed=True)
    await send(sender)
    (delivered,), (processed,) = [read(call, public_key) for call in await hook.wait(2)]
    assert isinstance(delivered, DeliveryReport)
    assert isinstance(processed, DeliveryReport)
    assert (delivered.status, processed.status) == (DeliveryStatus.DELIVERED, DeliveryStatus.QUEUED)
    assert processed.at <= delivered.at <= datetime.now(UTC)


async def test_an_event_that_was_rejected_is_repeated(
    mock: Control, sender: SendGridMail, hook: Hook, public_key: str
) -> None:
    hook.statuses = [503]
    await order_outcome(mock, outcome="dropped")
    await send(sender)
    first, second = await hook.wait(2)
    assert first.body == second.body
    assert read(first, public_key) == read(second, public_key)


@pytest.mark.parametrize("outcome", ["spamreport", "unsubscribe"])
async def test_an_opt_out_is_reported(
    mock: Control, sender: SendGridMail, hook: Hook, public_key: str, outcome: str
) -> None:
    await order_outcome(mock, outcome=outcome)
    await send(sender)
    (reports_by_id,) = read((await hook.wait(3))[2], public_key)
    assert isinstance(reports_by_id, ConsentChange)
    assert (reports_by_id.service, reports_by_id.recipient, reports_by_id.opted_out) == (Service.EMAIL, TO, True)


async def test_an_event_without_a_valid_signature_is_rejected(
    mock: Control, sender: SendGridMail, hook: Hook, public_key: str
) -> None:
    await order_outcome(mock, outcome="bounce")
    await send(sender)
    (call,) = await hook.wait(1)
    signature = call.headers["x-twilio-email-event-webhook-signature"]
    timestamp = call.headers["x-twilio-email-event-webhook-timestamp"]
    now = datetime.now(UTC)
    assert read_sendgrid_events(call.body, signature, timestamp, public_key, now)
    other = sendgrid.SendGridService(None, None).public_key
    cut = b64encode(b64decode(signature)[:-1]).decode()
    for body, given_signature, at, key in (
        (call.body.replace(b"processed", b"delivered"), signature, timestamp, public_key),
        (call.body + b" ", signature, timestamp, public_key),
        (b"\xff", signature, timestamp, public_key),
        (call.body, cut, timestamp, public_key),
        (call.body, "not base64!", timestamp, public_key),
        (call.body, "é", timestamp, public_key),
        (call.body, "", timestamp, public_key),
        (call.body, signature, str(int(timestamp) + 1), public_key),
        (call.body, signature, "", public_key),
        (call.body, signature, timestamp, other),
    ):
        with pytest.raises(ForgedReport):
            read_sendgrid_events(body, given_signature, at, key, now)
    # An old batch is rejected, and so is one from the future. Within a day its events are known by their ids.
    for late in (timedelta(hours=26), -timedelta(minutes=10)):
        with pytest.raises(ForgedReport, match="too long ago"):
            read(call, public_key, now + late)
    assert read(call, public_key, now + timedelta(hours=24)) == read(call, public_key, now)


class Signer:
    """Signs as SendGrid does."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.public_key = b64encode(der).decode()

    def read(self, body: bytes, group: int | None = None) -> tuple[list[DeliveryReport | ConsentChange], list[str]]:
        timestamp = str(int(NOW.timestamp()))
        signature = b64encode(self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
        return read_sendgrid_events(body, signature, timestamp, self.public_key, NOW, group)


def test_a_batch_of_many_kinds_keeps_its_order() -> None:
    at = int(NOW.timestamp())
    common = {"email": TO, "timestamp": at, "sg_message_id": "abc.recvd-1-2-3.0"}
    batch = [
        {**common, "event": "processed", "sg_event_id": "1", "our_key": OUR_KEY},
        {**common, "event": "open", "sg_event_id": "2"},
        {**common, "event": "click", "sg_event_id": "3", "url": "https://copa.example"},
        {**common, "event": "account_status_change"},
        {**common, "event": "group_unsubscribe", "sg_event_id": "4"},
        # A late bounce has lost its message's id.
        {"email": TO, "timestamp": at, "event": "bounce", "sg_event_id": "5"},
    ]
    assert Signer().read(orjson.dumps(batch)) == (
        [
            DeliveryReport(Service.EMAIL, "1", "abc", OUR_KEY, DeliveryStatus.QUEUED, NOW),
            ConsentChange(Service.EMAIL, "4", TO, True, NOW),
            DeliveryReport(Service.EMAIL, "5", "", None, DeliveryStatus.BOUNCED, NOW),
        ],
        [],
    )


GOOD = b'{"event": "delivered", "timestamp": 1795521600, "sg_event_id": "good", "sg_message_id": "mid1.filter"}'


@pytest.mark.parametrize(
    "odd",
    [
        b"5",
        b"null",
        b"[]",
        b'"bounce"',
        b"{}",
        b'{"event": 5, "timestamp": 1795521600, "sg_event_id": "1"}',
        b'{"event": ["bounce"], "timestamp": 1795521600, "sg_event_id": "1"}',
        b'{"event": "processed", "timestamp": 1795521600, "sg_message_id": "mid2.x", "email": "b@example.com"}',
        b'{"event": "bounce", "timestamp": 1795521600, "sg_event_id": ""}',
        b'{"event": "bounce", "timestamp": 1795521600, "sg_event_id": null}',
        b'{"event": "bounce", "timestamp": 1795521600, "sg_event_id": 7}',
        b'{"event": "bounce", "timestamp": 1795521600, "sg_event_id": "1\\u0000"}',
        b'{"event": "bounce", "timestamp": 1795521600, "sg_event_id": "\\ud800"}',
        b'{"event": "bounce", "timestamp": 1795521600, "sg_event_id": "' + b"x" * 401 + b'"}',
        b'{"event": "bounce", "timestamp": 1795521600, "sg_event_id": "1", "sg_message_id": 5}',
        b'{"event": "bounce", "sg_event_id": "1"}',
        b'{"event": "bounce", "timestamp": null, "sg_event_id": "1"}',
        b'{"event": "bounce", "timestamp": true, "sg_event_id": "1"}',
        b'{"event": "bounce", "timestamp": "x", "sg_event_id": "1"}',
        b'{"event": "bounce", "timestamp": [1], "sg_event_id": "1"}',
        b'{"event": "bounce", "timestamp": -1, "sg_event_id": "1"}',
        b'{"event": "bounce", "timestamp": 1e300, "sg_event_id": "1"}',
        b'{"event": "bounce", "timestamp": NaN, "sg_event_id": "1"}',
        b'{"event": "bounce", "timestamp": Infinity, "sg_event_id": "1"}',
        b'{"event": "bounce", "timestamp": 1795521600000, "sg_event_id": "1"}',
        b'{"event": "unsubscribe", "timestamp": 1795521600, "sg_event_id": "1"}',
        b'{"event": "unsubscribe", "timestamp": 1795521600, "sg_event_id": "1", "email": {}}',
        b'{"event": "unsubscribe", "timestamp": 1795521600, "sg_event_id": "1", "email": " "}',
        b'{"event": "unsubscribe", "timestamp": 1795521600, "sg_event_id": "1", "email": "\xc3\xa9@x.example"}',
        b'{"event": "bounce", "timestamp": 1795521600, "sg_event_id": "\xff\xfe"}',
        b'{"event": "bounce", "timestamp": 1795521600, "sg_event_id": "1", "x": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"event": "bounce", "timestamp": 1795521600, "sg_event_id": "1", "x": ' + b"9" * 5_000 + b"}",
        b'{"event": "bounce", "timestamp": 1795521600, "sg_event_id": "1", "x": }',
        b'{"event": "bounce", "timestamp": 1795521600, "sg_event_id": "1" "x": "[}\\\\\\"]"}',
        b"",
    ],
)
@pytest.mark.parametrize("first", [False, True])
def test_an_odd_event_costs_only_itself(odd: bytes, first: bool) -> None:
    reports, faults = Signer().read(b"[" + b",".join([odd, GOOD] if first else [GOOD, odd]) + b"]")
    assert reports == [DeliveryReport(Service.EMAIL, "good", "mid1", None, DeliveryStatus.DELIVERED, NOW)]
    assert len(faults) == 1
    assert "example" not in faults[0]


@pytest.mark.parametrize("our_key", ["12", "null", "[]", "{}", "true"])
def test_a_key_that_is_not_ours_leaves_the_message_id(our_key: str) -> None:
    event = GOOD[:-1] + f', "our_key": {our_key}}}'.encode()
    expected = DeliveryReport(Service.EMAIL, "good", "mid1", None, DeliveryStatus.DELIVERED, NOW)
    assert Signer().read(b"[" + event + b"]") == ([expected], [])


@pytest.mark.parametrize(
    "property_", [b'"reason": "\xff\xfe"', b'"reason": "\\ud800"', b'"x": "\\"], [{"', b'"x": [{}, "]"]']
)
def test_a_property_that_is_not_needed_costs_nothing(property_: bytes) -> None:
    event = GOOD[:-1] + b", " + property_ + b"}"
    reports, faults = Signer().read(b"\xef\xbb\xbf [" + event + b" ,\n" + GOOD + b"]\n")
    assert [type(report) for report in reports] == [DeliveryReport] * 2
    assert faults == []


def test_an_empty_batch_has_no_events() -> None:
    assert Signer().read(b" [ ] ") == ([], [])


@pytest.mark.parametrize(
    "body",
    [
        *[b"", b"{", b"5", b"null", b"{}", b'"x"', b"[" * 100_000, b"9" * 5_000, b"[" + GOOD, b"[" + GOOD + b"}"],
        *[b"[" + GOOD + b"] 5", b"[" + GOOD + b"],[]", b"\xff\xfe[\0]\0", b'["' + b'\\"' * 100_000],
    ],
)
def test_a_signed_body_that_is_no_list_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableReport):
        Signer().read(body)


def test_a_timestamp_in_the_future_does_not_outlast_later_events() -> None:
    ((report,), _) = Signer().read(b"[" + GOOD.replace(b"1795521600", b"2500000000") + b"]")
    assert report.at == NOW


@pytest.mark.parametrize(
    ("kind", "group", "ours", "expected"),
    [
        ("group_unsubscribe", 7, 7, (True, "7")),
        ("group_unsubscribe", "7", 7, (True, "7")),
        ("group_unsubscribe", 8, 7, None),
        ("group_unsubscribe", 8, None, None),
        ("group_unsubscribe", 7.0, 7, (True, "7")),
        ("group_unsubscribe", " 7.0 ", 7, (True, "7")),
        ("group_unsubscribe", 8.0, 7, None),
        ("group_unsubscribe", None, 7, (True, "7")),
        ("group_unsubscribe", None, None, (True, "")),
        ("group_resubscribe", 7, 7, (False, "7")),
        ("group_resubscribe", 8, 7, None),
        ("group_resubscribe", 8, None, None),
        ("group_resubscribe", None, 7, None),
        ("group_resubscribe", None, None, None),
        ("unsubscribe", 8, 7, (True, "")),
        ("spamreport", 8, 7, (True, "")),
    ],
)
def test_only_our_unsubscribe_group_stops_emails(
    kind: str, group: object, ours: int | None, expected: tuple[bool, str] | None
) -> None:
    event = {"event": kind, "email": TO, "timestamp": 1795521600, "sg_event_id": "1", "asm_group_id": group}
    change = None if expected is None else ConsentChange(Service.EMAIL, "1", TO, expected[0], NOW, expected[1])
    assert Signer().read(orjson.dumps([event]), ours) == ([] if change is None else [change], [])


@pytest.mark.parametrize("group", [{}, [7], True, "seven", "", 0, -7, 7.5, "7_0", "9" * 300])
def test_a_group_that_cannot_be_read_may_be_ours_and_is_reported(group: object) -> None:
    """An unsubscription counts, a withdrawal does not."""
    event = {"email": TO, "timestamp": 1795521600, "sg_event_id": "1", "asm_group_id": group}
    batch = [{**event, "event": "group_unsubscribe"}, {**event, "event": "group_resubscribe"}]
    reports, faults = Signer().read(orjson.dumps(batch), 7)
    assert reports == [ConsentChange(Service.EMAIL, "1", TO, True, NOW, "7")]
    assert [fault[:21] for fault in faults] == ["event 0: asm_group_id", "event 1: asm_group_id"]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Åse <x@example.com>", "x@example.com"),
        (" x@example.com ", "x@example.com"),
        ("<x@example.com>", "x@example.com"),
        ('"Silva, Ana" <x.y+z@mail.example.com>', "x.y+z@mail.example.com"),
        ('"ana@example.org" <x@example.com>', "x@example.com"),
        ("mailto:x@example.com", "x@example.com"),
        ("O'Neil@Example.com", "O'Neil@Example.com"),
    ],
)
def test_an_opt_out_is_stored_under_the_address_alone(text: str, address: str) -> None:
    event = {"event": "unsubscribe", "email": text, "timestamp": 1795521600, "sg_event_id": "1"}
    assert Signer().read(orjson.dumps([event])) == ([ConsentChange(Service.EMAIL, "1", address, True, NOW)], [])


async def test_emails_are_sent_in_their_unsubscribe_group(mock: Control) -> None:
    sender = SendGridMail(KEY, SENDER, group=7, url=mock.url)
    await send(sender)
    await sender.close_connections()
    (received,) = [one for one in await mock.received() if one["method"] == "POST" and "mail/send" in one["path"]][-1:]
    assert orjson.loads(received["body"])["asm"] == {"group_id": 7}


async def test_the_activity_of_an_unknown_message_is_unknown(mock: Control, sender: SendGridMail) -> None:
    assert await sender.check_delivery_status("unknown") == DeliveryStatus.UNKNOWN
    received_before = len(await mock.received())
    assert await sender.check_delivery_status("%' OR '1") == DeliveryStatus.UNKNOWN
    assert len(await mock.received()) == received_before
    await mock.order("status", status=400)  # the response to an account without the add-on
    assert await sender.check_delivery_status("unknown") == DeliveryStatus.UNKNOWN


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"5",
        b"{}",
        b'{"personalizations": []}',
        b'{"personalizations": [{}]}',
        b'{"personalizations": [{"to": [{"email": 5}]}]}',
        b'{"personalizations": [{"to": []}], "from": {"email": "a@b.example"}, "subject": "s", "content": [{}]}',
    ],
)
async def test_the_mock_rejects_an_invalid_email(mock: Control, body: bytes) -> None:
    response = await mock.client.post("/v3/mail/send", content=body, headers={"authorization": f"Bearer {KEY}"})
    assert response.status_code == 400
    assert response.json()["errors"]


def test_a_mock_with_a_fixed_key_signs_alike_after_a_restart() -> None:
    assert sendgrid.public_key(KEY) == sendgrid.SendGridService(KEY, None).public_key
    assert sendgrid.public_key(KEY) != sendgrid.public_key(KEY + "2")
    assert sendgrid.SendGridService(None, None).public_key != sendgrid.SendGridService(None, None).public_key


async def test_the_mocks_emails_survive_a_restart(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    for number in (1, 2):
        async with controlled(sendgrid.create_app(journal=journal)) as mock:
            adapter = SendGridMail(KEY, SENDER, url=mock.url)
            await adapter.send_email(TO, f"Bag {number}", "<p>", text_content="x", our_key=OUR_KEY)
            await adapter.close_connections()
            kept = (await mock.client.get("/_mock/messages")).json()["messages"]
        with journal.open("ab") as file:
            file.write(b'{"half')  # a line that was cut off when the mock was killed
    assert [message["subject"] for message in kept] == ["Bag 1", "Bag 2"]


def test_the_mock_calls_back_to_loopback_only() -> None:
    for url in ("https://gateway.example/hook", "http://10.0.0.1/hook", "https://127.0.0.1/hook", "127.0.0.1"):
        with pytest.raises(ValueError, match="loopback"):
            sendgrid.create_app(callback=url)


async def test_the_outbox_shows_emails_in_a_sandbox(mock: Control, sender: SendGridMail) -> None:
    await sender.send_email(TO, "S", '<script>alert("1")</script>', text_content="x", our_key=OUR_KEY)
    page = (await mock.client.get("/_mock/outbox")).text
    assert "None of these messages left this machine" in page
    assert '<iframe sandbox title="As shown" srcdoc="&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;">' in page
    assert "<script" not in page


def test_an_invalid_public_key_is_a_configuration_error() -> None:
    with pytest.raises(ValueError, match="PEM"):
        read_sendgrid_events(b"[]", "", "1", "no key", NOW)
