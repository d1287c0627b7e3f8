"""Executes one operation on both executors and compares the responses."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
    execute,
    parse,
    subscribe,
)
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.execution import BatchField
from tests.execution.documents import Writer, Written
from tests.execution.random_values import Situation
from tests.execution.world import Root, world

DEADLINE = 20.0
TROUBLES = (0, 0, 1, 4, 12, 30)
PARENTS = re.compile(r"\d+ results for \d+ parents")
NULL = "Cannot return null for non-nullable field "
AMONG = "another error than the stock executor's"


@dataclass(frozen=True, slots=True)
class Case:
    """A request for both executors.

    Attributes:
        operation: the operation and its variables.
        seed: determines all values and failures.
        trouble: percentage of the positions with a failure or an odd value.
        waits: whether it is executed on an event loop.
    """

    operation: Written
    seed: int
    trouble: int
    waits: bool

    def again(self) -> "Case":
        """The same operation with another seed, inverted Boolean values and other numbers."""
        variables = changed(self.operation.variables)
        return replace(self, operation=replace(self.operation, variables=variables), seed=self.seed + 1)

    def __str__(self) -> str:
        how = "asynchronously" if self.waits else "synchronously"
        asked = f"{self.operation.text}\nvariables: {self.operation.variables!r}, operation: {self.operation.name}"
        return f"{asked}\nseed {self.seed}, trouble {self.trouble}, {how}"


@dataclass(frozen=True, slots=True)
class Execution:
    """Outcome of one execution: one response, or one for each event of a subscription.

    Attributes:
        results: the responses, or the exception that execution raised.
        effects: effects of the mutations, in order.
        left: names of the tasks that still ran after the response.
    """

    results: Sequence[ExecutionResult | Exception]
    effects: Sequence[str]
    left: Sequence[str] = ()

    def __str__(self) -> str:
        return "\n".join(map(shown, self.results))


def changed(value: Any) -> Any:
    """Another value of the same type. An even number stays even."""
    if isinstance(value, dict):
        return {name: changed(part) for name, part in value.items()}
    if isinstance(value, list):
        return [changed(part) for part in value]
    if isinstance(value, bool):
        return not value
    return value - 2 if isinstance(value, int) else value


class Bench:
    """The schema of ``tests.execution.world`` on both executors.

    Args:
        executor: the class that is compared with Strawberry's own.
        rows: rows of PostgreSQL.
    """

    def __init__(self, executor: type[Any], rows: Sequence[Any]) -> None:
        self._executor = executor
        self._rows = rows
        self.schema: GraphQLSchema = world()._schema

    def case(self, chance: Random, size: int) -> Case:
        """A random case."""
        waits = chance.randrange(5) > 0
        operation = Writer(self.schema, chance, lambda field: waits or not may_wait(field), size).operation()
        if operation.text.startswith("subscription"):
            waits = True
        return Case(operation, chance.randrange(2**32), chance.choice(TROUBLES), waits)

    async def differences(self, case: Case) -> list[str]:
        """Differences between the responses of both executors; empty if they agree.

        The document is executed twice, with different variables, so that the second execution uses a cached plan.
        """
        document = parse(case.operation.text)
        found = await self._differences(case, document)
        if found:
            return found
        again = await self._differences(case.again(), document)
        return ["asked again:", *again] if again else []

    async def _differences(self, case: Case, document: DocumentNode) -> list[str]:
        stock = await self._answer(case, document, StrawberryGraphQLCoreExecutionContext)
        tested = await self._answer(case, document, self._executor)
        found = list(compared(stock, tested))
        if found == [AMONG]:
            with lenient(self.schema):
                # An iterable that fails hides the errors of its earlier items.
                known = [
                    await self._answer(case, document, StrawberryGraphQLCoreExecutionContext, breaks=breaks)
                    for breaks in (True, False)
                ]
            found = list(unfounded(tested, [stock, *known]))
        if tested.left:
            found.append(f"tasks still run: {tested.left}")
        if found:
            found += [f"stock: {stock}", f"tested: {tested}"]
        return found

    async def _answer(
        self, case: Case, document: DocumentNode, executor: type[Any], *, breaks: bool = True
    ) -> Execution:
        situation = Situation(case.seed, case.trouble, case.waits, self._rows, breaks)
        options: dict[str, Any] = {
            "root_value": Root(),
            "context_value": situation,
            "variable_values": json.loads(json.dumps(case.operation.variables)),
            "operation_name": case.operation.name,
            "executor_class": executor,
            "operation_extensions": {},
        }
        before = asyncio.all_tasks()
        try:
            async with asyncio.timeout(DEADLINE):
                results = [result async for result in _results(case, document, self.schema, options)]
        except Exception as error:  # noqa: BLE001 # both must raise the same
            results = [error]
        finally:
            await situation.loaders.close()
        left = asyncio.all_tasks() - before
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        return Execution(results, situation.effects, sorted(task.get_name() for task in left))


async def _results(
    case: Case, document: DocumentNode, schema: GraphQLSchema, options: dict[str, Any]
) -> AsyncIterator[Any]:
    """The responses, requested in the way Strawberry does."""
    (operation, *_) = (one for one in document.definitions if isinstance(one, OperationDefinitionNode))
    if operation.operation is OperationType.SUBSCRIPTION:
        events = await _if_awaitable(subscribe(schema, document, **options))
        if isinstance(events, ExecutionResult):
            yield events
        else:
            async for result in events:
                yield result
        return
    options["is_awaitable"] = optimized_is_awaitable
    if not case.waits:
        options["is_async_iterable"] = lambda _: False
    answered: Any = execute(schema, document, **options)
    if not case.waits and optimized_is_awaitable(answered):
        answered.close()
        raise RuntimeError("synchronous execution returned an awaitable")
    yield await _if_awaitable(answered)


async def _if_awaitable(value: Any) -> Any:
    return await value if optimized_is_awaitable(value) else value


def may_wait(field: Any) -> bool:
    """Whether a field may wait regardless of ``Situation.waits``."""
    definition = field.extensions.get("strawberry-definition")
    if definition is None:
        return False
    return (
        isinstance(definition, BatchField)
        or definition.is_async
        or any(not extension.supports_sync for extension in definition.extensions)
    )


def compared(stock: Execution, tested: Execution) -> Iterator[str]:
    """Differences of two responses; only ``AMONG`` if they differ only in which error of a null is reported."""
    if stock.effects != tested.effects:
        yield f"effects: {stock.effects} and {tested.effects}"
    if len(stock.results) != len(tested.results):
        yield f"{len(stock.results)} and {len(tested.results)} results"
        return
    among = False
    for expected, given in zip(stock.results, tested.results, strict=True):
        if isinstance(expected, Exception) or isinstance(given, Exception):
            if type(expected) is not type(given) or str(expected) != str(given):
                yield f"raised: {expected!r} and {given!r}"
            continue
        if dumped(expected.data) != dumped(given.data):
            yield "data differs"
            continue
        for difference in compared_errors(expected, given):
            among = among or difference == AMONG
            if difference != AMONG:
                yield difference
    if among:
        yield AMONG


def compared_errors(expected: ExecutionResult, given: ExecutionResult) -> Iterator[str]:
    """Differences of the errors of two responses with equal data."""
    wanted, found = by_null(expected), by_null(given)
    if wanted.keys() != found.keys():
        yield f"nulls with errors: {sorted(map(str, wanted))} and {sorted(map(str, found))}"
        return
    for null, errors in found.items():
        if null is None and all(error.path is None for error in errors):
            # The request was rejected: no failure can hide another one.
            if list(map(described, errors)) != list(map(described, wanted[null])):
                yield f"request errors: {errors}"
        elif len(errors) != 1:
            yield f"{len(errors)} errors for the null at {null}"
        elif described(errors[0]) not in map(described, wanted[null]):
            yield AMONG


def by_null(result: ExecutionResult) -> dict[tuple[str | int, ...] | None, list[GraphQLError]]:
    """Errors by the outermost null that they cause; None for errors that cause no null."""
    found: dict[tuple[str | int, ...] | None, list[GraphQLError]] = {}
    for error in result.errors or ():
        found.setdefault(null_of(result.data, error.path), []).append(error)
    return found


def null_of(data: Any, path: Sequence[str | int] | None) -> tuple[str | int, ...] | None:
    """Path of the first null along a path, or None."""
    if path is None:
        return None
    for depth in range(len(path) + 1):
        if data is None:
            return tuple(path[:depth])
        if depth < len(path):
            data = data[path[depth]]
    return None


def described(error: GraphQLError) -> tuple[Any, ...]:
    """The compared parts of an error. Sizes of batches are left out, since the executors may split them differently."""
    locations = [(location.line, location.column) for location in error.locations or ()]
    return PARENTS.sub("", error.message), tuple(error.path or ()), tuple(locations), repr(error.extensions)


def unfounded(tested: Execution, known: Sequence[Execution]) -> Iterator[str]:
    """Errors without a failure behind them; ``known`` are responses that together contain all failures."""
    for given, *others in zip(tested.results, *(answer.results for answer in known), strict=True):
        assert isinstance(given, ExecutionResult)
        errors = [error for other in others for error in other.errors or ()]
        descriptions = set(map(described, errors))
        failed = {tuple(error.path or ()) for error in errors}
        for error in given.errors or ():
            path = tuple(error.path or ())
            # In a lenient schema a null causes no error.
            is_null = path not in failed and any(null_of(other.data, path) == path for other in others)
            if described(error) not in descriptions and not (error.message.startswith(NULL) and is_null):
                yield f"unfounded error: {error!r}"


@contextmanager
def lenient(schema: GraphQLSchema) -> Iterator[None]:
    """Makes every field and item nullable, so that each failure is reported."""
    fields = [
        field
        for one in schema.type_map.values()
        if isinstance(one, (GraphQLObjectType, GraphQLInterfaceType))
        for field in one.fields.values()
    ]
    fields += [SchemaMetaFieldDef, TypeMetaFieldDef]
    declared = [field.type for field in fields]
    for field in fields:
        field.type = nullable(field.type)
    try:
        yield
    finally:
        for field, type_ in zip(fields, declared, strict=True):
            field.type = type_


def nullable(type_: Any) -> Any:
    """The type without non-null wrappers."""
    if isinstance(type_, GraphQLNonNull):
        return nullable(type_.of_type)
    return GraphQLList(nullable(type_.of_type)) if isinstance(type_, GraphQLList) else type_


def dumped(data: Any) -> str:
    """The data as JSON, in the order of the response."""
    return orjson.dumps(data, default=repr).decode()


def shown(result: ExecutionResult | Exception) -> str:
    """A response as readable text."""
    if isinstance(result, Exception):
        return f"raised {result!r}"
    errors = "".join(f"\n    {described(error)}" for error in result.errors or ())
    return f"{dumped(result.data)}{errors}"
