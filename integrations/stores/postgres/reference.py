"""Reference data that a process caches: airports, parties and issuers of tags.

The product itself does not change them, nearly every journey names some, and they are few, so most responses need no
statement for them. A change made outside the product is seen after ``FRESH_SECONDS`` at the latest.
"""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from time import monotonic
from typing import Any

from integrations.records.airports import Airport, Party
from integrations.stores.postgres import airports
from integrations.stores.postgres.manager import Reader

FRESH_SECONDS = 60.0
# Room for the airports of the world and the parties of many airlines; a full cache is cleared.
MAX_ENTRIES = 20_000


class Reference:
    """Cache of the reference data that was read in the last minute.

    Args:
        now: monotonic clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._cached: dict[Hashable, tuple[float, Any]] = {}

    async def airports(self, records: Reader, codes: Sequence[str]) -> Mapping[str, Airport]:
        """The airports with these IATA codes; unknown ones are absent."""
        return await self._read("airport", codes, lambda missing: airports.by_code(records, missing))

    async def parties(self, records: Reader, airline_id: int, codes: Sequence[str]) -> Mapping[str, Party]:
        """The airline's parties with these codes; unknown ones are absent."""
        return await self._read(airline_id, codes, lambda missing: airports.parties(records, airline_id, missing))

    async def carriers(self, records: Reader, designators: Sequence[str]) -> Mapping[str, Party]:
        """The carriers that issue tags, by their two-character designators; unknown ones are absent."""
        return await self._read("carrier", designators, lambda missing: airports.carriers(records, missing))

    async def issuers(self, records: Reader, accounting_codes: Sequence[str]) -> Mapping[str, str]:
        """The two-character designators of tag issuers, by accounting code; unknown ones are absent."""
        return await self._read("issuer", accounting_codes, lambda missing: airports.issuers(records, missing))

    async def _read(
        self, kind: Hashable, keys: Sequence[str], fetch: Callable[[list[str]], Awaitable[Mapping[str, Any]]]
    ) -> dict[str, Any]:
        """Entries of one kind, fresh ones from the cache and others from the records; unknown ones are not cached."""
        now = self._now()
        found: dict[str, Any] = {}
        missing: list[str] = []
        for key in keys:
            until, entry = self._cached.get((kind, key), (0.0, None))
            if now < until:
                found[key] = entry
            else:
                missing.append(key)
        if missing:
            read = await fetch(missing)
            if len(self._cached) + len(read) > MAX_ENTRIES:
                self._cached.clear()
            self._cached.update({(kind, key): (now + FRESH_SECONDS, entry) for key, entry in read.items()})
            found.update(read)
        return found
