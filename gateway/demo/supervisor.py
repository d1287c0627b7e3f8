"""The demo: starts the embedded stores and the product's processes, starts again what dies, and stops everything.

Stores that the environment names are used as they are; each of the others is started here, and the processes are told
its address by the same variables that name a server of one's own.
"""

import asyncio
import contextlib
import json
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
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.process import ChildProcess, StartError
from integrations.embedded.redis import EmbeddedRedis
from integrations.embedded.server import EmbeddedServer, free_port, is_free, lock_file, write_secret
from integrations.progress import Progress

Environment = Mapping[str, str]

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
STEADY_SECONDS = 60.0  # after so long a run the next failure counts as the first one
INTERRUPTED = 130  # what shells report after Ctrl-C

# Variables that name a server; without one the embedded server is started, which needs so much memory in MB.
EMBEDDED = {"NEON_DATABASE_URL": 250, "REDIS_URL": 50, "NEO4J_URI": 700}
GATEWAY = (sys.executable, "-m", "gateway")
PARTNERS = ("WORLDTRACER", "TWILIO", "SENDGRID")
PROCESSES_MEGABYTES = 700  # gateway, projector, dispatcher and mocks


class Supervised(Protocol):
    """What the supervisor keeps running: an embedded store or a process of the product."""

    @property
    def name(self) -> str:
        """For messages."""

    async def start(self, progress: Progress) -> None:
        """Returns when it is ready; raises StartError."""

    async def stop(self) -> None:
        """Ends it in order."""

    async def wait(self) -> int:
        """Returns the exit code when its process ends."""

    def alive(self) -> bool:
        """Whether its process runs."""


class Program:
    """A process of the product.

    Args:
        name: for messages, and for its log ``FOLDER/NAME.log``.
        command: the program and its arguments.
        folder: of the log.
        environment: all of it.
        ready: says whether the process does its work; None where running is enough.
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
        """The process id while it runs."""
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
        """Ends the process in order."""
        await self._process.stop()

    async def wait(self) -> int:
        """Returns the exit code when the process ends."""
        return await self._process.wait()

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.alive()


class Supervisor:
    """Starts services, starts again those that die, and stops them in reverse order.

    Args:
        say: takes a line for the person at the console.
    """

    def __init__(self, say: Progress) -> None:
        self._say = say
        self._started: list[Sequence[Supervised]] = []
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self, *services: Supervised) -> None:
        """Starts services at the same time and keeps them running from then on.

        Raises:
            StartError: one of them cannot start; the others are left to ``stop``.
        """
        self._started.append(services)
        await _together(*(self._start(service) for service in services))
        self._keepers += [asyncio.create_task(self._keep(service)) for service in services]

    async def watch(self) -> None:
        """Runs until it is cancelled."""
        await asyncio.gather(*self._keepers)

    async def stop(self) -> None:
        """Stops what was started last first."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for services in reversed(self._started):
            async with step(self._say, f"stopping {', '.join(service.name for service in services)}"):
                await asyncio.gather(*(service.stop() for service in services))

    async def _start(self, service: Supervised) -> None:
        began = time.monotonic()
        async with step(self._say, f"starting {service.name}"):
            await service.start(lambda text: self._say(f"{service.name}: {text}"))
        self._say(f"{service.name} is ready after {time.monotonic() - began:.1f} s")

    async def _keep(self, service: Supervised) -> None:
        """Starts a service again whenever it ends, after a delay that grows with failures in a row."""
        failures = 0
        while True:
            began = time.monotonic()
            code = await service.wait()
            failures = 0 if time.monotonic() - began > STEADY_SECONDS else failures
            self._say(f"{service.name} ended ({_in_words(code)})")
            while not service.alive():
                delay = delay_before_restart(failures)
                failures += 1
                self._say(f"{service.name} is started again in {delay:.1f} s")
                await asyncio.sleep(delay)
                try:
                    await self._start(service)
                except StartError as error:
                    self._say(str(error))


def delay_before_restart(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubling, bounded, and spread over half of itself."""
    delay = min(FIRST_DELAY_SECONDS * 2.0 ** min(failures, 10), LONGEST_DELAY_SECONDS)
    return delay * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


async def run_demo(
    folder: Path,
    *,
    environment: Environment,
    port: int,
    initialise: Callable[[Environment], Coroutine[None, None, None]],
    announce: Callable[[Environment], Awaitable[None]],
    check: Callable[[str], Awaitable[int]] | None = None,
    say: Progress,
) -> int:
    """Brings the demo up and keeps it up until SIGINT, SIGTERM or SIGHUP; returns the exit code.

    Args:
        folder: where all state lies; one demo at a time.
        environment: of this process. A store whose variable it holds is used and not started.
        port: of the gateway on 127.0.0.1.
        initialise: migrates and seeds; is given the environment with the addresses of all stores.
        announce: tells the person what runs where; is given the same.
        check: asks the running gateway at a URL; the demo then stops and returns what it returned.
        say: takes a line for the person at the console.

    Raises:
        StartError: one sentence that says why the demo cannot run.
    """
    return await _until_signal(_run_demo(folder, environment, port, initialise, announce, check, say))


async def run_reset(
    folder: Path, *, environment: Environment, reset: Callable[[Environment], Awaitable[None]], say: Progress
) -> int:
    """Gives ``reset`` the environment with the addresses of all stores, whether the demo runs or not.

    Raises:
        StartError: one sentence that says why it cannot.
    """

    async def run() -> int:
        lock = _own(folder)
        if lock is None:
            await reset({**environment, **_addresses_of_running(folder)})
            return 0
        with lock:
            async with _stores(folder, environment, Supervisor(say)) as addresses:
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
    say: Progress,
) -> int:
    lock = _own(folder)
    if lock is None:
        raise StartError("A demo of this checkout runs already: stop that one first (Ctrl-C where it was started).")
    with lock:
        _preflight(environment, port)
        supervisor = Supervisor(say)
        async with _stores(folder, environment, supervisor) as addresses:
            complete = {
                **_mock_addresses(port),
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
            with _remembered(folder, addresses):
                await announce(complete)
                if check is not None:
                    return await check(f"http://127.0.0.1:{port}")
                with contextlib.suppress(asyncio.CancelledError):  # Ctrl-C is the ordinary end
                    await supervisor.watch()
    return 0


def _own(folder: Path) -> IO[str] | None:
    """The lock that makes this the one demo of its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return lock_file(folder / "lock")


def gateway_program(folder: Path, environment: Environment, port: int) -> Program:
    """The gateway, ready when it answers a probe."""

    async def is_live() -> bool:
        if is_free(port):
            return False
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            with contextlib.suppress(httpx.HTTPError):
                return (await client.get(f"http://127.0.0.1:{port}/health/live")).is_success
        return False

    return Program("gateway", [*GATEWAY, "serve"], folder=folder, environment=environment, ready=is_live)


def dispatcher_program(folder: Path, environment: Environment) -> Program:
    """The dispatcher, in a process of its own."""
    return Program("dispatcher", [*GATEWAY, "dispatch"], folder=folder, environment=environment)


def projector_program(folder: Path, environment: Environment) -> Program:
    """The projector, in a process of its own."""
    return Program("projector", [*GATEWAY, "project"], folder=folder, environment=environment)


def mocks_program(folder: Path, environment: Environment) -> Program:
    """The partners' mocks, in one process, where the environment says they are."""
    ports = [urlsplit(environment[f"{name}_MOCK_ENDPOINT"]).port or 0 for name in PARTNERS]

    async def listen() -> bool:
        return not any(map(is_free, ports))

    command = [*GATEWAY, "mocks", "--journal", str(folder / "worldtracer.journal")]
    return Program("mocks", command, folder=folder, environment=environment, ready=listen)


def _mock_addresses(port: int) -> dict[str, str]:
    """Where the partners' mocks are to be, and where they find the gateway."""
    mocks = {f"{name}_MOCK_ENDPOINT": f"http://127.0.0.1:{free_port()}" for name in PARTNERS}
    return {**mocks, "PUBLIC_URL": f"http://127.0.0.1:{port}"}


@asynccontextmanager
async def _stores(folder: Path, environment: Environment, supervisor: Supervisor) -> AsyncIterator[Environment]:
    """Starts the stores that the environment does not name; yields the variables that name them.

    At the end stops everything the supervisor has, also where not all could be started.
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
    """Says in one sentence what would fail later in many."""
    if not is_free(port):
        raise StartError(
            f"Port {port} is in use: stop what listens there, or choose another one, as in PORT={port + 1}."
        )
    needed = PROCESSES_MEGABYTES + sum(size for name, size in EMBEDDED.items() if not environment.get(name))
    available = available_megabytes()
    if available < needed:
        raise StartError(
            f"The demo needs {needed} MB of free memory and there are {available} MB: close something, or name servers "
            f"that run elsewhere ({', '.join(EMBEDDED)})."
        )


def available_megabytes(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """The memory that can be had: of the machine, or what a container's limit leaves of it."""
    available = psutil.virtual_memory().available
    with contextlib.suppress(OSError, ValueError, KeyError):  # no cgroup, or one without a limit
        limit, used = (int((cgroup / f"memory.{name}").read_text()) for name in ("max", "current"))
        statistics = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        available = min(available, limit - used + int(statistics["inactive_file"]))
    return available // 1_000_000


@contextmanager
def _remembered(folder: Path, addresses: Environment) -> Iterator[None]:
    """Keeps the addresses, passwords included, in a file of our own while the demo runs, for ``run_reset``."""
    file = folder / "addresses.json"
    write_secret(file, json.dumps(dict(addresses)))
    try:
        yield
    finally:
        file.unlink()


def _addresses_of_running(folder: Path) -> dict[str, str]:
    """What ``_remembered`` keeps."""
    try:
        addresses: dict[str, str] = json.loads((folder / "addresses.json").read_text())
    except FileNotFoundError:
        raise StartError("The demo is not up yet, or another reset runs: try again in a moment.") from None
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
    """Runs work; the first signal cancels it, further ones do not disturb its end."""
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


def _in_words(code: int) -> str:
    """An exit code as asyncio gives it."""
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
