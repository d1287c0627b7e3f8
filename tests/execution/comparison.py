"""Executes one operation on both executors and says where their answers differ."""

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
from tests.execution.chance import Situation
from tests.execution.documents import Writer, Written
from tests.execution.world import Root, world

DEADLINE = 20.0
TROUBLES = (0, 0, 1, 4, 12, 30)
PARENTS = re.compile(r"\d+ results for \d+ parents")
NULL = "Cannot return null for non-nullable field "
AMONG = "another error than the stock executor's"


@dataclass(frozen=True, slots=True)
class Case:
    """What both executors are asked.

    Attributes:
        operation: the operation.
        seed: of everything that happens in it.
        trouble: percentage of the places where something goes wrong.
        waits: whether it is executed on an event loop.
    """

    operation: Written
    seed: int
    trouble: int
    waits: bool

    def again(self) -> "Case":
        """The same operation with another seed, the opposite of every truth and other numbers."""
        variables = changed(self.operation.variables)
        return replace(self, operation=replace(self.operation, variables=variables), seed=self.seed + 1)

    def __str__(self) -> str:
        how = "asynchronously" if self.waits else "synchronously"
        asked = f"{self.operation.text}\nvariables: {self.operation.variables!r}, operation: {self.operation.name}"
        return f"{asked}\nseed {self.seed}, trouble {self.trouble}, {how}"


@dataclass(frozen=True, slots=True)
class Execution:
    """What came of one execution: an answer for each event of a subscription, otherwise one.

    Attributes:
        results: the answers, or a single exception that execution raised.
        effects: what mutations did, in order.
        left: the names of tasks that still ran when the answer was there.
    """

    results: Sequence[ExecutionResult | Exception]
    effects: Sequence[str]
    left: Sequence[str] = ()

    def __str__(self) -> str:
        return "\n".join(map(shown, self.results))


def changed(value: Any) -> Any:
    """Another value of the same type; an even number stays even."""
    if isinstance(value, dict):
        return {name: changed(part) for name, part in value.items()}
    if isinstance(value, list):
        return [changed(part) for part in value]
    if isinstance(value, bool):
        return not value
    return value - 2 if isinstance(value, int) else value


class Bench:
    """The world on both executors.

    Args:
        executor: the class that is compared with Strawberry's own.
        rows: real rows of PostgreSQL.
    """

    def __init__(self, executor: type[Any], rows: Sequence[Any]) -> None:
        self._executor = executor
        self._rows = rows
        self.schema: GraphQLSchema = world()._schema

    def case(self, chance: Random, size: int) -> Case:
        """A case that ``chance`` decides."""
        waits = chance.randrange(5) > 0
        operation = Writer(self.schema, chance, lambda field: waits or not may_wait(field), size).operation()
        if operation.text.startswith("subscription"):
            waits = True
        return Case(operation, chance.randrange(2**32), chance.choice(TROUBLES), waits)

    async def differences(self, case: Case) -> list[str]:
        """What is wrong with the answers of the executor under test; nothing is the rule.

        The same document is asked for twice, with other values and other conditions: what was planned serves both.
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
                # An iterable that breaks off hides what was wrong with its items before.
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
        except Exception as error:  # noqa: BLE001 # both have to raise the same
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
    """The answers, as Strawberry asks for them."""
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
        raise RuntimeError("does not answer at once")
    yield await _if_awaitable(answered)


async def _if_awaitable(value: Any) -> Any:
    return await value if optimized_is_awaitable(value) else value


def may_wait(field: Any) -> bool:
    """Whether a field may have to wait even where nothing else does."""
    definition = field.extensions.get("strawberry-definition")
    if definition is None:
        return False
    return (
        isinstance(definition, BatchField)
        or definition.is_async
        or any(not extension.supports_sync for extension in definition.extensions)
    )


def compared(stock: Execution, tested: Execution) -> Iterator[str]:
    """How two answers differ; ``AMONG`` alone where all else is well but another error survived."""
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
    """How the errors of two answers with the same data differ."""
    wanted, found = by_null(expected), by_null(given)
    if wanted.keys() != found.keys():
        yield f"nulls with errors: {sorted(map(str, wanted))} and {sorted(map(str, found))}"
        return
    for null, errors in found.items():
        if null is None and all(error.path is None for error in errors):
            # The request was refused: nothing failed that could hide another failure.
            if list(map(described, errors)) != list(map(described, wanted[null])):
                yield f"request errors: {errors}"
        elif len(errors) != 1:
            yield f"{len(errors)} errors for the null at {null}"
        elif described(errors[0]) not in map(described, wanted[null]):
            yield AMONG


def by_null(result: ExecutionResult) -> dict[tuple[str | int, ...] | None, list[GraphQLError]]:
    """The errors by the outermost null that they stand for; None for those that stand for none."""
    found: dict[tuple[str | int, ...] | None, list[GraphQLError]] = {}
    for error in result.errors or ():
        found.setdefault(null_of(result.data, error.path), []).append(error)
    return found


def null_of(data: Any, path: Sequence[str | int] | None) -> tuple[str | int, ...] | None:
    """Where on the way of a path the first null stands."""
    if path is None:
        return None
    for depth in range(len(path) + 1):
        if data is None:
            return tuple(path[:depth])
        if depth < len(path):
            data = data[path[depth]]
    return None


def described(error: GraphQLError) -> tuple[Any, ...]:
    """What of an error is compared; batches are not cut alike, so that they may have other sizes."""
    locations = [(location.line, location.column) for location in error.locations or ()]
    return PARENTS.sub("", error.message), tuple(error.path or ()), tuple(locations), repr(error.extensions)


def unfounded(tested: Execution, known: Sequence[Execution]) -> Iterator[str]:
    """Errors of things that did not fail; ``known`` are answers that together tell all that did."""
    for given, *others in zip(tested.results, *(answer.results for answer in known), strict=True):
        assert isinstance(given, ExecutionResult)
        errors = [error for other in others for error in other.errors or ()]
        descriptions = set(map(described, errors))
        failed = {tuple(error.path or ()) for error in errors}
        for error in given.errors or ():
            path = tuple(error.path or ())
            # Where null may stand everywhere, none of it is an error.
            is_null = path not in failed and any(null_of(other.data, path) == path for other in others)
            if described(error) not in descriptions and not (error.message.startswith(NULL) and is_null):
                yield f"nothing failed so: {error!r}"


@contextmanager
def lenient(schema: GraphQLSchema) -> Iterator[None]:
    """Allows null in every place of an answer: each failure then shows by itself."""
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
    """The type without any non-null."""
    if isinstance(type_, GraphQLNonNull):
        return nullable(type_.of_type)
    return GraphQLList(nullable(type_.of_type)) if isinstance(type_, GraphQLList) else type_


def dumped(data: Any) -> str:
    """The bytes that are compared, in the order of the answer."""
    return orjson.dumps(data, default=repr).decode()


def shown(result: ExecutionResult | Exception) -> str:
    """An answer for a person."""
    if isinstance(result, Exception):
        return f"raised {result!r}"
    errors = "".join(f"\n    {described(error)}" for error in result.errors or ())
    return f"{dumped(result.data)}{errors}"
