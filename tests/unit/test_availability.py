"""Availability with a probe of our own instead of a store."""

import asyncio
from collections.abc import AsyncIterator, Callable
from time import monotonic, sleep
from typing import Any

import pytest

from integrations.deadline import deadline, expired
from integrations.errors import DeadlineExceeded, Unavailable
from integrations.records.health import HealthStatus
from integrations.stores.availability import Availability, Patience, Unusable, backoff

HANGS = 60.0


class Probe:
    """Succeeds, fails or takes as long as set, and counts its calls."""

    def __init__(self) -> None:
        self.succeeds = True
        self.is_usable = True
        self.seconds = 0.001
        self.calls = 0
        self.had_expired = False
        self.active = 0
        self.most_active = 0

    async def __call__(self) -> dict[str, Any]:
        self.calls += 1
        self.had_expired = expired()
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            await asyncio.sleep(self.seconds)
            for _ in range(5):  # drivers take several turns of the event loop to read a response
                await asyncio.sleep(0)
            if not self.is_usable:
                raise Unusable("the server is read-only")
            if not self.succeeds:
                raise ConnectionRefusedError("connection refused")
            return {"version": "1"}
        finally:
            self.active -= 1


@pytest.fixture
def probe() -> Probe:
    return Probe()


@pytest.fixture
async def availability(probe: Probe) -> AsyncIterator[Availability]:
    availability = Availability("cache", probe, patience=Patience(slow_call=0.1, late_probe=0.1, probe=0.2))
    yield availability
    await availability.close()


def stand_still() -> None:
    """Blocks the event loop, as a machine does that runs other processes."""
    sleep(0.4)


async def eventually(happened: Callable[[], bool], seconds: float = 5.0) -> None:
    until = monotonic() + seconds
    while not happened():
        assert monotonic() < until, "it did not happen"
        await asyncio.sleep(0.01)


def test_backoff_doubles_up_to_a_bound_and_varies() -> None:
    for attempt, ceiling in [(0, 0.1), (3, 0.8), (100, 5.0)]:
        waits = [backoff(attempt) for _ in range(200)]
        assert all(ceiling / 2 <= wait <= ceiling for wait in waits)
        assert len(set(waits)) > 100


async def test_before_connecting_calls_are_rejected(availability: Availability) -> None:
    with pytest.raises(Unavailable, match="not connected"):
        availability.raise_if_down()


async def test_a_store_that_responds_lets_calls_pass(availability: Availability) -> None:
    await availability.connect(1.0)
    availability.raise_if_down()
    assert (await availability.health(0.1))["status"] == "healthy"


async def test_calls_to_a_dead_store_are_rejected_at_once_until_it_is_back(
    availability: Availability, probe: Probe
) -> None:
    probe.succeeds = False
    await availability.connect(1.0)
    with pytest.raises(Unavailable, match="connection refused") as caught:
        availability.raise_if_down()
    assert 0.1 <= caught.value.retry_after_seconds <= 5.0
    report = await availability.health(0.1)
    assert report["status"] == "unhealthy"
    assert "connection refused" in report["error"]
    probe.succeeds = True
    await eventually(lambda: availability.is_up)
    availability.raise_if_down()


async def test_many_requests_make_one_probe(availability: Availability, probe: Probe) -> None:
    await availability.connect(1.0)
    probe.succeeds = False
    for _ in range(100):
        availability.request_probe()
    await eventually(lambda: not availability.is_up)
    await asyncio.gather(*(availability.health(0.05) for _ in range(100)))
    assert probe.most_active <= 3, "one round"
    assert probe.calls < 6


async def test_the_probe_does_not_inherit_the_deadline_of_its_caller(availability: Availability, probe: Probe) -> None:
    with deadline(-1.0):
        assert isinstance(availability.timed_out("x"), DeadlineExceeded)
        await availability.connect(1.0)
    assert not probe.had_expired
    assert not isinstance(availability.timed_out("x"), DeadlineExceeded)


async def test_a_hanging_store_is_reported_in_time_and_then_detected(availability: Availability, probe: Probe) -> None:
    await availability.connect(1.0)
    probe.seconds = HANGS
    started = monotonic()
    health = await availability.health(0.05)
    assert monotonic() - started < 0.4
    assert health["status"] == "healthy", "the last probe's result, with its age"
    await eventually(lambda: not availability.is_up)
    started = monotonic()
    health = await availability.health(0.5)
    assert monotonic() - started < 0.4, "known to be down: nothing to wait for"
    assert health["status"] == "unhealthy"
    assert "no response within 0.6 s" in health["error"]


async def test_after_closing_nothing_is_probed(availability: Availability, probe: Probe) -> None:
    await availability.connect(1.0)
    await availability.close()
    calls = probe.calls
    availability.request_probe()
    health = await availability.health(0.05)
    assert health["status"] == "unhealthy"
    assert probe.calls == calls


async def test_calls_of_a_store_that_hangs_are_cut_off_once_it_is_down(
    availability: Availability, probe: Probe
) -> None:
    await availability.connect(1.0)
    probe.seconds = HANGS
    started = monotonic()
    with pytest.raises(TimeoutError):
        async with availability.bounded_call(30.0):
            await asyncio.sleep(HANGS)
    assert monotonic() - started < 2.5
    with pytest.raises(Unavailable, match="no response"):
        availability.raise_if_down()


async def test_a_call_that_takes_long_gets_its_response_while_probes_succeed(
    availability: Availability, probe: Probe
) -> None:
    await availability.connect(1.0)
    async with availability.bounded_call(30.0):
        await asyncio.sleep(1.2)
    assert availability.status is HealthStatus.HEALTHY
    health = await availability.health(0.1)
    assert health["slow_calls"] == 1
    assert health["slowest_call_ms"] >= 1200


async def test_a_store_whose_calls_complete_is_never_down(availability: Availability, probe: Probe) -> None:
    """Probes hang, calls complete now and then: the store is slow, and a long call gets its response."""
    await availability.connect(1.0)
    probe.seconds = HANGS

    async def complete() -> None:
        while True:
            await asyncio.sleep(0.05)
            availability.call_completed(0.05)

    completing = asyncio.create_task(complete())
    async with availability.bounded_call(30.0):
        await asyncio.sleep(2.0)
    assert availability.status is HealthStatus.DEGRADED
    availability.raise_if_down()
    completing.cancel()
    await eventually(lambda: not availability.is_up)


async def test_a_store_that_responds_late_is_degraded_until_it_is_prompt(
    availability: Availability, probe: Probe
) -> None:
    """A response that comes later than all probes of a round teaches the next rounds to wait for it."""
    await availability.connect(1.0)
    probe.seconds = 0.9
    availability.request_probe()
    await eventually(lambda: availability.status is HealthStatus.DEGRADED)
    for _ in range(20):
        await asyncio.sleep(0.05)
        availability.raise_if_down()
    assert (await availability.health(0.01))["latency_ms"] >= 900
    probe.seconds = 0.001
    await eventually(lambda: availability.status is HealthStatus.HEALTHY)


async def test_one_failed_probe_is_no_outage(availability: Availability, probe: Probe) -> None:
    """The connection of a probe breaks by itself, such as after a restart; the next one succeeds."""
    await availability.connect(1.0)
    probe.succeeds = False
    availability.request_probe()
    await eventually(lambda: probe.calls == 2)
    probe.succeeds = True
    await eventually(lambda: probe.calls == 3)
    await asyncio.sleep(0.05)
    assert availability.is_up


async def test_a_store_that_says_that_it_cannot_serve_is_down_at_once(availability: Availability, probe: Probe) -> None:
    await availability.connect(1.0)
    probe.is_usable = False
    availability.request_probe()
    await eventually(lambda: not availability.is_up, 0.15)
    with pytest.raises(Unavailable, match="read-only"):
        availability.raise_if_down()


async def test_a_process_that_did_not_run_is_no_evidence_against_a_store(
    availability: Availability, probe: Probe
) -> None:
    """A response that arrived while this process stood still counts, although its time was up: no second probe."""
    await availability.connect(1.0)
    probe.seconds = 0.15
    availability.request_probe()
    await eventually(lambda: probe.calls == 2)
    stand_still()
    await asyncio.sleep(0.05)
    assert (probe.calls, probe.active) == (2, 0)
    assert availability.is_up
