"""Connections: pieces of an ordered list with cursors that survive inserts.

A cursor holds the sort values of its row (keyset, not an offset), the list it belongs to and the tenant, signed: what
comes back is what went out, for the same list and tenant. Sort by times, numbers and keys, not by personal data: the
values are signed, not encrypted.

A root field::

    return await connection(info.context, NEWEST, partial(bags.newest, info.context), first, after, last, before)

A field of all parents, whose function gets the page as its third argument and gives a list for each parent::

    bags: Connection[Bag] = paged(bags.pages_of_flights, order=BY_TAG, description="The flight's bags by tag.")
"""

import base64
import hashlib
import hmac
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Concatenate, Generic, TypeVar
from uuid import UUID

import orjson
import strawberry

from integrations.records.page import Page
from resolvers.actor import Role
from resolvers.context import Context
from resolvers.errors import BadInput
from schema.execution import SELECTED
from schema.fields.batching import declare

DEFAULT_SIZE = 25
MAX_SIZE = 1_000
SIGNATURE_BYTES = 16
READERS: Mapping[type, Callable[[Any], Any]] = {
    int: int,
    str: str,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    UUID: UUID,
}

T = TypeVar("T")
First = Annotated[
    int | None,
    strawberry.argument(description=f"How many from the start: 1 to {MAX_SIZE}. {DEFAULT_SIZE} if `last` is absent."),
]
After = Annotated[str | None, strawberry.argument(description="With `first`: only what follows this cursor.")]
Last = Annotated[int | None, strawberry.argument(description=f"How many from the end: 1 to {MAX_SIZE}.")]
Before = Annotated[str | None, strawberry.argument(description="With `last`: only what precedes this cursor.")]
PagedFunction = Callable[Concatenate[Context, Sequence[Any], Page, ...], Awaitable[Sequence[Any]]]


@strawberry.type(description="Where a piece of a list stands in the whole.")
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool = strawberry.field(description="Whether the list goes on after this piece.")
    has_previous_page: bool = strawberry.field(description="Whether the list has something before this piece.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first edge; null for an empty piece.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last edge; null for an empty piece.")


@strawberry.type(description="One object of a list with its place.")
class Edge(Generic[T]):
    """Relay's edge."""

    passes_on: ClassVar = ("node",)

    cursor: str = strawberry.field(description="The object's place in this list, for `after` and `before`.")
    node: T = strawberry.field(description="The object.")


@strawberry.type(description="A piece of an ordered list.")
class Connection(Generic[T]):
    """Relay's connection; its values are ``Piece`` objects."""

    passes_on: ClassVar = ("edges", "nodes")

    edges: list[Edge[T]] = strawberry.field(description="The objects with their cursors, in the list's order.")
    nodes: list[T] = strawberry.field(description="The objects alone, in the list's order.")
    page_info: PageInfo = strawberry.field(description="Where this piece stands in the whole.")


class Order:
    """How a list is ordered: its name and the record's attributes that it is sorted by, the last of them unique.

    Changing either makes cursors of the old order invalid, as it should.

    Args:
        name: unique among the service's lists, such as ``flights by departure``.
        columns: attribute names with their types, in sort order: int, str, datetime, date or UUID, never null.
    """

    def __init__(self, name: str, **columns: type) -> None:
        self.columns = tuple(columns)
        self._readers = tuple(READERS[column_type] for column_type in columns.values())
        described = [name, *(f"{column} {column_type.__name__}" for column, column_type in columns.items())]
        self._fingerprint = hashlib.sha256("\0".join(described).encode()).digest()

    def cursor(self, context: Context, row: Any) -> str:
        """The row's place in this list."""
        values = orjson.dumps([getattr(row, column) for column in self.columns])
        return base64.urlsafe_b64encode(self._signature(context, values) + values).rstrip(b"=").decode()

    def key(self, context: Context, cursor: str, field: str) -> tuple[Any, ...]:
        """The sort values that a cursor holds.

        Raises:
            BadInput: the cursor is none, or one of another list or tenant; ``field`` is the argument that held it.
        """
        try:
            token = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        except ValueError:
            raise _foreign(field) from None
        signature, values = token[:SIGNATURE_BYTES], token[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(context, values)):
            raise _foreign(field)
        return tuple(read(value) for read, value in zip(self._readers, orjson.loads(values), strict=True))

    def _signature(self, context: Context, values: bytes) -> bytes:
        signed = b"%b%d:%b" % (self._fingerprint, context.airline_id, values)
        return hmac.digest(context.signing_key, signed, "sha256")[:SIGNATURE_BYTES]


@dataclass(frozen=True, slots=True)
class KeysetCursor:
    """An edge's value: a row and the list it stands in."""

    context: Context
    order: Order
    node: Any

    @property
    def cursor(self) -> str:
        """The row's place in the list."""
        return self.order.cursor(self.context, self.node)


class PageRequest:
    """A connection's value: the rows of a page, in the list's order.

    Args:
        rows: as the store gave them: one more than the page's limit where there are more, from the end if backward.
    """

    __slots__ = ("_context", "_more", "_order", "_page", "nodes")

    def __init__(self, context: Context, order: Order, page: Page, rows: Sequence[Any]) -> None:
        self._context = context
        self._order = order
        self._page = page
        self._more = len(rows) > page.limit
        self.nodes = list(rows[: page.limit])
        if page.backward:
            self.nodes.reverse()

    @property
    def edges(self) -> list[KeysetCursor]:
        """The rows with their places."""
        return [KeysetCursor(self._context, self._order, node) for node in self.nodes]

    @property
    def page_info(self) -> PageInfo:
        """What lies before and after; what the page's key cut off is taken to be there."""
        cut = self._page.key is not None
        before, after = (self._more, cut) if self._page.backward else (cut, self._more)
        ends = [self._order.cursor(self._context, node) for node in (*self.nodes[:1], *self.nodes[-1:])]
        start, end = ends or (None, None)
        return PageInfo(has_next_page=after, has_previous_page=before, start_cursor=start, end_cursor=end)


def page_of(
    context: Context,
    order: Order,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> Page:
    """The page that a field's arguments ask for.

    Raises:
        BadInput: a size outside 1 to 1,000, both directions at once, a cursor of the other direction or another list.
    """
    if first is not None and last is not None:
        raise BadInput("last", "Ask for `first` or for `last`, not for both.")
    backward = last is not None
    if backward and after is not None:
        raise BadInput("after", "`after` goes with `first`; with `last` use `before`.")
    if not backward and before is not None:
        raise BadInput("before", "`before` goes with `last`; with `first` use `after`.")
    asked, cursor = ("last", "before") if backward else ("first", "after")
    limit = last if backward else first
    if limit is None:
        limit = DEFAULT_SIZE
    if not 1 <= limit <= MAX_SIZE:
        raise BadInput(asked, f"`{asked}` must be between 1 and {MAX_SIZE}.")
    given = before if backward else after
    return Page(limit, None if given is None else order.key(context, given, cursor), backward)


async def connection(
    context: Context,
    order: Order,
    fetch: Callable[[Page], Awaitable[Sequence[Any]]],
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> Any:
    """The connection of a root field; ``fetch`` gives the rows of a page as ``Page`` asks for them.

    Raises:
        BadInput: as ``page_of``.
    """
    page = page_of(context, order, first, after, last, before)
    return PageRequest(context, order, page, await fetch(page))


def paged(
    function: PagedFunction,
    *,
    order: Order,
    description: str,
    arguments: Mapping[str, str] | None = None,
    requires: Iterable[Role] = (),
    max_parents: int = 1000,
    deprecation_reason: str | None = None,
) -> Any:
    """Declare a connection of all parents, as ``schema.fields.batching.batched`` does for other fields.

    Args:
        function: ``async def f(context, parents, page, *, argument=default)``: for each parent its rows, or an
            exception; the page counts for every parent by itself. ``selected`` is as in ``batched``.
        order: how each parent's list is ordered.
        description: the field's, for the caller.
        arguments: descriptions of the function's keyword-only parameters; those of the page have theirs.
        requires: roles that may ask.
        max_parents: the most parents for one call of the function.
        deprecation_reason: as GraphQL shows it.
    """

    async def pieces(
        context: Context,
        parents: Sequence[Any],
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        **others: Any,
    ) -> list[Any]:
        page = page_of(context, order, first, after, last, before)
        lists = await function(context, parents, page, **others)
        return [rows if isinstance(rows, Exception) else PageRequest(context, order, page, rows) for rows in lists]

    parameters = list(inspect.signature(function).parameters.values())[3:]
    own = [parameter for parameter in parameters if parameter.name != SELECTED]
    page_parameters = list(inspect.signature(pieces).parameters.values())[2:-1]
    return declare(
        pieces,
        [*own, *page_parameters],
        description=description,
        arguments=arguments or {},
        requires=frozenset(requires),
        max_parents=max_parents,
        takes_selected=len(own) < len(parameters),
        deprecation_reason=deprecation_reason,
    )


def _foreign(field: str) -> BadInput:
    return BadInput(field, "This cursor does not belong to this list.")
