"""The metrics endpoint."""

import re

import pytest

from resolvers.actor import Role
from schema.runtime.executors import ExecutorName
from tests.executor import chosen
from tests.gateway import Api, credential

ONE_BAG = "{ bags(first: 1) { nodes { tag scans { kind } } } }"


def figures(text: str) -> dict[str, float]:
    """Values by name and labels, without the metrics of the process."""
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return {re.sub(r',?process="\d+"', "", name).replace("{,", "{"): float(value) for name, value in lines}


@pytest.mark.parametrize("role", [Role.MONITOR, Role.ADMIN])
async def test_stages_statements_and_connections_are_counted(api: Api, role: Role) -> None:
    async def scrape() -> dict[str, float]:
        response = await api.client.get("/metrics", headers=credential(role))
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
        return figures(response.text)

    await api.ask(ONE_BAG)
    before = await scrape()
    await api.ask(ONE_BAG)
    after = await scrape()
    grown = {name: after[name] - before.get(name, 0.0) for name in after}
    assert grown["gateway_document_hits_total{}"] == 1
    assert grown['gateway_statement_calls_total{statement="NEWEST_BAGS",store="records"}'] == 1
    assert grown['gateway_statement_errors_total{statement="NEWEST_BAGS",store="records"}'] == 0
    assert after["gateway_postgres_connections_max{}"] >= after["gateway_postgres_connections{}"] >= 1
    assert after["gateway_live_subscribers{}"] == 0
    assert grown['gateway_operation_seconds_count{kind="graphql"}'] == 1
    assert grown['gateway_operation_seconds_bucket{kind="graphql",le="10.0"}'] == 1
    assert 0 < grown['gateway_operation_seconds_sum{kind="graphql"}'] < 10
    assert grown['gateway_requests_admitted_total{class="read"}'] == 1
    assert after['gateway_requests_rejected_total{code="OVERLOADED"}'] == 0
    assert after['gateway_requests_rejected_total{code="TOO_MANY_REQUESTS"}'] == 0
    assert after["gateway_requests_running{}"] == after["gateway_request_bodies{}"] == 0
    for store in ("records", "graph", "cache"):
        assert after[f'gateway_store_up{{store="{store}"}}'] == 1
        assert after[f'gateway_store_degraded{{store="{store}"}}'] in {0, 1}
        assert after[f'gateway_store_slow_calls_total{{store="{store}"}}'] >= 0
        assert after[f'gateway_store_probe_seconds{{store="{store}"}}'] > 0
    if chosen() is ExecutorName.BREADTH_FIRST:
        assert grown['gateway_stage_calls_total{field="Bag.scans"}'] == 1
        assert grown['gateway_stage_parents_total{field="Bag.scans"}'] == 1
        assert grown['gateway_stage_seconds_total{field="Bag.scans"}'] > 0


@pytest.mark.parametrize(("role", "status"), [(None, 401), (Role.AGENT, 403), (Role.SERVICE, 403)])
async def test_metrics_are_for_monitors_and_administrators(api: Api, role: Role | None, status: int) -> None:
    response = await api.client.get("/metrics", headers=credential(role))
    assert response.status_code == status
    assert "gateway_" not in response.text


async def test_a_forged_token_reads_no_metrics(api: Api) -> None:
    response = await api.client.get("/metrics", headers={"Authorization": "Bearer a.b.c"})
    assert response.status_code == 401
