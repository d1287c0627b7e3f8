"""Pool of PostgreSQL connections, each lent to one user at a time.

asyncpg's own pool is not used. Acquiring and releasing with deadlines costs it 21 us of CPU (uvloop, asyncpg 0.32),
more than the statement in between (15 us); this pool costs 1 us. asyncpg's pool also sends a RESET statement after each
use, and lends a connection again after a cancelled statement.

This pool resets nothing, because nothing needs a reset: session state lives in transactions only (``SET LOCAL``), and a
connection is closed if it is released inside a transaction or was cut off in the middle of a round trip.
"""

import asyncio
import contextlib
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from time import monotonic
from typing import Any

import asyncpg
import orjson
from asyncpg.exceptions import InterfaceError, InternalClientError, InvalidCachedStatementError, PostgresError

from integrations.stores.postgres.address import Address

# Bound on closing a discarded connection: cancelling its statement on the server and terminating the session.
CLOSE_SECONDS = 1.0
# Connections above the minimum are closed after this time without use.
IDLE_SECONDS = 300.0

# Plans a prepared statement once. By default PostgreSQL plans a look-up by keys again at each execution, since it
# estimates longer arrays than the product sends. Planning takes up to ten times as long as such a look-up.
GENERIC_PLANS = "SET plan_cache_mode = force_generic_plan"
# For statements whose best plan depends on the arguments: lists with optional filters.
CUSTOM_PLANS = "SET plan_cache_mode = force_custom_plan"


class PlanningConnection(asyncpg.Connection):
    """A connection that plans a prepared statement once, except where a custom plan is requested.

    Attributes:
        generic_plans: whether it does. Not through a transaction pooler, where the setting would change the session of
            another client.
    """

    generic_plans = False

    async def use_generic_plans(self) -> None:
        """Switch the session to generic plans."""
        await self.execute(GENERIC_PLANS)
        self.generic_plans = True

    def _drop_global_statement_cache(self) -> None:
        """Drop the prepared statements, and keep asyncpg from running one again that a migration made obsolete.

        asyncpg calls this before its own second try, which forgets ``record_class``. The manager repeats the call on a
        fresh connection instead. Overriding the method that runs statements would cost each of them 0.4 us.
        """
        super()._drop_global_statement_cache()  # type: ignore[no-untyped-call]
        error = sys.exc_info()[1]
        if isinstance(error, InvalidCachedStatementError):
            raise error

    async def fetch_with_custom_plan(self, sql: str, *args: Any, timeout: float | None = None, **options: Any) -> Any:
        """Run ``fetch`` with a plan for these arguments; costs two short round trips more."""
        if not self.generic_plans:
            return await self.fetch(sql, *args, timeout=timeout, **options)
        await self.execute(CUSTOM_PLANS, timeout=timeout)
        try:
            rows = await self.fetch(sql, *args, timeout=timeout, **options)
        except PostgresError:
            # In a failed transaction the setting is rolled back with the transaction.
            with contextlib.suppress(PostgresError):
                await self.execute(GENERIC_PLANS, timeout=timeout)
            raise
        await self.execute(GENERIC_PLANS, timeout=timeout)
        return rows


class PooledConnection:
    """A connection with its last use and its state.

    Attributes:
        cut_off: whether it cannot be used again, such as after a round trip that was cut off.
        generation: of the pool when the connection was opened.
        long_running: whether it runs a long call.
        read_only: whether its last transaction was opened as read-only.
    """

    __slots__ = ("connection", "cut_off", "generation", "long_running", "read_only", "started_at", "used_at")

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.cut_off = False
        self.generation = 0
        self.long_running = False
        self.read_only = False
        self.started_at = 0.0
        self.used_at = monotonic()

    @property
    def may_only_read(self) -> bool:
        """Whether it is inside a transaction that was opened as read-only."""
        return self.read_only and bool(self.connection.is_in_transaction())


class SlowCallDetector:
    """Detects slow round trips with one timer for all of them; a timer for each would cost 1 us a round trip.

    Args:
        seconds: duration above which a round trip is slow.
        on_slow: is called once for each slow round trip.
    """

    def __init__(self, seconds: float, on_slow: Callable[[], None]) -> None:
        self._seconds = seconds
        self._on_slow = on_slow
        self._active: set[PooledConnection] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, entry: PooledConnection, started: float) -> None:
        """Record the start of a round trip, at ``started`` on the monotonic clock."""
        entry.started_at = started
        self._active.add(entry)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._check)

    def end(self, entry: PooledConnection) -> None:
        """Record the end of a round trip, with a response or without."""
        self._active.discard(entry)

    def _check(self) -> None:
        self._timer = None
        due = monotonic() - self._seconds
        late = {entry for entry in self._active if entry.started_at <= due}
        self._active -= late
        if self._active:
            wait = min(entry.started_at for entry in self._active) - due
            self._timer = asyncio.get_running_loop().call_later(wait, self._check)
        if late:
            self._on_slow()


async def open_connection(address: Address, application_name: str, seconds: float) -> PooledConnection:
    """Connect, with JSON columns as Python values (by orjson).

    Args:
        application_name: name of the session on the server.
        seconds: bound on the whole call.

    Raises:
        TimeoutError: not connected after ``seconds``.
        OSError, PostgresError, InterfaceError, InternalClientError: the server is not reachable or rejected the
            connection.
    """
    async with asyncio.timeout(seconds):
        connection = await _connect_first(
            address.dsns,
            connection_class=PlanningConnection,
            ssl=address.tls,
            # Through a transaction pooler the next statement may reach another server session.
            statement_cache_size=0 if address.pooled else 1024,
            # Expiring a statement would send a DEALLOCATE, which asyncpg runs without a timeout.
            max_cached_statement_lifetime=0,
            # In UTC, timestamps in JSON have the form of the product's responses.
            server_settings={"application_name": application_name, "timezone": "UTC"},
        )
        try:
            await _set_json_codecs(connection)
            if not address.pooled:
                await connection.use_generic_plans()
        except BaseException:
            connection.terminate()
            raise
    return PooledConnection(connection)


async def _connect_first(dsns: Sequence[str], **options: Any) -> Any:
    """Connect to the first host that accepts.

    All hosts are tried at the same time. asyncpg would try them in order: a former primary that hangs would take the
    whole time, and one that is starting would end the attempt.
    """
    if len(dsns) == 1:
        return await asyncpg.connect(dsns[0], **options)
    attempts = [asyncio.ensure_future(asyncpg.connect(dsn, **options)) for dsn in dsns]
    first: asyncpg.Connection | None = None
    try:
        for attempt in asyncio.as_completed(attempts):
            with contextlib.suppress(OSError, PostgresError, InterfaceError, InternalClientError):
                first = await attempt
                return first
        return await attempts[0]  # all have failed: raises the error of the first host
    finally:
        for unfinished in attempts:
            unfinished.cancel()
        for connection in await asyncio.gather(*attempts, return_exceptions=True):
            if isinstance(connection, asyncpg.Connection) and connection is not first:
                connection.terminate()


async def _set_json_codecs(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        # Binary jsonb is a version byte and then the text.
        encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda data: orjson.loads(data[1:]),
    )
    await connection.set_type_codec(
        "json", schema="pg_catalog", format="binary", encoder=orjson.dumps, decoder=orjson.loads
    )


class _Slots:
    """Slots of the pool, one for each connection that may be open: unopened ones (None) first, the last used last.

    A released slot goes to the caller that has waited longest, and no caller overtakes. With ``asyncio.Queue`` a caller
    in the same turn of the event loop takes it first, and the caller that was woken for it waits behind all others.
    """

    def __init__(self, number: int) -> None:
        self.entries: deque[PooledConnection | None] = deque([None] * number)
        self._waiters: deque[asyncio.Future[PooledConnection | None]] = deque()

    def put(self, entry: PooledConnection | None) -> None:
        """Give a slot to the caller that has waited longest, or keep it."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.cancelled():
                waiter.set_result(entry)
                return
        if entry is None:
            self.entries.appendleft(None)
        else:
            self.entries.append(entry)

    async def get(self) -> PooledConnection | None:
        """Return the slot used last, or the next one to be released."""
        if self.entries:
            return self.entries.pop()
        waiter: asyncio.Future[PooledConnection | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                with contextlib.suppress(ValueError):  # put has removed it already
                    self._waiters.remove(waiter)
            else:
                self.put(waiter.result())  # the slot arrived just as the caller was cancelled
            raise


class Pool:
    """At most ``maximum`` connections, opened when needed.

    Args:
        address: the server.
        application_name: name of the sessions on the server.
        minimum: connections that ``open_minimum`` opens and ``close_unused`` keeps.
        maximum: connections that may be open or in use at the same time.

    Raises:
        ValueError: ``minimum`` and ``maximum`` do not fit.
    """

    def __init__(self, address: Address, application_name: str, minimum: int, maximum: int) -> None:
        if not 0 <= minimum <= maximum or maximum < 1:
            raise ValueError(
                f"a pool needs 0 <= minimum <= maximum and maximum >= 1 connections, not {minimum} to {maximum}"
            )
        self._address = address
        self._application_name = application_name
        self._minimum = minimum
        self._maximum = maximum
        self._slots = _Slots(maximum)
        self._opened: set[PooledConnection] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._generation = 0

    def acquire_idle(self) -> PooledConnection | None:
        """Return an idle open connection at once; None if there is none."""
        entries = self._slots.entries
        while entries and (entry := entries[-1]) is not None:
            entries.pop()
            if not entry.connection.is_closed():
                return entry
            self._free_slot(entry)
        return None

    async def acquire(self, seconds: float) -> PooledConnection:
        """Wait for a connection to be released, or open one.

        Raises:
            TimeoutError: within ``seconds`` no connection was released, or the server did not respond.
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: the server is not reachable or rejected the
                connection.
        """
        async with asyncio.timeout(seconds):
            entry = await self._slots.get()
            if entry is not None and not entry.connection.is_closed():
                return entry
            if entry is not None:
                self._opened.discard(entry)
            try:
                entry = await open_connection(self._address, self._application_name, seconds)
            except BaseException:
                self._slots.put(None)
                raise
            entry.generation = self._generation
            self._opened.add(entry)
            return entry

    def release(self, entry: PooledConnection) -> None:
        """Take a connection back; discard it where it was cut off, is outdated or is inside a transaction."""
        if entry.connection.is_closed():
            self._free_slot(entry)
        elif entry.cut_off or entry.generation != self._generation or entry.connection.is_in_transaction():
            self._discard(entry)
        else:
            entry.used_at = monotonic()
            self._slots.put(entry)

    def terminate_idle(self) -> None:
        """Close all idle connections: the server that they lead to is gone."""
        for entry in list(self._slots.entries):
            self._terminate_entry(entry)

    def renew(self) -> None:
        """Replace all connections: idle ones now, the others when they are released."""
        self._generation += 1
        self.terminate_idle()

    def terminate(self) -> None:
        """Close all connections except those of long calls: the server does not respond, and callers must not wait."""
        self.terminate_idle()
        for entry in self._opened:
            if not entry.long_running:
                entry.connection.terminate()

    def close_unused(self) -> None:
        """Close connections above the minimum that were not used for five minutes."""
        for entry in list(self._slots.entries):
            if entry is not None and entry.used_at < monotonic() - IDLE_SECONDS and len(self._opened) > self._minimum:
                self._terminate_entry(entry)

    async def open_minimum(self, seconds: float) -> None:
        """Open the minimum. Raises like ``acquire``."""
        acquired: list[PooledConnection] = []
        try:
            while len(self._opened) < self._minimum:
                acquired.append(await self.acquire(seconds))
        finally:
            for entry in acquired:
                self.release(entry)

    async def close(self, grace: float) -> None:
        """Close all connections; those still in use are cut off after ``grace`` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                for _ in range(self._maximum):
                    entry = await self._slots.get()
                    if entry is not None:
                        self._opened.discard(entry)
                        await _close_gracefully(entry)
        for entry in self._opened:
            entry.connection.terminate()
        self._opened.clear()
        if self._closing:
            await asyncio.wait(self._closing)

    def stats(self) -> dict[str, int]:
        """Return the number of connections: open (``size``), ``idle``, ``in_use`` and allowed (``max``)."""
        idle = sum(entry is not None and not entry.connection.is_closed() for entry in self._slots.entries)
        in_use = self._maximum - len(self._slots.entries)
        return {"size": idle + in_use, "idle": idle, "in_use": in_use, "max": self._maximum}

    def _terminate_entry(self, entry: PooledConnection | None) -> None:
        if entry is not None:
            self._slots.entries.remove(entry)
            entry.connection.terminate()
            self._free_slot(entry)

    def _free_slot(self, entry: PooledConnection | None) -> None:
        if entry is not None:
            self._opened.discard(entry)
        self._slots.put(None)

    def _discard(self, entry: PooledConnection) -> None:
        task = asyncio.create_task(_close_gracefully(entry), context=Context())
        self._closing.add(task)

        def closed(task: asyncio.Task[None]) -> None:
            self._closing.discard(task)
            self._free_slot(entry)

        task.add_done_callback(closed)


async def _close_gracefully(entry: PooledConnection) -> None:
    """Let asyncpg finish its cancel request and close; terminate after a second if the server does not respond."""
    with contextlib.suppress(OSError, PostgresError, InterfaceError, InternalClientError):
        await entry.connection.close(timeout=CLOSE_SECONDS)
