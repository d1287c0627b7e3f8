import asyncio
from time import monotonic
from typing import Any, cast

from integrations.stores.postgres.pool import PooledConnection, SlowCallDetector

SECONDS = 0.2


def connections(count: int) -> list[PooledConnection]:
    return [PooledConnection(cast(Any, None)) for _ in range(count)]


async def test_each_slow_call_is_detected_once_and_in_time() -> None:
    detected: list[float] = []
    detector = SlowCallDetector(SECONDS, lambda: detected.append(monotonic()))
    first, second, quick = connections(3)
    began = monotonic()
    detector.begin(first, began)
    detector.begin(quick, began)
    await asyncio.sleep(SECONDS / 2)
    detector.begin(second, monotonic())
    detector.end(quick)
    await asyncio.sleep(SECONDS * 4)
    assert len(detected) == 2
    assert SECONDS <= detected[0] - began < SECONDS * 1.5 <= detected[1] - began < SECONDS * 3
    detector.end(first)
    detector.begin(first, monotonic())
    await asyncio.sleep(SECONDS * 2)
    assert len(detected) == 3


async def test_quick_calls_are_not_detected() -> None:
    detected: list[float] = []
    detector = SlowCallDetector(SECONDS, lambda: detected.append(monotonic()))
    (connection,) = connections(1)
    slow = 0  # calls that a busy machine made slow
    ends_at = monotonic() + SECONDS * 2
    while (began := monotonic()) < ends_at:
        detector.begin(connection, began)
        await asyncio.sleep(SECONDS / 10)
        slow += monotonic() - began >= SECONDS
        detector.end(connection)
    await asyncio.sleep(SECONDS * 2)
    assert len(detected) <= slow
