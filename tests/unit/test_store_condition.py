"""Rules that decide whether a store is healthy, degraded or unhealthy."""

from collections.abc import Sequence
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.records.health import HealthStatus
from integrations.stores.condition import FAILED_PROBES, SILENT_PROBES, StoreCondition

HEALTHY, DEGRADED, UNHEALTHY = HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.UNHEALTHY
PROMPT, LATE, CALL, SILENT, FAILED, UNUSABLE = "prompt", "late", "call", "silent", "failed", "unusable"
EVIDENCE = st.lists(st.sampled_from([PROMPT, LATE, CALL, SILENT, FAILED, UNUSABLE]), max_size=30)


def judged(condition: StoreCondition, evidence: str) -> StoreCondition:
    match evidence:
        case "prompt":
            return condition.responded(0.001, late=False)
        case "late":
            return condition.responded(3.0, late=True)
        case "call":
            return condition.call_completed()
        case "silent":
            return condition.no_response("no response")
        case "failed":
            return condition.not_connected("refused")
    return condition.unusable("read-only")


def after(*evidence: str) -> StoreCondition:
    """The condition of a store that was healthy, after this evidence."""
    return reduce(judged, evidence, judged(StoreCondition(), PROMPT))


def test_a_store_is_unhealthy_until_it_responds() -> None:
    assert StoreCondition().status is UNHEALTHY
    assert StoreCondition().responded(0.001, late=False).status is HEALTHY


@pytest.mark.parametrize(
    ("evidence", "status"),
    [
        ([SILENT] * (SILENT_PROBES - 1), HEALTHY),
        ([SILENT] * SILENT_PROBES, UNHEALTHY),
        ([SILENT, SILENT, CALL, SILENT, SILENT], HEALTHY),
        ([FAILED] * (FAILED_PROBES - 1), HEALTHY),
        ([FAILED] * FAILED_PROBES, UNHEALTHY),
        ([FAILED, CALL, FAILED], HEALTHY),
        ([SILENT, FAILED, SILENT], UNHEALTHY),
        ([UNUSABLE], UNHEALTHY),
        ([CALL, UNUSABLE, CALL], UNHEALTHY),
        ([SILENT] * SILENT_PROBES + [LATE], HEALTHY),
        ([LATE], HEALTHY),
        ([LATE, LATE], DEGRADED),
        ([LATE] * 20, DEGRADED),
        ([LATE, PROMPT, LATE], HEALTHY),
        ([SILENT, CALL] * 2, DEGRADED),
        ([SILENT, CALL] * 50, DEGRADED),
        ([LATE, LATE, PROMPT], DEGRADED),
        ([LATE, LATE, PROMPT, PROMPT], HEALTHY),
        ([LATE, LATE] + [SILENT] * SILENT_PROBES, UNHEALTHY),
    ],
)
def test_evidence_decides(evidence: Sequence[str], status: HealthStatus) -> None:
    assert after(*evidence).status is status


@given(EVIDENCE)
def test_a_store_is_unhealthy_by_its_last_evidence_only(evidence: list[str]) -> None:
    """Counts again from the whole sequence: what follows the last response, and the last call of a store that is up."""
    up = True
    without_response: list[str] = []
    for one in evidence:
        if one in (PROMPT, LATE):
            up, without_response = True, []
        elif one == CALL:
            without_response = []
        elif one == UNUSABLE:
            up = False
        else:
            without_response.append(one)
            if without_response.count(FAILED) >= FAILED_PROBES or len(without_response) >= SILENT_PROBES:
                up = False
    assert after(*evidence).is_up is up


@given(EVIDENCE)
def test_a_completed_call_between_silent_probes_keeps_a_store_up(evidence: list[str]) -> None:
    condition = after()
    for one in evidence:
        if one != UNUSABLE:
            condition = judged(judged(condition, one), CALL)
        assert condition.is_up


@given(EVIDENCE)
def test_prompt_responses_make_every_store_healthy(evidence: list[str]) -> None:
    condition = after(*evidence, PROMPT, PROMPT)
    assert (condition.status, condition.reason, condition.is_settled) == (HEALTHY, None, True)


@given(EVIDENCE)
def test_an_unsettled_store_is_probed_again(evidence: list[str]) -> None:
    """A store that is not healthy is never settled, so that its recovery is noticed without a caller."""
    condition = after(*evidence)
    assert condition.is_settled <= (condition.status is HEALTHY)
    assert (condition.reason is None) is condition.is_up
