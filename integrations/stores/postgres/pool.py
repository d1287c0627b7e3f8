"""PostgreSQL connections, lent to one user at a time.

Why not asyncpg's own pool: taking and giving back with deadlines costs it 21 us of CPU (uvloop, asyncpg 0.32), more
than the statement in between (15 us); this one costs 1 us. It also sends a RESET statement after each use, and gives a
connection back to the next user after a cancelled statement.

Here nothing is reset, because there is nothing to reset: session state lives in transactions only (``SET LOCAL``),
and a connection that comes back inside a transaction or cut off in mid-exchange is closed.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from contextvars import Context
from time import monotonic
from typing import Any

import asyncpg
import orjson
from asyncpg.exceptions import InterfaceError, InternalClientError, PostgresError

from integrations.stores.postgres.address import Address

# How long a connection that is being thrown away may take to cancel its statement on the server and say goodbye.
CLOSE_SECONDS = 1.0
# Connections above the minimum are closed after this long without use.
IDLE_SECONDS = 300.0

# A prepared statement is planned once. By itself PostgreSQL plans a look-up by keys anew at each execution, as it takes
# an array to be longer than ours are; planning takes up to ten times as long as such a look-up.
GENERIC_PLANS = "SET plan_cache_mode = force_generic_plan"
# For statements whose best plan depends on the values: lists with filters that may be absent.
CUSTOM_PLANS = "SET plan_cache_mode = force_custom_plan"


class PlanningConnection(asyncpg.Connection):
    """A connection that plans a prepared statement once, but for those that ask for a plan of their values.

    Attributes:
        plans_once: whether it does; not through a transaction pooler, where the setting would be somebody else's.
    """

    plans_once = False

    async def plan_once(self) -> None:
        """Begin to."""
        await self.execute(GENERIC_PLANS)
        self.plans_once = True

    async def fetch_planned(self, sql: str, *args: Any, timeout: float | None = None, **options: Any) -> Any:
        """As ``fetch``, by a plan that is made for these values; two short exchanges more."""
        if not self.plans_once:
            return await self.fetch(sql, *args, timeout=timeout, **options)
        await self.execute(CUSTOM_PLANS, timeout=timeout)
        try:
            rows = await self.fetch(sql, *args, timeout=timeout, **options)
        except PostgresError:
            # Where the transaction is lost, the setting is lost with it.
            with contextlib.suppress(PostgresError):
                await self.execute(GENERIC_PLANS, timeout=timeout)
            raise
        await self.execute(GENERIC_PLANS, timeout=timeout)
        return rows


class PooledConnection:
    """A connection: when it was last used, whether an exchange on it was cut off, and whether it does long work."""

    __slots__ = ("asked_at", "connection", "cut_off", "patient", "used_at")

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.cut_off = False
        self.patient = False
        self.asked_at = 0.0
        self.used_at = monotonic()


class SlowCallDetector:
    """Notices exchanges that take long: one timer for all of them, where one for each would cost 1 us an exchange.

    Args:
        seconds: what takes longer is noticed, once.
        noticed: is called then.
    """

    def __init__(self, seconds: float, noticed: Callable[[], None]) -> None:
        self._seconds = seconds
        self._noticed = noticed
        self._asked: set[PooledConnection] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, entry: PooledConnection, started: float) -> None:
        """Note that a connection was asked something, at ``started`` by the monotonic clock."""
        entry.asked_at = started
        self._asked.add(entry)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._look)

    def end(self, entry: PooledConnection) -> None:
        """Note that it answered, or will not."""
        self._asked.discard(entry)

    def _look(self) -> None:
        self._timer = None
        due = monotonic() - self._seconds
        late = {entry for entry in self._asked if entry.asked_at <= due}
        self._asked -= late
        if self._asked:
            wait = min(entry.asked_at for entry in self._asked) - due
            self._timer = asyncio.get_running_loop().call_later(wait, self._look)
        if late:
            self._noticed()


async def open_connection(address: Address, application_name: str, seconds: float) -> PooledConnection:
    """Connect, with JSON columns as Python values (by orjson).

    Raises:
        TimeoutError: not connected after ``seconds``.
        OSError, PostgresError, InterfaceError, InternalClientError: the server refused or is not there.
    """
    async with asyncio.timeout(seconds):
        connection = await asyncpg.connect(
            address.dsn,
            connection_class=PlanningConnection,
            ssl=address.tls,
            # Through a transaction pooler the next statement may meet another server session.
            statement_cache_size=0 if address.pooled else 1024,
            # Expiring a statement would send a DEALLOCATE that asyncpg exempts from every timeout.
            max_cached_statement_lifetime=0,
            # In UTC moments in JSON read as our answers write them.
            server_settings={"application_name": application_name, "timezone": "UTC"},
        )
        try:
            await _read_json(connection)
            if not address.pooled:
                await connection.plan_once()
        except BaseException:
            connection.terminate()
            raise
    return PooledConnection(connection)


async def _read_json(connection: asyncpg.Connection) -> None:
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
    """One entry per connection that may be open: the last used at the end, those not yet opened (None) before.

    One that comes back goes to whoever has waited longest, and nobody overtakes: with ``asyncio.Queue`` a caller who
    comes in the same turn of the event loop takes it first, and who was woken for it waits behind all others again.
    """

    def __init__(self, number: int) -> None:
        self.entries: deque[PooledConnection | None] = deque([None] * number)
        self._waiting: deque[asyncio.Future[PooledConnection | None]] = deque()

    def put(self, entry: PooledConnection | None) -> None:
        """Hand an entry to who waits longest, or keep it."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.cancelled():
                turn.set_result(entry)
                return
        if entry is None:
            self.entries.appendleft(None)
        else:
            self.entries.append(entry)

    async def get(self) -> PooledConnection | None:
        """The entry used last, or the next to come back."""
        if self.entries:
            return self.entries.pop()
        turn: asyncio.Future[PooledConnection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with contextlib.suppress(ValueError):  # put has met it already
                    self._waiting.remove(turn)
            else:
                self.put(turn.result())  # it came in the moment of giving up
            raise


class Pool:
    """At most ``maximum`` connections, opened when needed.

    Args:
        address: the server.
        application_name: what the server shows as ``application_name``.
        minimum: how many ``fill`` opens and ``trim`` spares.
        maximum: how many may be open or lent at the same time.
    """

    def __init__(self, address: Address, application_name: str, minimum: int, maximum: int) -> None:
        if not 0 <= minimum <= maximum or maximum < 1:
            raise ValueError(f"there is no pool of {minimum} to {maximum} connections")
        self._address = address
        self._application_name = application_name
        self._minimum = minimum
        self._maximum = maximum
        self._slots = _Slots(maximum)
        self._opened: set[PooledConnection] = set()
        self._closing: set[asyncio.Task[None]] = set()

    def take_ready(self) -> PooledConnection | None:
        """An open connection nobody uses, at once; None if there is none."""
        entries = self._slots.entries
        while entries and (entry := entries[-1]) is not None:
            entries.pop()
            if not entry.connection.is_closed():
                return entry
            self._free(entry)
        return None

    async def take(self, seconds: float) -> PooledConnection:
        """A connection, waiting for one to come back, or opening one.

        Raises:
            TimeoutError: all are lent and none came back, or the server did not answer, within ``seconds``.
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: the server could not be reached or refused.
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
            self._opened.add(entry)
            return entry

    def give(self, entry: PooledConnection) -> None:
        """Take a connection back; one that is not as it was is closed."""
        if entry.connection.is_closed():
            self._free(entry)
        elif entry.cut_off or entry.connection.is_in_transaction():
            self._discard(entry)
        else:
            entry.used_at = monotonic()
            self._slots.put(entry)

    def drop_idle(self) -> None:
        """Close all that nobody uses: the server they lead to is gone."""
        for entry in list(self._slots.entries):
            self._drop(entry)

    def drop(self) -> None:
        """Close all but those that do long work: the server does not answer, and whoever waits for it is to know."""
        self.drop_idle()
        for entry in self._opened:
            if not entry.patient:
                entry.connection.terminate()

    def trim(self) -> None:
        """Close, above the minimum, what nobody used for five minutes."""
        for entry in list(self._slots.entries):
            if entry is not None and entry.used_at < monotonic() - IDLE_SECONDS and len(self._opened) > self._minimum:
                self._drop(entry)

    async def fill(self, seconds: float) -> None:
        """Open the minimum. Raises like ``take``."""
        taken: list[PooledConnection] = []
        try:
            while len(self._opened) < self._minimum:
                taken.append(await self.take(seconds))
        finally:
            for entry in taken:
                self.give(entry)

    async def close(self, grace: float) -> None:
        """Close all connections; those still lent are cut off after ``grace`` seconds."""
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

    def figures(self) -> dict[str, int]:
        """How many connections are open (``size``), unused (``idle``), lent (``in_use``), and allowed (``max``)."""
        idle = sum(entry is not None and not entry.connection.is_closed() for entry in self._slots.entries)
        in_use = self._maximum - len(self._slots.entries)
        return {"size": idle + in_use, "idle": idle, "in_use": in_use, "max": self._maximum}

    def _drop(self, entry: PooledConnection | None) -> None:
        if entry is not None:
            self._slots.entries.remove(entry)
            entry.connection.terminate()
            self._free(entry)

    def _free(self, entry: PooledConnection | None) -> None:
        if entry is not None:
            self._opened.discard(entry)
        self._slots.put(None)

    def _discard(self, entry: PooledConnection) -> None:
        task = asyncio.create_task(_close_gracefully(entry), context=Context())
        self._closing.add(task)

        def closed(task: asyncio.Task[None]) -> None:
            self._closing.discard(task)
            self._free(entry)

        task.add_done_callback(closed)


async def _close_gracefully(entry: PooledConnection) -> None:
    """Let asyncpg finish its cancel request and close; a server that does not react is left after a second."""
    with contextlib.suppress(OSError, PostgresError, InterfaceError, InternalClientError):
        await entry.connection.close(timeout=CLOSE_SECONDS)
