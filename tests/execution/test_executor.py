"""Features that graphql-core's executor lacks: plans, native values, batches, prefetched values and tracing."""

# As for schema.*: strawberry.field() is declared to return Any.
# mypy: allow-untyped-decorators

import asyncio
import gc
import pickle
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import strawberry
from graphql import GraphQLSchema, parse
from graphql.execution import execute
from strawberry.types.field import StrawberryField

from schema.execution import BatchField, BreadthFirstExecutor, Loaders, NativeScalar, Tracer, by_class, plans_of
from schema.fields.batching import batched, masked, read

Info = strawberry.Info[Any, None]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Animal:
    name: str
    seen: Any = NOON
    friend: "Animal | None" = None
    asked: list[str] = field(default_factory=list)


async def friends(context: Any, parents: Sequence[Animal]) -> list[Animal | None]:
    context.calls.append(len(parents))
    return [parent.friend for parent in parents]


async def foods(context: Any, parents: Sequence[Animal], *, selected: Any = None) -> list[Animal]:
    context.selected.append(selected)
    return [Animal("grass") for _ in parents]


def names(context: Any) -> Any:
    return None if context.sees else lambda animal: animal.name[:1]


@strawberry.type(name="Animal", description="A.")
class AnimalType:
    name: str = masked(names, description="Its initial for those who do not see.")
    loud: str = read(lambda animal: animal.name.upper(), description="Loudly.")
    seen: datetime = strawberry.field(description="When.")
    friend: "AnimalType | None" = batched(friends, description="One.")
    food: "AnimalType" = batched(foods, description="What it eats.")
    prefetched: "AnimalType | None" = batched(
        friends,
        prefetched=lambda parents: [animal.friend for animal in parents] if all(a.friend for a in parents) else None,
        description="At hand where all have one.",
    )

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return by_class(lambda value, _info: isinstance(value, Animal))(value, _info)


@strawberry.type(description="Q.")
class Query:
    @strawberry.field(graphql_type=list[AnimalType], description="All.")
    def animals(self, info: Info) -> Any:
        return info.context.animals

    @strawberry.field(graphql_type=str, description="Waits.")
    async def waits(self, info: Info) -> Any:
        info.context.waiting.set()
        await asyncio.sleep(3600)

    @strawberry.field(graphql_type=str, description="Stops the request.")
    def stops(self) -> Any:
        raise asyncio.CancelledError

    @strawberry.field(graphql_type=list[str] | None, description="Fails after the first item.")
    def breaks(self) -> Any:
        yield asyncio.sleep(0, "item")
        raise ValueError("no more")


class Executor(BreadthFirstExecutor):
    """Records the operations that it hands to graphql-core's executor."""

    native_scalars: ClassVar[Mapping[str, NativeScalar]] = {"DateTime": NativeScalar(datetime, UTC)}
    handed_over: ClassVar[list[str]] = []

    def tracer(self) -> Tracer | None:
        tracer: Tracer | None = self.context_value.tracer
        return tracer

    def _fall_back(self, serially: bool | None) -> Any:
        self.handed_over.append(self.operation.operation.value)
        return super()._fall_back(serially)


@pytest.fixture
def schema() -> strawberry.Schema:
    Executor.handed_over.clear()
    return strawberry.Schema(Query, execution_context_class=Executor)


def context(*animals: Animal, sees: bool = True, tracer: Tracer | None = None) -> Any:
    return SimpleNamespace(
        animals=list(animals),
        sees=sees,
        tracer=tracer,
        calls=[],
        selected=[],
        loaders=Loaders(),
        waiting=asyncio.Event(),
    )


async def ask(schema: strawberry.Schema, text: str, given: Any, **variables: Any) -> Any:
    result = await schema.execute(text, context_value=given, variable_values=variables)
    assert result.errors is None
    return result.data


async def test_a_plan_made_for_one_caller_serves_another(schema: strawberry.Schema) -> None:
    text = "{animals{name loud}}"
    for sees in (True, False, True, False):
        data = await ask(schema, text, context(Animal("Anna"), sees=sees))
        assert data == {"animals": [{"name": "Anna" if sees else "A", "loud": "ANNA"}]}


async def test_conditions_have_separate_plans(schema: strawberry.Schema) -> None:
    document = parse("query($yes:Boolean!){animals{name @include(if:$yes) loud @skip(if:$yes)}}")
    core: GraphQLSchema = schema._schema
    for yes in (True, False, True):
        result: Any = execute(
            core,
            document,
            context_value=context(Animal("Anna")),
            variable_values={"yes": yes},
            executor_class=Executor,
        )
        assert result.data == {"animals": [{"name": "Anna"} if yes else {"loud": "ANNA"}]}
    assert len(plans_of(core)) == 1


async def test_concurrent_requests_share_only_a_plan(schema: strawberry.Schema) -> None:
    text = "{animals{name friend{name friend{name}}}}"
    asked = [
        context(*(Animal(f"{n}a", friend=Animal(f"{n}b")) for _ in range(n)), sees=n % 2 == 0) for n in range(1, 9)
    ]
    answers = await asyncio.gather(*(ask(schema, text, given) for given in asked))
    for n, (answer, given) in enumerate(zip(answers, asked, strict=True), start=1):
        first, second = (f"{n}a", f"{n}b") if n % 2 == 0 else (str(n), str(n))
        assert answer["animals"] == [{"name": first, "friend": {"name": second, "friend": None}}] * n
        assert given.calls == [n, n]


async def test_plans_belong_to_one_schema_and_are_bounded(schema: strawberry.Schema) -> None:
    plans = plans_of(schema._schema)
    plans._max_operations = 3
    for n in range(10):
        await ask(schema, f"{{a{n}:animals{{name}}}}", context(Animal("Anna")))
    assert len(plans) == 3
    other = strawberry.Schema(Query, execution_context_class=Executor)
    assert plans_of(other._schema) is not plans
    assert len(pickle.loads(pickle.dumps(plans))) == 0  # a copy starts without plans


async def test_only_native_values_are_not_serialized(schema: strawberry.Schema) -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-5)))
    data = await ask(schema, "{animals{seen}}", context(Animal("a"), Animal("b", seen=elsewhere)))
    assert [animal["seen"] for animal in data["animals"]] == [NOON, "2026-11-23T07:00:00-05:00"]


async def test_a_value_that_a_scalar_rejects_is_an_error_of_its_field(schema: strawberry.Schema) -> None:
    given = context(Animal("a"), Animal("b", seen="never"))
    result = await schema.execute("{animals{name seen}}", context_value=given)
    assert result.data is None
    assert [(error.path) for error in result.errors or ()] == [["animals", 1, "seen"]]


async def test_batch_functions_receive_the_selection(schema: strawberry.Schema) -> None:
    given = context(Animal("a"))
    await ask(schema, "{animals{food{...on Animal{name} friend{loud}} meal:food{seen}}}", given)
    assert given.selected == [{"name": {}, "friend": {"loud": {}}, "seen": {}}]


async def test_prefetched_values_are_not_loaded(schema: strawberry.Schema) -> None:
    with_friends = [Animal("a", friend=Animal("b")) for _ in range(3)]
    given = context(*with_friends)
    data = await ask(schema, "{animals{prefetched{name}}}", given)
    assert data["animals"] == [{"prefetched": {"name": "b"}}] * 3
    assert given.calls == []
    given = context(*with_friends, Animal("c"))
    data = await ask(schema, "{animals{prefetched{name}}}", given)
    assert data["animals"][3] == {"prefetched": None}
    assert given.calls == [4]


@dataclass
class RecordingSpan:
    """Span that records its calls."""

    line: list[Any]

    def waiting(self) -> AbstractContextManager[object]:
        self.line.append("waits")
        return nullcontext()

    def resolved(self, values: Sequence[Any]) -> None:
        self.line.append(len(values))

    def completed(self) -> None:
        self.line.append("done")


class RecordingTracer:
    """Tracer that records the spans in the order of their starts."""

    def __init__(self) -> None:
        self.lines: list[list[Any]] = []

    def start_field(self, path: tuple[str, ...], field: str, kind: str, parents: int) -> RecordingSpan:
        self.lines.append([".".join(path), field, kind, parents])
        return RecordingSpan(self.lines[-1])


async def test_a_tracer_has_one_span_for_each_field(schema: strawberry.Schema) -> None:
    tracer = RecordingTracer()
    await ask(schema, "{all:animals{name friend{name}}}", context(Animal("a"), Animal("b"), tracer=tracer))
    assert tracer.lines == [
        ["all", "Query.animals", "resolver", 1, 1, "done"],
        ["all.friend", "Animal.friend", "batch", 2, "waits", 2, "done"],
    ]
    metrics = plans_of(schema._schema).metrics["Animal.friend"]
    assert (metrics.calls, metrics.parents) == (1, 2)


def test_an_operation_that_never_waits_needs_no_event_loop(schema: strawberry.Schema) -> None:
    given = SimpleNamespace(animals=[Animal("Anna")], sees=True, tracer=None)
    result = schema.execute_sync("{animals{name loud} __typename}", context_value=given)
    assert result.data == {"animals": [{"name": "Anna", "loud": "ANNA"}], "__typename": "Query"}
    assert Executor.handed_over == []


@pytest.mark.asyncio(loop_scope="function")  # a new loop has no other tasks
async def test_a_cancelled_request_leaves_no_task_behind(schema: strawberry.Schema) -> None:
    given = context(Animal("a"))
    before = asyncio.all_tasks()
    request = asyncio.create_task(schema.execute("{one:waits two:waits three:waits}", context_value=given))
    await given.waiting.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("text", ["{waits stops}", "{waits stops animals{name}}", "{breaks}"])
def test_an_abandoned_run_closes_the_coroutines_of_resolvers(schema: strawberry.Schema, text: str) -> None:
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with suppress(asyncio.CancelledError):
            result: Any = execute(schema._schema, parse(text), context_value=context(), executor_class=Executor)
            del result
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


# Objects of earlier tests are collected here and may cause warnings.
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_response_leaves_nothing_for_the_garbage_collector(schema: strawberry.Schema) -> None:
    """Reference cycles stay in memory until a collection, whose duration grows with their number."""
    document = parse("{ animals { name loud friend { name } food { name } } }")

    async def answer() -> None:
        given: Any = context(Animal("a", friend=Animal("b")), sees=False)
        result: Any = execute(schema._schema, document, context_value=given, executor_class=Executor)
        assert (await result).errors is None

    await answer()
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await answer()
        gc.collect()
        assert gc.garbage == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_fields_are_resolved_as_declared(schema: strawberry.Schema) -> None:
    """If Strawberry changes how it marks default resolvers, attributes silently lose their fast path."""
    executor: Any = Executor.build(
        schema._schema, parse("{animals{name loud seen friend{name}}}"), context_value=context(), root_value=None
    )
    plan = plans_of(schema._schema).find(executor, {})
    assert plan is not None
    (animals,) = plan.root.columns
    animal: Any = schema._schema.get_type("Animal")
    selection = plan.selection(executor, animal, animals.details)
    assert [field.kind for _, field in selection.entries if not isinstance(field, str)] == [
        *("attribute", "attribute", "attribute", "batch")
    ]
    declared: StrawberryField = selection.columns[0].definition.extensions["strawberry-definition"]
    assert isinstance(declared, BatchField)
