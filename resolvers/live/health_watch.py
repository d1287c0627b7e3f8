"""Health changes for subscribers."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextvars import Context

from integrations.records.health import Health, HealthStatus

HEALTH_SECONDS = 1.0


class HealthWatch:
    """A periodic health check shared by all subscribers; it runs only while there are any.

    Args:
        check: returns the current health.
    """

    def __init__(self, check: Callable[[], Awaitable[Health]]) -> None:
        self._check = check
        self._found: Health | None = None
        self._changed = asyncio.Condition()
        self._subscribers = 0
        self._task: asyncio.Task[None] | None = None

    async def changes(self) -> AsyncGenerator[Health, None]:
        """The current health, then each change of a status; a slow subscriber receives only the newest."""
        self._subscribers += 1
        if self._task is None:
            self._task = asyncio.create_task(self._run(), context=Context())
        sent = None
        try:
            while True:
                async with self._changed:
                    while self._found is None or self._found is sent:
                        await self._changed.wait()
                    sent = self._found
                yield sent
        finally:
            self._subscribers -= 1
            if not self._subscribers and self._task is not None:
                self._task.cancel()
                self._task = self._found = None

    async def _run(self) -> None:
        while True:
            found = await self._check()
            if self._found is None or _statuses(found) != _statuses(self._found):
                async with self._changed:
                    self._found = found
                    self._changed.notify_all()
            await asyncio.sleep(HEALTH_SECONDS)


def _statuses(found: Health) -> list[tuple[str, HealthStatus]]:
    return [(service.name, service.status) for service in found.services]
