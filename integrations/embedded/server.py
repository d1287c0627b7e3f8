"""Common part of the embedded servers: a folder, a port, a password and one child process."""

import contextlib
import fcntl
import json
import os
import secrets
import signal
import socket
from abc import ABC, abstractmethod
from pathlib import Path
from typing import IO, Any, ClassVar

from integrations.embedded.account import Account
from integrations.embedded.process import ChildProcess, StartError
from integrations.private_files import make_private_folder
from integrations.progress import Progress

SERVERS = Path(__file__).resolve().parents[2] / ".tools" / "servers"


class EmbeddedServer(ABC):
    """A server on this machine that keeps its state in one folder and never outlives the process that started it.

    Port and password are chosen once and kept in ``server.json`` (mode 0600), so that clients find the server at the
    same address after a restart. A lock on the folder keeps a second owner out.

    Args:
        folder: folder of everything that the server writes; created if missing.
    """

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    starts_within_seconds: ClassVar[float] = 60.0
    stops_within_seconds: ClassVar[float] = 20.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._process = ChildProcess(
            self.name,
            self.folder / "server.log",
            stop_signal=self.stop_signal,
            stops_within_seconds=self.stops_within_seconds,
        )
        self._lock: IO[str] | None = None
        self._served = False
        self._state: dict[str, Any] = {}

    @abstractmethod
    def addresses(self) -> dict[str, str]:
        """Settings by which the gateway finds the server, by the names of their environment variables."""

    @abstractmethod
    async def _prepare(self, progress: Progress) -> None:
        """Prepares the first start. Runs before every start."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The program and its arguments."""

    @abstractmethod
    async def _ready(self) -> bool:
        """Whether the server responds to a real request."""

    def _account(self) -> Account | None:
        """User of the server; None for the current user."""
        return None

    @property
    def port(self) -> int:
        """TCP port on 127.0.0.1, known from the first start on."""
        return int(self._state["port"])

    @property
    def password(self) -> str:
        """Generated password."""
        return str(self._state["password"])

    @property
    def pid(self) -> int | None:
        """Process id of the server while it runs."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether the process runs. It may still be starting."""
        return self._process.alive()

    async def wait(self) -> int:
        """Waits until the process ends and returns its exit code, negative for a signal."""
        return await self._process.wait()

    async def start(self, progress: Progress = lambda _: None) -> None:
        """Starts the server and returns when it responds. Does nothing if it already runs.

        Args:
            progress: receives one line of text for each step that takes long.

        Raises:
            StartError: another process owns the folder, a program is missing, or the server ended.
        """
        if self.alive():
            return
        self._lock_folder()
        try:
            await self._process.end_leftover()  # first, since it may hold the port
            self._choose_port()
            await self._prepare(progress)
            await self._launch()
            self._served = True
        except BaseException:
            await self.kill()
            raise

    async def _launch(self) -> None:
        """Starts the process and waits until it responds."""
        await self._process.start(self._command(), account=self._account())
        await self._process.until(self._ready, self.starts_within_seconds)

    async def stop(self) -> None:
        """Asks the server to end, kills it after ``stops_within_seconds``, and releases the folder."""
        await self._process.stop()
        self._release_folder()

    async def kill(self) -> None:
        """Kills the server and its children at once, as a power cut would, and releases the folder."""
        await self._process.kill()
        self._release_folder()

    def _lock_folder(self) -> None:
        """Locks the folder and reads the state of an earlier start."""
        if self._lock is not None:
            return
        make_private_folder(self.folder, passage=self._account() is not None)
        self._lock = lock_file(self.folder / "lock")
        if self._lock is None:
            raise StartError(f"{self.name} in {self.folder} is in use by another process: stop that one first.")
        with contextlib.suppress(FileNotFoundError, ValueError):
            self._state = json.loads((self.folder / "server.json").read_text())
        # Digits and letters only: Neo4j's admin tool would take a leading dash for an option.
        self._state.setdefault("password", secrets.token_hex(24))

    def _release_folder(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _save_state(self, **values: Any) -> None:
        """Adds values to the stored state."""
        self._state.update(values)
        write_secret(self.folder / "server.json", json.dumps(self._state))

    def _choose_port(self) -> None:
        """Keeps the port of the last start. Chooses another one only if that is taken and no client uses it yet."""
        port = self._state.get("port")
        if not port or not (self._served or is_free(port)):
            self._save_state(port=free_port())


def require(program: Path) -> None:
    """Raises StartError if a program was not fetched into this checkout."""
    if not program.exists():
        raise StartError(f"{program.name} is missing: run scripts/setup_copa_demo.sh or scripts/test.sh to fetch it.")


def lock_file(path: Path) -> IO[str] | None:
    """Opens a file with a lock that ends with it or with the process; None if another process holds the lock."""
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def write_secret(path: Path, text: str) -> None:
    """Writes a file that only its owner may read, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def is_free(port: int) -> bool:
    """Whether a server can listen on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Returns a free port below the range of ports for outgoing connections (from 32768 on Linux).

    Within that range a client that connects to a stopped server may get the very port as its own, connect to itself and
    keep the server from returning.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        if is_free(port):
            return port
