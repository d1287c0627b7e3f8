"""Observed operations: those that are slow are logged with the statements that made them slow."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from graphql import GraphQLError

from gateway.http.graphql_request import GraphQLRequest
from gateway.http.middleware import RECORD, RequestRecord
from gateway.http.observation import NAMED, Observability, observed
from gateway.http.persisted_queries import PersistedDocuments
from gateway.http.subscriptions import SubscriptionService
from integrations import timings
from integrations.log_fields import current_log_fields, log_fields
from integrations.records.registered_operations import ClientVersion
from integrations.timings import ObservedCalls, Timings, observe_calls
from integrations.tracing import trace_id
from resolvers.actor import Actor, Role
from resolvers.operation_uses import OperationUses
from tests.spans import Recorder
from tests.world import INSTALLATION

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def scope_of(slow_seconds: float) -> dict[str, Any]:
    """The scope of a request in a process with this threshold."""
    return {
        "state": {"observability": Observability(slow_seconds=slow_seconds)},
        "headers": [],
        RECORD: RequestRecord("r1"),
    }


def test_a_slow_operation_is_logged_with_its_statements(caplog: pytest.LogCaptureFixture) -> None:
    with observed(scope_of(-1.0), Actor.anonymous(), "graphql", "BagPage"):
        Timings("records", 9.0).add("BAGS_BY_ID", 0.02)
        Timings("records", 9.0).add("BAGS_BY_ID", 0.03)
        Timings("graph", 9.0).add("JOURNEYS", 0.4)
    (record,) = caplog.records
    assert record.getMessage() == (
        "slow graphql operation=BagPage ms=0 request=r1 statements=3 of 450 ms: "
        "graph.JOURNEYS 1x 400 ms, records.BAGS_BY_ID 2x 50 ms"
    )


def test_a_slow_operation_names_the_slowest_statements_only(caplog: pytest.LogCaptureFixture) -> None:
    with observed(scope_of(-1.0), Actor.anonymous(), "graphql", "BagPage"):
        for number in range(NAMED + 3):
            Timings("records", 9.0).add(f"STATEMENT_{number}", 0.001 * number)
    assert caplog.text.count("STATEMENT_") == NAMED
    assert "STATEMENT_0 " not in caplog.text


def test_a_fast_operation_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with observed(scope_of(60.0), Actor.anonymous(), "graphql", "BagPage"):
        pass
    assert caplog.records == []


def test_observed_calls_are_reported_to_outer_observers_and_end() -> None:
    seen = []
    observed_calls = ObservedCalls()
    with observe_calls(lambda *call: seen.append(call)):
        observed_calls.open()
        Timings("records", 9.0).add("INSIDE", 0.5)
        observed_calls.close()
        Timings("records", 9.0).add("OUTSIDE", 0.5, failed=True)
    assert seen == [("records", "INSIDE", 0.5, False), ("records", "OUTSIDE", 0.5, True)]
    assert observed_calls.slowest(9) == [("records", "INSIDE", 1, 0.5)]


def test_the_calls_that_an_operation_keeps_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timings, "MAX_OBSERVED", 2)
    observed_calls = ObservedCalls()
    observed_calls.open()
    for _ in range(5):
        Timings("records", 9.0).add("BAGS_BY_ID", 0.5)
    observed_calls.close()
    assert (observed_calls.count, observed_calls.seconds) == (2, 1.0)


@pytest.mark.parametrize(("role", "continued"), [(Role.AGENT, True), (None, False)])
def test_only_an_authenticated_client_continues_its_trace(role: Role | None, continued: bool) -> None:
    """Given a client that says its trace is sampled, when it is anonymous, then it does not decide about it."""
    scope = {**scope_of(60.0), "headers": [(b"traceparent", CALLER.encode())]}
    scope["state"] = {"observability": Observability(Recorder().tracer)}
    with observed(scope, Actor("agent.1", role, 1), "graphql", "BagPage"):
        assert (trace_id() == CALLER[3:35]) is continued


class BothAtOnce:
    """Stands for a schema that responds when two operations run; keeps the fields of their log lines."""

    def __init__(self) -> None:
        self.seen: list[dict[str, object]] = []
        self.documents = SimpleNamespace(of=self._invalid)
        self._both = asyncio.Barrier(2)

    async def stream_operation(self, _query: str, contexts: Any, **_given: Any) -> AsyncIterator[None]:
        async with contexts():
            await self._both.wait()
            self.seen.append(dict(current_log_fields()))
            yield None

    def _invalid(self, _query: str) -> None:
        raise GraphQLError("invalid")


async def test_operations_of_one_connection_at_the_same_time_have_log_fields_of_their_own() -> None:
    schema, unused = cast("Any", BothAtOnce()), cast("Any", None)
    start = datetime(2026, 3, 3, tzinfo=UTC)
    service = SubscriptionService(
        schema,
        unused,
        INSTALLATION,
        b"",
        9.0,
        lambda: start,
        unused,
        unused,
        PersistedDocuments(unused, unused),
        OperationUses(unused),
        asyncio.Event(),
    )
    scope = scope_of(60.0)
    scope["state"] |= {"stores": None, "live": None}

    async def run(operation: str) -> None:
        request = GraphQLRequest("{ bags }", None, operation)
        async for _ in service.responses(scope, Actor.anonymous(), request, (), None, ClientVersion("", "")):
            pass

    with log_fields(request="r1"):
        await asyncio.gather(run("First"), run("Second"))
        assert current_log_fields() == {"request": "r1"}
    assert {(one["request"], one["operation"]) for one in schema.seen} == {("r1", "First"), ("r1", "Second")}
