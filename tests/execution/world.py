"""A schema with every feature of an executor. Resolvers generate its objects.

The key of an object is its path; ``tests.execution.random_values`` derives the values of its fields from the key.
Names have no meaning.
"""

# As for schema.*: strawberry.field() is declared to return Any.
# mypy: allow-untyped-decorators

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, ClassVar, Generic, NamedTuple, NewType, TypeVar
from uuid import UUID

import asyncpg
import strawberry
from strawberry import relay
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission, PermissionExtension
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig

from integrations.records.columns import Column, View
from resolvers.actor import Role
from resolvers.selection import Selected
from schema.fields.batching import batched, masked, read
from tests.execution.random_values import Problem, Situation, Values, later, many, one_of

Info = strawberry.Info[Situation, None]
T = TypeVar("T")

# 64 rows with every kind of value that a column can hold.
ROWS = """
SELECT n::bigint AS id,
       CASE WHEN n % 7 = 0 THEN NULL ELSE 'row ' || n END AS name,
       CASE WHEN n % 11 = 0 THEN 3000000000 WHEN n % 5 = 0 THEN NULL ELSE n END::bigint AS rank,
       CASE WHEN n % 13 = 0 THEN 'NaN' WHEN n % 9 = 0 THEN 'Infinity' ELSE n / 4.0 END::float8 AS size,
       n % 2 = 0 AS flag,
       CASE WHEN n % 10 = 0 THEN 'purple' ELSE (ARRAY['red', 'green', 'blue'])[n % 3 + 1] END AS colour,
       CASE WHEN n % 6 = 0 THEN NULL ELSE timestamptz '2026-01-01 00:00+00' + n * interval '1 hour 1 microsecond' END
           AS moment,
       CASE WHEN n % 8 = 0 THEN NULL ELSE ARRAY['a' || n, CASE WHEN n % 3 = 0 THEN NULL ELSE 'b' END] END AS words
FROM generate_series(1, 64) AS n
"""


class Colour(Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"


strawberry.enum(Colour, description="Colours.")

Even = NewType("Even", int)


def even(value: Any) -> int:
    """Parses and serializes the scalar ``Even``."""
    if not isinstance(value, int) or value % 2:
        raise ValueError(f"{value!r} is not even")
    return value


class RowRecord(asyncpg.Record):
    __slots__ = ()
    id = Column[int]()
    name = Column[str | None]()
    rank = Column[int | None]()
    size = Column[float]()
    flag = Column[bool]()
    colour = Column[str]()
    moment = Column[datetime | None]()
    words = Column[list[str | None] | None]()

    @property
    def key(self) -> str:
        return f"row {self.id}"

    @property
    def masked_name(self) -> str | None:
        return self.name

    @property
    def surely_masked(self) -> str | None:
        return self.name


class SheetRecord(View):
    __slots__ = ()
    key = Column[str]()
    name = Column[str]()
    rank = Column[int | None]()
    colour = Column[Colour | None]()
    texts = Column[list[str | None]]()
    # Missing in some maps.
    size = Column[float]()


def sheet(situation: Situation, key: str) -> SheetRecord:
    made = {name: situation.attribute(key, name, values) for name, values in SHEET.items()}
    if situation.lot(key, "short").happens(situation.trouble):
        del made["size"]
    return SheetRecord({"key": key, **made})


# Values of fields.

INT = one_of(0, 1, -7, 2**31 - 1, -(2**31), odd=[True, "12", "odd", 1.0, 1.5, 2**31, -(2**31) - 1, float("nan")])
FLOAT = one_of(0.0, 1.5, -2.25, 1e300, 7, odd=[float("nan"), float("inf"), -float("inf"), True, "1.5", "odd"])
TEXT = one_of("", "text", "späť", "\N{GRINNING FACE}", 'qu"ote', odd=[5, True, 1.5, None])
FLAG = one_of(True, False, odd=[1, 0, 1.5, "true", float("nan")])
IDENTITY = one_of("1", "x", 5, odd=[True, 1.5])
COLOUR = one_of(*Colour, odd=["red", "RED", "purple", 5])
EVEN = one_of(0, 2, -4, odd=[1, "2", 1.5, True])
MOMENT = one_of(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 5, 4, 3, 2, 1), odd=["2026-01-01", 5])  # noqa: DTZ001
NUMBER = one_of(Decimal("1.10"), Decimal(0), odd=[1.5, "x"])
UNIQUE = one_of(UUID(int=1), UUID(int=2**100), odd=["x", 5])
ANY = one_of({"b": [1, None], "a": {}}, [1, "2"], "x", 5, 1.5, odd=[float("inf")])

LEAF = Values(lambda situation, _lot, key: Leaf.of(situation, key))
BRANCH = Values(lambda _situation, _lot, key: Branch.of(key))
SHEETS = Values(lambda situation, _lot, key: sheet(situation, key))
ROW = Values(lambda situation, lot, _key: lot.of(situation.rows))
MOODY = Values(lambda _situation, _lot, key: Moody(key=key))
NAMED = Values(lambda situation, lot, key: lot.of([LEAF, BRANCH, SHEETS, ROW]).good(situation, lot, key))
SHAPE = Values(lambda _situation, lot, key: lot.of([Circle, Square, Square, Loose])(key=key))
THING = Values(lambda situation, lot, key: lot.of([LEAF, BRANCH, ROW, MOODY]).good(situation, lot, key))
BOX = Values(lambda situation, lot, key: Box.of(situation, key, LEAF))
CRATE = Values(lambda situation, lot, key: Box.of(situation, key, COLOUR))

SHEET = {"name": TEXT, "rank": INT, "colour": COLOUR, "texts": many(TEXT, stored=True), "size": FLOAT}


# Declarations of fields.


def asked(values: Values, **options: Any) -> Any:
    """A field whose resolver returns a value or an awaitable at random."""

    def resolver(root: Any, info: Info) -> Any:
        return info.context.answer(key_of(root), info.field_name, values)

    return strawberry.field(resolver=resolver, description="Asked.", **options)


def awaited(values: Values, **options: Any) -> Any:
    """A field with an argument whose resolver is a coroutine function."""

    async def resolver(root: Any, info: Info, turns: int = 1) -> Any:
        await later(None, min(turns, 5))
        return info.context.made(key_of(root), info.field_name, values)

    return strawberry.field(resolver=resolver, description="Awaited.", **options)


def gathered(name: str, values: Values, **options: Any) -> Any:
    """A batched field: returns a value or exception for each parent, or a wrong number; or raises for all."""

    async def function(
        context: Any,
        parents: Sequence[Any],
        *,
        salt: Annotated[int, strawberry.argument(description="Changes the answer.")] = 0,
    ) -> list[Any]:
        lot = context.lot("all", name, salt)
        await later(None, lot.below(3))
        if lot.happens(context.trouble):
            if lot.happens(50):
                raise Problem(f"{name} has no values")
            return [None] * (len(parents) + 1)
        return [context.value(context.lot(key_of(p), name, salt), key_of(p), name, values) for p in parents]

    return batched(function, description="Gathered.", **options)


def narrow(name: str) -> Any:
    """A batched field that returns only the selected columns, if the selection is known."""

    async def function(context: Any, parents: Sequence[Any], *, selected: Selected = None) -> list[Any]:
        def cut(key: str) -> SheetRecord:
            whole = sheet(context, key)
            columns = set(SHEET) if selected is None else SHEET.keys() & selected
            return SheetRecord({"key": key, **{column: attempted(whole, column) for column in columns}})

        await asyncio.sleep(0)
        return [[cut(f"{key_of(parent)} {name}{number}") for number in range(2)] for parent in parents]

    return batched(function, description="Narrow.")


def attempted(record: Any, column: str) -> Any:
    """A column's value, or the error of a map without it."""
    try:
        return getattr(record, column)
    except KeyError as error:
        return error


def seen_by(context: Any) -> Callable[[Any], Any] | None:
    """Mask of a row's name: none, a part, null or another type; raises at random."""
    lot = context.lot("seen by")
    if lot.happens(context.trouble // 2):
        raise Problem("the mask is unknown")
    ways: list[Callable[[Any], Any] | None] = [None, lambda row: row.name[:2], lambda _row: None, lambda row: row.rank]
    way: Callable[[Any], Any] | None = lot.of(ways)
    return way


def key_of(root: Any) -> str:
    """The key of a parent."""
    key: str = root.key
    return key


class Root(NamedTuple):
    """The root value; loaders do not accept None as a parent."""

    key: str = "root"


class Allowed(BasePermission):
    """Denies access at random."""

    message = "not allowed"
    error_extensions = {"code": "DENIED"}  # noqa: RUF012 # as Strawberry declares it

    def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        return not info.context.lot(key_of(source), info.field_name, "allowed").happens(info.context.trouble)


class AllowedLater(BasePermission):
    """Denies access at random, asynchronously."""

    message = "not allowed in the end"

    async def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
        await asyncio.sleep(0)
        lot = info.context.lot(key_of(source), info.field_name, "allowed later")
        if lot.happens(info.context.trouble // 2):
            raise Problem(f"{info.field_name}: the permission is unknown")
        return not lot.happens(info.context.trouble)


class Wrapped(FieldExtension):
    """Changes texts, synchronously or asynchronously as the resolver does."""

    def resolve(self, next_: Any, source: Any, info: Any, **kwargs: Any) -> Any:
        return self._changed(next_(source, info, **kwargs))

    async def resolve_async(self, next_: Any, source: Any, info: Any, **kwargs: Any) -> Any:
        return self._changed(await next_(source, info, **kwargs))

    @staticmethod
    def _changed(value: Any) -> Any:
        return f"<{value}>" if isinstance(value, str) else value


@strawberry.interface(description="Has a name.")
class Named:
    key: strawberry.Private[str]
    name: str
    rank: int | None
    kin: "Named | None" = asked(NAMED)


@strawberry.type(description="All of its fields are attributes.")
class Leaf(Named):
    size: float | None
    exact: float
    flag: bool | None
    colour: Colour | None
    even: Even | None
    moment: datetime | None
    number: Decimal | None
    unique: UUID | None
    anything: JSON | None
    identity: strawberry.ID
    texts: list[str] | None
    loose: list[str | None]
    grid: list[list[int | None] | None]
    strict: list[list[int]] | None
    colours: list[Colour | None] | None
    note: str | None = "as declared"

    @strawberry.field(description="A method.")
    def shout(self, times: int = 1, *, mark: str | None = None) -> str:
        return f"{self.key}{mark}" * min(times, 3)

    @classmethod
    def of(cls, situation: Situation, key: str) -> "Leaf":
        return cls(key=key, **{name: situation.attribute(key, name, values) for name, values in ATTRIBUTES.items()})


ATTRIBUTES = {
    "name": TEXT,
    "rank": INT,
    "size": FLOAT,
    "exact": FLOAT,
    "flag": FLAG,
    "colour": COLOUR,
    "even": EVEN,
    "moment": MOMENT,
    "number": NUMBER,
    "unique": UNIQUE,
    "anything": ANY,
    "identity": IDENTITY,
    "texts": many(TEXT, stored=True),
    "loose": many(TEXT, stored=True),
    "grid": many(many(INT, stored=True), stored=True),
    "strict": many(many(INT, strict=True, stored=True), strict=True, stored=True),
    "colours": many(COLOUR, stored=True),
}


@strawberry.input(description="What to look for.")
class Filter:
    least: int = 1
    texts: list[str] | None = None
    even: Even | None = strawberry.UNSET
    colour: Colour = Colour.GREEN
    inner: "Filter | None" = None


@strawberry.input(description="A place, without defaults.")
class Point:
    rank: int
    text: str | None
    identity: strawberry.ID | None


@strawberry.input(description="A way to a place, with a default.")
class Way:
    to: Point
    via: Point | None
    name: str = "w"


@strawberry.input(description="Contains itself.")
class Chain:
    rank: int
    link: "Chain | None"


@strawberry.type(description="All of its fields have resolvers.")
class Branch(Named):
    key: strawberry.Private[str]
    name: str = asked(TEXT)
    rank: int | None = asked(INT)
    exact: int = asked(INT)
    size: float | None = awaited(FLOAT)
    flag: bool | None = asked(FLAG, extensions=[Wrapped()])
    colour: Colour | None = asked(COLOUR)
    sure: Colour = awaited(COLOUR)
    even: Even | None = asked(EVEN)
    moment: datetime | None = asked(MOMENT)
    identity: strawberry.ID | None = asked(IDENTITY)
    texts: list[str] | None = asked(many(TEXT))
    loose: list[str | None] = asked(many(TEXT))
    grid: list[list[int | None] | None] | None = asked(many(many(INT)))
    strict: list[list[int]] = awaited(many(many(INT, strict=True), strict=True))
    wrapped: str | None = asked(TEXT, extensions=[Wrapped()])
    wrapped_later: str = awaited(TEXT, extensions=[Wrapped()])
    allowed: str | None = asked(TEXT, permission_classes=[Allowed])
    allowed_later: str = asked(TEXT, permission_classes=[Allowed, AllowedLater])
    silent: str | None = asked(TEXT, extensions=[PermissionExtension([Allowed()], fail_silently=True)])
    silent_list: list[int] = awaited(many(INT), extensions=[PermissionExtension([AllowedLater()], fail_silently=True)])
    batched_text: str | None = gathered("batched_text", TEXT)
    batched_sure: int = gathered("batched_sure", INT, max_parents=2)
    batched_row: "Row | None" = gathered("batched_row", ROW)
    batched_rows: "list[Row] | None" = gathered("batched_rows", many(ROW, strict=True, stored=True))
    batched_leaf: "Leaf" = gathered("batched_leaf", LEAF)
    batched_named: "list[Named | None]" = gathered("batched_named", many(NAMED, stored=True))
    batched_secret: str | None = gathered("batched_secret", TEXT, requires=[Role.ADMIN])
    leaf: Leaf | None = asked(LEAF)
    sure_leaf: Leaf = awaited(LEAF)
    leaves: list[Leaf] | None = asked(many(LEAF))
    branches: "list[Branch | None]" = asked(many(BRANCH))
    row: "Row | None" = asked(ROW)
    rows: "list[Row | None]" = asked(many(ROW))
    narrow: "list[Sheet | None]" = narrow("narrow")
    sheets: "list[Sheet] | None" = asked(many(SHEETS, strict=True))
    clan: list[Named] | None = asked(many(NAMED))
    things: "list[Annotated[Leaf | Branch | Row | Moody, strawberry.union('Thing')] | None]" = asked(many(THING))
    thing: "Annotated[Leaf | Branch | Row | Moody, strawberry.union('Thing')] | None" = asked(THING)
    shape: "Shape | None" = asked(SHAPE)
    shapes: "list[Shape] | None" = asked(many(SHAPE))
    box: "Box[Leaf] | None" = asked(BOX)
    crate: "Box[Colour]" = asked(CRATE)
    lazy: Annotated["Branch", strawberry.lazy("tests.execution.world")] | None = asked(BRANCH)
    boxes: "list[Box[Leaf]] | None" = asked(many(BOX))

    @classmethod
    def of(cls, key: str) -> "Branch":
        """A branch with a key only; batched fields have no attributes."""
        branch = cls.__new__(cls)
        branch.key = key
        return branch

    @strawberry.field(description="Its path in the response.")
    def place(self, info: Info) -> str:
        path: Any = info.path
        parts = []
        while path is not None:
            parts.append(f"{path.typename}.{path.key}")
            path = path.prev
        return " < ".join(parts)

    @strawberry.field(description="Its selection.")
    def chosen(self, info: Info) -> "Choice":
        return Choice(fields=[repr(chosen) for chosen in info.selected_fields], python=info.python_name)

    @strawberry.field(description="Returns its arguments as text.")
    def echo(
        self,
        number: int | None = None,
        text: str = "x",
        size: float | None = 1.5,
        flag: bool = False,
        identity: strawberry.ID | None = None,
        colours: list[Colour] | None = None,
        evens: list[list[Even | None]] | None = None,
        look: Filter | None = None,
        point: Point | None = None,
        way: Way | None = None,
        chain: Chain | None = None,
    ) -> str:
        return repr((number, text, size, flag, identity, colours, evens, look, point, way, chain))

    @strawberry.field(description="Returns its arguments as text.")
    def go(self, point: Point, way: Way | None = None) -> str:
        return repr((point, way))

    @strawberry.field(description="Has required arguments.")
    def needs(self, number: int, look: Filter, texts: list[str]) -> str | None:
        return repr((number, look, texts))


@strawberry.type(description="The selection as a resolver sees it.")
class Choice:
    fields: list[str]
    python: str
    again: "Choice | None" = None


@strawberry.type(description="A row of PostgreSQL.")
class Row(Named):
    is_type_of: ClassVar = staticmethod(lambda source, _info: isinstance(source, RowRecord))

    id: int
    size: float | None
    flag: bool | None
    colour: str | None
    moment: datetime | None
    words: list[str] | None
    masked_name: str | None = masked(seen_by, description="A name, or less.")
    surely_masked: str = masked(seen_by, description="The same.")
    initial: str = read(lambda row: row.name[0], description="Fails for a row without a name.")
    doubled: int | None = read(lambda row: None if row.rank is None else 2 * row.rank, description="Twice the rank.")
    leaf: Leaf | None = asked(LEAF)
    batched_leaf: Leaf | None = gathered("batched_leaf", LEAF)
    batched_rows: "list[Row]" = gathered("batched_rows", many(ROW, strict=True, stored=True))


@strawberry.type(description="A map.")
class Sheet(Named):
    is_type_of: ClassVar = staticmethod(lambda source, _info: isinstance(source, SheetRecord))

    colour: Colour | None
    size: float | None
    texts: list[str] | None
    branch: Branch | None = awaited(BRANCH)
    batched_text: str = gathered("batched_text", TEXT)


@strawberry.type(description="Fails at random to recognize its type.")
class Moody:
    key: strawberry.Private[str]
    mood: str | None = asked(TEXT)

    @classmethod
    def is_type_of(cls, source: Any, info: Any) -> Any:
        if not isinstance(source, cls):
            return False
        lot = info.context.lot(source.key, "is_type_of")
        if lot.happens(info.context.trouble):
            raise Problem(f"{source.key} does not know what it is")
        known = not lot.happens(info.context.trouble)
        return later(known, 1) if info.context.waits and lot.happens(30) else known


@strawberry.interface(description="Resolves the name of its type.")
class Shape:
    key: strawberry.Private[str]
    area: float = asked(FLOAT)

    @classmethod
    def resolve_type(cls, source: Any, info: Any, _abstract: Any) -> Any:
        lot = info.context.lot(source.key, "resolve_type")
        name: Any = type(source).__name__
        if lot.happens(info.context.trouble):
            name = lot.of([None, "Nothing", "Leaf", "Colour", 5])
        if lot.happens(info.context.trouble):
            raise Problem(f"{source.key} does not say what it is")
        return later(name, 1) if info.context.waits and lot.happens(30) else name


@strawberry.type(description="Round.")
class Circle(Shape):
    radius: int | None = asked(INT)


@strawberry.type(description="Not round.")
class Square(Shape):
    side: int = asked(INT)
    inner: Shape | None = asked(SHAPE)


@strawberry.type(description="A shape that the interface does not know.")
class Loose:
    key: strawberry.Private[str]
    side: int | None = asked(INT)


@strawberry.type(description="Holds something.")
class Box(Generic[T]):
    key: strawberry.Private[str]
    content: T
    contents: list[T | None] | None

    @classmethod
    def of(cls, situation: Situation, key: str, values: Values) -> "Box[Any]":
        contents = many(values, stored=True)
        return cls(
            key=key,
            content=situation.attribute(key, "content", values),
            contents=situation.attribute(key, "contents", contents),
        )


@strawberry.type(description="Relay's.")
class Bead(relay.Node):
    number: relay.NodeID[int]
    key: strawberry.Private[str]
    text: str | None = asked(TEXT)
    leaf: Leaf = asked(LEAF)

    @classmethod
    def resolve_nodes(cls, *, info: Info, node_ids: Iterable[str], required: bool = False) -> Any:
        return [None if int(number) % 5 == 0 else bead(int(number)) for number in node_ids]


def bead(number: int) -> Bead:
    return Bead(number=number, key=f"bead {number}")


@strawberry.type(description="Reads.")
class Query:
    leaf: Leaf | None = asked(LEAF)
    sure_leaf: Leaf = asked(LEAF)
    leaves: list[Leaf] | None = awaited(many(LEAF))
    branch: Branch | None = asked(BRANCH)
    branches: list[Branch] | None = asked(many(BRANCH, strict=True))
    twigs: list[Branch] = awaited(many(BRANCH, strict=True))
    row: Row | None = asked(ROW)
    rows: list[Row] | None = asked(many(ROW, strict=True))
    sheets: list[Sheet | None] | None = awaited(many(SHEETS))
    clan: list[Named | None] | None = asked(many(NAMED))
    shapes: list[Shape | None] | None = asked(many(SHAPE))
    things: list[Annotated[Leaf | Branch | Row | Moody, strawberry.union("Thing")]] | None = asked(many(THING))
    boxes: list[Box[Leaf]] | None = asked(many(BOX, strict=True))
    number: int | None = asked(INT)
    sure: str = asked(TEXT)
    batched_row: Row | None = gathered("batched_row", ROW)
    node: relay.Node | None = relay.node()
    nodes: list[relay.Node] = relay.node()

    @relay.connection(relay.ListConnection[Bead], description="Beads.")
    def beads(self) -> list[Bead]:
        return [bead(number) for number in range(1, 6)]

    @strawberry.field(description="Returns its arguments as text.")
    def echo(self, look: Filter, others: list[Filter | None] | None = None) -> str | None:
        return repr((look, others))


def changed(values: Values, name: str) -> Callable[..., Any]:
    """A mutation that waits and records its effects."""

    async def resolver(info: Info, number: int = 0) -> Any:
        effects, key = info.context.effects, f"{name} {number}"
        effects.append(f"{key} begins")
        await later(None, 3)
        effects.append(f"{key} ends")
        return info.context.made(key, name, values)

    return resolver


@strawberry.type(description="Writes.")
class Mutation:
    change: Branch | None = strawberry.mutation(resolver=changed(BRANCH, "change"), description="Changes.")
    replace: Leaf | None = strawberry.mutation(resolver=changed(LEAF, "replace"), description="Replaces.")
    remove: int = strawberry.mutation(resolver=changed(INT, "remove"), description="Removes.")
    empty: list[Leaf] | None = strawberry.mutation(resolver=changed(many(LEAF), "empty"), description="Empties.")

    @strawberry.mutation(description="Synchronous.")
    def touch(self, info: Info, number: int = 0) -> str | None:
        info.context.effects.append(f"touch {number}")
        answered: str | None = info.context.answer(f"touch {number}", "touch", TEXT)
        return answered


@strawberry.type(description="Streams.")
class Subscription:
    @strawberry.subscription(description="Some branches.")
    async def branches(self, info: Info, count: int = 2) -> AsyncIterator[Branch]:
        for number in range(min(count, 3)):
            await asyncio.sleep(0)
            yield Branch.of(f"event {number}")


def world() -> strawberry.Schema:
    """Builds the schema. It can be built only once, since Strawberry's relay fields cannot be built twice."""
    return strawberry.Schema(
        Query,
        Mutation,
        Subscription,
        types=[Leaf, Branch, Row, Sheet, Circle, Square, Bead],
        config=StrawberryConfig(
            scalar_map={Even: strawberry.scalar(name="Even", serialize=even, parse_value=even, description="Even.")}
        ),
    )


async def rows(address: str) -> list[Any]:
    """Rows as PostgreSQL's driver returns them."""
    connection = await asyncpg.connect(address, record_class=RowRecord)
    try:
        fetched: list[Any] = await connection.fetch(ROWS)
        return fetched
    finally:
        await connection.close()
