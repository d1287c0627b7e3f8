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
from neo4j.api import AsyncBookmarkManager
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
HEALTH_TIMEOUT_SECONDS = 0.05
CONNECT_SECONDS = 2.0
SCHEMA_SECONDS = 120.0
GRACE_SECONDS = 2.0
# Connections for probes: those of one round may wait at the same time.
PROBE_CONNECTIONS = 3
USER_AGENT = "baggage-gateway"

SERVER = "CALL dbms.components() YIELD name, versions, edition RETURN versions[0] AS version, edition LIMIT 1"
PING = "RETURN 1 AS alive"
AWAIT_INDEXES = "CALL db.awaitIndexes(60)"

DRIVER_ERRORS = (Neo4jError, DriverError, OSError)  # TimeoutError is an OSError
LOST = (ServiceUnavailable, SessionExpired)
UNREACHABLE = (*LOST, ConnectionAcquisitionTimeoutError, AuthError, TransientError, OSError)
# Codes of a server that failed, as one without disk does, or that accepts no writes: no fault of the statement. What
# fails inside a statement (Neo.DatabaseError.Statement) would fail again.
NOT_OF_THE_CALL = re.compile(
    r"Neo\.DatabaseError\.(?!Statement\.)|Neo\.ClientError\.General\.WriteOnReadOnlyAccessDatabase"
)
# Part of the codes of errors of bookmarks.
BOOKMARKS = "Bookmark"
# Types of values that are passed on unconverted.
PLAIN = frozenset({str, int, float, bool, bytes, type(None)})

# A string, a quoted name or a comment, inside which a semicolon ends no statement; or the semicolon itself.
TOKEN = re.compile(
    r"""(?P<quoted>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:``|[^`])*`)|(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<end>;)""",
    re.DOTALL,
)

Row = dict[str, Any]
Statement = tuple[str, Mapping[str, Any] | None, str | None]
T = TypeVar("T")


class Neo4jManager:
    """The official driver, bounded in connections and in time.

    ``connect`` does not raise: while the server is down, calls raise ``Unavailable`` at once until a background probe
    succeeds. All calls raise ``Unavailable`` (``DeadlineExceeded`` if the request's own time is up), ``Refused`` or
    ``Conflict`` (a uniqueness constraint, or a deadlock that outlasted the retries).

    Args:
        uri: ``bolt://``, ``neo4j://``, or with TLS ``bolt+s://``, ``neo4j+s://``.
        user: name of the account.
        password: password of the account.
        database: name of the database; Community has one, ``neo4j``.
        timeout: seconds that a call may take, retries included, unless it has a timeout of its own.
        max_connections: size of the pool; probes hold up to three more.
        bookmarks: whether a call sees what the calls before it wrote or read. In a cluster, a follower that lacks
            something of it makes the call wait.
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
        bookmarks: bool = False,
    ) -> None:
        self._uri = uri
        self._credentials = (user, password)
        self._database = database
        self._timeout = timeout
        self._max_connections = max_connections
        self._uses_bookmarks = bookmarks
        self._bookmarks: AsyncBookmarkManager | None = None
        self._forget_bookmarks()
        self._driver: AsyncDriver | None = None
        self._probe_driver: AsyncDriver | None = None
        self._server: Row | None = None
        self._timings = Timings(STORE, SLOW_SECONDS)
        self._availability = Availability(STORE, self._probe, on_down=self._on_down, describe=_reason)

    async def connect(self) -> None:
        """Wait for the first probe of the server, at most ``timeout`` seconds."""
        self._driver = self._driver or self._open(self._max_connections)
        self._probe_driver = self._probe_driver or self._open(PROBE_CONNECTIONS)
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
        """Run a statement that only reads and return its rows; sent again once if the connection breaks.

        Values have Python's own types: ``dict`` for nodes and relationships, ``date`` and ``datetime`` (in UTC where a
        zone was given) for temporal values.
        """

        async def read(seconds: float) -> list[Row]:
            async with self._session(READ_ACCESS) as session:
                query = Query(cypher, {"name": name or "unnamed"}, seconds)
                return await self._timed(name, session.run(query, dict(parameters or {})))

        return await self._run_with_retries(read, name, timeout)

    async def execute_write(
        self,
        cypher: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        name: str | None = None,
        timeout: float | None = None,
    ) -> list[Row]:
        """Run a statement in a transaction of its own and return its rows; see ``execute_write_many``."""
        return (await self.execute_write_many([(cypher, parameters, name)], timeout=timeout))[0]

    async def execute_write_many(
        self, statements: Sequence[Statement], *, timeout: float | None = None
    ) -> list[list[Row]]:
        """Run ``(cypher, parameters, name)`` in one transaction, all or none, and return the rows of each.

        The transaction is repeated after a deadlock while time is left, and once if the connection breaks before the
        commit. If it breaks during the commit (``Unavailable``) the outcome is unknown, so statements should be
        repeatable (MERGE).
        """
        first_name = statements[0][2] if statements else None

        async def write(seconds: float) -> list[list[Row]]:
            async with self._session(WRITE_ACCESS) as session:
                transaction = await session.begin_transaction({"name": first_name or "unnamed"}, seconds)
                async with transaction:
                    return [
                        await self._timed(name, transaction.run(cypher, dict(parameters or {})))
                        for cypher, parameters, name in statements
                    ]

        return await self._run_with_retries(write, first_name, timeout)

    async def load_schema(self, path: str | Path) -> int:
        """Run the statements of a ``.cypher`` file, or of all such files of a folder by name; return how many.

        Each statement runs in a transaction of its own, since Neo4j does not mix schema and data in one. Statements
        should be repeatable (``IF NOT EXISTS``). Waits until the indexes are ready.

        Raises:
            Refused: a statement was rejected; the error names the file and the number of the statement.
        """
        statements = read_statements(Path(path))
        for name, cypher in statements:
            await self.execute_write(cypher, name=name, timeout=SCHEMA_SECONDS)
        await self.execute_read(AWAIT_INDEXES, name="AWAIT_INDEXES", timeout=SCHEMA_SECONDS)
        return len(statements)

    async def health_check(self) -> dict[str, Any]:
        """Return ``{"status": "healthy" | "unhealthy", "latency_ms", "checked_ms_ago", ...}`` within 50 ms.

        Never raises. The other fields are ``version`` and ``edition`` of the server, or ``error`` with the driver's
        message.
        """
        return await self._availability.health(HEALTH_TIMEOUT_SECONDS)

    def get_availability_stats(self) -> dict[str, float]:
        """Return ``up`` and ``degraded`` (0 or 1), ``slow_calls`` so far, and ``probe_seconds`` of the last probe."""
        return self._availability.stats()

    def get_statement_stats(self) -> dict[str, dict[str, float]]:
        """Return ``{name: {"calls", "errors", "seconds", "slowest"}}``."""
        return self._timings.by_name()

    def _open(self, connections: int) -> AsyncDriver:
        return AsyncGraphDatabase.driver(
            self._uri,
            auth=self._credentials,
            user_agent=USER_AGENT,
            max_connection_pool_size=connections,
            connection_timeout=min(CONNECT_SECONDS, self._timeout),
            connection_acquisition_timeout=self._timeout,
            # Detects, before the next use, an idle connection that the server has closed.
            liveness_check_timeout=30,
            notifications_min_severity="OFF",
            telemetry_disabled=True,
        )

    def _session(self, access: str) -> AsyncSession:
        if self._driver is None:
            raise self._availability.unavailable("not connected")
        return self._driver.session(
            database=self._database, default_access_mode=access, bookmark_manager=self._bookmarks
        )

    async def _run_with_retries(
        self, run: Callable[[float], Awaitable[T]], name: str | None, timeout: float | None
    ) -> T:
        """Run a call within the deadline; repeat it where that is safe and may succeed."""
        ends_at = monotonic() + remaining(timeout or self._timeout, STORE)
        long_running = timeout is not None and timeout > self._timeout
        self._availability.raise_if_down()
        for attempt in count():
            seconds = ends_at - monotonic()
            try:
                async with self._availability.bounded_call(seconds, long_running=long_running):
                    return await run(seconds)
            except DRIVER_ERRORS as error:
                if isinstance(error, TimeoutError) or BOOKMARKS in _code(error):
                    self._forget_bookmarks()
                wait = _wait_before_retry(error, attempt)
                if wait is None or monotonic() + wait >= ends_at:
                    raise self._translate(error, name or "unnamed") from None  # the driver's message may repeat values
            await asyncio.sleep(wait)
        raise AssertionError("the loop ends by itself")

    async def _timed(self, name: str | None, run: Awaitable[AsyncResult]) -> list[Row]:
        started = monotonic()
        failed = True
        try:
            result = await run
            keys = result.keys()
            rows = [{key: _native(value) for key, value in zip(keys, record, strict=True)} async for record in result]
            failed = False
            return rows
        finally:
            self._timings.add(name or "unnamed", monotonic() - started, failed=failed)

    def _translate(self, error: BaseException, name: str) -> OutsideError:
        """Return the error for the caller of a statement that failed with a driver's error."""
        self._timings.add_error(name)
        code = _code(error)
        reason = f"{name}: {_reason(error)}"
        if isinstance(error, ConstraintError) or code.startswith("Neo.TransientError.Transaction."):
            self._availability.call_completed(0.0)  # the server responded
            return Conflict(STORE, reason)
        if isinstance(error, TimeoutError) or ".Transaction.TransactionTimedOut" in code:
            self._availability.request_probe()
            return self._availability.timed_out(f"{name}: no response in time")
        if isinstance(error, UNREACHABLE) or NOT_OF_THE_CALL.match(code):
            self._availability.request_probe()
            return self._availability.unavailable(reason)
        self._availability.call_completed(0.0)
        return Refused(STORE, reason)

    async def _probe(self) -> dict[str, Any]:
        """Query the server on a connection outside the pool; after an outage also its version and edition."""
        if self._probe_driver is None:
            raise self._availability.unavailable("not connected")
        # Without bookmarks: a server that waits for one is up.
        async with self._probe_driver.session(database=self._database, default_access_mode=READ_ACCESS) as session:
            wants_server = self._server is None
            result = await session.run(SERVER if wants_server else PING)
            record = await result.single(strict=True)
        if wants_server:
            self._server = {"version": record["version"], "edition": record["edition"]}
        return self._server or {}

    def _on_down(self) -> None:
        """Forgets everything of a server that may come back as another one."""
        self._server = None
        self._forget_bookmarks()

    def _forget_bookmarks(self) -> None:
        """Begins without bookmarks: a server that was restored never reaches those of its later life."""
        self._bookmarks = AsyncGraphDatabase.bookmark_manager() if self._uses_bookmarks else None


def split_statements(text: str) -> list[str]:
    """Return the statements of a ``.cypher`` text, without comments.

    A ``;`` inside a string or a quoted name ends no statement.
    """
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
    """Return ``(name, statement)`` of a file or a folder; the name is the file's with the number of the statement.

    Raises:
        FileNotFoundError: there is no such file or folder.
    """
    files: Iterable[Path] = sorted(path.glob("*.cypher")) if path.is_dir() else [path]
    return [
        (f"{file.name}:{number}", statement)
        for file in files
        for number, statement in enumerate(split_statements(file.read_text(encoding="utf-8")), start=1)
    ]


def _code(error: BaseException) -> str:
    """Return the server's code of an error, empty for one of the driver."""
    return getattr(error, "code", None) or ""


def _wait_before_retry(error: BaseException, attempt: int) -> float | None:
    """Return the seconds to wait before a retry, None if a retry makes no sense."""
    if isinstance(error, TransientError) and _code(error).startswith("Neo.TransientError.Transaction."):
        return backoff(attempt, first=0.02, longest=0.5)
    if attempt == 0 and (BOOKMARKS in _code(error) or (isinstance(error, LOST) and error.is_retryable())):
        return 0.0
    return None


def _native(value: Any) -> Any:
    """Return a driver's value in Python's own types."""
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


def _reason(error: BaseException) -> str:
    """Return the error's code or message without the values that Neo4j repeats in most messages."""
    if isinstance(error, CypherSyntaxError):
        return f"{error.code}: {error.message}"
    if isinstance(error, Neo4jError) and error.code:
        return error.code
    return f"{type(error).__name__}: {error}".replace("\n", " ")
