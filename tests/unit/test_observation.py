"""Observed operations: those that are slow are logged with the statements that made them slow."""

from typing import Any

import pytest

from gateway.http.middleware import RECORD, RequestRecord
from gateway.http.observation import NAMED, Observability, observed
from integrations.timings import CallTotals, Timings, observe_calls
from resolvers.actor import Actor


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


def test_totals_report_to_outer_observers_and_end() -> None:
    seen = []
    totals = CallTotals()
    with observe_calls(lambda *call: seen.append(call)):
        totals.open()
        Timings("records", 9.0).add("INSIDE", 0.5)
        totals.close()
        Timings("records", 9.0).add("OUTSIDE", 0.5, failed=True)
    assert seen == [("records", "INSIDE", 0.5, False), ("records", "OUTSIDE", 0.5, True)]
    assert totals.slowest(9) == [("records", "INSIDE", 1, 0.5)]
