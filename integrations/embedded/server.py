"""What the embedded servers have in common: a folder, a port, a password and one child process."""

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
from integrations.embedded.process import ChildProcess, Progress, StartError

SERVERS = Path(__file__).resolve().parents[2] / ".tools" / "servers"


class EmbeddedServer(ABC):
    """A server of this machine that keeps its state in one folder and never outlives the process that started it.

    The port and the password are made once and kept in ``server.json`` (mode 0600), so that clients find the server
    at the same address after a restart. A lock on the folder keeps a second owner out.

    Args:
        folder: made where missing; everything the server writes lies below it.
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
        """The settings by which the gateway finds the server, under the names of the environment's variables."""

    @abstractmethod
    async def _prepare(self, progress: Progress) -> None:
        """Makes what the first start needs; runs before every start."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The program and its arguments."""

    @abstractmethod
    async def _ready(self) -> bool:
        """Whether the server answers a real request."""

    def _account(self) -> Account | None:
        """The user the server runs as, None for the one we are."""
        return None

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1, known from the first start on."""
        return int(self._state["port"])

    @property
    def password(self) -> str:
        """The generated password."""
        return str(self._state["password"])

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether the process runs; it may still be starting."""
        return self._process.alive()

    async def wait(self) -> int:
        """Waits until the process ends and returns its exit code, negative for a signal."""
        return await self._process.wait()

    async def start(self, progress: Progress = lambda _: None) -> None:
        """Starts the server and returns when it answers; does nothing where it runs already.

        Raises:
            StartError: another process owns the folder, a program is missing, or the server gave up.
        """
        if self.alive():
            return
        self._own_folder()
        try:
            await self._process.end_leftover()  # first: it may hold our port
            self._choose_port()
            await self._prepare(progress)
            await self._launch()
            self._served = True
        except BaseException:
            await self.kill()
            raise

    async def _launch(self) -> None:
        """Starts the process and waits until it answers."""
        await self._process.start(self._command(), account=self._account())
        await self._process.until(self._ready, self.starts_within_seconds)

    async def stop(self) -> None:
        """Asks the server to end, kills it after ``stops_within_seconds``, and sets the folder free."""
        await self._process.stop()
        self._free_folder()

    async def kill(self) -> None:
        """Ends the server and its children at once, as a power cut would, and sets the folder free."""
        await self._process.kill()
        self._free_folder()

    def _own_folder(self) -> None:
        """Takes the folder's lock and reads what an earlier start left."""
        if self._lock is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = lock_file(self.folder / "lock")
        if self._lock is None:
            raise StartError(f"{self.name} in {self.folder} is in use by another process: stop that one first.")
        with contextlib.suppress(FileNotFoundError, ValueError):
            self._state = json.loads((self.folder / "server.json").read_text())
        # Digits and letters only: Neo4j's admin tool would take a leading dash for an option.
        self._state.setdefault("password", secrets.token_hex(24))

    def _free_folder(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _remember(self, **values: Any) -> None:
        """Adds values to the kept state."""
        self._state.update(values)
        write_secret(self.folder / "server.json", json.dumps(self._state))

    def _choose_port(self) -> None:
        """Keeps the port of the last start; another one only where that is taken and nobody was told of it yet."""
        port = self._state.get("port")
        if not port or not (self._served or is_free(port)):
            self._remember(port=free_port())


def require(program: Path) -> None:
    """Raises StartError where a program was not fetched into this checkout."""
    if not program.exists():
        raise StartError(f"{program.name} is missing: scripts/setup_copa_demo.sh or scripts/test.sh fetches it.")


def lock_file(path: Path) -> IO[str] | None:
    """Opens a file with a lock that ends when it is closed or its process ends; None where another one holds it."""
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
    """Whether 127.0.0.1:port can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A free port below the range from which systems take ports for outgoing connections (32768 on Linux).

    Within that range a client that knocks at a stopped server may be given the very port as its own, connect to
    itself and keep the server from coming back.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        if is_free(port):
            return port
