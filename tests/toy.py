"""A small schema of authors and books on the same machinery as the product's.

Its stores are dictionaries; ``Library`` records the calls of batch functions and can fail or delay them.
"""

# As for schema.*: strawberry.field() is declared to return Any.
# mypy: allow-untyped-decorators

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, cast

import strawberry
from strawberry.types import ExecutionResult

from integrations.errors import Unavailable
from integrations.records.columns import Column, View
from integrations.records.page import Page
from resolvers.actor import Actor, Role
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.installation import Installation, Stores
from schema.execution import Loaders
from schema.fields.batching import batched
from schema.fields.node import Node, node_registry
from schema.fields.pagination import After, Before, Connection, First, Last, Order, connection, paged
from schema.gateway_schema import GatewaySchema
from schema.runtime.limits import Limits
from schema.runtime.permissions import allow, everyone
from tests.executor import chosen

START = datetime(2026, 1, 1, tzinfo=UTC)
SIGNING_KEY = b"k" * 32
INSTALLATION = Installation(1, "Copa", "CM", "https://copa.example/b")


class AuthorRecord(View):
    __slots__ = ()
    id = Column[int]()
    name = Column[str]()
    born = Column[datetime]()


class BookRecord(View):
    __slots__ = ()
    id = Column[int]()
    author_id = Column[int]()
    title = Column[str]()


class CountryRecord(View):
    __slots__ = ()
    code = Column[str]()


class Genre(StrEnum):
    NOVEL = "NOVEL"
    POEM = "POEM"


strawberry.enum(Genre, description="Kinds.")


@dataclass
class Library:
    """The records that the batch functions read, and the calls of these functions."""

    authors: dict[int, AuthorRecord]
    books: dict[int, BookRecord]
    calls: list[tuple[str, int]] = field(default_factory=list)
    failure: Exception | None = None
    delay: float = 0.0
    asleep: asyncio.Event = field(default_factory=asyncio.Event)

    async def asked(self, what: str, parents: Sequence[Any]) -> None:
        self.calls.append((what, len(parents)))
        await asyncio.sleep(self.delay)
        if self.failure:
            raise self.failure

    @classmethod
    def of(cls, authors: int, books_each: int = 3) -> "Library":
        return cls(
            {
                n: AuthorRecord({"id": n, "name": f"Author {n}", "born": START + timedelta(days=n // 2)})
                for n in _ids(authors)
            },
            {
                n: BookRecord({"id": n, "author_id": (n - 1) % authors + 1, "title": f"Book {n}"})
                for n in _ids(authors * books_each)
            },
        )


def _ids(count: int) -> range:
    return range(1, count + 1)


def library_of(context: Context) -> Library:
    return cast(Library, context.stores.postgres)


def context_of(library: Library, role: Role | None = Role.AGENT, airline_id: int = 1) -> Context:
    actor = Actor("tester", role, airline_id) if role else Actor.anonymous()
    stores = Stores(cast(Any, library), cast(Any, None), cast(Any, None))
    return Context(actor, "request-1", lambda: START, stores, INSTALLATION, SIGNING_KEY, Loaders())


# Batch functions, as in the product's resolvers.


async def authors_of_books(context: Context, books: Sequence[BookRecord]) -> list[AuthorRecord | None]:
    library = library_of(context)
    await library.asked("authors of books", books)
    return [library.authors.get(book.author_id) for book in books]


async def titles_of_authors(
    context: Context, authors: Sequence[AuthorRecord], *, prefix: str = "", genre: Genre | None = None
) -> list[list[str]]:
    library = library_of(context)
    await library.asked("titles of authors", authors)
    return [[prefix + book.title for book in library.books.values() if book.author_id == a.id] for a in authors]


async def books_of_authors(context: Context, authors: Sequence[AuthorRecord], page: Page) -> list[list[BookRecord]]:
    library = library_of(context)
    await library.asked("books of authors", authors)
    return [
        slice_of([book for book in library.books.values() if book.author_id == author.id], page) for author in authors
    ]


async def moods_of_authors(context: Context, authors: Sequence[AuthorRecord]) -> list[str | Exception | None]:
    await library_of(context).asked("moods of authors", authors)
    moods = ["calm", None, Unavailable("graph", "secret host 10.0.0.1 is down")]
    return [moods[author.id % 3] for author in authors]


async def salaries_of_authors(context: Context, authors: Sequence[AuthorRecord]) -> list[int]:
    await library_of(context).asked("salaries of authors", authors)
    return [author.id * 100 for author in authors]


async def friends_of_authors(context: Context, authors: Sequence[AuthorRecord]) -> list[list[AuthorRecord]]:
    return [list(library_of(context).authors.values()) for _ in authors]


async def one_too_few(context: Context, authors: Sequence[AuthorRecord]) -> list[str]:
    return ["only one"] * (len(authors) - 1)


async def authors_by_id(context: Context, ids: Sequence[int]) -> list[AuthorRecord | None]:
    library = library_of(context)
    await library.asked("authors by id", ids)
    return [library.authors.get(key) for key in ids]


async def books_by_id(context: Context, ids: Sequence[int]) -> list[BookRecord | None]:
    library = library_of(context)
    await library.asked("books by id", ids)
    return [library.books.get(key) for key in ids]


async def countries_by_code(context: Context, codes: Sequence[str]) -> list[CountryRecord | None]:
    return [CountryRecord({"code": code}) if code == "PA" else None for code in codes]


async def authors_by_birth(context: Context, page: Page) -> list[AuthorRecord]:
    await library_of(context).asked("authors by birth", [page])
    return slice_of(
        sorted(library_of(context).authors.values(), key=lambda a: (a.born, a.id)), page, lambda a: (a.born, a.id)
    )


def slice_of(rows: list[Any], page: Page, key: Any = lambda row: (row.id,)) -> list[Any]:
    """The rows that a keyset statement returns: one more than the page, in reverse if backward."""
    if page.backward:
        rows = rows[::-1]
    if page.key is not None:
        rows = [row for row in rows if (key(row) < page.key if page.backward else key(row) > page.key)]
    return rows[: page.limit + 1]


BY_ID = Order("books by id", id=int)
BY_BIRTH = Order("authors by birth", born=datetime, id=int)


@strawberry.type(description="Who writes.")
class Author(Node, record=AuthorRecord, load=authors_by_id):
    name: str = strawberry.field(description="The name.")
    born: datetime = strawberry.field(description="The birth.")
    titles: list[str] = batched(
        titles_of_authors,
        description="Titles.",
        arguments={"prefix": "Put before each.", "genre": "Only these."},
    )
    books: Connection[Annotated["Book", strawberry.lazy("tests.toy")]] = paged(
        books_of_authors, order=BY_ID, description="Books by id."
    )
    mood: str | None = batched(moods_of_authors, description="From a shaky store.")
    salary: int | None = batched(salaries_of_authors, description="Private.", requires=[Role.SUPERVISOR])
    broken: str | None = batched(one_too_few, description="Returns too few values.")
    friends: list[Annotated["Author", strawberry.lazy("tests.toy")]] = batched(
        friends_of_authors, description="A cycle of lists."
    )


@strawberry.type(description="What is read.")
class Book(Node, record=BookRecord, load=books_by_id):
    title: str = strawberry.field(description="The title.")
    author: Author | None = batched(authors_of_books, description="Who wrote it.", max_parents=40)


@strawberry.type(description="Where people live.")
class Country(Node, record=CountryRecord, load=countries_by_code, key="code", key_type=str):
    code: str = strawberry.field(description="ISO code.")


Info = strawberry.Info[Context, None]
GlobalId = Annotated[strawberry.ID, strawberry.argument(name="id", description="A global id.")]


@strawberry.type(description="Reads.")
class Query:
    @strawberry.field(graphql_type=str, description="Alive.", metadata=everyone())
    async def health(self) -> Any:
        return "ok"

    @strawberry.field(graphql_type=Author | None, description="An author.", metadata=allow(frozenset(Role)))
    async def author(self, info: Info, key: GlobalId) -> Any:
        (author,) = await authors_by_id(info.context, [Author.key_of(key)])
        return author

    @strawberry.field(graphql_type=Connection[Author], description="Authors by birth.", metadata=allow(frozenset(Role)))
    async def authors(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Any:
        fetch = partial(authors_by_birth, info.context)
        return await connection(info.context, BY_BIRTH, fetch, first, after, last, before)

    @strawberry.field(graphql_type=list[Book], description="Every book.", metadata=allow(frozenset(Role)))
    async def books(self, info: Info) -> Any:
        return list(library_of(info.context).books.values())

    @strawberry.field(graphql_type=list[Node | None], description="Objects by id.", metadata=allow(frozenset(Role)))
    async def nodes(self, info: Info, ids: list[strawberry.ID]) -> Any:
        return await node_registry(info).fetch(info.context, ids)

    @strawberry.field(graphql_type=str | None, description="Returns its argument.", metadata=allow(frozenset(Role)))
    async def echo(
        self,
        text: str | None = None,
        time: datetime | None = None,
        number: int | None = None,
        texts: list[list[str]] | None = None,
        genre: Genre | None = None,
    ) -> Any:
        return text or (str(time) if time else None)

    @strawberry.field(graphql_type=str | None, description="Fails.", metadata=allow(frozenset(Role)))
    async def crash(self) -> Any:
        raise RuntimeError("password=hunter2")

    @strawberry.field(
        graphql_type=int | None, description="Returns a value out of range.", metadata=allow(frozenset(Role))
    )
    async def overflow(self) -> Any:
        return 2**40

    @strawberry.field(graphql_type=str | None, description="Never returns.", metadata=allow(frozenset(Role)))
    async def sleep(self, info: Info) -> Any:
        library_of(info.context).asleep.set()
        await asyncio.sleep(3600)

    @strawberry.field(graphql_type=str | None, description="For one role.", metadata=allow({Role.ADMIN}))
    async def secret(self) -> Any:
        return "secret"


@strawberry.type(description="Writes.")
class Mutation:
    @strawberry.mutation(graphql_type=Author, description="Changes a name.", metadata=allow({Role.AGENT}))
    async def rename(self, info: Info, key: GlobalId, name: str) -> Any:
        number = Author.key_of(key)
        authors = library_of(info.context).authors
        if number not in authors:
            raise NotFound("id", "id must be the id of an existing author")
        authors[number] = AuthorRecord({"id": number, "name": name, "born": START})
        return authors[number]


def toy_schema(limits: Limits | None = None) -> GatewaySchema:
    return GatewaySchema(Query, Mutation, types=[Country], limits=limits, executor=chosen())


async def ask(schema: GatewaySchema, text: str, context: Context, **variables: Any) -> ExecutionResult:
    """Executes an operation as the HTTP view does."""
    try:
        return await schema.execute(text, variable_values=variables, context_value=context)
    finally:
        await context.loaders.close()


def codes_of(result: ExecutionResult) -> list[str]:
    """The codes of the errors of a result."""
    return [str((error.extensions or {})["code"]) for error in result.errors or ()]
