"""Effects as agents and monitors see them, and callbacks of providers."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from pydantic import SecretStr
from twilio.request_validator import RequestValidator

from gateway.config import ExternalServices, ServiceFlags, Settings
from integrations.partners.mocks.sendgrid import SendGridService
from integrations.records.attempts import SendOutcome
from integrations.records.effects import EffectState, PartnerCondition, Service
from integrations.stores.postgres import effects
from resolvers import health
from resolvers.actor import Role
from resolvers.installation import Stores
from schema.fields.node import join
from tests.gateway import Api, credential, serving
from tests.world import OURS, SPARE, World

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
    await stores.postgres.execute("TRUNCATE effects, sends, delivery_reports, opt_outs, partner_statuses", name="TEST")


async def test_agents_see_what_they_have_to_decide_on(api: Api, sent: Sent) -> None:
    failed = await sent.make(EffectState.FAILED)
    await sent.make(EffectState.ACCEPTED)
    (seen,) = (await api.ask(LIST, s=["FAILED"]))["effects"]["nodes"]
    (masked,) = (await api.ask(LIST, Role.ANALYST, s=["FAILED"]))["effects"]["nodes"]

    assert seen["id"] == join("Effect", failed)
    assert (seen["service"], seen["state"], seen["nextAt"], seen["mock"]) == ("SMS", "FAILED", None, True)
    assert seen["sends"] == [{"recipient": "+12025550142", "cost": "0.05"}]
    assert masked["sends"] == [{"recipient": None, "cost": "0.05"}]


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


@pytest.mark.parametrize("path", ["status", "inbound"])
async def test_what_is_no_callback_is_refused(called: Api, path: str) -> None:
    assert await twilio(called, f"/callbacks/twilio/{path}", {"nothing": "of use"}) == 400
    assert (await called.client.get(f"/callbacks/twilio/{path}")).status_code == 405


# Health

EXTERNAL = "{health{status services{name healthy} external{name healthy breaker waiting failed mock costToday}}}"


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
