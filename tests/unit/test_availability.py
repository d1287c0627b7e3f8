"""Availability with a probe of our own instead of a store."""

import asyncio
from collections.abc import AsyncIterator, Callable
from time import monotonic
from typing import Any

import pytest

from integrations.deadline import deadline, expired
from integrations.errors import DeadlineExceeded, Unavailable
from integrations.stores.availability import Availability, backoff


class Probe:
    """Succeeds, fails or hangs as set, and counts its calls."""

    def __init__(self) -> None:
        self.succeeds = True
        self.hangs = False
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
            await asyncio.sleep(60 if self.hangs else 0.001)
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
    availability = Availability("cache", probe, probe_timeout=0.5)
    yield availability
    await availability.close()


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
    assert probe.most_active == 1
    assert probe.calls < 6


async def test_the_probe_does_not_inherit_the_deadline_of_its_caller(availability: Availability, probe: Probe) -> None:
    with deadline(-1.0):
        assert isinstance(availability.timed_out("x"), DeadlineExceeded)
        await availability.connect(1.0)
    assert not probe.had_expired
    assert not isinstance(availability.timed_out("x"), DeadlineExceeded)


async def test_a_hanging_store_is_reported_in_time_and_then_detected(availability: Availability, probe: Probe) -> None:
    await availability.connect(1.0)
    probe.hangs = True
    started = monotonic()
    health = await availability.health(0.05)
    assert monotonic() - started < 0.4
    assert health["status"] == "healthy", "the last probe's result, with its age"
    await eventually(lambda: not availability.is_up)
    started = monotonic()
    health = await availability.health(0.5)
    assert monotonic() - started < 0.4, "known to be down: nothing to wait for"
    assert health["status"] == "unhealthy"
    assert "no response within 0.5 s" in health["error"]


async def test_after_closing_nothing_is_probed(availability: Availability, probe: Probe) -> None:
    await availability.connect(1.0)
    await availability.close()
    calls = probe.calls
    availability.request_probe()
    health = await availability.health(0.05)
    assert health["status"] == "unhealthy"
    assert probe.calls == calls
