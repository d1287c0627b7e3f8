from collections.abc import Sequence
from typing import Any

import pytest

from integrations.stores.postgres import airports, reference
from integrations.stores.postgres.reference import FRESH_SECONDS, Reference

NO_RECORDS: Any = None
KNOWN = {"230": "CM", "001": "AA"}


class Clock:
    """Tells the time that a test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What the records were asked for."""
    calls: list[list[str]] = []

    async def issuers(_records: Any, codes: Sequence[str]) -> dict[str, str]:
        calls.append(list(codes))
        return {code: KNOWN[code] for code in codes if code in KNOWN}

    monkeypatch.setattr(airports, "issuers", issuers)
    return calls


async def test_what_was_read_is_kept_for_a_minute(asked: list[list[str]]) -> None:
    clock = Clock()
    kept = Reference(clock)
    assert await kept.issuers(NO_RECORDS, ["230"]) == {"230": "CM"}
    assert await kept.issuers(NO_RECORDS, ["230", "001"]) == {"230": "CM", "001": "AA"}
    clock.seconds = FRESH_SECONDS - 0.1
    assert await kept.issuers(NO_RECORDS, ["230", "001"]) == {"230": "CM", "001": "AA"}
    assert asked == [["230"], ["001"]]
    clock.seconds = FRESH_SECONDS
    assert await kept.issuers(NO_RECORDS, ["230", "001"]) == {"230": "CM", "001": "AA"}
    assert asked[2:] == [["230", "001"]]


async def test_what_is_unknown_is_asked_for_again(asked: list[list[str]]) -> None:
    kept = Reference()
    assert await kept.issuers(NO_RECORDS, ["999"]) == await kept.issuers(NO_RECORDS, ["999"]) == {}
    assert asked == [["999"], ["999"]]


async def test_it_is_bounded(asked: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "MAX_ENTRIES", 1)
    kept = Reference()
    await kept.issuers(NO_RECORDS, ["230"])
    await kept.issuers(NO_RECORDS, ["001"])
    await kept.issuers(NO_RECORDS, ["001"])
    await kept.issuers(NO_RECORDS, ["230"])
    assert asked == [["230"], ["001"], ["230"]]
