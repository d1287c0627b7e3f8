"""Value completion: from the raw values of a field, for all parents at once, to values of the response.

Implements the specification's section 6.4.3 by columns. A completer handles one layer of a field's type: a leaf, a
list, an object or an abstract type, each nullable or not. It leaves null at a position that fails, whether that is
nullable or not; ``response_path.propagate_nulls`` propagates the nulls at the end.
"""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import tzinfo
from itertools import accumulate, chain, islice
from typing import Any

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

from schema.execution.coroutines import close_coroutines
from schema.execution.interfaces import OperationRun, PlannedField, PlannedSelection
from schema.execution.response_path import Positions, ResponsePosition

LISTS = frozenset({list, tuple})
MAX_PLAIN_CLASSES = 64
INFINITY = float("inf")


@dataclass(frozen=True, slots=True)
class NativeScalar:
    """Values of a scalar that are left as they are, because the response serializer writes them as the scalar would.

    Args:
        python_type: their exact class.
        timezone: for times: the ``tzinfo`` that they must have.
        whole_seconds: for times: whether a value with a fraction of a second is serialized by the scalar.
    """

    python_type: type
    timezone: tzinfo | None = None
    whole_seconds: bool = False


class UnexpectedValue(Exception):
    """A value that generated code does not complete; then the values are completed one by one."""


class Completer(ABC):
    """Completes the values of one layer of a field's type.

    A value is plain if it is neither null nor an exception nor awaitable.

    Args:
        nullable: whether a value may be null.
    """

    def __init__(self, nullable: bool) -> None:
        self.nullable = nullable
        self._plain_classes: set[type] = set()

    def is_plain(self, values: Sequence[Any]) -> bool:
        """Whether the classes of all values are known to be plain."""
        return self._plain_classes.issuperset(map(type, values))

    async def complete(
        self,
        run: OperationRun,
        field: PlannedField,
        values: Sequence[Any],
        positions: Positions,
        *,
        awaited: bool = False,
    ) -> list[Any]:
        """Complete raw values: each a value, None, an exception or an awaitable of one of these.

        Args:
            run: the request's.
            field: the field that the values belong to.
            values: at least one.
            positions: of the values.
            awaited: whether awaitables have been awaited already.

        Returns:
            as many completed values; None where one failed.
        """
        unknown = set(map(type, values)) - self._plain_classes
        if unknown:
            unknown = {kind for kind in unknown if not self._learn(kind)}
            if unknown == {type(None)} and self.nullable:
                return await self._complete_nullable(run, field, values, positions)
            if unknown:
                values = values if awaited else await run.resolve_awaitables(values, None)
                return await self._complete_any(run, field, values, positions)
        return await self.complete_plain(run, field, values, positions)

    def complete_sync(self, run: OperationRun, values: Sequence[Any]) -> list[Any] | None:
        """Complete raw values if all are valid and nothing has to wait; None otherwise.

        Has no side effects: after None, ``complete`` starts again.
        """
        unknown = set(map(type, values)) - self._plain_classes
        if not unknown:
            return self.complete_plain_sync(run, values)
        if unknown != {type(None)} or not self.nullable:
            return None
        present = [value for value in values if value is not None]
        completed = self.complete_plain_sync(run, present) if present else []
        if completed is None:
            return None
        remaining = iter(completed)
        return [None if value is None else next(remaining) for value in values]

    def complete_plain_sync(self, run: OperationRun, values: Sequence[Any]) -> list[Any] | None:  # noqa: ARG002 # overridden
        """``complete_sync`` for plain values."""
        return None

    def always_fails(self, value: Any) -> bool:
        """Whether a value is certain to fail at a non-null position; the items after it need not be read."""
        return value is None or value is Undefined or isinstance(value, Exception)

    @abstractmethod
    async def complete_plain(
        self, run: OperationRun, field: PlannedField, values: Sequence[Any], positions: Positions
    ) -> list[Any]:
        """``complete`` for plain values."""

    def _learn(self, kind: type) -> bool:
        """Whether instances of a class are plain; remembered if so."""
        plain = not issubclass(kind, (Exception, type(None), UndefinedType)) and not any(
            # Looked up in the classes themselves: a metaclass, such as an enum's, may have one for other reasons.
            name in vars(base)
            for base in kind.__mro__
            for name in ("__await__", "__getattr__", "gi_code")
        )
        if plain and len(self._plain_classes) < MAX_PLAIN_CLASSES:
            self._plain_classes.add(kind)
        return plain

    async def _complete_nullable(
        self, run: OperationRun, field: PlannedField, values: Sequence[Any], positions: Positions
    ) -> list[Any]:
        """Complete values that are plain or null."""
        present = [value for value in values if value is not None]
        if not present:
            return [None] * len(values)
        completed = await self.complete_plain(run, field, present, lambda index: positions(_nth_present(values, index)))
        remaining = iter(completed)
        return [None if value is None else next(remaining) for value in values]

    async def _complete_any(
        self, run: OperationRun, field: PlannedField, values: Sequence[Any], positions: Positions
    ) -> list[Any]:
        """Complete values among which there may be nulls and exceptions."""
        indices = []
        for index, value in enumerate(values):
            if isinstance(value, Exception):
                run.fail(value, field, positions(index))
            elif value is not None and value is not Undefined:
                indices.append(index)
            elif not self.nullable:
                run.fail(null_error(field), field, positions(index))
        results: list[Any] = [None] * len(values)
        if indices:
            present = [values[index] for index in indices]
            completed = await self.complete_plain(run, field, present, _selected_positions(positions, indices))
            for index, value in zip(indices, completed, strict=True):
                results[index] = value
        return results


class LeafCompleter(Completer):
    """Completes a scalar or an enum.

    Args:
        leaf_type: the GraphQL type.
        nullable: whether a value may be null.
        native: values that the response serializer writes; None if there are none.
    """

    def __init__(self, leaf_type: GraphQLLeafType, nullable: bool, native: NativeScalar | None) -> None:
        super().__init__(nullable)
        self.leaf_type = leaf_type
        self._native = native
        self._complete_column: Callable[[Sequence[Any]], list[Any]] | None = None

    def expression(self, value: str, suffix: str, names: dict[str, Any], *, nullable: bool) -> str:
        """Python source of the completed value of another expression; adds what it refers to to ``names``.

        The code raises for every value that it cannot complete; then the values are completed one by one.
        """
        write, known, memo, bound = f"write{suffix}", f"known{suffix}", f"memo{suffix}", f"(v := {value})"
        names[write] = self.serialize
        if self._unchanged(suffix, names, "v"):
            if nullable:
                return f"(v if {bound} is None or {self._unchanged(suffix, names, 'v')} else {write}(v))"
            return f"(v if {self._unchanged(suffix, names, bound)} else {write}(v))"
        if isinstance(self.leaf_type, GraphQLEnumType):
            names[known] = frozenset({str, getattr(self.leaf_type, "wrapped_cls", str)})
            names[memo] = _EnumNames(self.serialize)
            if nullable:
                return f"(None if {bound} is None else {memo}[v] if v.__class__ in {known} else {write}(v))"
            return f"({memo}[v] if {bound}.__class__ in {known} else {write}(v))"
        return f"(None if {bound} is None else {write}(v))" if nullable else f"{write}({value})"

    def _unchanged(self, suffix: str, names: dict[str, Any], v: str) -> str:
        """Python source that tests whether ``v``, which binds the name v, is left as it is; empty if no value is."""
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

    def serialize(self, value: Any) -> Any:
        """Complete one value.

        Raises:
            UnexpectedValue: the value is not plain.
            Exception: raised by the type for an invalid value.
        """
        kind = type(value)
        if kind not in self._plain_classes and not self._learn(kind):
            raise UnexpectedValue
        return Executor.complete_leaf_value(self.leaf_type, value)

    def always_fails(self, value: Any) -> bool:
        """Whether a value is certain to fail at a non-null position."""
        if super().always_fails(value):
            return True
        try:
            self.serialize(value)
        except UnexpectedValue:
            return False
        except Exception:  # noqa: BLE001 # the scalar's own
            return True
        return False

    async def complete_plain(
        self, run: OperationRun, field: PlannedField, values: Sequence[Any], positions: Positions
    ) -> list[Any]:
        """Complete plain values together, or one by one if one of them is invalid."""
        completed = self.complete_plain_sync(run, values)
        if completed is None:
            return [self._complete_one(run, field, value, positions, index) for index, value in enumerate(values)]
        return completed

    def complete_plain_sync(self, run: OperationRun, values: Sequence[Any]) -> list[Any] | None:  # noqa: ARG002 # overrides
        """Complete plain values by generated code; None if one of them is invalid."""
        if self._complete_column is None:
            names: dict[str, Any] = {}
            source = self.expression("value", "0", names, nullable=False)
            self._complete_column = compiled(
                f"def column(values):\n    return [{source} for value in values]\n", names, "column"
            )
        try:
            return self._complete_column(values)
        except Exception:  # noqa: BLE001 # the values are completed one by one, and the invalid one fails again
            return None

    def _complete_one(
        self, run: OperationRun, field: PlannedField, value: Any, positions: Positions, index: int
    ) -> Any:
        try:
            return Executor.complete_leaf_value(self.leaf_type, value)
        except Exception as error:  # noqa: BLE001 # a field error
            return run.fail(error, field, positions(index))


class _EnumNames(dict[Any, Any]):
    """Names of enum values, filled on first use; as many as the enum has values."""

    def __init__(self, serialize: Callable[[Any], Any]) -> None:
        super().__init__()
        self._serialize = serialize

    def __missing__(self, value: Any) -> Any:
        name = self[value] = self._serialize(value)
        return name


class ListCompleter(Completer):
    """Completes a list.

    Args:
        item: completes the items.
        nullable: whether the list may be null.
    """

    def __init__(self, item: Completer, nullable: bool) -> None:
        super().__init__(nullable)
        self.item = item

    async def complete_plain(
        self, run: OperationRun, field: PlannedField, values: Sequence[Any], positions: Positions
    ) -> list[Any]:
        """Complete the items of all lists together."""
        lists: Sequence[Any] = values
        if not LISTS.issuperset(map(type, values)):
            lists = [await self._items(run, field, value, positions, index) for index, value in enumerate(values)]
        nullable = self.item.nullable
        if len(lists) == 1:
            [items] = lists
            if items is None:
                return [None]
            return [await self.item.complete(run, field, items, _item_positions(positions, [len(items)], nullable))]
        lengths = [len(items) if items is not None else 0 for items in lists]
        flat = list(chain.from_iterable(items for items in lists if items is not None))
        places = _item_positions(positions, lengths, nullable)
        completed = iter(await self.item.complete(run, field, flat, places) if flat else ())
        return [
            None if items is None else list(islice(completed, length))
            for items, length in zip(lists, lengths, strict=True)
        ]

    def complete_plain_sync(self, run: OperationRun, values: Sequence[Any]) -> list[Any] | None:
        """Complete the items of all lists together."""
        if not LISTS.issuperset(map(type, values)):
            return None
        flat = values[0] if len(values) == 1 else list(chain.from_iterable(values))
        completed = self.item.complete_sync(run, flat) if flat else []
        if completed is None:
            return None
        remaining = iter(completed)
        return [list(islice(remaining, len(items))) for items in values]

    async def _items(self, run: OperationRun, field: PlannedField, value: Any, positions: Positions, index: int) -> Any:
        """The items of a list; None if the value is not a list or reading it failed."""
        try:
            if isinstance(value, (list, tuple)):
                return value
            if run.executor.is_async_iterable(value):
                await run.coroutines.before_waiting()
                return await self._read_async(value)
            if is_iterable(value):
                return self._read(value)
            name = f"{field.parent_type}.{field.name}"
            raise GraphQLError(f"Expected Iterable, but did not find one for field '{name}'.")
        except Exception as error:  # noqa: BLE001 # a field error
            return run.fail(error, field, positions(index))

    def _read(self, iterable: Iterable[Any]) -> list[Any]:
        items: list[Any] = []
        try:
            for item in iterable:
                items.append(item)
                if not self.item.nullable and self.item.always_fails(item):
                    break
        except BaseException:
            close_coroutines(items)
            raise
        return items

    async def _read_async(self, iterable: AsyncIterable[Any]) -> list[Any]:
        items: list[Any] = []
        iterator = aiter(iterable)
        try:
            async for item in iterator:
                items.append(item)
                if not self.item.nullable and self.item.always_fails(item):
                    close = getattr(iterator, "aclose", None)
                    if close is not None:
                        with suppress(Exception):
                            await close()
                    break
        except BaseException:
            close_coroutines(items)
            raise
        return items


class CompositeCompleter(Completer):
    """Completes values that have fields; keeps a plan of the selection for each object type."""

    def __init__(self, nullable: bool) -> None:
        super().__init__(nullable)
        self._selections: dict[GraphQLObjectType, PlannedSelection] = {}
        self._checked_classes: set[type] = set()

    async def complete_objects(
        self,
        run: OperationRun,
        field: PlannedField,
        object_type: GraphQLObjectType,
        values: Sequence[Any],
        positions: Positions,
    ) -> list[Any]:
        """Complete values of one object type."""
        wrong = await self._wrong_types(run, field, object_type, values, positions) if object_type.is_type_of else None
        if not wrong:
            return await self._execute_selection(run, field, object_type, values, positions)
        indices = [index for index in range(len(values)) if index not in wrong]
        right = [values[index] for index in indices]
        results: list[Any] = [None] * len(values)
        completed = await self._execute_selection(
            run, field, object_type, right, _selected_positions(positions, indices)
        )
        for index, value in zip(indices, completed, strict=True):
            results[index] = value
        return results

    async def _execute_selection(
        self,
        run: OperationRun,
        field: PlannedField,
        object_type: GraphQLObjectType,
        values: Sequence[Any],
        positions: Positions,
    ) -> list[Any]:
        if not values:
            return []
        selection = self._selections.get(object_type)
        if selection is None:
            try:
                selection = self._selections[object_type] = run.plan.selection(run.executor, object_type, field.details)
            except GraphQLError as error:
                for index in range(len(values)):
                    run.fail(error, field, positions(index))
                return [None] * len(values)
        return await selection.execute(run, values, positions)

    async def _wrong_types(
        self,
        run: OperationRun,
        field: PlannedField,
        object_type: GraphQLObjectType,
        values: Sequence[Any],
        positions: Positions,
    ) -> set[int]:
        """Indices of values that are not of the type; records an error for each."""
        is_type_of: Any = object_type.is_type_of
        by_class = getattr(is_type_of, "by_class", False)
        if by_class and self._checked_classes.issuperset(map(type, values)):
            return set()
        results = await run.resolve_awaitables(run.call_each(is_type_of, field, values, positions), None)
        wrong = set()
        for index, (value, result) in enumerate(zip(values, results, strict=True)):
            if isinstance(result, Exception):
                run.fail(result, field, positions(index))
            elif not result:
                run.fail(invalid_return_type_error(object_type, value, field.details), field, positions(index))
            else:
                continue
            wrong.add(index)
        if by_class and not wrong and len(self._checked_classes) < MAX_PLAIN_CLASSES:
            self._checked_classes.update(map(type, values))
        return wrong


class ObjectCompleter(CompositeCompleter):
    """Completes an object.

    Args:
        object_type: the GraphQL type.
        nullable: whether the object may be null.
    """

    def __init__(self, object_type: GraphQLObjectType, nullable: bool) -> None:
        super().__init__(nullable)
        self.object_type = object_type

    def complete_plain_sync(self, run: OperationRun, values: Sequence[Any]) -> list[Any] | None:
        """Execute the selection of all objects, if it has been planned before."""
        selection = self._selections.get(self.object_type)
        if selection is None or (
            self.object_type.is_type_of and not self._checked_classes.issuperset(map(type, values))
        ):
            return None
        return selection.execute_sync(run, values)

    async def complete_plain(
        self, run: OperationRun, field: PlannedField, values: Sequence[Any], positions: Positions
    ) -> list[Any]:
        """Execute the selection of all objects."""
        return await self.complete_objects(run, field, self.object_type, values, positions)


class AbstractCompleter(CompositeCompleter):
    """Completes an interface or a union.

    Args:
        abstract_type: the GraphQL type.
        nullable: whether the object may be null.
    """

    def __init__(self, abstract_type: GraphQLAbstractType, nullable: bool) -> None:
        super().__init__(nullable)
        self._abstract_type = abstract_type

    async def complete_plain(
        self, run: OperationRun, field: PlannedField, values: Sequence[Any], positions: Positions
    ) -> list[Any]:
        """Resolve the type of each value and complete the values of each type together."""
        resolve = self._abstract_type.resolve_type or run.executor.type_resolver
        names = await run.resolve_awaitables(
            run.call_each(resolve, field, values, positions, self._abstract_type), None
        )
        groups: dict[GraphQLObjectType, list[int]] = {}
        for index, (value, name) in enumerate(zip(values, names, strict=True)):
            try:
                if isinstance(name, Exception):
                    raise name
                groups.setdefault(self._runtime_type(run, field, name, value), []).append(index)
            except Exception as error:  # noqa: BLE001 # a field error
                run.fail(error, field, positions(index))
        coroutines = [
            self.complete_objects(
                run,
                field,
                object_type,
                [values[index] for index in indices],
                _selected_positions(positions, indices),
            )
            for object_type, indices in groups.items()
        ]
        results: list[Any] = [None] * len(values)
        for indices, completed in zip(groups.values(), await run.coroutines.gather(coroutines), strict=True):
            for index, value in zip(indices, completed, strict=True):
                results[index] = value
        return results

    def _runtime_type(self, run: OperationRun, field: PlannedField, name: Any, value: Any) -> GraphQLObjectType:
        info: Any = run.shared_info(field).info
        runtime_type: GraphQLObjectType = run.executor.ensure_valid_runtime_type(
            name, self._abstract_type, field.details, info, value
        )
        return runtime_type


def completer_for(
    graphql_type: GraphQLOutputType, native_scalars: Mapping[str, NativeScalar], *, nullable: bool = True
) -> Completer:
    """The completer of a field's type."""
    if is_non_null_type(graphql_type):
        return completer_for(graphql_type.of_type, native_scalars, nullable=False)
    if is_list_type(graphql_type):
        return ListCompleter(completer_for(graphql_type.of_type, native_scalars), nullable)
    if is_leaf_type(graphql_type):
        return LeafCompleter(graphql_type, nullable, native_scalars.get(graphql_type.name))
    if is_abstract_type(graphql_type):
        return AbstractCompleter(graphql_type, nullable)
    assert isinstance(graphql_type, GraphQLObjectType)
    return ObjectCompleter(graphql_type, nullable)


def null_error(field: PlannedField) -> TypeError:
    """The error for null at a non-null position."""
    return TypeError(f"Cannot return null for non-nullable field {field.parent_type}.{field.name}.")


def compiled(source: str, names: dict[str, Any], function: str) -> Any:
    """The function that generated source defines."""
    exec(compile(source, "<selection>", "exec"), names)  # noqa: S102 # generated by this package from validated names
    return names[function]


def _item_positions(lists: Positions, lengths: Sequence[int], nullable: bool) -> Positions:
    """The positions of the items of concatenated lists."""

    def position(index: int) -> ResponsePosition:
        ends = list(accumulate(lengths))
        row = bisect_right(ends, index)
        key = index - (ends[row] - lengths[row])
        return ResponsePosition(lists(row), key, key, nullable, None)

    return position


def _selected_positions(positions: Positions, indices: Sequence[int]) -> Positions:
    return lambda index: positions(indices[index])


def _nth_present(values: Sequence[Any], index: int) -> int:
    return next(islice((place for place, value in enumerate(values) if value is not None), index, None))
