"""The product as it is measured: stores, gateway and projector of its own, each a process, as in production.

The gateway runs with the settings of ``config/production.yaml`` (its access log goes to a file), the projector runs and
is idle. What is seeded lies in a folder and is used again by the next run.
"""

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import IO

from benchmarks.client import HOST, Client, get
from benchmarks.console import ended
from gateway.demo.supervisor import Program
from gateway.http.jwt import issue_token
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.process import StartError
from integrations.embedded.redis import EmbeddedRedis
from integrations.embedded.server import EmbeddedServer, free_port, lock_file
from resolvers.actor import Role

Say = Callable[[str], None]

AIRLINE_ID = 1
SIGN_IN = timedelta(hours=6)
SEEDING_SECONDS = 3600.0
# Nothing is sent to partners.
NOBODY = '{"worldtracer": {"enabled": false}, "twilio": {"enabled": false}, "sendgrid": {"enabled": false}}'
RECOVERY_SECONDS = 60.0

PROGRAMS = ("gateway", "projector", "reference")
SERVE = ("gateway", "serve")
PROJECT = ("gateway", "project")
REFERENCE = (
    *("uvicorn", "benchmarks.reference:application", "--factory", "--host", HOST, "--lifespan", "on"),
    *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"),
)


@dataclass(frozen=True, slots=True)
class Installation:
    """What runs, and how to reach it.

    Args:
        stores: by the names they have in health answers: ``database``, ``graph``, ``cache``.
        programs: ``gateway``, ``projector``, and ``reference``, the endpoint that answers by hand-written statements.
        ports: of those programs that listen.
        environment: of the programs.
        token: of an agent.
    """

    stores: Mapping[str, EmbeddedServer]
    programs: Mapping[str, Program]
    ports: Mapping[str, int]
    environment: Mapping[str, str]
    token: str

    async def until_healthy(self) -> None:
        """Waits until the gateway finds all its stores.

        Raises:
            StartError: it does not.
        """
        ends_at = monotonic() + RECOVERY_SECONDS
        async with Client(self.ports["gateway"]) as client:
            while not await _found(client, "/health", b'"status":"healthy"'):
                if monotonic() > ends_at:
                    raise StartError(f"The gateway did not become healthy within {RECOVERY_SECONDS:.0f} s.")
                await asyncio.sleep(0.05)


@asynccontextmanager
async def installation(
    folder: Path, bags: int, workers: int, say: Say, names: Sequence[str] = PROGRAMS
) -> AsyncIterator[Installation]:
    """Brings everything up, seeded, and stops it at the end whatever happens.

    Args:
        folder: where all state lies; one run at a time.
        bags: how many are seeded the first time.
        workers: serving processes of the gateway.
        say: takes a line for the person at the console.
        names: of the programs that run.

    Raises:
        StartError: one sentence that says why it cannot.
    """
    lock = own(folder)
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
        await asyncio.gather(*(store.start(say) for store in stores.values()))
        yield await stack.enter_async_context(programs_over(stores, folder, bags, workers, say, names))
        say("stopping")


@asynccontextmanager
async def programs_over(
    stores: Mapping[str, EmbeddedServer],
    folder: Path,
    bags: int,
    workers: int,
    say: Say,
    names: Sequence[str] = PROGRAMS,
    **settings: str,
) -> AsyncIterator[Installation]:
    """Initialises stores that run, and brings up the product's processes over them; see `installation`.

    Args:
        settings: variables of the environment that differ from those of production.
    """
    ports = {"gateway": free_port(), "reference": free_port()}
    environment = {**environment_of(stores.values(), ports["gateway"], bags, workers), **settings}
    say("stores are up; initialising")
    await initialise(environment)
    modules = {"gateway": SERVE, "projector": PROJECT, "reference": (*REFERENCE, "--port", str(ports["reference"]))}
    programs = {name: program(name, modules[name], folder, environment, ports.get(name)) for name in names}
    async with AsyncExitStack() as stack:
        for one in programs.values():
            stack.push_async_callback(one.stop)
        await asyncio.gather(*(one.start(say) for one in programs.values()))
        token = issue_token(environment["JWT_SECRET"], Role.AGENT, AIRLINE_ID, SIGN_IN)
        installed = Installation(stores, programs, ports, environment, token)
        await installed.until_healthy()
        say("gateway serves; the projector runs and is idle")
        yield installed


def own(folder: Path) -> IO[str] | None:
    """The lock that makes this the one run in its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return lock_file(folder / "lock")


def environment_of(stores: Iterable[EmbeddedServer], port: int, bags: int, workers: int) -> dict[str, str]:
    """The variables that the product runs with."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment |= {
        "ENVIRONMENT": "production",
        "HOST": HOST,
        "PORT": str(port),
        "WORKERS": str(workers),
        "EXTERNAL_SERVICES": NOBODY,
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
    """The product's own ``init``: migrates and seeds what is not there yet, its progress on the console."""
    init = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "init", "--environment", "production"),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        code = await ended(init, SEEDING_SECONDS)
    except TimeoutError:
        raise StartError(f"Seeding took longer than {SEEDING_SECONDS / 60:.0f} minutes.") from None
    if code:
        raise StartError("The product could not be initialised; what it said stands above.")


def program(
    name: str, module: Sequence[str], folder: Path, environment: Mapping[str, str], port: int | None
) -> Program:
    """A process of the product; one with a port is ready when it answers there."""

    async def answers() -> bool:
        async with Client(port or 0) as client:
            return await _found(client, "/health/live", b"healthy")

    command = [sys.executable, "-m", *module]
    return Program(name, command, folder=folder, environment=environment, ready=answers if port else None)


async def _found(client: Client, path: str, text: bytes) -> bool:
    """Whether an answer holds a text; False where there is none."""
    with contextlib.suppress(OSError):
        return text in (await client.ask(get(path))).body
    return False
