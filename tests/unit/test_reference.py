from collections.abc import Sequence
from typing import Any

import pytest

from integrations.stores.postgres import airports, reference
from integrations.stores.postgres.reference import FRESH_SECONDS, Reference

NO_RECORDS: Any = None
KNOWN = {"230": "CM", "001": "AA"}


class Clock:
    """Returns the time that a test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The codes that were read from the records."""
    calls: list[list[str]] = []

    async def issuers(_records: Any, codes: Sequence[str]) -> dict[str, str]:
        calls.append(list(codes))
        return {code: KNOWN[code] for code in codes if code in KNOWN}

    monkeypatch.setattr(airports, "issuers", issuers)
    return calls


async def test_entries_are_cached_for_a_minute(reads: list[list[str]]) -> None:
    clock = Clock()
    cache = Reference(clock)
    assert await cache.issuers(NO_RECORDS, ["230"]) == {"230": "CM"}
    assert await cache.issuers(NO_RECORDS, ["230", "001"]) == {"230": "CM", "001": "AA"}
    clock.seconds = FRESH_SECONDS - 0.1
    assert await cache.issuers(NO_RECORDS, ["230", "001"]) == {"230": "CM", "001": "AA"}
    assert reads == [["230"], ["001"]]
    clock.seconds = FRESH_SECONDS
    assert await cache.issuers(NO_RECORDS, ["230", "001"]) == {"230": "CM", "001": "AA"}
    assert reads[2:] == [["230", "001"]]


async def test_unknown_codes_are_read_again(reads: list[list[str]]) -> None:
    cache = Reference()
    assert await cache.issuers(NO_RECORDS, ["999"]) == await cache.issuers(NO_RECORDS, ["999"]) == {}
    assert reads == [["999"], ["999"]]


async def test_it_is_bounded(reads: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "MAX_ENTRIES", 1)
    cache = Reference()
    await cache.issuers(NO_RECORDS, ["230"])
    await cache.issuers(NO_RECORDS, ["001"])
    await cache.issuers(NO_RECORDS, ["001"])
    await cache.issuers(NO_RECORDS, ["230"])
    assert reads == [["230"], ["001"], ["230"]]
