"""Completion: from the raw values of a field, for all parents at once, to what the answer holds.

Implements the specification's section 6.4.3 by columns. A shape is one layer of a field's type: a leaf, a list, an
object or an abstract type, each nullable or not. A place that fails is left null here whether null may stand there or
not; ``positions.settle`` makes null what then has to be.
"""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import tzinfo
from itertools import accumulate, chain, islice
from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLAbstractType,
    GraphQLEnumType,
    GraphQLError,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    Undefined,
    UndefinedType,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution.executor import Executor, invalid_return_type_error
from graphql.pyutils import is_iterable
from graphql.type.scalars import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT, specified_scalar_types

from schema.execution.response_path import ResponsePosition, Where

if TYPE_CHECKING:
    from schema.execution.field_plans import FieldPlan
    from schema.execution.plan import SelectionPlan
    from schema.execution.run import Run

LISTS = frozenset({list, tuple})
MAX_PLAIN_CLASSES = 64
INFINITY = float("inf")


@dataclass(frozen=True, slots=True)
class Native:
    """Values of a scalar that go out as they are, since what writes the answer writes them as the scalar would.

    Args:
        python_type: their exact class.
        timezone: for times: the one ``tzinfo`` that they must have.
        whole_seconds: for times: whether only those without a fraction are written alike.
    """

    python_type: type
    timezone: tzinfo | None = None
    whole_seconds: bool = False


class Unusual(Exception):
    """A value that the generated code does not answer: it is gone through again, one by one."""


class Shape(ABC):
    """One layer of a field's type.

    Args:
        nullable: whether null may stand there.
    """

    def __init__(self, nullable: bool) -> None:
        self.nullable = nullable
        self._plain: set[type] = set()

    def is_plain(self, values: Sequence[Any]) -> bool:
        """Whether all values are of classes that are known to be values and nothing else."""
        return self._plain.issuperset(map(type, values))

    async def complete(
        self, run: "Run", field: "FieldPlan", values: Sequence[Any], where: Where, *, awaited: bool = False
    ) -> list[Any]:
        """Complete raw values: each a value, None, an exception or an awaitable of one of these.

        Args:
            run: the request's.
            field: whose values they are.
            values: at least one.
            where: their places.
            awaited: whether those that were awaitable have been awaited.

        Returns:
            as many completed values; None where one failed.
        """
        unknown = set(map(type, values)) - self._plain
        if unknown:
            unknown = {kind for kind in unknown if not self._learn(kind)}
            if unknown == {type(None)} and self.nullable:
                return await self._around_null(run, field, values, where)
            if unknown:
                values = values if awaited else await run.awaited(values, None)
                return await self._one_by_one(run, field, values, where)
        return await self.dense(run, field, values, where)

    def at_once(self, run: "Run", values: Sequence[Any]) -> list[Any] | None:
        """Complete raw values where all are as usual and nothing has to be waited for; None where not.

        It has no effects: then ``complete`` is asked.
        """
        unknown = set(map(type, values)) - self._plain
        if not unknown:
            return self.dense_at_once(run, values)
        if unknown != {type(None)} or not self.nullable:
            return None
        present = [value for value in values if value is not None]
        done = self.dense_at_once(run, present) if present else []
        if done is None:
            return None
        remaining = iter(done)
        return [None if value is None else next(remaining) for value in values]

    def dense_at_once(self, run: "Run", values: Sequence[Any]) -> list[Any] | None:  # noqa: ARG002 # of those that can
        """As ``at_once``, for values of which none is null, an exception or awaitable."""
        return None

    def hopeless(self, value: Any) -> bool:
        """Whether a value is sure to fail where null may not stand; what comes after it need not be drawn."""
        return value is None or value is Undefined or isinstance(value, Exception)

    @abstractmethod
    async def dense(self, run: "Run", field: "FieldPlan", values: Sequence[Any], where: Where) -> list[Any]:
        """Complete values of which none is null, an exception or awaitable."""

    def _learn(self, kind: type) -> bool:
        """Whether instances of a class are values and nothing else; remembered."""
        plain = not issubclass(kind, (Exception, type(None), UndefinedType)) and not any(
            # Looked for in the classes themselves: a metaclass, such as an enum's, may have one for other reasons.
            name in vars(base)
            for base in kind.__mro__
            for name in ("__await__", "__getattr__", "gi_code")
        )
        if plain and len(self._plain) < MAX_PLAIN_CLASSES:
            self._plain.add(kind)
        return plain

    async def _around_null(self, run: "Run", field: "FieldPlan", values: Sequence[Any], where: Where) -> list[Any]:
        present = [value for value in values if value is not None]
        if not present:
            return [None] * len(values)
        done = await self.dense(run, field, present, lambda index: where(_nth_present(values, index)))
        remaining = iter(done)
        return [None if value is None else next(remaining) for value in values]

    async def _one_by_one(self, run: "Run", field: "FieldPlan", values: Sequence[Any], where: Where) -> list[Any]:
        indices = []
        for index, value in enumerate(values):
            if isinstance(value, Exception):
                run.fail(value, field, where(index))
            elif value is not None and value is not Undefined:
                indices.append(index)
            elif not self.nullable:
                run.fail(null_error(field), field, where(index))
        completed: list[Any] = [None] * len(values)
        if indices:
            present = [values[index] for index in indices]
            done = await self.dense(run, field, present, lambda index: where(indices[index]))
            for index, value in zip(indices, done, strict=True):
                completed[index] = value
        return completed


class Leaf(Shape):
    """A scalar or an enum.

    Args:
        leaf_type: the GraphQL type.
        nullable: whether null may stand there.
        native: its values that go out as they are; None for none.
    """

    def __init__(self, leaf_type: GraphQLLeafType, nullable: bool, native: Native | None) -> None:
        super().__init__(nullable)
        self.leaf_type = leaf_type
        self._native = native
        self._column: Callable[[Sequence[Any]], list[Any]] | None = None

    def expression(self, value: str, suffix: str, names: dict[str, Any], *, nullable: bool) -> str:
        """Python that gives the completed value of another expression; what it needs is put into ``names``.

        It raises for everything that cannot be answered at once; then the values are gone through one by one.
        """
        write, known, memo, bound = f"write{suffix}", f"known{suffix}", f"memo{suffix}", f"(v := {value})"
        names[write] = self.write
        if self._passes(suffix, names, "v"):
            if nullable:
                return f"(v if {bound} is None or {self._passes(suffix, names, 'v')} else {write}(v))"
            return f"(v if {self._passes(suffix, names, bound)} else {write}(v))"
        if isinstance(self.leaf_type, GraphQLEnumType):
            names[known] = frozenset({str, getattr(self.leaf_type, "wrapped_cls", str)})
            names[memo] = _Memo(self.write)
            if nullable:
                return f"(None if {bound} is None else {memo}[v] if v.__class__ in {known} else {write}(v))"
            return f"({memo}[v] if {bound}.__class__ in {known} else {write}(v))"
        return f"(None if {bound} is None else {write}(v))" if nullable else f"{write}({value})"

    def _passes(self, suffix: str, names: dict[str, Any], v: str) -> str:
        """A test of ``v`` and of the name v that it binds, for values that go out as they are; empty where none do."""
        if self._native is not None:
            names[f"kind{suffix}"], names[f"zone{suffix}"] = self._native.python_type, self._native.timezone
            zoned = f" and v.tzinfo is zone{suffix}" if self._native.timezone else ""
            whole = " and not v.microsecond" if self._native.whole_seconds else ""
            return f"{v}.__class__ is kind{suffix}{zoned}{whole}"
        specified = specified_scalar_types.get(self.leaf_type.name)
        if specified is None or self.leaf_type.coerce_output_value != specified.coerce_output_value:
            return ""
        names["INFINITY"] = INFINITY
        return {
            "Int": f"{v}.__class__ is int and {GRAPHQL_MIN_INT} <= v <= {GRAPHQL_MAX_INT}",
            "Float": f"{v}.__class__ is float and -INFINITY < v < INFINITY",
            "Boolean": f"{v}.__class__ is bool",
        }.get(self.leaf_type.name, f"{v}.__class__ is str")

    def write(self, value: Any) -> Any:
        """Complete one value.

        Raises:
            Unusual: it is no value.
            Exception: the type's own, for a value that it does not have.
        """
        kind = type(value)
        if kind not in self._plain and not self._learn(kind):
            raise Unusual
        return Executor.complete_leaf_value(self.leaf_type, value)

    def hopeless(self, value: Any) -> bool:
        """Whether a value is sure to fail."""
        if super().hopeless(value):
            return True
        try:
            self.write(value)
        except Unusual:
            return False
        except Exception:  # noqa: BLE001 # the scalar's own
            return True
        return False

    async def dense(self, run: "Run", field: "FieldPlan", values: Sequence[Any], where: Where) -> list[Any]:
        """Complete values of which none is null, an exception or awaitable."""
        completed = self.dense_at_once(run, values)
        if completed is None:
            return [self._single(run, field, value, where, index) for index, value in enumerate(values)]
        return completed

    def dense_at_once(self, run: "Run", values: Sequence[Any]) -> list[Any] | None:  # noqa: ARG002 # the others need it
        """Complete values by a function that is written once; None where one fails."""
        if self._column is None:
            names: dict[str, Any] = {}
            source = self.expression("value", "0", names, nullable=False)
            self._column = compiled(
                f"def column(values):\n    return [{source} for value in values]\n", names, "column"
            )
        try:
            return self._column(values)
        except Exception:  # noqa: BLE001 # each is tried again by itself, and fails by itself
            return None

    def _single(self, run: "Run", field: "FieldPlan", value: Any, where: Where, index: int) -> Any:
        try:
            return Executor.complete_leaf_value(self.leaf_type, value)
        except Exception as error:  # noqa: BLE001 # a field error
            return run.fail(error, field, where(index))


class _Memo(dict[Any, Any]):
    """Names of enum values that were asked for before; as bounded as the enum."""

    def __init__(self, write: Callable[[Any], Any]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, value: Any) -> Any:
        name = self[value] = self._write(value)
        return name


class ListOf(Shape):
    """A list.

    Args:
        inner: the shape of its items.
        nullable: whether null may stand in its place.
    """

    def __init__(self, inner: Shape, nullable: bool) -> None:
        super().__init__(nullable)
        self.inner = inner

    async def dense(self, run: "Run", field: "FieldPlan", values: Sequence[Any], where: Where) -> list[Any]:
        """Complete the items of all lists together."""
        rows: Sequence[Any] = values
        if not LISTS.issuperset(map(type, values)):
            rows = [await self._row(run, field, value, where, index) for index, value in enumerate(values)]
        nullable = self.inner.nullable
        if len(rows) == 1:
            [row] = rows
            if row is None:
                return [None]
            item = _items(where, [len(row)], nullable)
            return [await self.inner.complete(run, field, row, item)]
        lengths = [len(row) if row is not None else 0 for row in rows]
        flat = list(chain.from_iterable(row for row in rows if row is not None))
        completed = iter(await self.inner.complete(run, field, flat, _items(where, lengths, nullable)) if flat else ())
        return [
            None if row is None else list(islice(completed, length)) for row, length in zip(rows, lengths, strict=True)
        ]

    def dense_at_once(self, run: "Run", values: Sequence[Any]) -> list[Any] | None:
        """Complete the items of all lists together."""
        if not LISTS.issuperset(map(type, values)):
            return None
        flat = values[0] if len(values) == 1 else list(chain.from_iterable(values))
        completed = self.inner.at_once(run, flat) if flat else []
        if completed is None:
            return None
        items = iter(completed)
        return [list(islice(items, len(row))) for row in values]

    async def _row(self, run: "Run", field: "FieldPlan", value: Any, where: Where, index: int) -> Any:
        """The items of a list; None if it is none, or broke off."""
        try:
            if isinstance(value, (list, tuple)):
                return value
            if run.executor.is_async_iterable(value):
                await run.strands.before_waiting()
                return await self._collected(value)
            if is_iterable(value):
                return self._drawn(value)
            name = f"{field.parent_type}.{field.name}"
            raise GraphQLError(f"Expected Iterable, but did not find one for field '{name}'.")
        except Exception as error:  # noqa: BLE001 # a field error
            return run.fail(error, field, where(index))

    def _drawn(self, iterable: Iterable[Any]) -> list[Any]:
        items: list[Any] = []
        for item in iterable:
            items.append(item)
            if not self.inner.nullable and self.inner.hopeless(item):
                break
        return items

    async def _collected(self, iterable: AsyncIterable[Any]) -> list[Any]:
        items: list[Any] = []
        iterator = aiter(iterable)
        async for item in iterator:
            items.append(item)
            if not self.inner.nullable and self.inner.hopeless(item):
                close = getattr(iterator, "aclose", None)
                if close is not None:
                    with suppress(Exception):
                        await close()
                break
        return items


class Composite(Shape):
    """A shape whose values have fields; plans of what is selected are kept by the values' type."""

    def __init__(self, nullable: bool) -> None:
        super().__init__(nullable)
        self._selections: dict[GraphQLObjectType, SelectionPlan] = {}
        self._checked: set[type] = set()

    async def of_type(
        self, run: "Run", field: "FieldPlan", object_type: GraphQLObjectType, values: Sequence[Any], where: Where
    ) -> list[Any]:
        """Complete values of one object type."""
        refused = await self._refused(run, field, object_type, values, where) if object_type.is_type_of else None
        if refused:
            kept = [index for index in range(len(values)) if index not in refused]
            some = [values[index] for index in kept]
            completed: list[Any] = [None] * len(values)
            done = await self._selected(run, field, object_type, some, lambda index: where(kept[index]))
            for index, value in zip(kept, done, strict=True):
                completed[index] = value
            return completed
        return await self._selected(run, field, object_type, values, where)

    async def _selected(
        self, run: "Run", field: "FieldPlan", object_type: GraphQLObjectType, values: Sequence[Any], where: Where
    ) -> list[Any]:
        if not values:
            return []
        selection = self._selections.get(object_type)
        if selection is None:
            try:
                selection = self._selections[object_type] = run.plan.selection(run.executor, object_type, field.details)
            except GraphQLError as error:
                for index in range(len(values)):
                    run.fail(error, field, where(index))
                return [None] * len(values)
        return await run.select(selection, values, where)

    async def _refused(
        self, run: "Run", field: "FieldPlan", object_type: GraphQLObjectType, values: Sequence[Any], where: Where
    ) -> set[int]:
        """The indices of values that are not of the type, each with its error."""
        is_type_of: Any = object_type.is_type_of
        by_class = getattr(is_type_of, "by_class", False)
        if by_class and self._checked.issuperset(map(type, values)):
            return set()
        answers = await run.awaited(run.called(is_type_of, field, values, where), None)
        refused = set()
        for index, (value, answer) in enumerate(zip(values, answers, strict=True)):
            if isinstance(answer, Exception):
                run.fail(answer, field, where(index))
            elif not answer:
                run.fail(invalid_return_type_error(object_type, value, field.details), field, where(index))
            else:
                continue
            refused.add(index)
        if by_class and not refused and len(self._checked) < MAX_PLAIN_CLASSES:
            self._checked.update(map(type, values))
        return refused


class ObjectOf(Composite):
    """An object.

    Args:
        object_type: the GraphQL type.
        nullable: whether null may stand in its place.
    """

    def __init__(self, object_type: GraphQLObjectType, nullable: bool) -> None:
        super().__init__(nullable)
        self.object_type = object_type

    def dense_at_once(self, run: "Run", values: Sequence[Any]) -> list[Any] | None:
        """Answer what is selected of all objects, where it was answered before."""
        selection = self._selections.get(self.object_type)
        if selection is None or (self.object_type.is_type_of and not self._checked.issuperset(map(type, values))):
            return None
        return run.select_at_once(selection, values)

    async def dense(self, run: "Run", field: "FieldPlan", values: Sequence[Any], where: Where) -> list[Any]:
        """Answer what is selected of all objects."""
        return await self.of_type(run, field, self.object_type, values, where)


class AbstractOf(Composite):
    """An interface or a union.

    Args:
        abstract_type: the GraphQL type.
        nullable: whether null may stand in its place.
    """

    def __init__(self, abstract_type: GraphQLAbstractType, nullable: bool) -> None:
        super().__init__(nullable)
        self._abstract_type = abstract_type

    async def dense(self, run: "Run", field: "FieldPlan", values: Sequence[Any], where: Where) -> list[Any]:
        """Find the type of each value and answer the values of each type together."""
        resolve = self._abstract_type.resolve_type or run.executor.type_resolver
        names = await run.awaited(run.called(resolve, field, values, where, self._abstract_type), None)
        groups: dict[GraphQLObjectType, list[int]] = {}
        for index, (value, name) in enumerate(zip(values, names, strict=True)):
            try:
                if isinstance(name, Exception):
                    raise name
                groups.setdefault(self._runtime_type(run, field, name, value), []).append(index)
            except Exception as error:  # noqa: BLE001 # a field error
                run.fail(error, field, where(index))
        strands = [
            self.of_type(run, field, object_type, [values[index] for index in indices], _picked(where, indices))
            for object_type, indices in groups.items()
        ]
        completed: list[Any] = [None] * len(values)
        for indices, done in zip(groups.values(), await run.strands.together(strands), strict=True):
            for index, value in zip(indices, done, strict=True):
                completed[index] = value
        return completed

    def _runtime_type(self, run: "Run", field: "FieldPlan", name: Any, value: Any) -> GraphQLObjectType:
        info: Any = run.shared_info(field).info
        found: GraphQLObjectType = run.executor.ensure_valid_runtime_type(
            name, self._abstract_type, field.details, info, value
        )
        return found


def shape_of(graphql_type: GraphQLOutputType, natives: Mapping[str, Native], *, nullable: bool = True) -> Shape:
    """The shape of a field's type."""
    if is_non_null_type(graphql_type):
        return shape_of(graphql_type.of_type, natives, nullable=False)
    if is_list_type(graphql_type):
        return ListOf(shape_of(graphql_type.of_type, natives), nullable)
    if is_leaf_type(graphql_type):
        return Leaf(graphql_type, nullable, natives.get(graphql_type.name))
    if is_abstract_type(graphql_type):
        return AbstractOf(graphql_type, nullable)
    assert isinstance(graphql_type, GraphQLObjectType)
    return ObjectOf(graphql_type, nullable)


def null_error(field: "FieldPlan") -> TypeError:
    """Why null does not do where it may not stand."""
    return TypeError(f"Cannot return null for non-nullable field {field.parent_type}.{field.name}.")


def compiled(source: str, names: dict[str, Any], function: str) -> Any:
    """The function that generated source defines."""
    exec(compile(source, "<selection>", "exec"), names)  # noqa: S102 # written by this package from validated names
    return names[function]


def _items(where: Where, lengths: Sequence[int], nullable: bool) -> Where:
    """The places of the items of lists that were put one behind the other."""

    def place(index: int) -> ResponsePosition:
        ends = list(accumulate(lengths))
        row = bisect_right(ends, index)
        key = index - (ends[row] - lengths[row])
        return ResponsePosition(where(row), key, key, nullable, None)

    return place


def _picked(where: Where, indices: Sequence[int]) -> Where:
    return lambda index: where(indices[index])


def _nth_present(values: Sequence[Any], index: int) -> int:
    return next(islice((place for place, value in enumerate(values) if value is not None), index, None))
