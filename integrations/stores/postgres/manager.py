"""PostgreSQL, the system of record: a pool, sessions, transactions, and one place where the driver's errors end."""

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import Context, ContextVar
from functools import partial
from time import monotonic
from typing import Any, TypeVar, overload

from asyncpg import Connection, Record
from asyncpg.exceptions import (
    DataError,
    ExclusionViolationError,
    InsufficientResourcesError,
    InterfaceError,
    InternalClientError,
    LockNotAvailableError,
    OperatorInterventionError,
    PostgresConnectionError,
    PostgresError,
    QueryCanceledError,
    TooManyConnectionsError,
    TransactionRollbackError,
    UniqueViolationError,
)

from integrations.deadline import remaining
from integrations.errors import Conflict, OutsideError, Refused, Unavailable
from integrations.stores.availability import SLOW_CALL, Availability, backoff
from integrations.stores.postgres.address import Address
from integrations.stores.postgres.pool import (
    CLOSE_SECONDS,
    PlanningConnection,
    Pool,
    PooledConnection,
    SlowCallDetector,
    open_connection,
)
from integrations.timings import Timings

STORE = "records"
SLOW_SECONDS = 1.0
# Health must answer within 100 ms whatever the store does; a slower store is reported as its last probe found it.
HEALTH_PATIENCE_SECONDS = 0.05
GRACE_SECONDS = 2.0
LISTENER_PING_SECONDS = 30.0

DRIVER_ERRORS = (PostgresError, InterfaceError, InternalClientError, OSError)  # TimeoutError is an OSError
# The server is going, gone, or was never reached. asyncpg reports the first use of a connection that was killed while
# idle as InternalClientError.
LOST = (
    OSError,
    PostgresConnectionError,
    OperatorInterventionError,
    TooManyConnectionsError,
    InternalClientError,
)
SOMEBODY_ELSE = (UniqueViolationError, ExclusionViolationError, TransactionRollbackError, LockNotAvailableError)

READS = re.compile(r"\s*(select|with|values|table|show)\b", re.IGNORECASE)
CHANGES = re.compile(
    r"\b(insert|update|delete|merge|share|nextval|setval|set_config|pg_notify|pg_(try_)?advisory\w*)\b", re.IGNORECASE
)

R = TypeVar("R", bound=Record)
Exchange = Callable[..., Awaitable[Any]]


class StatementCount:
    """The names of the statements sent, in order."""

    __slots__ = ("names",)

    def __init__(self) -> None:
        self.names: list[str] = []


_COUNT: ContextVar[StatementCount | None] = ContextVar("statement_count", default=None)


@contextmanager
def count_statements() -> Iterator[StatementCount]:
    """Collect the names of all statements that the block, and tasks started in it, send to PostgreSQL."""
    counted = StatementCount()
    token = _COUNT.set(counted)
    try:
        yield counted
    finally:
        _COUNT.reset(token)


class ConnectionLost(Unavailable):
    """The connection broke before the answer: a statement may have run or not."""


class Reader(ABC):
    """Who runs single statements: the manager (any connection), a session (its own), analytics (the replica).

    ``name`` goes to metrics, counts and the log; ``timeout`` is in seconds and never exceeds the request's deadline.
    All methods raise ``Unavailable`` (``DeadlineExceeded`` if the request's own time is up), ``Refused`` or
    ``Conflict`` (a unique or exclusion constraint, a deadlock, a serialization failure, a lock not available).
    """

    @abstractmethod
    async def _run(
        self,
        exchange: Exchange,
        sql: str,
        args: Sequence[Any],
        name: str | None,
        timeout: float | None,
        record_class: type[Record] | None = None,
    ) -> Any:
        """Send one statement by ``exchange``, a method of asyncpg's connection."""

    async def execute(self, sql: str, *args: Any, name: str | None = None, timeout: float | None = None) -> str:
        """Run a statement (without arguments also several) and return the last command's tag, like ``UPDATE 3``."""
        return str(await self._run(Connection.execute, sql, args, name, timeout))

    @overload
    async def fetch(
        self,
        sql: str,
        *args: Any,
        name: str | None = ...,
        record_class: type[R],
        timeout: float | None = ...,
        filtered: bool = ...,
    ) -> list[R]: ...
    @overload
    async def fetch(
        self,
        sql: str,
        *args: Any,
        name: str | None = ...,
        record_class: None = ...,
        timeout: float | None = ...,
        filtered: bool = ...,
    ) -> list[Record]: ...
    async def fetch(
        self,
        sql: str,
        *args: Any,
        name: str | None = None,
        record_class: type[Record] | None = None,
        timeout: float | None = None,
        filtered: bool = False,
    ) -> Any:
        """All rows, as ``record_class`` where given; ``filtered`` where the best plan depends on the arguments."""
        exchange = PlanningConnection.fetch_planned if filtered else Connection.fetch
        return await self._run(exchange, sql, args, name, timeout, record_class)

    @overload
    async def fetchrow(
        self, sql: str, *args: Any, name: str | None = ..., record_class: type[R], timeout: float | None = ...
    ) -> R | None: ...
    @overload
    async def fetchrow(
        self, sql: str, *args: Any, name: str | None = ..., record_class: None = ..., timeout: float | None = ...
    ) -> Record | None: ...
    async def fetchrow(
        self,
        sql: str,
        *args: Any,
        name: str | None = None,
        record_class: type[Record] | None = None,
        timeout: float | None = None,
    ) -> Any:
        """The first row, or None."""
        return await self._run(Connection.fetchrow, sql, args, name, timeout, record_class)

    async def fetchval(self, sql: str, *args: Any, name: str | None = None, timeout: float | None = None) -> Any:
        """The first value of the first row, or None."""
        return await self._run(Connection.fetchval, sql, args, name, timeout)


class Session(Reader):
    """One connection for the length of an ``async with`` block; one statement at a time.

    Session state (``SET``, temporary tables) belongs into a transaction: nothing is reset afterwards.
    """

    __slots__ = ("_entry", "_manager")

    def __init__(self, manager: "PostgresManager", entry: PooledConnection) -> None:
        self._manager = manager
        self._entry = entry

    async def _run(
        self,
        exchange: Exchange,
        sql: str,
        args: Sequence[Any],
        name: str | None,
        timeout: float | None,
        record_class: type[Record] | None = None,
    ) -> Any:
        if self._entry.cut_off:
            raise ConnectionLost(STORE, f"{name or 'unnamed'}: an earlier statement of this session was cut off")
        seconds = remaining(timeout or self._manager.timeout, STORE)
        return await self._manager.talk(self._entry, exchange, sql, args, name, seconds, record_class)

    async def executemany(
        self, sql: str, rows: Iterable[Sequence[Any]], *, name: str | None = None, timeout: float | None = None
    ) -> None:
        """Run a statement once per row, in one exchange."""
        await self._run(Connection.executemany, sql, [rows], name, timeout)

    async def copy_records(
        self,
        table: str,
        *,
        records: Iterable[Sequence[Any]],
        columns: Sequence[str],
        name: str | None = None,
        timeout: float | None = None,
    ) -> str:
        """Add rows by binary COPY, for masses of them; return the command's tag, like ``COPY 1000``."""
        copy = partial(Connection.copy_records_to_table, records=records, columns=columns)
        return str(await self._run(copy, table, (), name or f"COPY {table}", timeout))

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator["Session"]:
        """A transaction on this session: committed at the end of the block, rolled back if it raises.

        Raises:
            Unavailable: also when the connection breaks during COMMIT; then nobody knows whether it happened.
            Conflict: also at COMMIT, or when a statement inside had failed and its error was swallowed.
        """
        await self.begin(read_only=read_only)
        async with self.rest_of_transaction():
            yield self

    async def begin(self, *, read_only: bool) -> None:
        """Open a transaction; ``rest_of_transaction`` must follow."""
        await self.execute("BEGIN READ ONLY" if read_only else "BEGIN", name="BEGIN")

    @asynccontextmanager
    async def rest_of_transaction(self) -> AsyncIterator[None]:
        """End the open transaction as the block ends. Left to a cancelled task, it ends with the connection."""
        try:
            yield
            # PostgreSQL answers COMMIT in a failed transaction with ROLLBACK, and no error.
            if await self.execute("COMMIT", name="COMMIT") != "COMMIT":
                raise Conflict(STORE, "a statement of this transaction had failed: nothing was committed")
        except Exception:
            await self._roll_back()
            raise

    async def _roll_back(self) -> None:
        entry = self._entry
        if not (entry.cut_off or entry.connection.is_closed()) and entry.connection.is_in_transaction():
            with suppress(OutsideError):  # the connection is closed then, which rolls back as well
                await self._manager.talk(entry, Connection.execute, "ROLLBACK", (), "ROLLBACK", CLOSE_SECONDS)


class Analytics(Reader):
    """Read-only statements for analysts: on the replica, on the primary where there is none or it is not available."""

    def __init__(self, primary: "PostgresManager", replica: "PostgresManager | None") -> None:
        self._primary = primary
        self._replica = replica

    async def _run(
        self,
        exchange: Exchange,
        sql: str,
        args: Sequence[Any],
        name: str | None,
        timeout: float | None,
        record_class: type[Record] | None = None,
    ) -> Any:
        if self._replica is not None and self._replica.is_up:
            # Only where it cannot be reached: what is too slow for the replica must not burden the primary as well.
            with suppress(ConnectionLost):
                return await self._ask(self._replica, exchange, sql, args, name, timeout, record_class)
        return await self._ask(self._primary, exchange, sql, args, name, timeout, record_class)

    async def _ask(self, manager: "PostgresManager", *call: Any) -> Any:
        async with manager.transaction(read_only=True) as session:
            return await session._run(*call)


class PostgresManager(Reader):
    """A pool of connections that is bounded in number and in time, and never waits for a dead server.

    ``connect`` does not raise: where the server is down, calls raise ``Unavailable`` at once until a background probe
    finds it again.

    Args:
        database_url: a ``postgresql://`` URL as the provider hands it out; see ``Address.parse``.
        min_connections: opened by ``connect`` and kept when idle.
        max_connections: the bound of the pool; the probe and each listener hold one more.
        replica_url: a read replica for ``analytics``.
        application_name: what the server shows for these connections.
        timeout: seconds that a call may take unless it says otherwise.

    Raises:
        ValueError: an address that cannot be used, see ``Address.parse``.
    """

    def __init__(
        self,
        database_url: str,
        min_connections: int = 2,
        max_connections: int = 20,
        *,
        replica_url: str | None = None,
        application_name: str = "baggage-gateway",
        timeout: float = 5.0,
    ) -> None:
        self.timeout = timeout
        self._address = Address.parse(database_url)
        self._application_name = application_name
        self._make_pool = partial(Pool, self._address, application_name, min_connections, max_connections)
        self._pool = self._make_pool()
        self._probe_link: PooledConnection | None = None
        self._timings = Timings(STORE, SLOW_SECONDS)
        self._availability = Availability(STORE, self._probe, when_down=self._drop)
        self._overdue = SlowCallDetector(SLOW_CALL, self._availability.suspect)
        self._replica = (
            PostgresManager(
                replica_url,
                0,
                max_connections,
                application_name=f"{application_name}-analytics",
                timeout=timeout,
            )
            if replica_url
            else None
        )
        self.analytics = Analytics(self, self._replica)

    @property
    def is_up(self) -> bool:
        """Whether the server answered when it was last asked."""
        return self._availability.is_up

    async def connect(self) -> None:
        """Find out whether the server answers and open the first connections; returns within ``timeout`` seconds."""
        self._pool = self._make_pool()
        await asyncio.gather(self._connect(), *([self._replica.connect()] if self._replica else []))

    async def _connect(self) -> None:
        await self._availability.connect(self.timeout)
        if self.is_up:
            with suppress(*DRIVER_ERRORS):  # a call that needs a connection will say what is wrong
                await self._pool.fill(self.timeout)

    async def disconnect(self) -> None:
        """Close everything; statements under way get two seconds to finish."""
        await self._availability.close()
        self._close_probe_link()
        await self._pool.close(GRACE_SECONDS)
        if self._replica is not None:
            await self._replica.disconnect()

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Session]:
        """A session on a connection of the pool. Holding one while asking for another can exhaust the pool."""
        entry = await self._lend()
        try:
            yield Session(self, entry)
        finally:
            self._pool.give(entry)

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator[Session]:
        """A session inside a transaction, see ``Session.transaction``."""
        entry = await self._begin(read_only=read_only, again=True)
        try:
            session = Session(self, entry)
            async with session.rest_of_transaction():
                yield session
        finally:
            self._pool.give(entry)

    @asynccontextmanager
    async def direct(self) -> AsyncIterator[Session]:
        """A session on a connection of its own that bypasses a pooler: for migrations and session-wide locks."""
        self._availability.check()
        entry = await self._open_direct()
        try:
            yield Session(self, entry)
        finally:
            entry.connection.terminate()

    @asynccontextmanager
    async def listen(self, channel: str, callback: Callable[[str], object]) -> AsyncIterator[None]:
        """Call ``callback`` with the payload of each NOTIFY on ``channel`` while the block runs.

        The connection is opened again whenever it is lost, and each time ``callback`` gets an empty payload, since
        what was sent in between is gone: a notification wakes, the tables tell. ``callback`` must not raise.
        """
        task = asyncio.create_task(self._keep_listening(channel, callback), context=Context())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def health_check(self) -> dict[str, Any]:
        """``{"status": "healthy" | "unhealthy", "latency_ms", "checked_ms_ago", "pool", ...}`` after at most 50 ms.

        Never raises. ``error`` holds the driver's words where unhealthy; ``replica`` is the same for the replica.
        """
        if self._replica is None:
            return {**await self._availability.report(HEALTH_PATIENCE_SECONDS), "pool": self._pool.figures()}
        report, replica = await asyncio.gather(
            self._availability.report(HEALTH_PATIENCE_SECONDS), self._replica.health_check()
        )
        return {**report, "pool": self._pool.figures(), "replica": replica}

    def get_pool_stats(self) -> dict[str, float]:
        """``size idle in_use max`` in connections, ``queries errors`` since the start, ``seconds`` spent in them."""
        return {**self._pool.figures(), **self._timings.totals()}

    def get_statement_stats(self) -> dict[str, dict[str, float]]:
        """``{name: {"calls", "errors", "seconds", "slowest"}}``."""
        return self._timings.by_name()

    async def _run(
        self,
        exchange: Exchange,
        sql: str,
        args: Sequence[Any],
        name: str | None,
        timeout: float | None,
        record_class: type[Record] | None = None,
    ) -> Any:
        seconds = remaining(timeout or self.timeout, STORE)
        self._availability.check()
        entry = self._pool.take_ready()
        started = monotonic()
        if entry is None:
            entry = await self._take(seconds)
            seconds -= monotonic() - started
        try:
            return await self.talk(entry, exchange, sql, args, name, seconds, record_class)
        except ConnectionLost:
            seconds -= monotonic() - started
            if seconds <= 0 or not is_read(sql):
                raise
        finally:
            self._pool.give(entry)
        self._availability.check()
        self._pool.drop_idle()  # what was killed together with it would fail alike
        entry = await self._take(seconds)
        try:
            return await self.talk(entry, exchange, sql, args, name, seconds, record_class)
        finally:
            self._pool.give(entry)

    async def talk(
        self,
        entry: PooledConnection,
        exchange: Exchange,
        sql: str,
        args: Sequence[Any],
        name: str | None,
        seconds: float,
        record_class: type[Record] | None = None,
    ) -> Any:
        """One exchange on a connection: bounded, counted, timed, its errors translated. For sessions only."""
        name = name or "unnamed"
        if (counted := _COUNT.get()) is not None:
            counted.names.append(name)
        started = monotonic()
        entry.patient = seconds > self.timeout
        self._overdue.begin(entry, started)
        try:
            if record_class is None:
                return await exchange(entry.connection, sql, *args, timeout=seconds)
            return await exchange(entry.connection, sql, *args, timeout=seconds, record_class=record_class)
        except DRIVER_ERRORS as error:
            raise self._explain(error, name, entry) from None  # the driver's text may repeat values
        except BaseException:
            entry.cut_off = True
            raise
        finally:
            self._overdue.end(entry)
            self._timings.add(name, monotonic() - started)

    def _explain(self, error: BaseException, name: str, entry: PooledConnection | None = None) -> OutsideError:
        """What the driver's error means for the caller; keeps the connection from further use where it must be."""
        self._timings.add_error(name)
        reason = f"{name}: {_words(error)}"
        if isinstance(error, SOMEBODY_ELSE):
            return Conflict(STORE, reason)
        if entry is not None and not isinstance(error, LOST) and not entry.connection.is_closed():
            # A full disk or no memory says nothing against what was asked.
            kind = Unavailable if isinstance(error, InsufficientResourcesError) else Refused
            return kind(STORE, reason)
        if entry is not None:
            entry.cut_off = True
        self._availability.suspect()
        if isinstance(error, TimeoutError | QueryCanceledError):
            return self._availability.timed_out(f"{name}: no answer in time")
        return ConnectionLost(STORE, reason, self._availability.retry_after)

    async def _begin(self, *, read_only: bool, again: bool) -> PooledConnection:
        """A connection inside a new transaction; ``again`` on another one if this was killed while it was idle."""
        entry = await self._lend()
        try:
            await Session(self, entry).begin(read_only=read_only)
        except BaseException as error:
            self._pool.give(entry)
            if not (again and isinstance(error, ConnectionLost)):
                raise
        else:
            return entry
        self._pool.drop_idle()
        return await self._begin(read_only=read_only, again=False)

    def _drop(self) -> None:
        self._pool.drop()

    async def _lend(self) -> PooledConnection:
        seconds = remaining(self.timeout, STORE)
        self._availability.check()
        return self._pool.take_ready() or await self._take(seconds)

    async def _take(self, seconds: float) -> PooledConnection:
        try:
            async with self._availability.call(seconds):
                return await self._pool.take(seconds)
        except DRIVER_ERRORS as error:
            raise self._explain(error, "CONNECT") from None

    async def _open_direct(self) -> PooledConnection:
        try:
            return await open_connection(
                self._address.direct(), f"{self._application_name}-direct", remaining(self.timeout, STORE)
            )
        except DRIVER_ERRORS as error:
            raise self._explain(error, "CONNECT") from None

    async def _probe(self) -> dict[str, Any]:
        """A sign of life on a connection outside the pool."""
        self._pool.trim()
        try:
            if self._probe_link is None or self._probe_link.connection.is_closed():
                self._probe_link = await open_connection(self._address, f"{self._application_name}-probe", self.timeout)
            await self._probe_link.connection.execute("SELECT 1")
        except BaseException:  # also when the probe's time is up: an exchange that was cut off cannot go on
            self._close_probe_link()
            raise
        version = self._probe_link.connection.get_server_version()
        return {"version": f"{version.major}.{version.micro}"}

    def _close_probe_link(self) -> None:
        if self._probe_link is not None:
            self._probe_link.connection.terminate()
            self._probe_link = None

    async def _keep_listening(self, channel: str, callback: Callable[[str], object]) -> None:
        attempt = 0
        while True:
            with suppress(OutsideError, *DRIVER_ERRORS):
                entry = await self._open_direct()
                try:
                    lost = asyncio.Event()
                    entry.connection.add_termination_listener(lambda _, lost=lost: lost.set())
                    async with asyncio.timeout(self.timeout):
                        await entry.connection.add_listener(channel, lambda *message: callback(message[3]))
                    attempt = 0
                    callback("")
                    await _until_lost(entry, lost)
                finally:
                    entry.connection.terminate()
            await asyncio.sleep(backoff(attempt))
            attempt += 1


async def _until_lost(entry: PooledConnection, lost: asyncio.Event) -> None:
    """Wait for the end of a connection on which nothing may happen for hours, asking now and then."""
    while not lost.is_set():
        try:
            async with asyncio.timeout(LISTENER_PING_SECONDS):
                await lost.wait()
        except TimeoutError:
            await entry.connection.execute("SELECT 1", timeout=CLOSE_SECONDS)


def is_read(sql: str) -> bool:
    """Whether a statement only reads, so that it may be sent again when its answer was lost."""
    return READS.match(sql) is not None and CHANGES.search(sql) is None


def _words(error: BaseException) -> str:
    """What went wrong, without the values that PostgreSQL repeats in data errors and in DETAIL."""
    kind = type(error).__name__
    if isinstance(error, DataError):
        return kind
    if isinstance(error, PostgresError):
        return f"{kind}: {error.args[0]}"
    return f"{kind}: {error}"
