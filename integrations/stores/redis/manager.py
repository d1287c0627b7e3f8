"""Redis, the cache: routes, counters and rate limits. Redis holds only data that can be lost."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from time import monotonic
from typing import Any

import orjson
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import ClusterError, OutOfMemoryError, ReadOnlyError, RedisClusterException, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError

from integrations.batches import in_batches
from integrations.deadline import remaining
from integrations.errors import OutsideError, Refused
from integrations.stores.availability import Availability, Patience
from integrations.stores.redis.address import RedisAddress
from integrations.timings import Timings

STORE = "cache"
CLIENT_NAME = "baggage-gateway"
SLOW_SECONDS = 0.05
HEALTH_TIMEOUT_SECONDS = 0.05
GRACE_SECONDS = 1.0
CONNECT_SECONDS = 2.0
BATCH = 500
BATCH_SECONDS = 2.0
# Connections for probes: those of one round may wait at the same time.
PROBE_CONNECTIONS = 3
PATIENCE = Patience(slow_call=0.2, late_probe=0.1, probe=0.25)

DRIVER_ERRORS = (RedisError, RedisClusterException, OSError)  # TimeoutError is an OSError
UNREACHABLE = (
    *(RedisConnectionError, ReadOnlyError, OutOfMemoryError, OSError),
    *(RedisClusterException, ClusterError),  # no node responds, no node has the slot, or the cluster does not serve
)

# First words of errors of a server that cannot serve at present: no disk is left, its replicas or its primary are away.
NOT_OF_THE_CALL = ("MISCONF", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN")

# A sliding window in SLICES parts on the server's clock: it counts the calls of the last ten whole slices and of the
# current one. No period of the window's length holds more than `limit` calls, and a call stops counting at most a tenth
# of the window late. Each key is one small hash that expires when unused, so memory does not grow with the limit.
SLICES = 10
RATE_LIMIT = """
local limit, window, slices = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local current = math.floor((time[1] * 1000000 + time[2]) / (window * 1000000 / slices))
local used = 0
local counts = redis.call('HGETALL', KEYS[1])
for i = 1, #counts, 2 do
  if tonumber(counts[i]) < current - slices then
    redis.call('HDEL', KEYS[1], counts[i])
  else
    used = used + counts[i + 1]
  end
end
if used >= limit then
  return {0, 0}
end
redis.call('HINCRBY', KEYS[1], string.format('%.0f', current), 1)
redis.call('PEXPIRE', KEYS[1], math.ceil(window * 1000 * (1 + 1 / slices)))
return {1, limit - used - 1}
"""

# Prefixes that record a value's type. Text has none, so that people and other clients can read it.
JSON, RAW, TEXT = b"json:", b"raw:", b"text:"

Client = Redis | RedisCluster
WarmSource = Callable[[], Awaitable[Mapping[str, tuple[bytes | str, int]]]]


class RedisManager:
    """Redis client, bounded in connections and in time: a slow cache is worse than none.

    ``connect`` does not raise: while the server is down, calls raise ``Unavailable`` at once until a background probe
    succeeds. All calls raise ``Unavailable`` (``DeadlineExceeded`` if the request's own time is up) or ``Refused``.

    Values are text, bytes or anything that JSON can hold, and keep their type.

    Args:
        redis_url: ``redis://`` or with verified TLS ``rediss://``; Redis 6.2 or later, or Valkey; one server.
        timeout: seconds that a call may take.
        warm_source: returns the content of ``warm_cache_for_copa``: key -> (value, seconds to live).
        max_connections: size of the pool; probes hold up to three more.
    """

    # Commands with several keys.
    _mget: Callable[..., Any] = staticmethod(Redis.mget)
    _delete: Callable[..., Any] = staticmethod(Redis.delete)

    def __init__(
        self,
        redis_url: str,
        *,
        timeout: float = 0.25,
        warm_source: WarmSource | None = None,
        max_connections: int = 20,
    ) -> None:
        self._address = RedisAddress.parse(redis_url)
        self._timeout = timeout
        self._warm_source = warm_source
        self._client, self._probe_client = self._open_clients(max_connections)
        self._rate_limit = AsyncScript(self._client, RATE_LIMIT)
        self._availability = Availability(STORE, self._probe, patience=PATIENCE)
        self._bounded_call: Callable[[float], AbstractAsyncContextManager[None]] = self._availability.bounded_call
        self._timings = Timings(STORE, SLOW_SECONDS)

    async def connect(self) -> None:
        """Wait for the first probe of the server, at most two seconds."""
        await self._availability.connect(CONNECT_SECONDS)

    async def disconnect(self) -> None:
        """Close all connections."""
        await self._availability.close()
        for client in (self._client, self._probe_client):
            with suppress(*DRIVER_ERRORS):
                async with asyncio.timeout(GRACE_SECONDS):
                    await self._close(client)

    async def get(self, key: str) -> Any:
        """Return the value, or None if there is none."""
        return decode(await self._call(Redis.get, key))

    async def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return the values of those keys that have one, in one round trip."""
        wanted = list(keys)
        if not wanted:
            return {}
        values = await self._call(self._mget, wanted)
        return {key: decode(value) for key, value in zip(wanted, values, strict=True) if value is not None}

    async def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        """Store a value, for ``ttl`` seconds or until memory runs short.

        Raises:
            TypeError: JSON cannot hold the value.
        """
        await self._call(Redis.set, key, encode(value), px=_milliseconds(ttl))

    async def set_many(self, values: Mapping[str, Any], ttl: float | None = None) -> None:
        """Store several values in few round trips; not atomic."""
        await self._set_all([(key, encode(value), ttl) for key, value in values.items()])

    async def delete(self, *keys: str) -> int:
        """Delete keys and return how many existed."""
        return int(await self._call(self._delete, *keys)) if keys else 0

    async def incr(self, key: str, amount: int = 1) -> int:
        """Add to a counter, 0 where there is none, and return the new count."""
        return int(await self._call(Redis.incrby, key, amount))

    async def get_metric(self, key: str) -> int | float:
        """Return a counter or gauge, 0 if it was never set."""
        value = await self._call(Redis.get, key)
        return _number(value) if value is not None else 0

    async def set_metric(self, key: str, value: int | float) -> None:
        """Set a counter or gauge; ``incr`` continues from a whole number."""
        await self._call(Redis.set, key, repr(value))

    async def hset(
        self, key: str, field: str | None = None, value: Any = None, *, mapping: Mapping[str, Any] | None = None
    ) -> None:
        """Set one field of a hash, or all fields of ``mapping``, in one round trip."""
        fields = dict(mapping or {}) if field is None else {**(mapping or {}), field: value}
        if fields:
            await self._call(Redis.hset, key, mapping={name: encode(item) for name, item in fields.items()})

    async def hget(self, key: str, field: str) -> Any:
        """Return the value of a field, or None."""
        return decode(await self._call(Redis.hget, key, field))

    async def hgetall(self, key: str) -> dict[str, Any]:
        """Return all fields of a hash; empty if there is none."""
        fields = await self._call(Redis.hgetall, key)
        return {name.decode(): decode(value) for name, value in fields.items()}

    async def check_rate_limit(self, key: str, limit: int, window: int) -> tuple[bool, int]:
        """Count one more call if the limit allows it.

        Exact for any number of callers. No ``window`` seconds hold more than ``limit`` calls. A call stops counting
        ``window`` to 1.1 times ``window`` seconds after it. Rejected calls are not counted.

        Args:
            key: caller and operation, like ``api:user:123``.
            limit: calls.
            window: seconds, at least 1.

        Returns:
            Whether the call may pass, and how many more could follow it.

        Raises:
            ValueError: the window is shorter than one second.
        """
        if window < 1:
            raise ValueError(f"window must be at least 1 second, not {window}")
        # The window is part of the key, since slices of another length have other numbers.
        allowed, left = await self._call(_run_script, self._rate_limit, f"rate:{key}:{window}", limit, window, SLICES)
        return bool(allowed), int(left)

    def get_availability_stats(self) -> dict[str, float]:
        """Return ``up`` and ``degraded`` (0 or 1), ``slow_calls`` so far, and ``probe_seconds`` of the last probe."""
        return self._availability.stats()

    def get_statement_stats(self) -> dict[str, dict[str, float]]:
        """Return ``{command: {"calls", "errors", "seconds", "slowest"}}``."""
        return self._timings.by_name()

    async def warm_cache_for_copa(self) -> int:
        """Store the values that the airline's agents query first, and return how many. Safe to repeat."""
        if self._warm_source is None:
            return 0
        values = await self._warm_source()
        await self._set_all([(key, encode(value), ttl) for key, (value, ttl) in values.items()])
        return len(values)

    async def health_check(self) -> dict[str, Any]:
        """Return ``{"status": "healthy" | "unhealthy", "latency_ms", "checked_ms_ago", ...}`` within 50 ms.

        Never raises. The other fields are ``version`` and ``memory`` (``used_bytes``, ``peak_bytes``, ``max_bytes``
        with 0 for no bound, ``fragmentation``), or ``error`` with the driver's message.
        """
        return await self._availability.health(HEALTH_TIMEOUT_SECONDS)

    def _open_clients(self, max_connections: int) -> tuple[Any, Any]:
        """Return the client of calls and that of probes."""
        return self._open(max_connections), self._open(PROBE_CONNECTIONS)

    async def _close(self, client: Any) -> None:
        await client.aclose()

    def _open(self, connections: int) -> Redis:
        pool = BlockingConnectionPool.from_url(
            self._address.url,
            max_connections=connections,
            protocol=2,
            client_name=CLIENT_NAME,
            driver_info=None,  # would cost two more round trips per connection, which Redis 6 rejects anyway
            # One deadline around each call replaces the client's several. A broken connection is opened again once.
            # A command is not repeated after a timeout, since the server may have counted it.
            timeout=None,
            socket_timeout=None,
            socket_connect_timeout=None,
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        )
        return Redis.from_pool(pool)

    async def _set_all(self, items: list[tuple[str, bytes, float | None]]) -> None:
        for batch in in_batches(items, BATCH):
            await self._call(_set_batch, batch, seconds=max(self._timeout, BATCH_SECONDS))

    async def _call(
        self, command: Callable[..., Awaitable[Any]], *args: Any, seconds: float | None = None, **options: Any
    ) -> Any:
        """Run one command within its deadline and translate its errors."""
        left = remaining(seconds or self._timeout, STORE)
        self._availability.raise_if_down()
        started = monotonic()
        failed = True
        try:
            async with self._bounded_call(left):
                result = await command(self._client, *args, **options)
            failed = False
            return result
        except DRIVER_ERRORS as error:
            self._timings.add_error(command.__name__)
            raise self._translate(error, command.__name__) from None  # the driver's message may repeat arguments
        finally:
            self._timings.add(command.__name__, monotonic() - started, failed=failed)

    def _translate(self, error: BaseException, command: str) -> OutsideError:
        """Return the error for the caller of a command that failed with a driver's error."""
        reason = f"{command}: {_reason(error)}"
        if not (isinstance(error, UNREACHABLE) or str(error).startswith(NOT_OF_THE_CALL)):
            self._availability.call_completed(0.0)  # the server responded
            return Refused(STORE, reason)
        self._availability.request_probe()
        if isinstance(error, TimeoutError):
            return self._availability.timed_out(f"{command}: no response in time")
        return self._availability.unavailable(reason)

    async def _probe(self) -> dict[str, Any]:
        """Query the server on a connection outside the pool."""
        async with self._probe_client.pipeline(transaction=False) as pipeline:
            pipeline.info("server")
            pipeline.info("memory")
            server, memory = await pipeline.execute()
        return {
            "version": server["redis_version"],
            "memory": {
                "used_bytes": memory["used_memory"],
                "peak_bytes": memory["used_memory_peak"],
                "max_bytes": memory["maxmemory"],
                "fragmentation": memory["mem_fragmentation_ratio"],
            },
        }


def encode(value: Any) -> bytes:
    """Return a value in the form in which Redis stores it; ``decode`` is the inverse.

    Raises:
        TypeError: the value is not text, bytes or JSON.
    """
    if isinstance(value, str):
        text = value.encode()
        return TEXT + text if text.startswith((JSON, RAW, TEXT)) else text
    if isinstance(value, bytes):
        return RAW + value
    return JSON + orjson.dumps(value)


def decode(data: bytes | None) -> Any:
    """Return the value that ``encode`` was given; None for None."""
    if data is None:
        return None
    if data.startswith(JSON):
        return orjson.loads(data[len(JSON) :])
    if data.startswith(RAW):
        return data[len(RAW) :]
    return data.removeprefix(TEXT).decode()


async def _run_script(client: Client, script: AsyncScript, key: str, *args: int) -> Any:
    """Run the script by its hash; the client sends the text again where a restarted server no longer has it."""
    return await script(keys=[key], args=args, client=client)


async def _set_batch(client: Client, items: Sequence[tuple[str, bytes, float | None]]) -> None:
    async with client.pipeline(transaction=False) as pipeline:
        for key, data, ttl in items:
            pipeline.set(key, data, px=_milliseconds(ttl))
        await pipeline.execute()


def _milliseconds(ttl: float | None) -> int | None:
    return None if ttl is None else max(1, round(ttl * 1000))


def _number(data: bytes) -> int | float:
    try:
        return int(data)
    except ValueError:
        return float(data)


def _reason(error: BaseException) -> str:
    """Return the error's message without the arguments that Redis repeats for an unknown command."""
    return f"{type(error).__name__}: {error}".partition(", with args")[0]
