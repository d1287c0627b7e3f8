"""Health over GraphQL and HTTP, with all services available and with one unavailable."""

import asyncio
import re
from time import monotonic
from typing import Any

import pytest

from gateway.config import ExternalServices, ServiceFlags, Settings
from integrations.records.health import Health
from integrations.stores.postgres.manager import PostgresManager
from resolvers import health
from resolvers.actor import Role
from resolvers.health import VERSION
from resolvers.installation import Stores
from tests.gateway import Api, credential, serving
from tests.world import context_of

PATHS = [
    "/health",
    "/health/database",
    "/health/graph",
    "/health/cache",
    "/health/external",
    "/health/ready",
    "/health/live",
]
NOWHERE = {
    "database": {"neon_database_url": "postgresql://user:secret@127.0.0.1:9/none"},
    "graph": {"neo4j_uri": "bolt://127.0.0.1:9"},
    "cache": {"redis_url": "redis://127.0.0.1:9/0"},
}


def without(settings: Settings, store: str) -> Settings:
    """Settings with an unreachable address for the given store."""
    fields = {name: type(getattr(settings, name))(address) for name, address in NOWHERE[store].items()}
    return settings.model_copy(update=fields)


async def test_health_needs_no_sign_in_and_names_every_service(api: Api) -> None:
    data = await api.ask("{health{status version timestamp services{name healthy latencyMs}}}", None)
    found = data["health"]

    assert (found["status"], found["version"]) == ("HEALTHY", VERSION)
    assert [(one["name"], one["healthy"]) for one in found["services"]] == [
        ("database", True),
        ("graph", True),
        ("cache", True),
    ]
    assert all(0 <= one["latencyMs"] < 1000 for one in found["services"])


@pytest.mark.parametrize("path", PATHS)
async def test_every_probe_answers_in_the_agreed_shape(api: Api, path: str) -> None:
    response = await api.client.get(path)
    body = response.json()

    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert list(body) == ["status", "version", "timestamp", "services"]
    assert (body["status"], body["version"]) == ("healthy", VERSION)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["timestamp"])
    for service in body["services"].values():
        assert list(service) == ["healthy", "latency_ms"]


@pytest.mark.parametrize(
    ("path", "services"),
    [
        ("/health", ["database", "graph", "cache"]),
        ("/health/database", ["database"]),
        ("/health/graph", ["graph"]),
        ("/health/cache", ["cache"]),
        ("/health/external", []),
        ("/health/ready", ["database"]),
        ("/health/live", []),
    ],
)
async def test_a_probe_looks_at_what_its_name_says(api: Api, path: str, services: list[str]) -> None:
    assert list((await api.client.get(path)).json()["services"]) == services


@pytest.mark.parametrize("store", NOWHERE)
async def test_a_store_that_is_away_is_named_and_the_rest_still_answers(settings: Settings, store: str) -> None:
    """The gateway is ready while PostgreSQL is available."""
    async with serving(without(settings, store)) as api:
        answers = {path: await api.client.get(path) for path in PATHS}
        graphql = (await api.ask("{health{status services{name healthy}}}", None))["health"]
    serves = store != "database"

    assert {path: response.status_code for path, response in answers.items()} == {
        "/health": 200 if serves else 503,
        "/health/database": 200 if serves else 503,
        "/health/graph": 503 if store == "graph" else 200,
        "/health/cache": 503 if store == "cache" else 200,
        "/health/external": 200,
        "/health/ready": 200 if serves else 503,
        "/health/live": 200,
    }
    whole: dict[str, Any] = answers["/health"].json()
    assert whole["status"] == ("degraded" if serves else "unhealthy")
    assert {name for name, service in whole["services"].items() if not service["healthy"]} == {store}
    assert graphql["status"] == whole["status"].upper()
    assert [one["name"] for one in graphql["services"] if not one["healthy"]] == [store]
    assert "secret" not in answers["/health"].text


async def test_partners_of_which_nothing_is_known_are_not_healthy(settings: Settings) -> None:
    """Given a PostgreSQL that is away, the enabled partners are named and count as unhealthy."""
    flags, off = ServiceFlags(mock=True), ServiceFlags(enabled=False)
    partners = {"external_services": ExternalServices(worldtracer=flags, twilio=flags, sendgrid=off)}
    async with serving(without(settings, "database").model_copy(update=partners)) as api:
        external = (await api.client.get("/health/external", headers=credential(Role.ADMIN))).json()
        whole = (await api.client.get("/health")).json()

    assert external["status"] != "healthy"
    assert {name: one["healthy"] for name, one in external["services"].items()} == {
        "worldtracer": False,
        "twilio": False,
    }
    assert list(whole["services"]) == ["database", "graph", "cache", "worldtracer", "twilio"]


async def test_health_is_checked_at_most_once_a_second(stores: Stores) -> None:
    """A caller without a token cannot make the stores work, and no caller's end ends the check of the others."""
    context = context_of(stores, None)

    async def statements() -> float:
        return sum(one["calls"] for one in stores.postgres.get_statement_stats().values())

    async def check() -> Health:
        return await health.check(stores, context.now, context.installation)

    before = await statements()
    impatient = asyncio.create_task(check())
    await asyncio.sleep(0)
    impatient.cancel()
    found = await asyncio.gather(*(check() for _ in range(50)))
    assert await statements() - before <= 2, "lag and partners"
    assert len({id(one) for one in found}) == 1
    again = await check()
    await asyncio.sleep(health.FRESH_SECONDS + 0.1)
    later = await check()
    assert (again is found[0], later is found[0]) == (True, False)
    assert await statements() - before > 2


async def test_only_monitors_see_the_details_of_health(api: Api) -> None:
    query = "{health{status services{name} external{name costToday} graphLag{lagSeconds}}}"
    for role in (None, *Role):
        found = (await api.ask(query, role))["health"]
        assert (found["graphLag"] is not None) == (role in {Role.MONITOR, Role.ADMIN})
        assert [one["name"] for one in found["services"]] == ["database", "graph", "cache"]


async def test_health_is_quick_while_the_records_are_away(settings: Settings) -> None:
    async with serving(without(settings, "database")) as api:
        took = []
        for _ in range(20):
            began = monotonic()
            await api.client.get("/health")
            took.append(monotonic() - began)
    assert sorted(took)[len(took) // 2] < 0.1


async def test_without_records_questions_are_refused_and_nothing_is_said_of_the_driver(settings: Settings) -> None:
    async with serving(without(settings, "database")) as api:
        response = await api.send('{bag(by:{tag:"CM456781"}){id}}')
    answer = response.json()

    assert response.status_code == 200
    assert answer["data"] == {"bag": None}
    assert answer["errors"][0]["message"] == "The store 'records' is unavailable"
    assert answer["errors"][0]["extensions"]["code"] == "STORE_UNAVAILABLE"
    assert answer["errors"][0]["extensions"]["store"] == "records"


async def test_a_slow_store_is_degraded_and_says_what_it_costs(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """It serves, so the gateway stays ready; the whole is degraded."""

    async def slow(_manager: PostgresManager) -> dict[str, Any]:
        return {"status": "degraded", "latency_ms": 310.0, "slow_calls": 7, "slowest_call_ms": 1234.5}

    monkeypatch.setattr(PostgresManager, "health_check", slow)
    await asyncio.sleep(health.FRESH_SECONDS + 0.1)
    whole, ready, one = [await api.client.get(path) for path in ("/health", "/health/ready", "/health/database")]
    found = (await api.ask("{health{status services{name healthy status latencyMs slowCalls slowestCallMs}}}"))[
        "health"
    ]

    for response in (whole, ready, one):
        assert (response.status_code, response.json()["status"]) == (200, "degraded")
        assert response.json()["services"]["database"] == {
            "healthy": True,
            "latency_ms": 310.0,
            "status": "degraded",
            "slow_calls": 7,
            "slowest_call_ms": 1234.5,
        }
    assert found["status"] == "DEGRADED"
    assert found["services"][0] == {
        "name": "database",
        "healthy": True,
        "status": "DEGRADED",
        "latencyMs": 310.0,
        "slowCalls": 7,
        "slowestCallMs": 1234.5,
    }
    monkeypatch.undo()
    await asyncio.sleep(health.FRESH_SECONDS + 0.1)
