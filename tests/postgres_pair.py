"""A PostgreSQL primary and a streaming standby on this machine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from integrations.embedded.postgres import ROLE, EmbeddedPostgres


class PrimaryPostgres(EmbeddedPostgres):
    """A server whose role may stream."""

    async def _initialise(self) -> None:
        await super()._initialise()
        statement = f"ALTER ROLE {ROLE} REPLICATION;\n"
        await self._run("postgres", "--single", "-D", str(self._data), "postgres", text=statement)


class StandbyPostgres(EmbeddedPostgres):
    """A server that follows a primary by streaming, and can be promoted.

    Args:
        folder: folder of this server alone.
        primary: the server that it follows; must run at the first start.
    """

    def __init__(self, folder: Path, primary: PrimaryPostgres) -> None:
        super().__init__(folder, durable=False)
        self._primary = primary

    @property
    def password(self) -> str:
        """The primary's password, which came with its data."""
        return self._primary.password

    async def _initialise(self) -> None:
        source = f"--dbname={self._primary.url}"
        options = (
            source,
            f"--pgdata={self._data}",
            "--checkpoint=fast",
            "--wal-method=stream",
            "--write-recovery-conf",
        )
        await self._run("pg_basebackup", *options)

    async def promote(self) -> None:
        """Makes it a primary."""
        await self._run("pg_ctl", "promote", "--wait", f"--pgdata={self._data}")

    async def delay(self, hours: int) -> None:
        """Replays each transaction so many hours after its commit; 0 ends the delay."""
        with (self._data / "postgresql.auto.conf").open("a") as file:
            file.write(f"recovery_min_apply_delay = '{hours}h'\n")
        await self._run("pg_ctl", "reload", f"--pgdata={self._data}")


@asynccontextmanager
async def running_pair(folder: Path) -> AsyncIterator[tuple[PrimaryPostgres, StandbyPostgres]]:
    """A primary and its standby in new folders."""
    primary = PrimaryPostgres(folder / "primary", durable=False)
    standby = StandbyPostgres(folder / "standby", primary)
    try:
        await primary.start()
        await standby.start()
        yield primary, standby
    finally:
        await standby.stop()
        await primary.stop()
