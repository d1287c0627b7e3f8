"""The product as processes of this machine: ``python -m gateway supervise``, and its start by a deployment."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen
from typing import Any

from pydantic import SecretStr

from gateway.config import Settings, plain
from gateway.deploy.steps import Finding
from gateway.errors import CommandError
from gateway.supervisor import (
    Program,
    Supervisor,
    consumer_program,
    dispatcher_program,
    gateway_program,
    projector_program,
    until_signal,
)
from integrations.embedded.server import is_free, lock_file, write_secret
from integrations.private_files import append_to_private_file, make_private_folder
from integrations.progress import Progress

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".production"
CODE = ("gateway", "schema", "resolvers", "integrations", "migrations", "seeds", "config")
SUFFIXES = {".py", ".sql", ".cypher", ".yaml", ".graphql", ".csv"}
STATE = "state.json"
LOCK = "lock"
LOG = "supervisor.log"
START_SECONDS = 120.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.1
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 # what a server on all addresses is reached at
EVERY = "serve, project and dispatch"


def local_url(settings: Settings) -> str:
    """Returns the address at which this machine reaches the gateway."""
    return f"http://{ANY_ADDRESS.get(settings.host, settings.host)}:{settings.port}"


async def supervise(settings: Settings, environment: Mapping[str, str], folder: Path, progress: Progress) -> int:
    """Runs the product's processes and restarts those that end, until a signal; returns the exit code.

    Args:
        folder: holds a lock, the logs of all processes, and the state of the run.

    Raises:
        CommandError: the folder is in use.
        StartError: a process cannot start.
    """
    make_private_folder(folder)
    lock = lock_file(folder / LOCK)
    if lock is None:
        raise CommandError(f"The processes of {folder} are running already.")
    with lock:
        return await until_signal(_supervise(settings, environment, folder, progress))


class LocalProcesses:
    """Where a deployment starts the product's processes on this machine.

    Args:
        settings: of the installation.
        environment: variables of the processes.
        folder: of ``supervise``.
    """

    def __init__(self, settings: Settings, environment: Mapping[str, str], folder: Path = FOLDER) -> None:
        self._settings = settings
        self._environment = environment
        self._folder = folder
        self._fingerprint = fingerprint(settings)

    async def inspect(self) -> Finding:
        """Returns whether the processes run with this code and these settings."""
        state = running(self._folder)
        if state is None:
            return Finding(False, f"start {EVERY}, listening on port {self._settings.port}")
        if state["fingerprint"] != self._fingerprint:
            return Finding(False, f"restart {EVERY}, since code or settings are not those of {state['started_at']}")
        return Finding(True, f"this code with these settings runs since {state['started_at']}, process {state['pid']}")

    async def roll_out(self) -> str:
        """Stops the processes where they run, starts them, and returns a summary.

        Raises:
            CommandError: they do not stop or start in time.
        """
        make_private_folder(self._folder)
        if (state := running(self._folder)) is not None:
            await stop(self._folder, state)
        (self._folder / STATE).unlink(missing_ok=True)  # of a killed process
        with append_to_private_file(self._folder / LOG) as log:
            start = log.tell()
            command = [sys.executable, "-m", "gateway", "supervise", "--folder", str(self._folder)]
            process = Popen(  # noqa: ASYNC220, S603 # returns at once; the command is ours
                command,
                cwd=ROOT,
                env=dict(self._environment),
                stdin=DEVNULL,
                stdout=log,
                stderr=STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while (state := running(self._folder)) is None or state["pid"] != process.pid:
            if process.poll() is not None or time.monotonic() > deadline:
                raise CommandError(f"The processes did not start: {_last_lines(self._folder / LOG, start)}")
            await asyncio.sleep(POLL_SECONDS)
        return f"{EVERY} run, supervised by process {process.pid}; logs are in {self._folder}"


def port_faults(environment: Mapping[str, str], folder: Path) -> list[str]:
    """Returns a line if the port belongs to another program than the processes of a folder."""
    try:
        port = Settings.read(environment).port
    except CommandError:
        return []  # reported with the settings
    if running(folder) is not None or is_free(port):
        return []
    return [f"PORT: another program listens on port {port}: stop it, or choose another port"]


def running(folder: Path) -> dict[str, Any] | None:
    """Returns the state of the processes of a folder: ``pid``, ``started_at``, ``fingerprint``; None if none run."""
    try:
        state: dict[str, Any] = json.loads((folder / STATE).read_text())
    except FileNotFoundError:
        return None
    lock = lock_file(folder / LOCK)
    if lock is None:
        return state
    lock.close()  # a killed process left the state
    return None


async def stop(folder: Path, state: Mapping[str, Any]) -> None:
    """Stops the processes of a folder.

    Raises:
        CommandError: they run longer than ``STOP_SECONDS``.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(state["pid"], signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while (lock := lock_file(folder / LOCK)) is None:
        if time.monotonic() > deadline:
            raise CommandError(f"Process {state['pid']} did not stop within {STOP_SECONDS:.0f} s.")
        await asyncio.sleep(POLL_SECONDS)
    lock.close()


def fingerprint(settings: Settings) -> str:
    """Returns a digest of the product's code and of the settings, by which a change of either is detected."""
    digest = hmac.new(settings.secret_key.get_secret_value().encode(), digestmod=hashlib.sha256)
    for path in sorted(path for folder in CODE for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    for name in Settings.model_fields:
        value = getattr(settings, name)
        shown = plain(value) if isinstance(value, SecretStr) else value
        digest.update(f"{name}={shown}\0".encode())
    return digest.hexdigest()


def programs(settings: Settings, environment: Mapping[str, str], folder: Path) -> list[Program]:
    """Returns the processes of an installation."""
    host = ANY_ADDRESS.get(settings.host, settings.host)
    return [
        gateway_program(folder, environment, settings.port, host),
        projector_program(folder, environment),
        dispatcher_program(folder, environment),
        *([consumer_program(folder, environment)] if settings.kafka_topic else []),
    ]


async def _supervise(settings: Settings, environment: Mapping[str, str], folder: Path, progress: Progress) -> int:
    complete = {**environment, "PYTHONUNBUFFERED": "1"}
    supervisor = Supervisor(progress)
    try:
        await supervisor.start(*programs(settings, complete, folder))
        with _published(folder, fingerprint(settings)):
            progress(f"the gateway listens at {local_url(settings)}")
            with contextlib.suppress(asyncio.CancelledError):  # a signal is the ordinary end
                await supervisor.watch()
    finally:
        await supervisor.stop()
    return 0


@contextmanager
def _published(folder: Path, value: str) -> Iterator[None]:
    """Keeps the state of the run in a private file while the processes run."""
    started_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    write_secret(folder / STATE, json.dumps({"pid": os.getpid(), "started_at": started_at, "fingerprint": value}))
    try:
        yield
    finally:
        (folder / STATE).unlink()


def _last_lines(log: Path, start: int) -> str:
    """Returns the end of what a process logged since a position of its log."""
    with log.open(errors="replace") as file:
        file.seek(start)
        lines = [line.strip() for line in file if line.strip()]
    return " / ".join(lines[-3:]) or f"no output; see {log}"
