"""Supervisor of the demo: starts the embedded stores and the product's processes, restarts them, and stops them.

Stores that the environment names are used as they are. The others are started here, and the processes receive their
addresses in the same variables.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import urlsplit

import httpx
import psutil

from gateway.console import step
from gateway.demo.keys import ADDRESSES
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.process import ChildProcess, StartError
from integrations.embedded.redis import EmbeddedRedis
from integrations.embedded.server import EmbeddedServer, free_port, is_free, lock_file, write_secret
from integrations.private_files import make_private_folder
from integrations.progress import Progress

Environment = Mapping[str, str]

FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 30.0
STABLE_SECONDS = 60.0  # after a run of this length, the next failure counts as the first
INTERRUPTED = 130  # the exit code that shells report after Ctrl-C

# Variables that name a server, and the memory in MB of the embedded server that replaces it.
EMBEDDED = {"NEON_DATABASE_URL": 250, "REDIS_URL": 50, "NEO4J_URI": 700}
GATEWAY = (sys.executable, "-m", "gateway")
PARTNERS = ("WORLDTRACER", "TWILIO", "SENDGRID")
PROCESSES_MEGABYTES = 700  # gateway, projector, dispatcher and mocks


class Supervised(Protocol):
    """A service that the supervisor runs: an embedded store or a process of the product."""

    @property
    def name(self) -> str:
        """The name in messages."""

    async def start(self, progress: Progress) -> None:
        """Starts the service and returns when it is ready; raises StartError."""

    async def stop(self) -> None:
        """Stops the service gracefully."""

    async def wait(self) -> int:
        """Waits until the process ends and returns its exit code."""

    def alive(self) -> bool:
        """Returns whether the process is running."""


class Program:
    """A process of the product.

    Args:
        name: name in messages, and of its log ``FOLDER/NAME.log``.
        command: the program and its arguments.
        folder: folder of the log.
        environment: the complete environment.
        ready: returns whether the process is ready; None if it is ready once started.
    """

    starts_within_seconds = 60.0

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Environment,
        ready: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self.name = name
        self._command = list(command)
        self._environment = environment
        self._ready = ready
        self._process = ChildProcess(name, folder / f"{name}.log")

    @property
    def pid(self) -> int | None:
        """The process id; None if the process is not running."""
        return self._process.pid

    async def start(self, _progress: Progress) -> None:
        """Starts the process and waits until it is ready."""
        await self._process.start(self._command, environment=self._environment)
        if self._ready is not None:
            try:
                await self._process.until(self._ready, self.starts_within_seconds)
            except BaseException:
                await self._process.kill()
                raise

    async def stop(self) -> None:
        """Stops the process gracefully."""
        await self._process.stop()

    async def wait(self) -> int:
        """Waits until the process ends and returns its exit code."""
        return await self._process.wait()

    def alive(self) -> bool:
        """Returns whether the process is running."""
        return self._process.alive()


class Supervisor:
    """Starts services, restarts those that end, and stops all in reverse order.

    Args:
        progress: receives progress lines.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._started: list[Sequence[Supervised]] = []
        self._restarters: list[asyncio.Task[None]] = []

    async def start(self, *services: Supervised) -> None:
        """Starts services concurrently, and restarts them whenever they end.

        Raises:
            StartError: a service cannot start; ``stop`` stops the others.
        """
        self._started.append(services)
        await _together(*(self._start(service) for service in services))
        self._restarters += [asyncio.create_task(self._restart(service)) for service in services]

    async def watch(self) -> None:
        """Runs until cancelled."""
        await asyncio.gather(*self._restarters)

    async def stop(self) -> None:
        """Stops all services, the last started first."""
        for restarter in self._restarters:
            restarter.cancel()
        await asyncio.gather(*self._restarters, return_exceptions=True)
        for services in reversed(self._started):
            async with step(self._progress, f"stopping {', '.join(service.name for service in services)}"):
                await asyncio.gather(*(service.stop() for service in services))

    async def _start(self, service: Supervised) -> None:
        started = time.monotonic()
        async with step(self._progress, f"starting {service.name}"):
            await service.start(lambda text: self._progress(f"{service.name}: {text}"))
        self._progress(f"{service.name} is ready after {time.monotonic() - started:.1f} s")

    async def _restart(self, service: Supervised) -> None:
        """Restarts a service whenever it ends, after a delay that grows with consecutive failures."""
        failures = 0
        while True:
            started = time.monotonic()
            code = await service.wait()
            failures = 0 if time.monotonic() - started > STABLE_SECONDS else failures
            self._progress(f"{service.name} ended ({_exit_reason(code)})")
            while not service.alive():
                delay = delay_before_restart(failures)
                failures += 1
                self._progress(f"{service.name} restarts in {delay:.1f} s")
                await asyncio.sleep(delay)
                try:
                    await self._start(service)
                except StartError as error:
                    self._progress(str(error))


def delay_before_restart(failures: int) -> float:
    """Returns seconds to wait after a number of consecutive failures: doubling, bounded, with jitter of one half."""
    delay = min(FIRST_DELAY_SECONDS * 2.0 ** min(failures, 10), MAX_DELAY_SECONDS)
    return delay * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is not a secret


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
    return await _until_signal(_run_demo(folder, environment, port, initialise, announce, check, progress))


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

    return await _until_signal(run())


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
            await _together(supervisor.start(*services), initialise(complete))
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


def gateway_program(folder: Path, environment: Environment, port: int) -> Program:
    """Returns the gateway, ready when its liveness probe succeeds."""

    async def is_live() -> bool:
        if is_free(port):
            return False
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            with contextlib.suppress(httpx.HTTPError):
                return (await client.get(f"http://127.0.0.1:{port}/health/live")).is_success
        return False

    return Program("gateway", [*GATEWAY, "serve"], folder=folder, environment=environment, ready=is_live)


def dispatcher_program(folder: Path, environment: Environment) -> Program:
    """Returns the dispatcher."""
    return Program("dispatcher", [*GATEWAY, "dispatch"], folder=folder, environment=environment)


def projector_program(folder: Path, environment: Environment) -> Program:
    """Returns the projector."""
    return Program("projector", [*GATEWAY, "project"], folder=folder, environment=environment)


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


async def _together(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Runs coroutines concurrently; when one fails, cancels the others and raises its error."""
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in coroutines:
                group.create_task(coroutine)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _until_signal(work: Coroutine[None, None, int]) -> int:
    """Runs work; the first signal cancels it, further signals are ignored."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, _cancel_once, task)
    try:
        return await task
    except asyncio.CancelledError:
        return INTERRUPTED
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _cancel_once(task: asyncio.Task[int]) -> None:
    if not task.cancelling():
        task.cancel()


def _exit_reason(code: int) -> str:
    """Describes an exit code of asyncio."""
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
