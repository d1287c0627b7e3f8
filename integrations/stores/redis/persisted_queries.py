"""Documents of automatic persisted queries in Redis, by their hash."""

from integrations.stores.redis.manager import RedisManager

# A document is removed after this time; the next process that does not know it lets a client send it again.
KEPT_SECONDS = 7 * 86_400.0


def cache_key(digest: str) -> str:
    """Return the key of a document.

    Args:
        digest: SHA-256 of the document, 64 lower-case hexadecimal digits.
    """
    return f"persisted:1:{digest}"


async def read(cache: RedisManager, digest: str) -> str | None:
    """Return the document with a hash, None if there is none."""
    document = await cache.get(cache_key(digest))
    return document if isinstance(document, str) else None


async def write(cache: RedisManager, digest: str, document: str) -> None:
    """Keep a document for ``KEPT_SECONDS``."""
    await cache.set(cache_key(digest), document, KEPT_SECONDS)
