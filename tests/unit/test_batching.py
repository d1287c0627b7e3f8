import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

from integrations.deadline import deadline, remaining
from resolvers.actor import Role
from resolvers.context import Context
from schema.execution import BatchError, BatchField, Loaders
from schema.fields.batching import batched
from schema.gateway_schema import GatewaySchema
from schema.runtime.permissions import DEFINITION
from tests.toy import Library, ask, codes_of, context_of, toy_schema


@pytest.fixture(scope="module")
def schema() -> GatewaySchema:
    return toy_schema()


def field_of(function: Any, **options: Any) -> BatchField:
    field = batched(function, description="A test.", **options)
    assert isinstance(field, BatchField)
    field.name = "tested"
    return field


async def test_a_field_is_resolved_once_for_all_parents_and_each_set_of_arguments(schema: GatewaySchema) -> None:
    library = Library.of(authors=20)
    text = '{authors{nodes{titles again: titles other: titles(prefix: "x")}}}'
    result = await ask(schema, text, context_of(library))
    assert result.errors is None
    assert result.data is not None
    assert result.data["authors"]["nodes"][3] == {
        "titles": ["Book 4", "Book 24", "Book 44"],
        "again": ["Book 4", "Book 24", "Book 44"],
        "other": ["xBook 4", "xBook 24", "xBook 44"],
    }
    assert sorted(library.calls) == [("authors by birth", 1), ("titles of authors", 20), ("titles of authors", 20)]


@pytest.mark.parametrize("authors", [1, 7, 20])
async def test_calls_do_not_grow_with_the_parents(schema: GatewaySchema, authors: int) -> None:
    library = Library.of(authors)
    await ask(schema, "{authors{nodes{books{nodes{title author{titles mood}}}}}}", context_of(library))
    assert [name for name, _ in library.calls if name != "authors of books"] == [
        "authors by birth",
        "books of authors",
        "titles of authors",
        "moods of authors",
    ]


async def test_each_parent_gets_its_value_none_or_error(schema: GatewaySchema) -> None:
    result = await ask(schema, "{authors{nodes{mood}}}", context_of(Library.of(authors=3)))
    assert result.data == {"authors": {"nodes": [{"mood": None}, {"mood": None}, {"mood": "calm"}]}}
    assert [(error.path, error.extensions) for error in result.errors or ()] == [
        (["authors", "nodes", 1, "mood"], {"code": "STORE_UNAVAILABLE", "store": "graph", "retryAfterSeconds": 5.0})
    ]


async def test_values_for_another_number_of_parents_are_an_error_for_all(schema: GatewaySchema) -> None:
    result = await ask(schema, "{authors{nodes{broken}}}", context_of(Library.of(authors=3)))
    assert codes_of(result) == ["INTERNAL_ERROR"] * 3


async def test_many_parents_come_in_turn(schema: GatewaySchema) -> None:
    library = Library.of(authors=50, books_each=2)
    result = await ask(schema, "{books{author{name}}}", context_of(library))
    assert result.data is not None
    assert [book["author"]["name"] for book in result.data["books"]] == [f"Author {n}" for n in range(1, 51)] * 2
    assert library.calls == [("authors of books", 40), ("authors of books", 40), ("authors of books", 20)]


async def test_a_role_that_is_required_is_checked_before_the_function_is_called(schema: GatewaySchema) -> None:
    library = Library.of(authors=2)
    result = await ask(schema, "{authors{nodes{salary}}}", context_of(library))
    assert codes_of(result) == ["FORBIDDEN", "FORBIDDEN"]
    assert ("salaries of authors", 2) not in library.calls
    result = await ask(schema, "{authors{nodes{salary}}}", context_of(library, Role.SUPERVISOR))
    assert result.data == {"authors": {"nodes": [{"salary": 100}, {"salary": 200}]}}


async def test_what_a_mutation_changed_is_read_again(schema: GatewaySchema) -> None:
    library = Library.of(authors=1, books_each=1)
    text = """mutation($id: ID!) {
      a: rename(id: $id, name: "First") { books { nodes { author { name } } } }
      b: rename(id: $id, name: "Second") { books { nodes { author { name } } } }
    }"""
    result = await ask(schema, text, context_of(library), id="QXV0aG9yOjE")
    assert result.data == {
        "a": {"books": {"nodes": [{"author": {"name": "First"}}]}},
        "b": {"books": {"nodes": [{"author": {"name": "Second"}}]}},
    }


async def test_a_cancelled_waiter_takes_nothing_from_the_others() -> None:
    async def slowly(_context: Context, parents: Sequence[str]) -> list[str]:
        await asyncio.sleep(0.01)
        return [parent.upper() for parent in parents]

    context, loaders, field = context_of(Library.of(1)), Loaders(), field_of(slowly)
    parent = "parent"

    async def wait() -> Any:
        return await loaders.load(field, context, parent, {})

    cancelled, waiting = asyncio.create_task(wait()), asyncio.create_task(wait())
    await asyncio.sleep(0.005)
    cancelled.cancel()
    assert await waiting == "PARENT"
    assert cancelled.cancelled()
    assert await wait() == "PARENT"


async def test_a_batch_that_is_cut_off_fails_its_waiters() -> None:
    async def cut_off(_context: Context, parents: Sequence[str]) -> list[str]:
        raise asyncio.CancelledError

    context, loaders = context_of(Library.of(1)), Loaders()
    with pytest.raises(BatchError, match="cancelled"):
        await asyncio.wait_for(loaders.load(field_of(cut_off), context, "parent", {}), 1)


async def test_closing_cuts_off_what_runs_and_keeps_the_rest_from_starting() -> None:
    events = []

    async def forever(_context: Context, parents: Sequence[str]) -> list[str]:
        events.append("begun")
        try:
            await asyncio.sleep(3600)
        finally:
            events.append("cleaned up")
        return []

    context, loaders, field = context_of(Library.of(1)), Loaders(), field_of(forever)
    running = loaders.load(field, context, "first", {})
    await asyncio.sleep(0.01)
    late = loaders.load(field, context, "second", {})
    await loaders.close()
    assert events == ["begun", "cleaned up"]
    for answer in (running, late):
        with pytest.raises(BatchError):
            await asyncio.wait_for(answer, 1)
    assert events == ["begun", "cleaned up"]


async def test_one_request_has_few_batches_with_the_stores_at_a_time() -> None:
    now, most = 0, 0

    async def busy(_context: Context, parents: Sequence[str]) -> list[str]:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1
        return list(parents)

    context, loaders = context_of(Library.of(1)), Loaders(concurrency=4)
    fields = [field_of(busy) for _ in range(20)]
    await asyncio.gather(*(loaders.load(field, context, "parent", {}) for field in fields))
    assert most == 4


async def test_the_deadline_of_the_request_reaches_the_batch() -> None:
    async def left(_context: Context, parents: Sequence[str]) -> list[float]:
        return [remaining(60) for _ in parents]

    context, loaders = context_of(Library.of(1)), Loaders()
    with deadline(2):
        seconds = await loaders.load(field_of(left), context, "parent", {})
    assert 1 < seconds <= 2


async def test_an_executor_that_has_all_parents_finds_the_function_in_the_schema(schema: GatewaySchema) -> None:
    author = schema._schema.type_map["Author"]
    field = author.fields["titles"].extensions[DEFINITION]  # type: ignore[attr-defined] # an object type
    assert isinstance(field, BatchField)
    assert [argument.python_name for argument in field.arguments] == ["prefix", "genre"]
    library = Library.of(authors=2, books_each=1)
    answers = await field.resolve_batch(context_of(library), list(library.authors.values()), {"prefix": "x"})
    assert answers == [["xBook 1"], ["xBook 2"]]
    with suppress(BatchError):
        await author.fields["broken"].extensions[DEFINITION].resolve_batch(context_of(library), [1, 2], {})  # type: ignore[attr-defined] # an object type
        pytest.fail("one answer for two parents passed")


def test_a_declaration_that_cannot_work_is_rejected() -> None:
    async def positional(_context: Context, parents: Sequence[Any], last: int) -> list[Any]:
        return []

    async def undescribed(_context: Context, parents: Sequence[Any], *, last: int = 1) -> list[Any]:
        return []

    with pytest.raises(TypeError, match="last must be keyword-only"):
        field_of(positional)
    with pytest.raises(TypeError, match="last has no description"):
        field_of(undescribed)
