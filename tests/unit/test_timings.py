import pytest

from integrations.timings import MAX_NAMES, Timings


def test_sums_by_name() -> None:
    timings = Timings("records", 1.0)
    timings.add("BAGS_BY_ID", 0.25)
    timings.add("BAGS_BY_ID", 0.5)
    timings.add_error("BAGS_BY_ID")
    assert timings.by_name() == {"BAGS_BY_ID": {"calls": 2, "errors": 1, "seconds": 0.75, "slowest": 0.5}}
    assert timings.totals() == {"queries": 2, "errors": 1, "seconds": 0.75}


def test_a_slow_statement_is_logged_by_name(caplog: pytest.LogCaptureFixture) -> None:
    timings = Timings("records", 1.0)
    timings.add("FAST", 0.9)
    timings.add("SLOW", 1.5)
    assert [record.getMessage() for record in caplog.records] == ["slow statement in store records: SLOW took 1500 ms"]


def test_computed_names_cannot_fill_the_memory() -> None:
    timings = Timings("records", 1.0)
    for number in range(MAX_NAMES + 100):
        timings.add(f"name {number}", 0.1)
    assert len(timings.by_name()) == MAX_NAMES + 1
    assert timings.by_name()["other"]["calls"] == 100
    assert timings.totals()["queries"] == MAX_NAMES + 100
