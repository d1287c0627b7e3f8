"""Random values and failures of fields. Each depends on the seed and the position in the response only."""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, TypeVar

from graphql import GraphQLError

from resolvers.actor import Actor, Role
from schema.execution import Loaders

T = TypeVar("T")


class Problem(Exception):
    """Error that failing resolvers raise."""


class Lot:
    """Random numbers of one position in the response, drawn in a fixed order."""

    def __init__(self, *place: object) -> None:
        self._number = int.from_bytes(blake2b(repr(place).encode(), digest_size=16).digest(), "big")

    def below(self, count: int) -> int:
        """A number from 0 to ``count`` - 1."""
        self._number, drawn = divmod(self._number, count)
        return drawn

    def happens(self, percent: int) -> bool:
        """Returns true with this probability."""
        return self.below(100) < percent

    def of(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]


class Odd:
    """A value that no GraphQL type can serialize."""

    def __repr__(self) -> str:
        return "<odd>"


class Promise:
    """An awaitable for an attribute: it can be awaited repeatedly, or not at all."""

    def __init__(self, value: Any, turns: int) -> None:
        self._value = value
        self._turns = turns

    def __await__(self) -> Generator[Any, None, Any]:
        yield from later(self._value, self._turns).__await__()
        return self._value

    def __repr__(self) -> str:
        return "<promise>"


async def later(value: Any, turns: int) -> Any:
    """Returns the value, or raises it if it is an exception, after some turns of the event loop."""
    for _ in range(turns):
        await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value


@dataclass(frozen=True, slots=True)
class Values:
    """Possible values of a field.

    Attributes:
        good: returns a value of the field's type; takes the situation, the lot of the position and a new key.
        odd: values that the type rejects or coerces.
    """

    good: "Callable[[Situation, Lot, str], Any]"
    odd: Sequence[Any] = (5, "odd", 1.5, True, Odd(), [], {})


def one_of(*options: Any, odd: Sequence[Any]) -> Values:
    """Values of a leaf."""
    return Values(lambda _situation, lot, _key: lot.of(options), (*odd, Odd(), [1], {"a": 1}, b"bytes"))


@dataclass
class Situation:
    """The context of one operation.

    Args:
        seed: determines all values and failures.
        trouble: percentage of the positions with a failure or an odd value.
        waits: whether resolvers may return awaitables.
        rows: rows of PostgreSQL.
        breaks: whether generators may fail before their end.
    """

    seed: int
    trouble: int
    waits: bool
    rows: Sequence[Any]
    breaks: bool = True
    effects: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loaders = Loaders()
        self.actor = Actor("tester", self.lot("role").of([Role.AGENT, Role.ADMIN]), 1)

    def lot(self, *place: object) -> Lot:
        """Random numbers of a position."""
        return Lot(self.seed, *place)

    def answer(self, key: str, name: str, values: Values) -> Any:
        """Returns a value or an exception, directly or by a coroutine; may raise the exception instead."""
        lot = self.lot(key, name)
        manner = lot.below(6)
        value = self.value(lot, key, name, values)
        if self.waits and manner < 2:
            return later(value, manner)
        if isinstance(value, Problem) and manner < 5:
            raise value
        return value

    def made(self, key: str, name: str, values: Values) -> Any:
        """Returns the value of a coroutine function, or raises its exception."""
        value = self.value(self.lot(key, name), key, name, values)
        if isinstance(value, Problem):
            raise value
        return value

    def attribute(self, key: str, name: str, values: Values) -> Any:
        """Value of an attribute."""
        lot = self.lot(key, name)
        promised = self.waits and lot.happens(self.trouble)
        value = self.value(lot, key, name, values)
        return Promise(value, 1) if promised else value

    def value(self, lot: Lot, key: str, name: str, values: Values) -> Any:
        """A good value, null, an exception or an odd value."""
        if not lot.happens(self.trouble):
            return values.good(self, lot, f"{key}.{name}")
        happened = lot.below(3)
        if happened == 0:
            return None
        return self.problem(lot, key, name) if happened == 1 else lot.of(values.odd)

    def problem(self, lot: Lot, key: str, name: str) -> Exception:
        """An error of this position."""
        problem = Problem(f"{key} has no {name}")
        return lot.of([problem, problem, GraphQLError(f"{key} has no {name} at all", extensions={"code": "NONE"})])


def many(values: Values, *, strict: bool = False, stored: bool = False) -> Values:
    """Lists of values in all supported forms. Nested calls make nested lists.

    Args:
        values: values of the items.
        strict: whether all items are good values; a list of non-null items would otherwise fail too often.
        stored: whether the list can be iterated repeatedly, as an attribute must.
    """

    def made(situation: Situation, lot: Lot, key: str) -> Any:
        items = [_item(situation, values, f"{key}{number}", strict) for number in range(lot.below(4))]
        form = lot.below(10)
        breaks = situation.problem(lot, key, "end") if lot.happens(situation.trouble) and situation.breaks else None
        if form == 0:
            return tuple(items)
        if form == 1 and not stored:
            return _generated(items, breaks)
        if form == 2 and situation.waits and not stored:
            return _generated_later(items, breaks)
        if form == 3 and situation.waits:
            return [Promise(item, number % 3) for number, item in enumerate(items)]
        return items

    return Values(made, (5, "text", Odd(), {"a": 1}, True))


def _item(situation: Situation, values: Values, key: str, strict: bool) -> Any:
    lot = situation.lot(key, "item")
    return values.good(situation, lot, key) if strict else situation.value(lot, key, "item", values)


def _generated(items: Sequence[Any], breaks: Exception | None) -> Iterator[Any]:
    yield from items
    if breaks is not None:
        raise breaks


async def _generated_later(items: Sequence[Any], breaks: Exception | None) -> AsyncIterator[Any]:
    for item in items:
        await asyncio.sleep(0)
        yield item
    if breaks is not None:
        raise breaks
