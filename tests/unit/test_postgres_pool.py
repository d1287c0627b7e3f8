import asyncio
from time import monotonic
from typing import Any, cast

from integrations.stores.postgres.pool import PooledConnection, SlowCallDetector

SECONDS = 0.05


def links(count: int) -> list[PooledConnection]:
    return [PooledConnection(cast(Any, None)) for _ in range(count)]


async def test_each_late_exchange_is_noticed_once_and_in_time() -> None:
    noticed: list[float] = []
    overdue = SlowCallDetector(SECONDS, lambda: noticed.append(monotonic()))
    first, second, quick = links(3)
    began = monotonic()
    overdue.begin(first, began)
    overdue.begin(quick, began)
    await asyncio.sleep(SECONDS / 2)
    overdue.begin(second, monotonic())
    overdue.end(quick)
    await asyncio.sleep(SECONDS * 4)
    assert len(noticed) == 2
    assert SECONDS <= noticed[0] - began < SECONDS * 1.5 <= noticed[1] - began < SECONDS * 3
    overdue.end(first)
    overdue.begin(first, monotonic())
    await asyncio.sleep(SECONDS * 2)
    assert len(noticed) == 3


async def test_quick_exchanges_are_not_noticed() -> None:
    noticed: list[float] = []
    overdue = SlowCallDetector(SECONDS, lambda: noticed.append(monotonic()))
    (link,) = links(1)
    ends_at = monotonic() + SECONDS * 3
    while monotonic() < ends_at:
        overdue.begin(link, monotonic())
        await asyncio.sleep(SECONDS / 10)
        overdue.end(link)
    await asyncio.sleep(SECONDS * 2)
    assert not noticed
