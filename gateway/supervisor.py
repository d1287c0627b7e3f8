"""Supervisor of the product's processes: starts them, restarts those that end, and stops them in reverse order."""

import asyncio
import contextlib
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import httpx

from gateway.console import step
from integrations.embedded.process import ChildProcess, StartError
from integrations.embedded.server import is_free
from integrations.progress import Progress

Environment = Mapping[str, str]

FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 30.0
STABLE_SECONDS = 60.0  # after a run of this length, the next failure counts as the first
INTERRUPTED = 130  # the exit code that shells report after Ctrl-C

GATEWAY = (sys.executable, "-m", "gateway")


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
        await together(*(self._start(service) for service in services))
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


def gateway_program(folder: Path, environment: Environment, port: int, host: str = "127.0.0.1") -> Program:
    """Returns the gateway, ready when its liveness probe succeeds on an address of this machine."""

    async def is_live() -> bool:
        if host == "127.0.0.1" and is_free(port):
            return False
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            with contextlib.suppress(httpx.HTTPError):
                return (await client.get(f"http://{host}:{port}/health/live")).is_success
        return False

    return Program("gateway", [*GATEWAY, "serve"], folder=folder, environment=environment, ready=is_live)


def dispatcher_program(folder: Path, environment: Environment) -> Program:
    """Returns the dispatcher."""
    return Program("dispatcher", [*GATEWAY, "dispatch"], folder=folder, environment=environment)


def projector_program(folder: Path, environment: Environment) -> Program:
    """Returns the projector."""
    return Program("projector", [*GATEWAY, "project"], folder=folder, environment=environment)


def consumer_program(folder: Path, environment: Environment) -> Program:
    """Returns the consumer of Kafka."""
    return Program("consumer", [*GATEWAY, "consume"], folder=folder, environment=environment)


async def together(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Runs coroutines concurrently; when one fails, cancels the others and raises its error."""
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in coroutines:
                group.create_task(coroutine)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def until_signal(work: Coroutine[None, None, int]) -> int:
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
