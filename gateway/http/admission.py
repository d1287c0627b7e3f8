"""Admission of requests: how many operations run at the same time in this process, of one caller, and of one airline.

What is beyond a limit is rejected at once, before its document is parsed. There is no queue: a client that retries
after a second is served sooner than one that waits behind others, and memory does not grow with the load.

The limits nest. Mutations may take all places, reads three quarters, wide reads an eighth, so mutations find a place
while reads are rejected, and short reads while wide ones are. Ingestion has places of its own
(``gateway.http.ingest``).
"""

import logging
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from http import HTTPStatus
from time import monotonic

from gateway.http.graphql_request import RequestError
from resolvers.actor import Actor
from schema.runtime.errors import ErrorCode
from schema.runtime.operations import RequestClass

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 1
# Codes of rejections: of one caller, and of the process.
REJECTIONS = (ErrorCode.TOO_MANY_REQUESTS, ErrorCode.OVERLOADED)
# Request bodies that are received at the same time, for each place: a body may come slowly, and takes memory up to its
# limit.
BODIES_A_PLACE = 4
# An airline counts as waiting for so long after a rejection.
WAITING_SECONDS = 1.0
# A line of the log for each rejection would take a third of its time.
LOG_SECONDS = 1.0


class Gate:
    """Places that airlines share: any of them may take free places, until few are left and others need some too.

    Args:
        limit: number of places.
        now: the clock, in seconds.
    """

    __slots__ = ("_contended", "_limit", "_now", "_running_of", "_waiting_until", "running")

    def __init__(self, limit: int, now: Callable[[], float] = monotonic) -> None:
        self.running = 0
        self._limit = limit
        self._contended = limit - limit // 4
        self._now = now
        self._running_of: dict[Hashable, int] = {}
        self._waiting_until: dict[Hashable, float] = {}

    def has_place(self, airline: Hashable) -> bool:
        """Return whether an airline may take a place now; it counts as waiting if it may not."""
        if self.running < self._contended:
            return True
        if self.running < self._limit and self._running_of.get(airline, 0) < self._share(airline):
            return True
        self._waiting_until[airline] = self._now() + WAITING_SECONDS
        return False

    def enter(self, airline: Hashable) -> None:
        """Take a place."""
        self.running += 1
        self._running_of[airline] = self._running_of.get(airline, 0) + 1

    def leave(self, airline: Hashable) -> None:
        """Give a place back."""
        self.running -= 1
        left = self._running_of[airline] - 1
        if left:
            self._running_of[airline] = left
        else:
            del self._running_of[airline]

    def _share(self, airline: Hashable) -> int:
        """Return the places of an airline while others have or want some too."""
        now = self._now()
        self._waiting_until = {one: until for one, until in self._waiting_until.items() if until > now}
        sharing = {airline, *self._running_of, *self._waiting_until}
        return max(self._limit // len(sharing), 1)


class _Class:
    """The gates that a class of operations passes, and how many passed them."""

    __slots__ = ("admitted", "gates")

    def __init__(self, gates: tuple[Gate, ...]) -> None:
        self.gates = gates
        self.admitted = 0


class RequestLimiter:
    """Limits the operations that run at the same time.

    Args:
        process: most operations in this process.
        of_caller: most operations of one caller in this process.
        now: the clock, in seconds.
    """

    def __init__(self, process: int, of_caller: int, now: Callable[[], float] = monotonic) -> None:
        self.bodies = 0
        self.rejected = Counter[str]()
        self._process = process
        self._of_caller = of_caller
        everything, reads, wide = (
            Gate(places, now) for places in (process, max(process * 3 // 4, 1), max(process // 8, 1))
        )
        self._everything = everything
        self._classes = {
            RequestClass.MUTATION: _Class((everything,)),
            RequestClass.READ: _Class((everything, reads)),
            RequestClass.WIDE_READ: _Class((everything, reads, wide)),
        }
        self._callers: dict[Hashable, int] = {}
        self._now = now
        self._unlogged = 0
        self._log_from = now()

    @property
    def admitted(self) -> Mapping[RequestClass, int]:
        """Operations admitted so far, by class."""
        return {kind: one.admitted for kind, one in self._classes.items()}

    @property
    def running(self) -> int:
        """Operations that run now."""
        return self._everything.running

    def begin_body(self) -> None:
        """Count a request whose body is being received until ``end_body``; only where any class may have a place.

        Raises:
            RequestError: the process has reached its limit.
        """
        if self._everything.running >= self._process or self.bodies >= self._process * BODIES_A_PLACE:
            raise self._overloaded()
        self.bodies += 1

    def end_body(self) -> None:
        """End what ``begin_body`` began."""
        self.bodies -= 1

    def place(self, actor: Actor, address: str, kind: RequestClass) -> "Place":
        """Return a context manager that holds a place for an operation.

        Args:
            address: of the client; identifies a caller without a credential.
            kind: class of the operation.

        Raises:
            RequestError: a limit is reached.
        """
        airline = actor.airline_id
        caller: Hashable = address if actor.role is None else (airline, actor.id)
        if self._callers.get(caller, 0) >= self._of_caller:
            raise self._too_many()
        of_class = self._classes[kind]
        for gate in of_class.gates:
            if not gate.has_place(airline):
                raise self._overloaded()
        of_class.admitted += 1
        return Place(self._callers, caller, of_class.gates, airline)

    def _too_many(self) -> RequestError:
        message = f"At most {self._of_caller} requests of one caller run at the same time: retry later."
        return self._rejection(HTTPStatus.TOO_MANY_REQUESTS, ErrorCode.TOO_MANY_REQUESTS, message)

    def _overloaded(self) -> RequestError:
        message = "The server has reached its limit of concurrent requests: retry later."
        return self._rejection(HTTPStatus.SERVICE_UNAVAILABLE, ErrorCode.OVERLOADED, message)

    def _rejection(self, status: HTTPStatus, code: ErrorCode, message: str) -> RequestError:
        self.rejected[code] += 1
        self._unlogged += 1
        if (time := self._now()) >= self._log_from:
            logger.warning("rejected requests: %d, the last one with %s", self._unlogged, code)
            self._unlogged, self._log_from = 0, time + LOG_SECONDS
        return RequestError(
            status, code, message, {"Retry-After": str(RETRY_AFTER_SECONDS)}, retry_after_seconds=RETRY_AFTER_SECONDS
        )


class Place:
    """Context manager of one operation, see ``RequestLimiter.place``; a class, since a generator takes 1 us longer."""

    __slots__ = ("_airline", "_caller", "_callers", "_gates")

    def __init__(
        self, callers: dict[Hashable, int], caller: Hashable, gates: tuple[Gate, ...], airline: Hashable
    ) -> None:
        self._callers = callers
        self._caller = caller
        self._gates = gates
        self._airline = airline

    def __enter__(self) -> None:
        self._callers[self._caller] = self._callers.get(self._caller, 0) + 1
        for gate in self._gates:
            gate.enter(self._airline)

    def __exit__(self, *_: object) -> None:
        for gate in self._gates:
            gate.leave(self._airline)
        left = self._callers[self._caller] - 1
        if left:
            self._callers[self._caller] = left
        else:
            del self._callers[self._caller]
