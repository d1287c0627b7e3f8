"""The product as it is measured: its own stores, gateway and projector, each a process, as in production.

The gateway runs with the settings of ``config/production.yaml`` (its access log goes to a file); the projector runs and
is idle. The seeded data lies in a folder and is reused by the next run.
"""

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import IO

from benchmarks.client import HOST, Client, get
from benchmarks.command_line import ended
from gateway.http.jwt import issue_token
from gateway.supervisor import Program
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.process import StartError
from integrations.embedded.redis import EmbeddedRedis
from integrations.embedded.server import EmbeddedServer, free_port, lock_file
from integrations.progress import Progress
from resolvers.actor import Role

AIRLINE_ID = 1
SIGN_IN = timedelta(hours=6)
SEEDING_SECONDS = 3600.0
# Nothing is sent to partners.
NO_PARTNERS = '{"worldtracer": {"enabled": false}, "twilio": {"enabled": false}, "sendgrid": {"enabled": false}}'
RECOVERY_SECONDS = 60.0

PROGRAMS = ("gateway", "projector", "baseline")
SERVE = ("gateway", "serve")
PROJECT = ("gateway", "project")
BASELINE_SERVER = (
    *("uvicorn", "benchmarks.baseline:application", "--factory", "--host", HOST, "--lifespan", "on"),
    *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"),
)


@dataclass(frozen=True, slots=True)
class BenchmarkInstallation:
    """Running processes and their addresses.

    Args:
        stores: stores by their names in health responses: ``database``, ``graph``, ``cache``.
        programs: ``gateway``, ``projector``, and ``baseline``, the endpoint with hand-written statements.
        ports: ports of the programs that listen.
        environment: environment of the programs.
        token: token of an agent.
    """

    stores: Mapping[str, EmbeddedServer]
    programs: Mapping[str, Program]
    ports: Mapping[str, int]
    environment: Mapping[str, str]
    token: str

    async def until_healthy(self) -> None:
        """Waits until the gateway finds all its stores.

        Raises:
            StartError: it does not find them within 60 s.
        """
        deadline = monotonic() + RECOVERY_SECONDS
        async with Client(self.ports["gateway"]) as client:
            while not await _contains(client, "/health", b'"status":"healthy"'):
                if monotonic() > deadline:
                    raise StartError(f"The gateway did not become healthy within {RECOVERY_SECONDS:.0f} s.")
                await asyncio.sleep(0.05)


@asynccontextmanager
async def installation(
    folder: Path, bags: int, workers: int, progress: Progress, names: Sequence[str] = PROGRAMS
) -> AsyncIterator[BenchmarkInstallation]:
    """Starts everything, seeded, and stops it at the end in every case.

    Args:
        folder: folder of all state; one run at a time.
        bags: number of bags that the first run seeds.
        workers: serving processes of the gateway.
        progress: receives one line of text for each step.
        names: names of the programs that run.

    Raises:
        StartError: the installation cannot start; one sentence.
    """
    lock = lock_folder(folder)
    if lock is None:
        raise StartError(f"Another benchmark runs in {folder}: wait for it or stop it.")
    stores: dict[str, EmbeddedServer] = {
        "database": EmbeddedPostgres(folder / "postgresql"),
        "graph": EmbeddedNeo4j(folder / "neo4j"),
        "cache": EmbeddedRedis(folder / "redis"),
    }
    async with AsyncExitStack() as stack:
        stack.enter_context(lock)
        for store in stores.values():
            stack.push_async_callback(store.stop)
        await asyncio.gather(*(store.start(progress) for store in stores.values()))
        yield await stack.enter_async_context(started_programs(stores, folder, bags, workers, progress, names))
        progress("stopping")


@asynccontextmanager
async def started_programs(
    stores: Mapping[str, EmbeddedServer],
    folder: Path,
    bags: int,
    workers: int,
    progress: Progress,
    names: Sequence[str] = PROGRAMS,
    **settings: str,
) -> AsyncIterator[BenchmarkInstallation]:
    """Initialises running stores, and starts the product's processes on them; arguments as for `installation`.

    Args:
        settings: environment variables that differ from production.
    """
    ports = {"gateway": free_port(), "baseline": free_port()}
    environment = {**environment_of(stores.values(), ports["gateway"], bags, workers), **settings}
    progress("stores are up; initialising")
    await initialise(environment)
    modules = {
        "gateway": SERVE,
        "projector": PROJECT,
        "baseline": (*BASELINE_SERVER, "--port", str(ports["baseline"])),
    }
    programs = {name: program(name, modules[name], folder, environment, ports.get(name)) for name in names}
    async with AsyncExitStack() as stack:
        for one in programs.values():
            stack.push_async_callback(one.stop)
        await asyncio.gather(*(one.start(progress) for one in programs.values()))
        token = issue_token(environment["JWT_SECRET"], Role.AGENT, AIRLINE_ID, SIGN_IN)
        installed = BenchmarkInstallation(stores, programs, ports, environment, token)
        if "gateway" in programs:
            await installed.until_healthy()
            progress("gateway serves; the projector runs and is idle")
        yield installed


def lock_folder(folder: Path) -> IO[str] | None:
    """Lock that makes this the only run in its folder; None if another run holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    return lock_file(folder / "lock")


def environment_of(stores: Iterable[EmbeddedServer], port: int, bags: int, workers: int) -> dict[str, str]:
    """Environment of the product's programs."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment |= {
        "ENVIRONMENT": "production",
        "HOST": HOST,
        "PORT": str(port),
        "WORKERS": str(workers),
        "EXTERNAL_SERVICES": NO_PARTNERS,
        "JWT_SECRET": secrets.token_urlsafe(48),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "SEED_BAGS": str(bags),
        "SEED_EXCEPTIONS": str(bags // 50),
        "PYTHONUNBUFFERED": "1",
    }
    for store in stores:
        environment |= store.addresses()
    return environment


async def initialise(environment: Mapping[str, str]) -> None:
    """Runs the product's ``init``: migrates, and seeds what is missing, with its progress on the console."""
    init = await asyncio.create_subprocess_exec(
        # Production rejects the loopback addresses that a benchmark uses.
        *(sys.executable, "-m", "gateway", "init", "--environment", "demo"),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        code = await ended(init, SEEDING_SECONDS)
    except TimeoutError:
        raise StartError(f"Seeding took longer than {SEEDING_SECONDS / 60:.0f} minutes.") from None
    if code:
        raise StartError("The product could not be initialised; its output is above.")


def program(
    name: str, module: Sequence[str], folder: Path, environment: Mapping[str, str], port: int | None
) -> Program:
    """A process of the product. One with a port is ready when it responds there."""

    async def responds() -> bool:
        async with Client(port or 0) as client:
            return await _contains(client, "/health/live", b"healthy")

    command = [sys.executable, "-m", *module]
    return Program(name, command, folder=folder, environment=environment, ready=responds if port else None)


async def _contains(client: Client, path: str, text: bytes) -> bool:
    """Whether a response contains a text; False if there is no response."""
    with contextlib.suppress(OSError):
        return text in (await client.send(get(path))).body
    return False
