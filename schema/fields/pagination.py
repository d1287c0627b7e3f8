"""Keyset pagination: connections over ordered lists, with cursors that survive inserts.

A cursor holds the sort values of its row. Its signature covers list and tenant, so a cursor is valid only for both.
Sort by times, numbers and keys, never by personal data, since the values are signed and not encrypted.

A root field::

    return await connection(info.context, NEWEST, partial(bags.newest, info.context), first, after, last, before)

A batch field, whose function takes the page as its third argument and returns a list for each parent::

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
from resolvers.errors import BadInput, check_range
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
    strawberry.argument(
        description=f"Maximum number of objects from the start: 1 to {MAX_SIZE}. {DEFAULT_SIZE} if `last` is absent."
    ),
]
After = Annotated[str | None, strawberry.argument(description="With `first`: only objects after this cursor.")]
Last = Annotated[
    int | None, strawberry.argument(description=f"Maximum number of objects from the end: 1 to {MAX_SIZE}.")
]
Before = Annotated[str | None, strawberry.argument(description="With `last`: only objects before this cursor.")]
PagedFunction = Callable[Concatenate[Context, Sequence[Any], Page, ...], Awaitable[Sequence[Any]]]


@strawberry.type(description="Position of a page in its list.")
class PageInfo:
    """Relay's PageInfo."""

    has_next_page: bool = strawberry.field(description="Whether objects follow this page.")
    has_previous_page: bool = strawberry.field(description="Whether objects precede this page.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first edge; null for an empty page.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last edge; null for an empty page.")


@strawberry.type(description="One object of a list, with its cursor.")
class Edge(Generic[T]):
    """Relay's edge."""

    passes_on: ClassVar = ("node",)

    cursor: str = strawberry.field(description="Position of the object in this list, for `after` and `before`.")
    node: T = strawberry.field(description="The object.")


@strawberry.type(description="A page of an ordered list.")
class Connection(Generic[T]):
    """Relay's connection; its values are ``PageRequest`` objects."""

    passes_on: ClassVar = ("edges", "nodes")

    edges: list[Edge[T]] = strawberry.field(description="Objects with their cursors, in the order of the list.")
    nodes: list[T] = strawberry.field(description="Objects without their cursors, in the order of the list.")
    page_info: PageInfo = strawberry.field(description="Position of this page in the list.")


class Order:
    """Order of a list. A change of name or columns invalidates the cursors of the old order.

    Args:
        name: unique name of the list, such as ``flights by departure``.
        columns: attributes of the records with their types, in sort order, the last one unique: int, str, datetime,
            date or UUID, never null.
    """

    def __init__(self, name: str, **columns: type) -> None:
        self.columns = tuple(columns)
        self._readers = tuple(READERS[column_type] for column_type in columns.values())
        described = [name, *(f"{column} {column_type.__name__}" for column, column_type in columns.items())]
        self._fingerprint = hashlib.sha256("\0".join(described).encode()).digest()

    def cursor(self, context: Context, row: Any) -> str:
        """The cursor of a row."""
        values = orjson.dumps([getattr(row, column) for column in self.columns])
        return base64.urlsafe_b64encode(self._signature(context, values) + values).rstrip(b"=").decode()

    def key(self, context: Context, cursor: str, field: str) -> tuple[Any, ...]:
        """The sort values of a cursor.

        Args:
            field: the argument that holds the cursor.

        Raises:
            BadInput: the text is not a cursor of this list and tenant.
        """
        try:
            token = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        except ValueError:
            raise _foreign_cursor(field) from None
        signature, values = token[:SIGNATURE_BYTES], token[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(context, values)):
            raise _foreign_cursor(field)
        return tuple(read(value) for read, value in zip(self._readers, orjson.loads(values), strict=True))

    def _signature(self, context: Context, values: bytes) -> bytes:
        signed = b"%b%d:%b" % (self._fingerprint, context.airline_id, values)
        return hmac.digest(context.signing_key, signed, "sha256")[:SIGNATURE_BYTES]


@dataclass(frozen=True, slots=True)
class KeysetCursor:
    """The value of an edge: a row and the order of its list."""

    context: Context
    order: Order
    node: Any

    @property
    def cursor(self) -> str:
        """The cursor of the row."""
        return self.order.cursor(self.context, self.node)


class PageRequest:
    """The value of a connection: the rows of a page, in the order of the list.

    Args:
        rows: as the store returns them: one more than the limit if there are more, from the end if backward.
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
        """The rows with their cursors."""
        return [KeysetCursor(self._context, self._order, node) for node in self.nodes]

    @property
    def page_info(self) -> PageInfo:
        """Whether rows precede and follow the page; rows beyond the page's key are assumed to exist."""
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
    """The page that the arguments of a field request.

    Raises:
        BadInput: a size outside 1 to 1,000, both directions at once, or a cursor of the other direction or of another
            list.
    """
    if first is not None and last is not None:
        raise BadInput("last", "last must not be combined with first")
    backward = last is not None
    if backward and after is not None:
        raise BadInput("after", "after must not be combined with last: use before")
    if not backward and before is not None:
        raise BadInput("before", "before must be combined with last; with first use after")
    size, cursor = ("last", "before") if backward else ("first", "after")
    limit = last if backward else first
    if limit is None:
        limit = DEFAULT_SIZE
    check_range(size, limit, 1, MAX_SIZE)
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
    """The connection of a root field.

    Args:
        fetch: returns the rows of a page.

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
    """Declares a connection of all parents, as ``schema.fields.batching.batched`` declares other fields.

    Args:
        function: ``async def f(context, parents, page, *, argument=default)``; returns the rows of each parent, or an
            exception. The page applies to each parent. ``selected`` is as in ``batched``.
        order: order of the list of each parent.
        description: the description in the schema.
        arguments: descriptions of the function's keyword-only parameters; those of the page have their own.
        requires: roles that may select the field.
        max_parents: maximum number of parents of one call.
        deprecation_reason: the deprecation in the schema.
    """

    async def connections(
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
    page_parameters = list(inspect.signature(connections).parameters.values())[2:-1]
    return declare(
        connections,
        [*own, *page_parameters],
        description=description,
        arguments=arguments or {},
        requires=frozenset(requires),
        max_parents=max_parents,
        takes_selected=len(own) < len(parameters),
        deprecation_reason=deprecation_reason,
    )


def _foreign_cursor(field: str) -> BadInput:
    return BadInput(field, f"{field} must be a cursor of this list")
