"""Effects as agents and monitors see them, and callbacks of providers."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from pydantic import SecretStr
from twilio.request_validator import RequestValidator

from gateway.config import ExternalServices, ServiceFlags, Settings
from gateway.http import callbacks
from integrations.partners.mocks.sendgrid import SendGridService
from integrations.records.attempts import SendOutcome
from integrations.records.effects import EffectState, PartnerCondition, Service
from integrations.stores.postgres import effects
from resolvers import health
from resolvers.actor import Role
from resolvers.installation import Stores
from schema.fields.node import join
from tests.gateway import Api, credential, serving
from tests.world import INSTALLATION, OURS, SPARE, World

TOKEN, PUBLIC = "twilio-token", "https://bags.example"
NOW = datetime.now(UTC)
FIELDS = "id service action state reason nextAt mock sends{recipient cost}"
LIST = f"query($s:[EffectState!]){{effects(states:$s){{nodes{{{FIELDS}}}}}}}"
DECIDE = "mutation($i:EffectInput!){%s(input:$i){effect{state} userErrors{code field message}}}"


@dataclass
class Sent:
    """Makes effects of the open PIR, in the state that a test needs."""

    stores: Stores
    world: World
    count: int = 0

    async def make(self, state: EffectState, service: Service = Service.SMS, provider_id: str | None = None) -> int:
        self.count += 1
        records, pir = self.stores.postgres, self.world.ours.pirs["GRUCM12345"]
        occurrence = f"{id(self)}-{self.count}"
        await effects.insert(records, OURS, service, pir, "BAG_LOCATED", occurrence, {}, NOW)
        effect_id = (await effects.of_pirs(records, OURS, [pir]))[-1].id
        if state is not EffectState.PENDING:
            await effects.mark_sending(records, OURS, effect_id, NOW)
            send = await effects.insert_send(records, OURS, effect_id, "+12025550142", "", NOW, mock=True)
            assert send is not None
            outcome = SendOutcome.ACCEPTED
            await effects.end_send(
                records, OURS, send, NOW, outcome, mock=True, provider_id=provider_id, cost_micros=50_000
            )
            await effects.update_state(records, OURS, effect_id, state, provider_id=provider_id, mock=True)
        return effect_id

    async def state(self, effect_id: int) -> str:
        return (await effects.by_id(self.stores.postgres, OURS, [effect_id]))[effect_id].state


@pytest.fixture
async def sent(stores: Stores, world: World) -> AsyncIterator[Sent]:
    yield Sent(stores, world)
    await stores.postgres.execute(
        "TRUNCATE effects, sends, delivery_reports, consent_changes, partner_statuses", name="TEST"
    )


async def test_agents_see_what_they_have_to_decide_on(api: Api, sent: Sent) -> None:
    failed = await sent.make(EffectState.FAILED)
    await sent.make(EffectState.ACCEPTED)
    (seen,) = (await api.ask(LIST, s=["FAILED"]))["effects"]["nodes"]
    (masked,) = (await api.ask(LIST, Role.ANALYST, s=["FAILED"]))["effects"]["nodes"]

    assert seen["id"] == join("Effect", failed)
    assert (seen["service"], seen["state"], seen["nextAt"], seen["mock"]) == ("SMS", "FAILED", None, True)
    assert seen["sends"] == [{"recipient": "+12025550142", "cost": "0.05"}]
    assert masked["sends"] == [{"recipient": None, "cost": "0.05"}]


REVEALS = "SELECT actor, role, request_id, subject, subjects FROM audit WHERE action = 'REVEAL_RECIPIENT' ORDER BY id"
RECIPIENTS = "{effects(first:10){nodes{sends{recipient}}}}"


@pytest.mark.parametrize("role", list(Role))
async def test_a_recipient_is_shown_to_agents_only_and_with_an_audit_row(api: Api, sent: Sent, role: Role) -> None:
    """One row a request, however many effects it shows."""
    made = [await sent.make(EffectState.ACCEPTED) for _ in range(3)]
    before = await sent.stores.postgres.fetch(REVEALS)
    response = await api.send(RECIPIENTS, role)
    rows = [tuple(row) for row in (await sent.stores.postgres.fetch(REVEALS))[len(before) :]]

    sees = role in (Role.AGENT, Role.SUPERVISOR, Role.ADMIN)
    request_id = response.headers["X-Request-ID"]
    assert ("+12025550142" in response.text) == sees
    assert rows == ([(f"demo-{role.lower()}", role, request_id, "EFFECT", made)] if sees else [])


async def test_a_reference_sent_to_worldtracer_is_no_reveal(api: Api, sent: Sent) -> None:
    await sent.make(EffectState.ACCEPTED, Service.WORLDTRACER)
    before = await sent.stores.postgres.fetch(REVEALS)
    await api.ask(RECIPIENTS)
    assert await sent.stores.postgres.fetch(REVEALS) == before


@pytest.mark.parametrize(
    ("name", "state", "outcome"),
    [
        ("resendEffect", EffectState.FAILED, "PENDING"),
        ("resendEffect", EffectState.SUPPRESSED, "PENDING"),
        ("resendEffect", EffectState.ACCEPTED, None),
        ("resendEffect", EffectState.UNSETTLED, None),
        ("cancelEffect", EffectState.PENDING, "CANCELLED"),
        ("cancelEffect", EffectState.FAILED, "CANCELLED"),
        ("cancelEffect", EffectState.SENDING, None),
        ("cancelEffect", EffectState.DELIVERED, None),
    ],
)
async def test_an_agent_sends_again_or_gives_up(
    api: Api, sent: Sent, name: str, state: EffectState, outcome: str | None
) -> None:
    effect_id = await sent.make(state)
    payload = (await api.ask(DECIDE % name, i={"effectId": join("Effect", effect_id)}))[name]
    if outcome is None:
        assert payload["effect"] is None
        assert [(one["code"], one["field"]) for one in payload["userErrors"]] == [("INVALID_STATE", "effectId")]
        assert await sent.state(effect_id) == state
    else:
        assert payload == {"effect": {"state": outcome}, "userErrors": []}


async def test_another_airlines_effects_are_not_there(api: Api, sent: Sent) -> None:
    effect_id = await sent.make(EffectState.FAILED)
    given = {"effectId": join("Effect", effect_id)}
    payload = (await api.ask(DECIDE % "cancelEffect", airline_id=SPARE, i=given))["cancelEffect"]
    assert payload["userErrors"][0]["code"] == "NOT_FOUND"
    assert await sent.state(effect_id) == EffectState.FAILED


async def test_what_partners_cost(api: Api, sent: Sent) -> None:
    for _ in range(3):
        await sent.make(EffectState.ACCEPTED)
    query = (
        "query($s:DateTime!){apiCosts(since:$s){total dailyBudget budgetExceeded byCall{service call mock calls cost}}}"
    )
    costs = (await api.ask(query, s=(NOW - timedelta(hours=1)).isoformat()))["apiCosts"]
    far = await api.codes(query, s="2001-01-01T00:00:00Z")

    (call,) = costs["byCall"]
    assert (costs["total"], costs["budgetExceeded"]) == ("0.15", False)
    assert call == {"service": "SMS", "call": "BAG_LOCATED", "mock": True, "calls": 3, "cost": "0.15"}
    assert far == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(("language", "words"), [(None, "maleta"), ("EN", "bag"), ("PT", "bagagem")])
async def test_words_are_seen_before_they_are_sent(api: Api, world: World, language: str | None, words: str) -> None:
    query = """
        query($id: ID!, $l: Language) { notificationPreview(pirId: $id, trigger: FILE_OPENED, language: $l) {
          language sms { text encoding parts } email { subject html text } } }
    """
    seen = (await api.ask(query, id=world.ours.id("Pir", "GRUCM12345"), l=language))["notificationPreview"]
    unknown = (await api.ask(query, id=join("Pir", 999_999)))["notificationPreview"]

    assert seen["language"] == (language or "ES")
    assert seen["sms"]["encoding"] == "GSM_7"
    assert "GRUCM12345" in seen["sms"]["text"]
    assert "González" in seen["email"]["html"]
    assert unknown is None
    assert words in seen["email"]["text"] or "equipaje" in seen["email"]["text"]


# Callbacks

FLAGS = ServiceFlags(mock=True)


@pytest.fixture
async def called(settings: Settings, world: World) -> AsyncIterator[Api]:
    """A gateway with keys for the verification of callbacks, and with enabled partners."""
    changed = {
        "public_url": PUBLIC,
        "twilio_auth_token": SecretStr(TOKEN),
        "sendgrid_webhook_public_key": OFFICE.public_key,
        "sendgrid_unsubscribe_group": 7,
        "external_services": ExternalServices(worldtracer=FLAGS, twilio=FLAGS, sendgrid=FLAGS),
    }
    async with serving(settings.model_copy(update=changed)) as client:
        yield client


OFFICE = SendGridService("key", None)


async def twilio(api: Api, path: str, fields: dict[str, str], token: str = TOKEN) -> int:
    signature = RequestValidator(token).compute_signature(f"{PUBLIC}{path}", fields)
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
    return (await api.client.post(path, content=urlencode(fields), headers=headers)).status_code


async def test_a_report_moves_its_effect_once(called: Api, sent: Sent) -> None:
    effect_id = await sent.make(EffectState.ACCEPTED, provider_id="SM1")
    path, fields = "/callbacks/twilio/status", {"MessageSid": "SM1", "MessageStatus": "delivered"}
    forged = await twilio(called, path, fields, token="another")
    before = await sent.state(effect_id)
    answers = [await twilio(called, path, fields) for _ in range(2)]
    late = await twilio(called, path, {"MessageSid": "SM1", "MessageStatus": "sent"})

    assert (forged, before) == (403, "ACCEPTED")
    assert [*answers, late] == [204] * 3
    assert await sent.state(effect_id) == "DELIVERED"


async def test_a_report_finds_an_effect_by_its_key_after_a_lost_response(called: Api, sent: Sent) -> None:
    effect_id = await sent.make(EffectState.UNSETTLED)
    key = (await effects.by_id(sent.stores.postgres, OURS, [effect_id]))[effect_id].our_key
    path = f"/callbacks/twilio/status?key={key}"
    stale = f"/callbacks/twilio/status?key={OURS}-{effect_id}-1"
    assert await twilio(called, stale, {"MessageSid": "SM8", "MessageStatus": "delivered"}) == 204
    assert await sent.state(effect_id) == "UNSETTLED", "the key is of an effect from before a reset of the records"
    assert await twilio(called, path, {"MessageSid": "SM9", "MessageStatus": "queued"}) == 204
    assert await sent.state(effect_id) == "ACCEPTED"


async def test_signed_events_of_emails(called: Api, sent: Sent) -> None:
    effect_id = await sent.make(EffectState.UNSETTLED, Service.EMAIL)
    key = (await effects.by_id(sent.stores.postgres, OURS, [effect_id]))[effect_id].our_key
    event = {
        "event": "bounce",
        "sg_event_id": "e1",
        "sg_message_id": "m1.x",
        "timestamp": int(NOW.timestamp()),
        "our_key": key,
    }
    body = orjson.dumps([event])
    signed = OFFICE.signed(body)
    answers = [
        (await called.client.post("/callbacks/sendgrid/events", content=content, headers=headers)).status_code
        for content, headers in ((body, {}), (b"[]", signed), (body, signed), (body, signed))
    ]
    assert answers == [403, 403, 204, 204]
    assert await sent.state(effect_id) == "FAILED"


async def test_stop_is_heard(called: Api, sent: Sent) -> None:
    path = "/callbacks/twilio/inbound"
    assert await twilio(called, path, {"MessageSid": "SM2", "From": "+12025550142", "To": "+1", "Body": "stop"}) == 204
    assert await effects.is_opted_out(sent.stores.postgres, OURS, Service.SMS, "+12025550142")


async def sendgrid(api: Api, body: bytes) -> int:
    return (await api.client.post("/callbacks/sendgrid/events", content=body, headers=OFFICE.signed(body))).status_code


async def test_an_odd_event_of_a_batch_costs_only_itself(
    called: Api, sent: Sent, caplog: pytest.LogCaptureFixture
) -> None:
    """Given a batch of two events of which one has no id, then the other one is taken and the batch is not repeated."""
    effect_id = await sent.make(EffectState.ACCEPTED, Service.EMAIL, "mid1")
    body = (
        b'[{"email":"a@example.com","timestamp":1764500000,"event":"delivered","sg_event_id":"ev-good-1",'
        b'"sg_message_id":"mid1.filter"},'
        b'{"email":"b@example.com","timestamp":1764500000,"event":"processed","sg_message_id":"mid2.x"}]'
    )
    with caplog.at_level("WARNING"):
        assert await sendgrid(called, body) == 204
    assert await sent.state(effect_id) == "DELIVERED"
    assert "event 1: sg_event_id must be a text" in caplog.text
    assert "b@example.com" not in caplog.text


async def test_an_event_with_a_number_as_our_key_counts_for_its_message(called: Api, sent: Sent) -> None:
    effect_id = await sent.make(EffectState.ACCEPTED, Service.EMAIL, "mid1")
    body = (
        b'[{"email":"a@example.com","timestamp":1764500000,"event":"delivered","sg_event_id":"ev-x7",'
        b'"sg_message_id":"mid1.filter","our_key":12}]'
    )
    assert await sendgrid(called, body) == 204
    assert await sent.state(effect_id) == "DELIVERED"


async def test_a_signed_body_that_is_no_batch_is_not_repeated(called: Api) -> None:
    assert [await sendgrid(called, body) for body in (b"{}", b"", b"[[[")] == [204] * 3


@pytest.mark.parametrize("order", [*permutations(("STOP", "START")), ("STOP", "STOP", "START")])
async def test_a_repeated_message_of_a_passenger_does_not_undo_a_later_one(
    called: Api, sent: Sent, order: tuple[str, ...]
) -> None:
    path, number = "/callbacks/twilio/inbound", "+12025550142"
    messages = [
        {"MessageSid": f"SM{place}", "From": number, "To": "+1", "Body": word} for place, word in enumerate(order)
    ]
    for message in [*messages, *messages, *messages[:1]]:
        assert await twilio(called, path, message) == 204
    assert await effects.is_opted_out(sent.stores.postgres, OURS, Service.SMS, number) == (order[-1] == "STOP")


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("kinds", [("unsubscribe",), ("group_unsubscribe", "group_resubscribe"), ("spamreport",)])
async def test_consent_to_emails_does_not_depend_on_the_order_of_events(
    called: Api, sent: Sent, order: tuple[int, ...], kinds: tuple[str, ...]
) -> None:
    """Each event is repeated, and its address is written in another case than the passenger's."""
    at = int(NOW.timestamp()) - 100
    events = [
        {"event": kind, "email": "MARIA@Example.org", "timestamp": at + n, "sg_event_id": f"{n}", "asm_group_id": 7}
        for n, kind in enumerate([*kinds, *["group_resubscribe"] * (3 - len(kinds))])
    ]
    for place in [*order, *order]:
        assert await sendgrid(called, orjson.dumps([events[place]])) == 204
    opted_out = await effects.is_opted_out(sent.stores.postgres, OURS, Service.EMAIL, "Maria@example.ORG")
    assert opted_out == (kinds[0] != "group_unsubscribe"), "a group's withdrawal is about the group only"


async def test_an_opt_out_counts_among_events_of_one_second(called: Api, sent: Sent) -> None:
    for place, kind in enumerate(("group_unsubscribe", "group_resubscribe")):
        event = {"event": kind, "email": "maria@example.org", "timestamp": 1764500000, "sg_event_id": f"{place}"}
        await sendgrid(called, orjson.dumps([{**event, "asm_group_id": 7}]))
    assert await effects.is_opted_out(sent.stores.postgres, OURS, Service.EMAIL, "maria@example.org")


async def test_other_groups_do_not_stop_emails(called: Api, sent: Sent) -> None:
    event = {"event": "group_unsubscribe", "email": "maria@example.org", "timestamp": 1764500000, "sg_event_id": "1"}
    assert await sendgrid(called, orjson.dumps([{**event, "asm_group_id": 8}])) == 204
    assert not await effects.is_opted_out(sent.stores.postgres, OURS, Service.EMAIL, "maria@example.org")


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
UNSIGNED = [
    ("status", {}),
    ("status", {"X-Twilio-Signature": ""}),
    ("inbound", {"X-Twilio-Signature": "x" * 28}),
    ("inbound", {"X-Twilio-Signature": "A" * 27 + "=="}),
    ("status", {"X-Twilio-Signature": "A" * 100_000}),
]


@pytest.mark.parametrize(("path", "headers"), UNSIGNED)
async def test_a_call_without_the_form_of_a_signature_is_rejected_before_its_body(
    called: Api, path: str, headers: dict[str, str]
) -> None:
    read = 0

    async def fields() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(60):
            read += 1
            yield b"a=1&" * 1_000

    response = await called.client.post(f"/callbacks/twilio/{path}", content=fields(), headers={**FORM, **headers})
    assert (response.status_code, read) == (403, 0)


async def test_a_form_with_many_fields_is_not_read(called: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def unexpected(*_: object) -> None:
        raise AssertionError("the signature of 201 fields is not computed")

    monkeypatch.setattr(RequestValidator, "validate", unexpected)
    headers = {**FORM, "X-Twilio-Signature": "A" * 27 + "="}
    statuses = [
        (await called.client.post("/callbacks/twilio/status", content=b"a=1&" * count, headers=headers)).status_code
        for count in (201, 16_000, 60_000)
    ]
    assert statuses == [403, 403, 413]


async def test_a_batch_that_is_too_long_is_not_read(called: Api) -> None:
    body = b"[" + b" " * callbacks.MAX_BATCH_BYTES + b"]"
    assert await sendgrid(called, body) == 413


async def test_a_body_that_stalls_is_given_up(called: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "BODY_SECONDS", 0.1)

    async def stalling() -> AsyncIterator[bytes]:
        yield b"MessageSid=SM1"
        await asyncio.sleep(0.5)
        yield b"&MessageStatus=sent"

    headers = {**FORM, "X-Twilio-Signature": "A" * 27 + "="}
    response = await called.client.post("/callbacks/twilio/status", content=stalling(), headers=headers)
    assert response.status_code == 408


@pytest.mark.parametrize("path", ["status", "inbound"])
async def test_a_signed_callback_without_use_is_noted(called: Api, path: str) -> None:
    assert await twilio(called, f"/callbacks/twilio/{path}", {"nothing": "of use"}) == 204, "signed, and noted"
    assert (await called.client.get(f"/callbacks/twilio/{path}")).status_code == 405


# Health

EXTERNAL = "{health{status services{name healthy} external{name healthy breaker waiting failed mock costToday}}}"


@pytest.mark.parametrize(("age", "healthy"), [(30, True), (90, False)])
@pytest.mark.parametrize("ahead", [-3600, 0, 3600])
async def test_the_age_of_a_partners_condition_is_the_databases(
    sent: Sent, monkeypatch: pytest.MonkeyPatch, age: int, ahead: int, *, healthy: bool
) -> None:
    """The clock of the gateway's machine does not matter."""
    monkeypatch.setattr(health, "EXTERNAL_SECONDS", 5.0)
    now = datetime.now(UTC)
    condition = PartnerCondition(Service.SMS, "CLOSED", enabled=True, mock=True, healthy=True, latency_ms=2.5)
    await effects.write_status(sent.stores.postgres, OURS, "owner", condition, now - timedelta(seconds=age))
    installation = replace(INSTALLATION, partners=frozenset({Service.SMS}))
    found = await health.partner_health(sent.stores, lambda: now + timedelta(seconds=ahead), installation)

    assert [one.healthy for one in found or ()] == [healthy]


async def test_health_reports_a_partner_without_a_dispatcher(
    called: Api, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "EXTERNAL_SECONDS", 5.0)  # a loaded machine exceeds the limit of a probe
    monkeypatch.setattr(health, "FRESH_SECONDS", 0.0)
    await sent.make(EffectState.PENDING)
    await sent.make(EffectState.ACCEPTED)
    unheard = (await called.ask(EXTERNAL, Role.MONITOR))["health"]
    for service in Service:
        condition = PartnerCondition(service, "CLOSED", enabled=True, mock=True, healthy=True, latency_ms=2.5)
        await effects.write_status(sent.stores.postgres, OURS, "owner", condition, datetime.now(UTC))
    heard = (await called.ask(EXTERNAL, Role.MONITOR))["health"]
    http = (await called.client.get("/health/external", headers=credential(Role.MONITOR))).json()
    hidden = [(await called.ask(EXTERNAL, role))["health"] for role in (None, Role.AGENT, Role.ANALYST, Role.SERVICE)]
    plain = (await called.client.get("/health/external", headers={"Authorization": "Bearer expired"})).json()

    assert unheard["status"] == "DEGRADED"
    assert [(one["name"], one["healthy"], one["breaker"]) for one in unheard["external"]] == [
        (name, False, None) for name in ("worldtracer", "twilio", "sendgrid")
    ]
    assert heard["status"] == "HEALTHY"
    (sms,) = [one for one in heard["external"] if one["name"] == "twilio"]
    assert (sms["waiting"], sms["failed"], sms["mock"], sms["costToday"]) == (1, 0, True, "0.05")
    assert [one["external"] for one in hidden] == [[]] * 4
    assert {one["name"] for one in hidden[0]["services"]} >= {"database", "twilio"}
    assert plain["services"]["twilio"].keys() == {"healthy", "latency_ms"}
    assert list(http["services"]) == ["worldtracer", "twilio", "sendgrid"]
    twilio_found: dict[str, Any] = http["services"]["twilio"]
    assert (twilio_found["healthy"], twilio_found["waiting"], twilio_found["breaker"]) == (True, 1, "CLOSED")
