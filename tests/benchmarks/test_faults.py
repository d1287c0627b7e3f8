"""The fault matrix's pure parts: which rows there are, how responses are judged, what counts as flat."""

from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from benchmarks.client import ClientResponse
from benchmarks.faults.ledger import Ledger, Places, missing_effects
from benchmarks.faults.load import own_scans
from benchmarks.faults.matrix import (
    DEADLINES,
    INGEST,
    MATRIX,
    MUTATION,
    PARTNERS,
    QUERY,
    SLACK_SECONDS,
    STORES,
    Fault,
    LoadFigures,
    Row,
    RowResult,
    Subject,
    WriteFigures,
    simultaneous,
)
from benchmarks.faults.report import as_json, text
from benchmarks.faults.responses import difference, equals, judge, judge_ingestion
from benchmarks.faults.soak import PROCESSES, growth
from gateway.http import graphql, ingest
from schema.fields.node import join

# What no row can cause: Neo4j Community has no standby, an HTTP partner shows none, and clocks are those of processes.
LEFT_OUT = {
    *((Subject.GRAPH, fault) for fault in (Fault.FAILOVER, Fault.CLOCK_FORWARD, Fault.CLOCK_BACK)),
    *((Subject.CACHE, fault) for fault in (Fault.CLOCK_FORWARD, Fault.CLOCK_BACK)),
    *((partner, fault) for partner in PARTNERS for fault in (Fault.FAILOVER, Fault.CLOCK_FORWARD, Fault.CLOCK_BACK)),
}
OF_THE_PRODUCT = {Fault.CLOCK_FORWARD, Fault.CLOCK_BACK, Fault.FULL_OUTBOX, Fault.TWO_VERSIONS}


def response(status: int = 200, **content: Any) -> ClientResponse:
    return ClientResponse(status, orjson.dumps(content))


def error(code: str, *path: Any) -> dict[str, Any]:
    return {"message": "...", "path": list(path), "extensions": {"code": code}}


def test_the_matrix_has_every_fault_of_every_subject_once() -> None:
    outside = set(Fault) - {Fault.FULL_OUTBOX, Fault.TWO_VERSIONS}
    expected = {(subject, fault) for subject in (*STORES, *PARTNERS) for fault in outside} - LEFT_OUT
    expected |= {(Subject.PRODUCT, fault) for fault in OF_THE_PRODUCT}
    assert Counter((row.subject, row.fault) for row in MATRIX) == Counter(expected)


def test_the_deadlines_are_the_products() -> None:
    defaults = yaml.safe_load((Path(__file__).parents[2] / "config" / "production.yaml").read_text())
    seconds = float(defaults["request_seconds"])
    assert {QUERY: seconds, MUTATION: seconds, INGEST: ingest.BATCH_SECONDS} == DEADLINES
    # What is left is for the response to arrive.
    assert graphql.GRACE_SECONDS <= SLACK_SECONDS - 0.2


def test_a_fault_of_all_partners_runs_at_the_same_time() -> None:
    groups = simultaneous(MATRIX)
    assert sorted(row.name for group in groups for row in group) == sorted(row.name for row in MATRIX)
    for group in groups:
        of_partners = {row.subject for row in group} == set(PARTNERS)
        assert of_partners if group[0].subject in PARTNERS else len(group) == 1


DATA = {"bag": {"tag": "0230", "fellows": {"total": 3}, "scans": [{"place": "S1"}, {"place": "S2"}]}}


@pytest.mark.parametrize(
    ("sent", "codes", "wrong"),
    [
        (response(data=DATA), set(), False),
        (response(data={"bag": {**DATA["bag"], "fellows": {"total": 2}}}), set(), True),
        (response(data={"bag": {**DATA["bag"], "scans": [{"place": "S1"}]}}), set(), True),
        (response(data={"bag": {**DATA["bag"], "fellows": None}}), set(), True),
        (
            response(
                data={"bag": {**DATA["bag"], "fellows": None}}, errors=[error("STORE_UNAVAILABLE", "bag", "fellows")]
            ),
            {"STORE_UNAVAILABLE"},
            False,
        ),
        (response(data={"bag": None}, errors=[error("DEADLINE_EXCEEDED", "bag")]), {"DEADLINE_EXCEEDED"}, False),
        (response(data={"bag": None}, errors=[error("STORE_UNAVAILABLE", "other")]), {"STORE_UNAVAILABLE"}, True),
        (response(503, errors=[error("OVERLOADED")]), {"OVERLOADED"}, False),
        (response(data={"bag": None}, errors=[error("INTERNAL_ERROR", "bag")]), set(), True),
        (response(data={"bag": None}, errors=[error("STORE_REFUSED", "bag")]), set(), True),
        (response(data={"bag": None}, errors=[{"message": "...", "path": ["bag"]}]), set(), True),
        (response(500), set(), True),
        (ClientResponse(200, b'{"data": {"bag"'), set(), True),
    ],
)
def test_a_response_is_complete_retryable_or_wrong(sent: ClientResponse, codes: set[str], *, wrong: bool) -> None:
    verdict = judge(sent, equals(DATA))
    assert (set(verdict.codes), verdict.wrong is not None) == (codes, wrong)
    assert verdict.complete is (not codes and not wrong)


COUNTS = {"messages": 1, "duplicates": 0, "deadLetters": 0, "others": 0}


@pytest.mark.parametrize(
    ("sent", "complete", "wrong"),
    [
        (response(**COUNTS), True, False),
        (response(**{**COUNTS, "messages": 0, "duplicates": 1}), True, False),
        (response(**{**COUNTS, "messages": 0}), False, True),
        (response(**{**COUNTS, "messages": 0, "deadLetters": 1}), False, True),
        (response(503, error="..."), False, False),
        (response(500, error="..."), False, True),
    ],
)
def test_a_message_is_stored_once_or_the_sender_is_to_repeat(
    sent: ClientResponse, *, complete: bool, wrong: bool
) -> None:
    verdict = judge_ingestion(sent, 1)
    assert (verdict.complete, verdict.wrong is not None) == (complete, wrong)


def test_a_difference_names_its_path() -> None:
    assert difference(DATA, DATA, []) is None
    assert difference(DATA, {"bag": {**DATA["bag"], "tag": "0231"}}, []) == "bag.tag differs"
    assert difference(DATA, {"bag": {**DATA["bag"], "scans": None}}, [("bag", "fellows")]) == "bag.scans differs"


def own(scans: list[str], journey: list[str] | None, behind: int = 0) -> dict[str, Any]:
    def of(places: list[str]) -> list[dict[str, str]]:
        return [{"place": place} for place in places]

    shown = None if journey is None else {"behind": behind, "scans": of(journey)}
    return {"bag": {"scans": of(scans), "journey": shown}}


def test_an_acknowledged_scan_is_there_once() -> None:
    places = Places(sent={"S0", "S1", "S2"}, acknowledged={"S0", "S1"})
    check = own_scans(places)
    assert check(own(["S0", "S1"], ["S0", "S1"]), []) is None
    assert check(own(["S0", "S1", "S2"], ["S0"], behind=1), []) is None, "the graph says that it is behind"
    assert check(own(["S0", "S1"], None), [("bag", "journey")]) is None
    assert check({"bag": None}, [("bag",)]) is None
    for wrong in (
        own(["S0"], ["S0", "S1"]),
        own(["S0", "S1", "S1"], ["S0", "S1"]),
        own(["S0", "S1", "S9"], ["S0", "S1"]),
        own(["S0", "S1"], ["S0"]),
        own(["S0", "S1"], ["S0", "S0"], behind=1),
        own(["S0", "S1"], None),
        {"bag": None},
    ):
        assert check(wrong, []) is not None, wrong


def test_an_email_is_lost_unless_its_outcome_is_unknown() -> None:
    """An email behind one whose outcome SendGrid cannot tell waits for it."""

    def effect(pir: int, service: str, action: str, state: str, reason: str | None = None) -> dict[str, Any]:
        return {"pir_id": pir, "service": service, "action": action, "state": state, "reason": reason}

    def effects(state: str, reason: str | None) -> list[dict[str, Any]]:
        return [
            effect(1, "WORLDTRACER", "CREATE", "ACCEPTED"),
            effect(1, "SMS", "FILE_OPENED", "DELIVERED"),
            effect(1, "EMAIL", "FILE_OPENED", state, reason),
            effect(1, "SMS", "BAG_LOCATED", "ACCEPTED"),
            effect(1, "EMAIL", "BAG_LOCATED", "PENDING"),
        ]

    pir = join("Pir", 1)
    ledger = Ledger(opened={5: pir}, located={pir})
    assert list(missing_effects(ledger, effects("UNSETTLED", "OUTCOME_UNKNOWN"))) == []
    assert len(list(missing_effects(ledger, effects("FAILED", "REFUSED")))) == 2
    assert list(missing_effects(ledger, effects("ACCEPTED", None)[:4])) == [f"effect EMAIL BAG_LOCATED of {pir}"]
    assert len(list(missing_effects(ledger, []))) == 5


def test_a_row_names_everything_that_is_not_as_it_must_be() -> None:
    row = Row(Subject.RECORDS, Fault.KILLED, 1.0, 10.0)
    good = RowResult(row, LoadFigures(longest={"query": 10.4, "ingest": 20.4}), recovered=9.0)
    assert good.faults() == []
    bad = RowResult(
        row,
        LoadFigures(wrong=["x"], errors={"CONFLICT": 1}, longest={"query": 10.6}),
        WriteFigures(lost=["a scan"], doubled=["an SMS"]),
        recovered=11.0,
    )
    assert len(bad.faults()) == 5
    assert RowResult(row).faults() == ["no recovery"]
    assert RowResult(row, skipped="root only").faults() == []
    assert orjson.loads(orjson.dumps(as_json(bad)))["faults"] == bad.faults()
    assert all(line in text([good, bad]) for line in ("PostgreSQL, killed: lost: a scan", "PostgreSQL  killed"))


def test_memory_and_descriptors_are_flat_within_limits() -> None:
    def sample(value: float) -> dict[str, float]:
        return dict.fromkeys(PROCESSES, value)

    assert list(growth([sample(100), sample(300), sample(110)], [{**dict.fromkeys(PROCESSES, 50)}] * 3)) == []
    grown = list(growth([sample(100), sample(130)], [dict.fromkeys(PROCESSES, 50), dict.fromkeys(PROCESSES, 80)]))
    assert len(grown) == 2 * len(PROCESSES)
