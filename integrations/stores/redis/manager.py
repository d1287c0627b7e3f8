"""Redis, the cache: routes, counters, rate limits. All it holds may be lost at any time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any

import orjson
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError, RedisError

from integrations.deadline import remaining
from integrations.errors import OutsideError, Refused
from integrations.stores.availability import Availability
from integrations.timings import Timings

STORE = "cache"
CLIENT_NAME = "baggage-gateway"
SLOW_SECONDS = 0.05
HEALTH_PATIENCE_SECONDS = 0.05
GRACE_SECONDS = 1.0
CONNECT_SECONDS = 2.0
BATCH = 500
BATCH_SECONDS = 2.0

DRIVER_ERRORS = (RedisError, OSError)  # TimeoutError is an OSError
UNREACHABLE = (RedisConnectionError, ReadOnlyError, OutOfMemoryError, OSError)

# A sliding window in SLICES parts, counted by the server's clock: the calls of the last ten whole slices and the
# current one. In no period of the window's length do more than `limit` calls pass; a call stops counting at most a
# tenth of the window late. One small hash per key, gone when unused, so that memory does not grow with the limit.
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

# What a value was when it was set. Text stands for itself, so that people and other clients can read it.
JSON, RAW, TEXT = b"json:", b"raw:", b"text:"

WarmSource = Callable[[], Awaitable[Mapping[str, tuple[bytes | str, int]]]]


class RedisManager:
    """A client that is bounded in connections and in time: a cache that is slow is worse than none.

    ``connect`` does not raise: where the server is down, calls raise ``Unavailable`` at once until a background probe
    finds it again. All calls raise ``Unavailable`` (``DeadlineExceeded`` if the request's own time is up) or
    ``Refused``.

    Values are text, bytes or anything JSON can hold, and come back as what they were.

    Args:
        redis_url: ``redis://`` or with verified TLS ``rediss://``; Redis 6.2 or later, or Valkey.
        timeout: seconds that a call may take.
        warm_source: what ``warm_cache_for_copa`` puts into the cache: key -> (value, seconds to live).
        max_connections: the bound of the pool; the probe holds one more.
    """

    def __init__(
        self,
        redis_url: str,
        *,
        timeout: float = 0.2,
        warm_source: WarmSource | None = None,
        max_connections: int = 20,
    ) -> None:
        self._url = redis_url
        self._timeout = timeout
        self._warm_source = warm_source
        self._client = self._open(max_connections)
        self._probe_client = self._open(1)
        self._rate_limit = AsyncScript(self._client, RATE_LIMIT)
        self._availability = Availability(STORE, self._probe)
        self._timings = Timings(STORE, SLOW_SECONDS)

    async def connect(self) -> None:
        """Find out whether the server answers; returns within two seconds."""
        await self._availability.connect(CONNECT_SECONDS)

    async def disconnect(self) -> None:
        """Close all connections."""
        await self._availability.close()
        for client in (self._client, self._probe_client):
            with suppress(*DRIVER_ERRORS):
                async with asyncio.timeout(GRACE_SECONDS):
                    await client.aclose()

    async def get(self, key: str) -> Any:
        """The value, or None if there is none."""
        return decode(await self._call(Redis.get, key))

    async def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values of those keys that have one, in one exchange."""
        asked = list(keys)
        if not asked:
            return {}
        values = await self._call(Redis.mget, asked)
        return {key: decode(value) for key, value in zip(asked, values, strict=True) if value is not None}

    async def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        """Keep a value, for ``ttl`` seconds or until memory runs short.

        Raises:
            TypeError: JSON cannot hold it.
        """
        await self._call(Redis.set, key, encode(value), px=_milliseconds(ttl))

    async def set_many(self, values: Mapping[str, Any], ttl: float | None = None) -> None:
        """Keep several values in few exchanges; not all or nothing."""
        await self._set_all([(key, encode(value), ttl) for key, value in values.items()])

    async def delete(self, *keys: str) -> int:
        """Forget keys; return how many there were."""
        return int(await self._call(Redis.delete, *keys)) if keys else 0

    async def incr(self, key: str, amount: int = 1) -> int:
        """Count up, from 0 if there is nothing; return the new count."""
        return int(await self._call(Redis.incrby, key, amount))

    async def get_metric(self, key: str) -> int | float:
        """A counter or gauge; 0 if it was never set."""
        value = await self._call(Redis.get, key)
        return _number(value) if value is not None else 0

    async def set_metric(self, key: str, value: int | float) -> None:
        """Set a counter or gauge; ``incr`` goes on from a whole number."""
        await self._call(Redis.set, key, repr(value))

    async def hset(
        self, key: str, field: str | None = None, value: Any = None, *, mapping: Mapping[str, Any] | None = None
    ) -> None:
        """Set one field of a hash, or all fields of ``mapping``, in one exchange."""
        fields = dict(mapping or {}) if field is None else {**(mapping or {}), field: value}
        if fields:
            await self._call(Redis.hset, key, mapping={name: encode(item) for name, item in fields.items()})

    async def hget(self, key: str, field: str) -> Any:
        """The value of a field, or None."""
        return decode(await self._call(Redis.hget, key, field))

    async def hgetall(self, key: str) -> dict[str, Any]:
        """All fields of a hash; empty if there is none."""
        fields = await self._call(Redis.hgetall, key)
        return {name.decode(): decode(value) for name, value in fields.items()}

    async def check_rate_limit(self, key: str, limit: int, window: int) -> tuple[bool, int]:
        """Whether one more call may pass, and how many more could follow it; counts the call if it may.

        Exact for any number of callers. In no ``window`` seconds do more than ``limit`` calls pass; a call is
        forgotten ``window`` to 1.1 times ``window`` seconds after it. Refused calls are not counted.

        Args:
            key: who calls what, like ``api:user:123``.
            limit: calls.
            window: seconds, at least 1.

        Raises:
            ValueError: a window that is none.
        """
        if window < 1:
            raise ValueError(f"a rate limit over {window} seconds")
        # The window is part of the key: slices of another length are other numbers.
        allowed, left = await self._call(_run_script, self._rate_limit, f"rate:{key}:{window}", limit, window, SLICES)
        return bool(allowed), int(left)

    def get_statement_stats(self) -> dict[str, dict[str, float]]:
        """``{command: {"calls", "errors", "seconds", "slowest"}}``."""
        return self._timings.by_name()

    async def warm_cache_for_copa(self) -> int:
        """Put in what the airline's agents ask for first; return how many values. Safe to repeat."""
        if self._warm_source is None:
            return 0
        values = await self._warm_source()
        await self._set_all([(key, encode(value), ttl) for key, (value, ttl) in values.items()])
        return len(values)

    async def health_check(self) -> dict[str, Any]:
        """``{"status": "healthy" | "unhealthy", "latency_ms", "checked_ms_ago", ...}`` within 50 ms; never raises.

        Besides ``version`` and ``memory`` (``used_bytes``, ``peak_bytes``, ``max_bytes`` with 0 for no bound,
        ``fragmentation``), or ``error`` with the driver's words.
        """
        return await self._availability.report(HEALTH_PATIENCE_SECONDS)

    def _open(self, connections: int) -> Redis:
        pool = BlockingConnectionPool.from_url(
            self._url,
            max_connections=connections,
            protocol=2,
            client_name=CLIENT_NAME,
            driver_info=None,  # would cost two more exchanges per connection, which Redis 6 refuses anyway
            # One deadline around each call replaces the client's several; a broken connection is opened anew once.
            # After a timeout nothing is sent again: it may have been counted.
            timeout=None,
            socket_timeout=None,
            socket_connect_timeout=None,
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        )
        return Redis.from_pool(pool)

    async def _set_all(self, items: list[tuple[str, bytes, float | None]]) -> None:
        for start in range(0, len(items), BATCH):
            await self._call(_set_batch, items[start : start + BATCH], seconds=max(self._timeout, BATCH_SECONDS))

    async def _call(
        self, command: Callable[..., Awaitable[Any]], *args: Any, seconds: float | None = None, **options: Any
    ) -> Any:
        """One exchange, bounded, its errors translated."""
        left = remaining(seconds or self._timeout, STORE)
        self._availability.check()
        started = monotonic()
        try:
            async with asyncio.timeout(left):
                return await command(self._client, *args, **options)
        except DRIVER_ERRORS as error:
            self._timings.add_error(command.__name__)
            raise self._explain(error, command.__name__) from None  # the driver's text may repeat arguments
        finally:
            self._timings.add(command.__name__, monotonic() - started)

    def _explain(self, error: BaseException, command: str) -> OutsideError:
        """What the driver's error means for the caller."""
        reason = f"{command}: {_words(error)}"
        if not isinstance(error, UNREACHABLE):
            return Refused(STORE, reason)
        self._availability.suspect()
        if isinstance(error, TimeoutError):
            return self._availability.timed_out(f"{command}: no answer in time")
        return self._availability.unavailable(reason)

    async def _probe(self) -> dict[str, Any]:
        """A sign of life on a connection outside the pool."""
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
    """A value as Redis keeps it; ``decode`` gives it back.

    Raises:
        TypeError: neither text nor bytes nor JSON.
    """
    if isinstance(value, str):
        text = value.encode()
        return TEXT + text if text.startswith((JSON, RAW, TEXT)) else text
    if isinstance(value, bytes):
        return RAW + value
    return JSON + orjson.dumps(value)


def decode(data: bytes | None) -> Any:
    """What was given to ``encode``; None for nothing."""
    if data is None:
        return None
    if data.startswith(JSON):
        return orjson.loads(data[len(JSON) :])
    if data.startswith(RAW):
        return data[len(RAW) :]
    return data.removeprefix(TEXT).decode()


async def _run_script(client: Redis, script: AsyncScript, key: str, *args: int) -> Any:
    """Run by hash; the client sends the text again where a restarted server has forgotten it."""
    return await script(keys=[key], args=args, client=client)


async def _set_batch(client: Redis, items: list[tuple[str, bytes, float | None]]) -> None:
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


def _words(error: BaseException) -> str:
    """What went wrong, without the arguments that Redis repeats for an unknown command."""
    return f"{type(error).__name__}: {error}".partition(", with args")[0]
