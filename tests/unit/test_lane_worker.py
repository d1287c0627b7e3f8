"""A lane worker's retries."""

from typing import Any, cast

import pytest

from integrations.errors import Unavailable
from integrations.records.outbox import Consumer
from integrations.stores.postgres.manager import PostgresManager
from resolvers.workers import lanes
from resolvers.workers.lanes import LaneWorker


class FailingWorker(LaneWorker):
    """Raises the given errors, one a step, and then finds one outbox message."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__(cast(PostgresManager, None), Consumer.GRAPH, "test", 1.0)
        self._errors = list(errors)

    async def step(self) -> int:
        return await self.process_batch()

    async def process_batch(self) -> int:
        if self._errors:
            raise self._errors.pop(0)
        return 1


async def test_no_error_ends_a_worker(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(cast(Any, lanes).asyncio, "sleep", sleep)
    worker = FailingWorker(Unavailable("records", "away"), AttributeError("tag"))
    assert [await worker.try_step() for _ in range(3)] == [None, None, 1]
    assert pauses == [1.0, lanes.MAX_PAUSE_SECONDS]
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
