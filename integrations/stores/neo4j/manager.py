"""Neo4j, the graph of journeys: a projection that can be rebuilt at any time."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from neo4j import READ_ACCESS, WRITE_ACCESS, AsyncDriver, AsyncGraphDatabase, AsyncResult, AsyncSession, Query
from neo4j.exceptions import (
    AuthError,
    ConnectionAcquisitionTimeoutError,
    ConstraintError,
    CypherSyntaxError,
    DriverError,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
    TransientError,
)
from neo4j.graph import Node, Relationship
from neo4j.time import Date, DateTime, Time

from integrations.deadline import remaining
from integrations.errors import Conflict, OutsideError, Refused
from integrations.stores.availability import Availability, backoff
from integrations.timings import Timings

STORE = "graph"
SLOW_SECONDS = 2.0
HEALTH_PATIENCE_SECONDS = 0.05
CONNECT_SECONDS = 2.0
SCHEMA_SECONDS = 120.0
GRACE_SECONDS = 2.0
USER_AGENT = "baggage-gateway"

SERVER = "CALL dbms.components() YIELD name, versions, edition RETURN versions[0] AS version, edition LIMIT 1"
PING = "RETURN 1 AS answer"
AWAIT_INDEXES = "CALL db.awaitIndexes(60)"

DRIVER_ERRORS = (Neo4jError, DriverError, OSError)  # TimeoutError is an OSError
LOST = (ServiceUnavailable, SessionExpired)
UNREACHABLE = (*LOST, ConnectionAcquisitionTimeoutError, AuthError, TransientError, OSError)
# Values that need no look inside.
PLAIN = frozenset({str, int, float, bool, bytes, type(None)})

# A string, a quoted name or a comment, inside of which a semicolon ends nothing; or the semicolon itself.
TOKEN = re.compile(
    r"""(?P<quoted>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:``|[^`])*`)|(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<end>;)""",
    re.DOTALL,
)

Row = dict[str, Any]
Statement = tuple[str, Mapping[str, Any] | None, str | None]
T = TypeVar("T")


class Neo4jManager:
    """The official driver, bounded in connections and in time.

    ``connect`` does not raise: where the server is down, calls raise ``Unavailable`` at once until a background probe
    finds it again. All calls raise ``Unavailable`` (``DeadlineExceeded`` if the request's own time is up), ``Refused``
    or ``Conflict`` (a uniqueness constraint, or a deadlock that lasted).

    Args:
        uri: ``bolt://``, ``neo4j://``, or with TLS ``bolt+s://``, ``neo4j+s://``.
        user: who signs in.
        password: with what.
        database: Community has one, ``neo4j``.
        timeout: seconds that a call may take, retries included, unless it says otherwise.
        max_connections: the bound of the pool; the probe holds one more.
    """

    def __init__(
        self,
        uri: str,
        user: str,
        password: str,
        database: str = "neo4j",
        *,
        timeout: float = 5.0,
        max_connections: int = 10,
    ) -> None:
        self._uri = uri
        self._credentials = (user, password)
        self._database = database
        self._timeout = timeout
        self._max_connections = max_connections
        self._driver: AsyncDriver | None = None
        self._probe_driver: AsyncDriver | None = None
        self._server: Row | None = None
        self._timings = Timings(STORE, SLOW_SECONDS)
        self._availability = Availability(STORE, self._probe, when_down=self._forget_server)

    async def connect(self) -> None:
        """Find out whether the server answers; returns within ``timeout`` seconds."""
        self._driver = self._driver or self._open(self._max_connections)
        self._probe_driver = self._probe_driver or self._open(1)
        await self._availability.connect(self._timeout)

    async def disconnect(self) -> None:
        """Close all connections."""
        await self._availability.close()
        drivers = (self._driver, self._probe_driver)
        self._driver = self._probe_driver = None
        for driver in filter(None, drivers):
            with suppress(*DRIVER_ERRORS):
                async with asyncio.timeout(GRACE_SECONDS):
                    await driver.close()

    async def execute_read(
        self,
        cypher: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        timeout: float | None = None,
    ) -> list[Row]:
        """The rows of a statement that only reads; sent again once if the connection breaks.

        Values are plain: maps for nodes and relationships, ``date`` and ``datetime`` (in UTC where a zone was given)
        for temporal ones.
        """

        async def read(seconds: float) -> list[Row]:
            async with self._session(self._driver, READ_ACCESS) as session:
                query = Query(cypher, {"name": name or "unnamed"}, seconds)
                return await self._timed(name, session.run(query, dict(parameters or {})))

        return await self._attempt(read, name, timeout)

    async def execute_write(
        self,
        cypher: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        timeout: float | None = None,
    ) -> list[Row]:
        """Run a statement in a transaction of its own and return its rows, see ``execute_write_many``."""
        return (await self.execute_write_many([(cypher, parameters, name)], timeout=timeout))[0]

    async def execute_write_many(
        self, statements: Sequence[Statement], *, timeout: float | None = None
    ) -> list[list[Row]]:
        """Run ``(cypher, parameters, name)`` in one transaction: all happen or none; the rows of each.

        Repeated after a deadlock as long as time is left, and once if the connection breaks before the commit. If it
        breaks during the commit (``Unavailable``) nobody knows, so statements should be repeatable (MERGE).
        """
        first_name = statements[0][2] if statements else None

        async def write(seconds: float) -> list[list[Row]]:
            async with self._session(self._driver, WRITE_ACCESS) as session:
                transaction = await session.begin_transaction({"name": first_name or "unnamed"}, seconds)
                async with transaction:
                    return [
                        await self._timed(name, transaction.run(cypher, dict(parameters or {})))
                        for cypher, parameters, name in statements
                    ]

        return await self._attempt(write, first_name, timeout)

    async def load_schema(self, path: str | Path) -> int:
        """Run the statements of a ``.cypher`` file, or of all such files of a folder by name; return how many.

        Each runs in a transaction of its own, since Neo4j does not mix schema and data in one; they should be
        repeatable (``IF NOT EXISTS``). Waits until the indexes are ready.

        Raises:
            Refused: names the file and the number of the statement.
        """
        statements = read_statements(Path(path))
        for name, cypher in statements:
            await self.execute_write(cypher, name=name, timeout=SCHEMA_SECONDS)
        await self.execute_read(AWAIT_INDEXES, name="AWAIT_INDEXES", timeout=SCHEMA_SECONDS)
        return len(statements)

    async def health_check(self) -> dict[str, Any]:
        """``{"status": "healthy" | "unhealthy", "latency_ms", "checked_ms_ago", ...}`` within 50 ms; never raises.

        Besides ``version`` and ``edition`` of the server, or ``error`` with the driver's words.
        """
        return await self._availability.report(HEALTH_PATIENCE_SECONDS)

    def get_statement_stats(self) -> dict[str, dict[str, float]]:
        """``{name: {"calls", "errors", "seconds", "slowest"}}``."""
        return self._timings.by_name()

    def _open(self, connections: int) -> AsyncDriver:
        return AsyncGraphDatabase.driver(
            self._uri,
            auth=self._credentials,
            user_agent=USER_AGENT,
            max_connection_pool_size=connections,
            connection_timeout=min(CONNECT_SECONDS, self._timeout),
            connection_acquisition_timeout=self._timeout,
            # A connection that the server dropped while it was idle is noticed before it is used.
            liveness_check_timeout=30,
            notifications_min_severity="OFF",
            telemetry_disabled=True,
        )

    def _session(self, driver: AsyncDriver | None, access: str) -> AsyncSession:
        if driver is None:
            raise self._availability.unavailable("not connected")
        return driver.session(database=self._database, default_access_mode=access)

    async def _attempt(self, work: Callable[[float], Awaitable[T]], name: str | None, timeout: float | None) -> T:
        """Do the work within the deadline, again where that is safe and has a chance."""
        ends_at = monotonic() + remaining(timeout or self._timeout, STORE)
        self._availability.check()
        for attempt in count():
            seconds = ends_at - monotonic()
            try:
                async with self._availability.call(seconds, patient=timeout is not None and timeout > self._timeout):
                    return await work(seconds)
            except DRIVER_ERRORS as error:
                wait = _wait_before_retry(error, attempt)
                if wait is None or monotonic() + wait >= ends_at:
                    raise self._explain(error, name or "unnamed") from None  # the driver's text may repeat values
            await asyncio.sleep(wait)
        raise AssertionError("the loop ends by itself")

    async def _timed(self, name: str | None, run: Awaitable[AsyncResult]) -> list[Row]:
        started = monotonic()
        try:
            result = await run
            keys = result.keys()
            return [{key: _native(value) for key, value in zip(keys, record, strict=True)} async for record in result]
        finally:
            self._timings.add(name or "unnamed", monotonic() - started)

    def _explain(self, error: BaseException, name: str) -> OutsideError:
        """What the driver's error means for the caller."""
        self._timings.add_error(name)
        code = getattr(error, "code", None) or ""
        reason = f"{name}: {_words(error)}"
        if isinstance(error, ConstraintError) or code.startswith("Neo.TransientError.Transaction."):
            return Conflict(STORE, reason)
        if isinstance(error, TimeoutError) or ".Transaction.TransactionTimedOut" in code:
            self._availability.suspect()
            return self._availability.timed_out(f"{name}: no answer in time")
        if isinstance(error, UNREACHABLE):
            self._availability.suspect()
            return self._availability.unavailable(reason)
        return Refused(STORE, reason)

    async def _probe(self) -> dict[str, Any]:
        """A sign of life on a connection outside the pool; once after each outage also who answers."""
        try:
            async with self._session(self._probe_driver, READ_ACCESS) as session:
                result = await session.run(SERVER if self._server is None else PING)
                record = await result.single(strict=True)
        except DRIVER_ERRORS as error:
            raise self._availability.unavailable(_words(error)) from None
        if self._server is None:
            self._server = {"version": record["version"], "edition": record["edition"]}
        return self._server

    def _forget_server(self) -> None:
        self._server = None


def split_statements(text: str) -> list[str]:
    """The statements of a ``.cypher`` text, without comments; ``;`` inside strings and quoted names ends nothing."""
    statements = [""]
    position = 0
    for token in TOKEN.finditer(text):
        statements[-1] += text[position : token.start()]
        position = token.end()
        if token["quoted"]:
            statements[-1] += token["quoted"]
        elif token["end"]:
            statements.append("")
        else:
            statements[-1] += " "
    statements[-1] += text[position:]
    return [statement.strip() for statement in statements if statement.strip()]


def read_statements(path: Path) -> list[tuple[str, str]]:
    """``(name, statement)`` from a file or a folder; the name is the file's and the number of the statement in it.

    Raises:
        FileNotFoundError: there is no such file or folder.
    """
    files: Iterable[Path] = sorted(path.glob("*.cypher")) if path.is_dir() else [path]
    return [
        (f"{file.name}:{number}", statement)
        for file in files
        for number, statement in enumerate(split_statements(file.read_text(encoding="utf-8")), start=1)
    ]


def _wait_before_retry(error: BaseException, attempt: int) -> float | None:
    """Seconds until a repetition is worth it, None if it is not."""
    if isinstance(error, TransientError) and error.code and error.code.startswith("Neo.TransientError.Transaction."):
        return backoff(attempt, first=0.02, longest=0.5)
    if attempt == 0 and isinstance(error, LOST) and error.is_retryable():
        return 0.0
    return None


def _native(value: Any) -> Any:
    """A driver's value in Python's own types."""
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is list:
        return [_native(item) for item in value]
    if kind is dict or isinstance(value, Node | Relationship):
        return {key: _native(item) for key, item in value.items()}
    if kind is DateTime:
        native = value.to_native()
        return native.astimezone(UTC) if native.tzinfo else native
    if kind in {Date, Time}:
        return value.to_native()
    return value


def _words(error: BaseException) -> str:
    """What went wrong, without the values that Neo4j repeats in most messages."""
    if isinstance(error, CypherSyntaxError):
        return f"{error.code}: {error.message}"
    if isinstance(error, Neo4jError) and error.code:
        return error.code
    return f"{type(error).__name__}: {error}".replace("\n", " ")
