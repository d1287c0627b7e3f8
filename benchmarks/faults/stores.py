"""Embedded stores that can also be read-only, out of disk, behind a stepped clock, and replaced by another server."""

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path

from redis.asyncio import Redis

from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import ROLE, EmbeddedPostgres
from integrations.embedded.redis import EmbeddedRedis
from integrations.embedded.server import free_port, write_secret
from integrations.progress import Progress

READ_ONLY_SETTING = "default_transaction_read_only = on\n"
# The standby confirms each commit, so that a failover loses none.
SYNCHRONOUS_SETTING = "synchronous_standby_names = '*'\n"


class FaultyPostgres(EmbeddedPostgres):
    """A PostgreSQL server that can have a standby.

    Args:
        folder: folder of this server alone.
        clock: environment by which libfaketime sets the server's clock; empty for the machine's.
    """

    def __init__(self, folder: Path, clock: Sequence[str] = ()) -> None:
        super().__init__(folder)
        # A full disk is reached sooner with little WAL in reserve.
        self._settings = {**self._settings, "max_wal_size": "64MB", "min_wal_size": "32MB"}
        self._clock = clock

    async def _initialise(self) -> None:
        await super()._initialise()
        await self._run(
            *("postgres", "--single", "-D", str(self._data), "postgres"), text=f"ALTER ROLE {ROLE} REPLICATION;\n"
        )

    def _command(self) -> list[str]:
        command = super()._command()
        return ["/usr/bin/env", *self._clock, *command] if self._clock else command

    async def promote(self) -> None:
        """Makes a standby the primary."""
        await self._run("pg_ctl", "promote", "--pgdata", str(self._data), "--wait")


class StandbyPostgres(FaultyPostgres):
    """A streaming standby.

    Args:
        folder: folder of this server alone.
        primary: a running server.
    """

    def __init__(self, folder: Path, primary: FaultyPostgres) -> None:
        super().__init__(folder)
        self._primary = primary

    async def _prepare(self, progress: Progress) -> None:
        self._save_state(password=self._primary.password)
        await super()._prepare(progress)

    async def _initialise(self) -> None:
        await self._run(
            *("pg_basebackup", f"--dbname={self._primary.url}", f"--pgdata={self._data}"),
            *("--checkpoint=fast", "--write-recovery-conf"),
        )


class FaultyNeo4j(EmbeddedNeo4j):
    """A Neo4j server that can be started read-only."""

    read_only = False

    async def _prepare(self, progress: Progress) -> None:
        await super()._prepare(progress)
        file = self.folder / "conf" / "neo4j.conf"
        if self.read_only:
            write_secret(file, file.read_text() + "server.databases.default_to_read_only=true\n")


class EmptyRedis(EmbeddedRedis):
    """An empty Redis server with the password of another one, as after a failover that lost the data."""

    def __init__(self, folder: Path, other: EmbeddedRedis) -> None:
        super().__init__(folder)
        self._other = other

    async def _prepare(self, progress: Progress) -> None:
        self._save_state(password=self._other.password)
        await super()._prepare(progress)


@asynccontextmanager
async def configured(server: EmbeddedPostgres, setting: str) -> AsyncIterator[None]:
    """PostgreSQL runs with a further setting while the block runs."""
    file = server.data / "postgresql.auto.conf"
    before = file.read_text()
    file.write_text(before + setting)
    try:
        _reload(server)
        yield
    finally:
        file.write_text(before)
        _reload(server)


def read_only_postgres(server: EmbeddedPostgres) -> AbstractAsyncContextManager[None]:
    """PostgreSQL rejects writes on every connection, like a server that was demoted in a failover."""
    return configured(server, READ_ONLY_SETTING)


@asynccontextmanager
async def read_only_redis(server: EmbeddedRedis) -> AsyncIterator[None]:
    """Redis rejects writes, like a server that was demoted in a failover: it is the replica of one that is away."""
    async with Redis.from_url(server.url) as client:
        await client.replicaof("127.0.0.1", str(free_port()))
        try:
            yield
        finally:
            await client.replicaof("NO", "ONE")


@asynccontextmanager
async def read_only_neo4j(server: FaultyNeo4j) -> AsyncIterator[None]:
    """Neo4j rejects writes. Only a restart changes that in the Community edition."""
    for read_only in (True, False):
        await server.stop()
        server.read_only = read_only
        await server.start()
        if read_only:
            yield


@contextmanager
def limited_disk(folder: Path, megabytes: int) -> Iterator[bool]:
    """Puts a small file system at a folder while the block runs; yields whether that is possible."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0  # fixed
    except FileNotFoundError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)  # fixed


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """The file system of a folder has no space left while the block runs."""
    ballast = folder / "ballast"
    with ballast.open("wb") as file, suppress(OSError):
        while True:
            usage = os.statvfs(folder)
            os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), max(usage.f_bavail, 1) * usage.f_frsize)
    try:
        yield
    finally:
        ballast.unlink()


def _reload(server: EmbeddedPostgres) -> None:
    if server.pid is not None:
        os.kill(server.pid, signal.SIGHUP)
