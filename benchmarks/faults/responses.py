"""Judges responses: correct, retryable, or wrong. Pure.

A response is wrong if it holds other data than the records, if an error has no code or one that tells the caller not to
retry, or if a field is null without an error for it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from benchmarks.client import ClientResponse

# Codes that tell the caller to retry (``schema/runtime/errors.py``).
RETRYABLE = frozenset(
    {
        "STORE_UNAVAILABLE",
        "DEADLINE_EXCEEDED",
        "OVERLOADED",
        "TOO_MANY_REQUESTS",
        "SHUTTING_DOWN",
        "CONFLICT",
    }
)
SHOWN = 300

Path = tuple[Any, ...]
# Returns a sentence for wrong data, None for correct data. The paths are those of errors, below which data is null.
Check = Callable[[Any, Sequence[Path]], str | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Verdict on one response.

    Args:
        codes: codes of its errors, all retryable.
        wrong: what is wrong; None if nothing is.
        data: its data; None for none.
    """

    codes: frozenset[str] = frozenset()
    wrong: str | None = None
    data: Any = field(default=None, compare=False)

    @property
    def complete(self) -> bool:
        """Whether the response is correct and has no errors."""
        return self.wrong is None and not self.codes


def judge(response: ClientResponse, check: Check) -> Verdict:
    """Returns the verdict on a response of ``/graphql``."""
    shown = f"{response.status} {response.body[:SHOWN]!r}"
    try:
        content = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return Verdict(wrong=f"not JSON: {shown}")
    errors = content.get("errors", [])
    codes = frozenset(str(error.get("extensions", {}).get("code")) for error in errors)
    if codes - RETRYABLE:
        return Verdict(wrong=shown)
    data = content.get("data")
    if data is None:
        return Verdict(codes) if errors else Verdict(wrong=shown)
    wrong = check(data, [tuple(error.get("path", ())) for error in errors])
    return Verdict(codes, wrong and f"{wrong}: {shown}", data)


def judge_ingestion(response: ClientResponse, messages: int) -> Verdict:
    """Returns the verdict on a response of ``/ingest/typeb`` to so many messages, new or repeated."""
    shown = f"{response.status} {response.body[:SHOWN]!r}"
    if response.status == 503:
        return Verdict(frozenset({"STORE_UNAVAILABLE"}))
    if response.status != 200:
        return Verdict(wrong=shown)
    counts = orjson.loads(response.body)
    if counts["messages"] + counts["duplicates"] != messages or counts["deadLetters"] or counts["others"]:
        return Verdict(wrong=shown)
    return Verdict(data=counts)


def equals(expected: Any) -> Check:
    """Returns the check that data equals ``expected``, but for what is null because of an error."""

    def check(data: Any, gaps: Sequence[Path]) -> str | None:
        return difference(expected, data, gaps)

    return check


def difference(expected: Any, got: Any, gaps: Iterable[Path], path: Path = ()) -> str | None:
    """Returns the first difference of two JSON values; None for none.

    Args:
        gaps: paths of errors: null is correct there and above.
    """
    if got is None and expected is not None and any(gap[: len(path)] == path for gap in gaps):
        return None
    where = ".".join(map(str, path))
    if isinstance(expected, Mapping) and isinstance(got, Mapping) and expected.keys() == got.keys():
        found = (difference(value, got[name], gaps, (*path, name)) for name, value in expected.items())
        return next(filter(None, found), None)
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        pairs = enumerate(zip(expected, got, strict=True))
        found = (difference(one, other, gaps, (*path, index)) for index, (one, other) in pairs)
        return next(filter(None, found), None)
    return None if expected == got else f"{where} differs"
