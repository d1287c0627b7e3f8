"""Clock of the database: one time for all processes that work on it."""

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Protocol

from integrations.stores.postgres.manager import Reader

DATABASE_TIME = "SELECT clock_timestamp()"


class Clock(Protocol):
    """Clock that is set by the database from time to time."""

    def __call__(self) -> datetime:
        """The present time, UTC."""

    async def synchronise(self, records: Reader) -> timedelta:
        """Sets the clock to the database's time; returns by how much that has stepped since the last reading."""


class DatabaseClock:
    """Time of the database, continued by the monotonic clock of this process since it was last read.

    It is behind the database's time by at most the duration of one statement, whatever this machine's clock shows.
    Before the first reading it shows the time of this machine.
    """

    def __init__(self) -> None:
        self._at = datetime.now(UTC)
        self._read_at = monotonic()
        self._is_set = False

    def __call__(self) -> datetime:
        """The present time, UTC."""
        return self._at + timedelta(seconds=monotonic() - self._read_at)

    async def synchronise(self, records: Reader) -> timedelta:
        """Sets the clock to the database's time; returns by how much that has stepped since the last reading."""
        earliest = self()
        at: datetime = await records.fetchval(DATABASE_TIME, name="DATABASE_TIME")
        latest = self()
        step = at - min(max(at, earliest), latest) if self._is_set else timedelta()
        self._at, self._read_at, self._is_set = at, monotonic(), True
        return step
