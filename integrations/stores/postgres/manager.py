"""PostgreSQL, the system of record: pool, sessions, transactions, and translation of the driver's errors."""

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
    InsufficientPrivilegeError,
    InsufficientResourcesError,
    InterfaceError,
    InternalClientError,
    InvalidCachedStatementError,
    InvalidSQLStatementNameError,
    LockNotAvailableError,
    OperatorInterventionError,
    PostgresConnectionError,
    PostgresError,
    QueryCanceledError,
    ReadOnlySQLTransactionError,
    TooManyConnectionsError,
    TransactionRollbackError,
    UndefinedColumnError,
    UndefinedFunctionError,
    UndefinedObjectError,
    UndefinedTableError,
    UniqueViolationError,
)

from integrations.deadline import remaining
from integrations.errors import Conflict, OutsideError, Refused, SchemaChanged, Unavailable
from integrations.repeats import repeated_after_migration
from integrations.stores.availability import Availability, Patience, Unusable, backoff
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
# Health responds within 100 ms whatever the store does; for a slower store it reports the last probe's result.
HEALTH_TIMEOUT_SECONDS = 0.05
GRACE_SECONDS = 2.0
LISTENER_PING_SECONDS = 30.0
PATIENCE = Patience()

DRIVER_ERRORS = (PostgresError, InterfaceError, InternalClientError, OSError)  # TimeoutError is an OSError
# The server is shutting down, gone, or was never reached. asyncpg reports the first use of a connection that was killed
# while idle as InternalClientError.
LOST = (
    OSError,
    PostgresConnectionError,
    OperatorInterventionError,
    TooManyConnectionsError,
    InternalClientError,
)
# The tables, or the session, are no longer those that a statement was prepared for. PostgreSQL has not run it.
STALE = (InvalidCachedStatementError, InvalidSQLStatementNameError)
# No value causes these: the schema is older or newer than this program, or the grants are incomplete. A full disk or a
# lack of memory is no fault of the statement either.
NOT_OF_THE_CALL = (
    InsufficientPrivilegeError,
    InsufficientResourcesError,
    UndefinedColumnError,
    UndefinedFunctionError,
    UndefinedObjectError,
    UndefinedTableError,
)
CONFLICTS = (UniqueViolationError, ExclusionViolationError, TransactionRollbackError, LockNotAvailableError)

READS = re.compile(r"\s*(select|with|values|table|show)\b", re.IGNORECASE)
CHANGES = re.compile(
    r"\b(insert|update|delete|merge|share|nextval|setval|set_config|pg_notify|pg_(try_)?advisory\w*)\b", re.IGNORECASE
)

R = TypeVar("R", bound=Record)
Exchange = Callable[..., Awaitable[Any]]


class StatementCount:
    """Names of the statements sent, in order."""

    __slots__ = ("names",)

    def __init__(self) -> None:
        self.names: list[str] = []


_COUNT: ContextVar[StatementCount | None] = ContextVar("statement_count", default=None)


@contextmanager
def count_statements() -> Iterator[StatementCount]:
    """Collect the names of all statements that the block, or a task started in it, sends to PostgreSQL."""
    counted = StatementCount()
    token = _COUNT.set(counted)
    try:
        yield counted
    finally:
        _COUNT.reset(token)


class ConnectionLost(Unavailable):
    """The connection broke before the response: the statement may have run or not."""


class Reader(ABC):
    """Interface that runs single statements: a manager (any connection), a session (its own), analytics (the replica).

    ``name`` identifies the statement in metrics, counts and the log. ``timeout`` is in seconds and never exceeds the
    request's deadline. All methods raise ``Unavailable`` (``DeadlineExceeded`` if the request's own time is up),
    ``Refused`` or ``Conflict`` (a unique or exclusion constraint, a deadlock, a serialization failure, a lock not
    available).
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
        """Run a statement (or several, without arguments) and return the last command's tag, like ``UPDATE 3``."""
        return str(await self._run(Connection.execute, sql, args, name, timeout))

    @overload
    async def fetch(
        self,
        sql: str,
        *args: Any,
        name: str | None = ...,
        record_class: type[R],
        timeout: float | None = ...,
        custom_plan: bool = ...,
    ) -> list[R]: ...
    @overload
    async def fetch(
        self,
        sql: str,
        *args: Any,
        name: str | None = ...,
        record_class: None = ...,
        timeout: float | None = ...,
        custom_plan: bool = ...,
    ) -> list[Record]: ...
    async def fetch(
        self,
        sql: str,
        *args: Any,
        name: str | None = None,
        record_class: type[Record] | None = None,
        timeout: float | None = None,
        custom_plan: bool = False,
    ) -> Any:
        """Return all rows.

        Args:
            record_class: the class of the rows.
            custom_plan: plan for these arguments, because the best plan depends on them.
        """
        exchange = PlanningConnection.fetch_with_custom_plan if custom_plan else Connection.fetch
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
        """Return the first row, or None."""
        return await self._run(Connection.fetchrow, sql, args, name, timeout, record_class)

    async def fetchval(self, sql: str, *args: Any, name: str | None = None, timeout: float | None = None) -> Any:
        """Return the first value of the first row, or None."""
        return await self._run(Connection.fetchval, sql, args, name, timeout)


class Session(Reader):
    """One connection for the length of an ``async with`` block; one statement at a time.

    Session state (``SET``, temporary tables) belongs in a transaction, since nothing is reset afterwards.
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
        return await self._manager.run_exchange(self._entry, exchange, sql, args, name, seconds, record_class)

    async def executemany(
        self, sql: str, rows: Iterable[Sequence[Any]], *, name: str | None = None, timeout: float | None = None
    ) -> None:
        """Run a statement once per row, in one round trip."""
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
        """Add many rows by binary COPY and return the command's tag, like ``COPY 1000``."""
        copy = partial(Connection.copy_records_to_table, records=records, columns=columns)
        return str(await self._run(copy, table, (), name or f"COPY {table}", timeout))

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator["Session"]:
        """Open a transaction on this session: committed at the end of the block, rolled back if the block raises.

        Raises:
            Unavailable: also when the connection breaks during COMMIT; the outcome is then unknown.
            Conflict: also at COMMIT, or when a statement in the block failed and its error was swallowed.
        """
        await self.begin(read_only=read_only)
        async with self.finishing_transaction():
            yield self

    async def begin(self, *, read_only: bool) -> None:
        """Open a transaction; ``finishing_transaction`` must follow."""
        self._entry.read_only = read_only
        await self.execute("BEGIN READ ONLY" if read_only else "BEGIN", name="BEGIN")

    @asynccontextmanager
    async def finishing_transaction(self) -> AsyncIterator[None]:
        """Commit or roll back the open transaction at the end of the block; on cancellation, close the connection."""
        try:
            yield
            # For COMMIT in a failed transaction PostgreSQL returns the tag ROLLBACK, and no error.
            if await self.execute("COMMIT", name="COMMIT") != "COMMIT":
                raise Conflict(STORE, "a statement of this transaction failed: nothing was committed")
        except Exception:
            await self._roll_back()
            raise

    async def _roll_back(self) -> None:
        entry = self._entry
        if not (entry.cut_off or entry.connection.is_closed()) and entry.connection.is_in_transaction():
            with suppress(OutsideError):  # the connection is closed on failure, which rolls back as well
                await self._manager.run_exchange(entry, Connection.execute, "ROLLBACK", (), "ROLLBACK", CLOSE_SECONDS)


class Analytics(Reader):
    """Read-only statements for analysts: on the replica, or on the primary where no replica is available."""

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
            # Fall back only where the replica is not reachable: a statement that is too slow for the replica must not
            # load the primary as well.
            with suppress(ConnectionLost):
                return await self._run_on(self._replica, exchange, sql, args, name, timeout, record_class)
        return await self._run_on(self._primary, exchange, sql, args, name, timeout, record_class)

    @repeated_after_migration
    async def _run_on(self, manager: "PostgresManager", *call: Any) -> Any:
        async with manager.transaction(read_only=True) as session:
            return await session._run(*call)


class PostgresManager(Reader):
    """Pool of connections, bounded in number and in time, that never waits for a dead server.

    ``connect`` does not raise: while the server is down, calls raise ``Unavailable`` at once until a background probe
    succeeds.

    Args:
        database_url: a ``postgresql://`` URL as a provider supplies it, with one host or several; see
            ``Address.parse``.
        min_connections: connections that ``connect`` opens and that stay open when idle.
        max_connections: size of the pool; probes hold up to three more, each listener one.
        direct_url: the same database without the pooler that ``database_url`` leads to, for LISTEN and migrations; None
            if there is none, or for Neon's pooler.
        replica_url: a read replica for ``analytics``.
        application_name: name of these sessions on the server.
        is_replica: whether a server that allows no writes counts as available.
        timeout: seconds that a call may take unless it has a timeout of its own.

    Raises:
        ValueError: an address that cannot be used (see ``Address.parse``), or numbers of connections that do not fit.
    """

    def __init__(
        self,
        database_url: str,
        min_connections: int = 2,
        max_connections: int = 20,
        *,
        direct_url: str | None = None,
        replica_url: str | None = None,
        application_name: str = "baggage-gateway",
        is_replica: bool = False,
        timeout: float = 5.0,
    ) -> None:
        self.timeout = timeout
        self._is_replica = is_replica
        self._address = Address.parse(database_url, pooled=direct_url is not None, writes=not is_replica)
        self._direct_address = Address.parse(direct_url) if direct_url is not None else self._address.direct()
        self._application_name = application_name
        self._make_pool = partial(Pool, self._address, application_name, min_connections, max_connections)
        self._pool = self._make_pool()
        self._probe_connection: PooledConnection | None = None
        self._probe_again = False
        self._timings = Timings(STORE, SLOW_SECONDS)
        self._availability = Availability(
            STORE, self._probe, patience=PATIENCE, on_down=self._terminate_pool, describe=_reason
        )
        self._slow_calls = SlowCallDetector(PATIENCE.slow_call, self._availability.request_probe)
        self._replica = (
            PostgresManager(
                replica_url,
                0,
                max_connections,
                application_name=f"{application_name}-analytics",
                is_replica=True,
                timeout=timeout,
            )
            if replica_url
            else None
        )
        self.analytics = Analytics(self, self._replica)

    @property
    def is_up(self) -> bool:
        """Whether the last probe of the server succeeded."""
        return self._availability.is_up

    async def connect(self) -> None:
        """Probe the server and open the first connections; returns within ``timeout`` seconds."""
        self._pool = self._make_pool()
        await asyncio.gather(self._connect(), *([self._replica.connect()] if self._replica else []))

    async def _connect(self) -> None:
        await self._availability.connect(self.timeout)
        if self.is_up:
            with suppress(*DRIVER_ERRORS):  # a later call that needs a connection raises the error
                await self._pool.open_minimum(self.timeout)

    async def disconnect(self) -> None:
        """Close everything; active statements get two seconds to finish."""
        await self._availability.close()
        self._close_probe_connection()
        await self._pool.close(GRACE_SECONDS)
        if self._replica is not None:
            await self._replica.disconnect()

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Session]:
        """Open a session on a connection of the pool. Nested sessions can exhaust the pool."""
        entry = await self._acquire()
        try:
            yield Session(self, entry)
        finally:
            self._pool.release(entry)

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator[Session]:
        """Open a session inside a transaction, see ``Session.transaction``."""
        entry = await self._begin(read_only=read_only, retry=True)
        try:
            session = Session(self, entry)
            async with session.finishing_transaction():
                yield session
        finally:
            self._pool.release(entry)

    @asynccontextmanager
    async def direct(self) -> AsyncIterator[Session]:
        """Open a session on a connection of its own that bypasses a pooler: for migrations and session-wide locks."""
        self._availability.raise_if_down()
        entry = await self._open_direct()
        try:
            yield Session(self, entry)
        finally:
            entry.connection.terminate()

    @asynccontextmanager
    async def listen(self, channel: str, callback: Callable[[str], object]) -> AsyncIterator[None]:
        """Call ``callback`` with the payload of each NOTIFY on ``channel`` while the block runs.

        The connection is opened again whenever it is lost. After each opening ``callback`` gets an empty payload, since
        notifications in between are lost: a notification only wakes, and the tables hold the data. ``callback`` must
        not raise.
        """
        task = asyncio.create_task(self._keep_listening(channel, callback), context=Context())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def health_check(self) -> dict[str, Any]:
        """Return ``{"status": "healthy" | "unhealthy", "latency_ms", "checked_ms_ago", "pool", ...}`` within 50 ms.

        Never raises. ``error`` holds the driver's message where unhealthy; ``replica`` is the same for the replica.
        """
        if self._replica is None:
            return {**await self._availability.health(HEALTH_TIMEOUT_SECONDS), "pool": self._pool.stats()}
        primary, replica = await asyncio.gather(
            self._availability.health(HEALTH_TIMEOUT_SECONDS), self._replica.health_check()
        )
        return {**primary, "pool": self._pool.stats(), "replica": replica}

    def get_pool_stats(self) -> dict[str, float]:
        """Return connections (``size idle in_use max``) and sums of statements (``queries errors seconds``)."""
        return {**self._pool.stats(), **self._timings.totals()}

    def get_availability_stats(self) -> dict[str, float]:
        """Return ``up`` and ``degraded`` (0 or 1), ``slow_calls`` so far, and ``probe_seconds`` of the last probe."""
        return self._availability.stats()

    def get_statement_stats(self) -> dict[str, dict[str, float]]:
        """Return ``{name: {"calls", "errors", "seconds", "slowest"}}``."""
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
        self._availability.raise_if_down()
        entry = self._pool.acquire_idle()
        started = monotonic()
        if entry is None:
            entry = await self._wait_for_connection(seconds)
            seconds -= monotonic() - started
        try:
            return await self.run_exchange(entry, exchange, sql, args, name, seconds, record_class)
        except (ConnectionLost, SchemaChanged) as error:
            seconds -= monotonic() - started
            if seconds <= 0 or not (isinstance(error, SchemaChanged) or is_read(sql)):
                raise
        finally:
            self._pool.release(entry)
        self._availability.raise_if_down()
        self._pool.terminate_idle()  # connections that were killed together with it would fail alike
        entry = await self._wait_for_connection(seconds)
        try:
            return await self.run_exchange(entry, exchange, sql, args, name, seconds, record_class)
        finally:
            self._pool.release(entry)

    async def run_exchange(
        self,
        entry: PooledConnection,
        exchange: Exchange,
        sql: str,
        args: Sequence[Any],
        name: str | None,
        seconds: float,
        record_class: type[Record] | None = None,
    ) -> Any:
        """Run one round trip on a connection: bounded, counted, timed, its errors translated. For sessions only."""
        name = name or "unnamed"
        if (counted := _COUNT.get()) is not None:
            counted.names.append(name)
        started = monotonic()
        entry.long_running = seconds > self.timeout
        self._slow_calls.begin(entry, started)
        failed = True
        try:
            if record_class is None:
                result = await exchange(entry.connection, sql, *args, timeout=seconds)
            else:
                result = await exchange(entry.connection, sql, *args, timeout=seconds, record_class=record_class)
            failed = False
        except DRIVER_ERRORS as error:
            self._availability.call_failed(monotonic() - started)
            raise self._translate(error, name, entry) from None  # the driver's message may repeat values
        except BaseException:
            entry.cut_off = True
            raise
        finally:
            self._slow_calls.end(entry)
            took = monotonic() - started
            self._timings.add(name, took, failed=failed)
        self._availability.call_completed(took)
        return result

    def _translate(self, error: BaseException, name: str, entry: PooledConnection | None = None) -> OutsideError:
        """Return the error for the caller; mark the connection as cut off where it cannot be used again."""
        self._timings.add_error(name)
        reason = f"{name}: {_reason(error)}"
        if isinstance(error, CONFLICTS):
            self._availability.call_completed(0.0)  # the server responded
            return Conflict(STORE, reason)
        if entry is not None and isinstance(error, STALE):
            entry.cut_off = True
            self._pool.renew()  # the other connections have prepared their statements for the old tables as well
            return SchemaChanged(STORE, reason, self._availability.retry_after)
        if isinstance(error, ReadOnlySQLTransactionError) and entry is not None and not entry.may_only_read:
            # After a failover the connection, or the address, leads to a server that does not accept writes.
            self._pool.renew()
            self._probe_again = True
        elif entry is not None and not isinstance(error, LOST) and not entry.connection.is_closed():
            self._availability.call_completed(0.0)
            kind = Unavailable if isinstance(error, NOT_OF_THE_CALL) else Refused
            return kind(STORE, reason)
        if entry is not None:
            entry.cut_off = True
        self._availability.request_probe()
        if isinstance(error, TimeoutError | QueryCanceledError):
            return self._availability.timed_out(f"{name}: no response in time")
        return ConnectionLost(STORE, reason, self._availability.retry_after)

    async def _begin(self, *, read_only: bool, retry: bool) -> PooledConnection:
        """Return a connection inside a new transaction.

        Args:
            retry: use another connection if this one was killed while it was idle.
        """
        entry = await self._acquire()
        try:
            await Session(self, entry).begin(read_only=read_only)
        except BaseException as error:
            self._pool.release(entry)
            if not (retry and isinstance(error, ConnectionLost)):
                raise
        else:
            return entry
        self._pool.terminate_idle()
        return await self._begin(read_only=read_only, retry=False)

    def _terminate_pool(self) -> None:
        self._pool.terminate()

    async def _acquire(self) -> PooledConnection:
        seconds = remaining(self.timeout, STORE)
        self._availability.raise_if_down()
        return self._pool.acquire_idle() or await self._wait_for_connection(seconds)

    async def _wait_for_connection(self, seconds: float) -> PooledConnection:
        try:
            async with self._availability.bounded_call(seconds):
                return await self._pool.acquire(seconds)
        except DRIVER_ERRORS as error:
            raise self._translate(error, "CONNECT") from None

    async def _open_direct(self) -> PooledConnection:
        try:
            return await open_connection(
                self._direct_address, f"{self._application_name}-direct", remaining(self.timeout, STORE)
            )
        except DRIVER_ERRORS as error:
            raise self._translate(error, "CONNECT") from None

    async def _probe(self) -> dict[str, Any]:
        """Query the server on a connection outside the pool: the one of the last probe, unless another probe has it.

        Raises:
            Unusable: the server is a standby, or read-only for another reason.
        """
        self._pool.close_unused()
        if self._probe_again:
            self._probe_again = False
            self._close_probe_connection()  # it may be a session with the former primary
        entry, self._probe_connection = self._probe_connection, None
        try:
            if entry is None or entry.connection.is_closed():
                entry = await open_connection(self._address, f"{self._application_name}-probe", self.timeout)
            if await entry.connection.fetchval("SHOW transaction_read_only") == "on" and not self._is_replica:
                raise Unusable("the server is read-only")
        except BaseException:  # also on cancellation: a round trip that was cut off cannot continue
            if entry is not None:
                entry.connection.terminate()
            raise
        self._close_probe_connection()
        self._probe_connection = entry
        version = entry.connection.get_server_version()
        return {"version": f"{version.major}.{version.micro}"}

    def _close_probe_connection(self) -> None:
        if self._probe_connection is not None:
            self._probe_connection.connection.terminate()
            self._probe_connection = None

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
    """Wait until a connection is lost; ping it every 30 seconds, since it may receive nothing for hours."""
    while not lost.is_set():
        try:
            async with asyncio.timeout(LISTENER_PING_SECONDS):
                await lost.wait()
        except TimeoutError:
            await entry.connection.execute("SELECT 1", timeout=CLOSE_SECONDS)


def is_read(sql: str) -> bool:
    """Return whether a statement only reads, so that it may be sent again when its response was lost."""
    return READS.match(sql) is not None and CHANGES.search(sql) is None


def _reason(error: BaseException) -> str:
    """Return the error's message without the values that PostgreSQL repeats in data errors and in DETAIL."""
    kind = type(error).__name__
    if isinstance(error, DataError):
        return kind
    if isinstance(error, PostgresError):
        return f"{kind}: {error.args[0]}"
    return f"{kind}: {error}"
