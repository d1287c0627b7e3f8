"""Supervisor of the demo: starts the embedded stores and the product's processes, restarts them, and stops them.

Stores that the environment names are used as they are. The others are started here, and the processes receive their
addresses in the same variables.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import psutil

from gateway.demo.keys import ADDRESSES
from gateway.supervisor import (
    GATEWAY,
    Environment,
    Program,
    Supervisor,
    dispatcher_program,
    gateway_program,
    projector_program,
    together,
    until_signal,
)
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.process import StartError
from integrations.embedded.redis import EmbeddedRedis
from integrations.embedded.server import EmbeddedServer, free_port, is_free, lock_file, write_secret
from integrations.private_files import make_private_folder
from integrations.progress import Progress

# Variables that name a server, and the memory in MB of the embedded server that replaces it.
EMBEDDED = {"NEON_DATABASE_URL": 250, "REDIS_URL": 50, "NEO4J_URI": 700}
PARTNERS = ("WORLDTRACER", "TWILIO", "SENDGRID")
PROCESSES_MEGABYTES = 700  # gateway, projector, dispatcher and mocks


async def run_demo(
    folder: Path,
    *,
    environment: Environment,
    port: int,
    initialise: Callable[[Environment], Coroutine[None, None, None]],
    announce: Callable[[Environment], Awaitable[None]],
    check: Callable[[str], Awaitable[int]] | None = None,
    progress: Progress,
) -> int:
    """Runs the demo until SIGINT, SIGTERM or SIGHUP; returns the exit code.

    Args:
        folder: folder of all state; one demo at a time.
        environment: environment of this process. A store that it names is used and not started.
        port: the gateway's port on 127.0.0.1.
        initialise: migrates and seeds; receives the environment with the addresses of all stores.
        announce: prints the URLs; receives the same environment.
        check: checks the gateway at a URL; the demo then stops and returns the exit code of the check.
        progress: receives progress lines.

    Raises:
        StartError: the demo cannot run; the message is one sentence.
    """
    return await until_signal(_run_demo(folder, environment, port, initialise, announce, check, progress))


async def run_reset(
    folder: Path, *, environment: Environment, reset: Callable[[Environment], Awaitable[None]], progress: Progress
) -> int:
    """Runs ``reset`` with the environment and the addresses of all stores, whether the demo runs or not.

    Raises:
        StartError: the stores cannot be reached; the message is one sentence.
    """

    async def run() -> int:
        lock = _lock(folder)
        if lock is None:
            await reset({**environment, **_addresses_of_running(folder)})
            return 0
        with lock:
            async with _stores(folder, environment, Supervisor(progress)) as addresses:
                await reset({**environment, **addresses})
        return 0

    return await until_signal(run())


async def _run_demo(
    folder: Path,
    environment: Environment,
    port: int,
    initialise: Callable[[Environment], Coroutine[None, None, None]],
    announce: Callable[[Environment], Awaitable[None]],
    check: Callable[[str], Awaitable[int]] | None,
    progress: Progress,
) -> int:
    lock = _lock(folder)
    if lock is None:
        raise StartError("A demo of this checkout is already running: stop it first (Ctrl-C where it was started).")
    with lock:
        _preflight(environment, port)
        supervisor = Supervisor(progress)
        async with _stores(folder, environment, supervisor) as addresses:
            complete = {
                **_mock_settings(port),
                **environment,
                **addresses,
                "PORT": str(port),
                "PYTHONUNBUFFERED": "1",
            }
            await supervisor.start(mocks_program(folder, complete))
            # Both take seconds. Gateway and dispatcher tolerate tables that do not exist yet. A projector would
            # take work from the initialisation, which has to know when the graph is complete.
            services = gateway_program(folder, complete, port), dispatcher_program(folder, complete)
            await together(supervisor.start(*services), initialise(complete))
            await supervisor.start(projector_program(folder, complete))
            with _published_addresses(folder, {**addresses, "PORT": str(port)}):
                await announce(complete)
                if check is not None:
                    return await check(f"http://127.0.0.1:{port}")
                with contextlib.suppress(asyncio.CancelledError):  # Ctrl-C is the ordinary end
                    await supervisor.watch()
    return 0


def _lock(folder: Path) -> IO[str] | None:
    """Locks the folder; returns None if another demo holds the lock."""
    make_private_folder(folder, passage=os.geteuid() == 0)  # PostgreSQL's folder is inside
    return lock_file(folder / "lock")


def mocks_program(folder: Path, environment: Environment) -> Program:
    """Returns the mocks of the partners, in one process, on the ports that the environment names."""
    ports = [urlsplit(environment[f"{name}_MOCK_ENDPOINT"]).port or 0 for name in PARTNERS]

    async def is_listening() -> bool:
        return not any(map(is_free, ports))

    command = [*GATEWAY, "mocks", "--journal", str(folder / "worldtracer.journal")]
    return Program("mocks", command, folder=folder, environment=environment, ready=is_listening)


def _mock_settings(port: int) -> dict[str, str]:
    """Returns the settings for the mocks of the partners and for their callbacks."""
    mocks = {f"{name}_MOCK_ENDPOINT": f"http://127.0.0.1:{free_port()}" for name in PARTNERS}
    return {**mocks, "PUBLIC_URL": f"http://127.0.0.1:{port}"}


@asynccontextmanager
async def _stores(folder: Path, environment: Environment, supervisor: Supervisor) -> AsyncIterator[Environment]:
    """Starts the stores that the environment does not name; yields the variables with their addresses.

    At the end, stops all services of the supervisor, also if a store could not start.
    """
    embedded: dict[str, EmbeddedServer] = {
        "NEON_DATABASE_URL": EmbeddedPostgres(folder / "postgresql"),
        "REDIS_URL": EmbeddedRedis(folder / "redis"),
        "NEO4J_URI": EmbeddedNeo4j(folder / "neo4j", archive_classes=True),
    }
    stores = [store for variable, store in embedded.items() if not environment.get(variable)]
    try:
        await supervisor.start(*stores)
        addresses: dict[str, str] = {}
        for store in stores:
            addresses |= store.addresses()
        yield addresses
    finally:
        await supervisor.stop()


def _preflight(environment: Environment, port: int) -> None:
    """Checks the port and the memory, which would cause less clear errors later.

    Raises:
        StartError: one is not available.
    """
    if not is_free(port):
        raise StartError(
            f"Port {port} is in use: stop the process that listens there, or choose another port: PORT={port + 1}."
        )
    needed = PROCESSES_MEGABYTES + sum(size for name, size in EMBEDDED.items() if not environment.get(name))
    available = available_megabytes()
    if available < needed:
        raise StartError(
            f"The demo needs {needed} MB of free memory, and {available} MB are available: close other programs, or "
            f"name servers that run elsewhere ({', '.join(EMBEDDED)})."
        )


def available_megabytes(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Returns the available memory of the machine, or of the container if its limit is lower."""
    available = psutil.virtual_memory().available
    with contextlib.suppress(OSError, ValueError, KeyError):  # no cgroup, or no limit
        limit, used = (int((cgroup / f"memory.{name}").read_text()) for name in ("max", "current"))
        statistics = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        available = min(available, limit - used + int(statistics["inactive_file"]))
    return available // 1_000_000


@contextmanager
def _published_addresses(folder: Path, addresses: Environment) -> Iterator[None]:
    """Keeps the addresses, passwords included, in a private file while the demo runs, for the commands beside it."""
    file = folder / ADDRESSES
    write_secret(file, json.dumps(dict(addresses)))
    try:
        yield
    finally:
        file.unlink()


def _addresses_of_running(folder: Path) -> dict[str, str]:
    """Returns the addresses of the running demo."""
    try:
        addresses: dict[str, str] = json.loads((folder / ADDRESSES).read_text())
    except FileNotFoundError:
        raise StartError("The demo is starting, or another reset is running: try again later.") from None
    return addresses
