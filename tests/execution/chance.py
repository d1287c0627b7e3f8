"""What befalls each place of an answer: a pure function of the seed and the place, whoever asks and whenever."""

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
    """What failing resolvers raise."""


class Lot:
    """A place's own chance, drawn from in a fixed order."""

    def __init__(self, *place: object) -> None:
        self._number = int.from_bytes(blake2b(repr(place).encode(), digest_size=16).digest(), "big")

    def below(self, count: int) -> int:
        """One of 0 to ``count`` - 1."""
        self._number, drawn = divmod(self._number, count)
        return drawn

    def happens(self, percent: int) -> bool:
        """Whether something does that happens so often."""
        return self.below(100) < percent

    def of(self, options: Sequence[T]) -> T:
        """One of several."""
        return options[self.below(len(options))]


class Odd:
    """A value that no type of GraphQL has."""

    def __repr__(self) -> str:
        return "<odd>"


class Promise:
    """An awaitable that may be awaited again and need not be awaited at all, as an attribute has to be."""

    def __init__(self, value: Any, turns: int) -> None:
        self._value = value
        self._turns = turns

    def __await__(self) -> Generator[Any, None, Any]:
        yield from later(self._value, self._turns).__await__()
        return self._value

    def __repr__(self) -> str:
        return "<promise>"


async def later(value: Any, turns: int) -> Any:
    """The value, or the exception that it is, after some turns of the event loop."""
    for _ in range(turns):
        await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value


@dataclass(frozen=True, slots=True)
class Values:
    """What a field may answer.

    Attributes:
        good: makes a value of the field's type; takes the request's situation, the place's lot and a new key.
        odd: values that the type does not have, or has by coercion only.
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
        seed: everything that happens follows from it.
        trouble: percentage of the places where something goes wrong.
        waits: whether resolvers that may wait do so.
        rows: real rows of PostgreSQL, by number.
        breaks: whether generators may fail on their way.
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
        """The chance of a place."""
        return Lot(self.seed, *place)

    def answer(self, key: str, name: str, values: Values) -> Any:
        """What a resolver answers: at once or as a coroutine, a value or an exception, raised or returned."""
        lot = self.lot(key, name)
        manner = lot.below(6)
        value = self.value(lot, key, name, values)
        if self.waits and manner < 2:
            return later(value, manner)
        if isinstance(value, Problem) and manner < 5:
            raise value
        return value

    def made(self, key: str, name: str, values: Values) -> Any:
        """What a coroutine function answers, or raises."""
        value = self.value(self.lot(key, name), key, name, values)
        if isinstance(value, Problem):
            raise value
        return value

    def attribute(self, key: str, name: str, values: Values) -> Any:
        """What stands in an attribute."""
        lot = self.lot(key, name)
        promised = self.waits and lot.happens(self.trouble)
        value = self.value(lot, key, name, values)
        return Promise(value, 1) if promised else value

    def value(self, lot: Lot, key: str, name: str, values: Values) -> Any:
        """A good value, or whatever stands in its place."""
        if not lot.happens(self.trouble):
            return values.good(self, lot, f"{key}.{name}")
        happened = lot.below(3)
        if happened == 0:
            return None
        return self.problem(lot, key, name) if happened == 1 else lot.of(values.odd)

    def problem(self, lot: Lot, key: str, name: str) -> Exception:
        """An error of this place."""
        problem = Problem(f"{key} has no {name}")
        return lot.of([problem, problem, GraphQLError(f"{key} has no {name} at all", extensions={"code": "NONE"})])


def many(values: Values, *, strict: bool = False, stored: bool = False) -> Values:
    """Lists of values in all forms that they may be given in; nested lists come of nested calls.

    Args:
        values: of the items.
        strict: items that are all well, for what is not to fail every time.
        stored: only forms that may be gone through again, as what stands in an attribute has to be.
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
