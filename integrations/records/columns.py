"""Columns of records, which are typed views over a driver's rows without a copy per row.

A record class declares its columns once. Reading one is a look-up in the driver's own row. Subclasses of
``asyncpg.Record`` view PostgreSQL rows, subclasses of ``View`` the maps of a graph statement.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, overload

# Clients select few sets of attributes, again and again.
MAX_SELECTIONS = 256

T_co = TypeVar("T_co", covariant=True)


class Column(property, Generic[T_co]):
    """A named value of a row, declared as ``surname = Column[str]()`` under the column's name.

    It is a ``property`` so that reading it executes no Python code: lists hold thousands of rows.

    Args:
        name: name of the column, if it differs from the attribute's.
    """

    def __init__(self, name: str = "") -> None:
        super().__init__(itemgetter(name))
        self.name = name

    def __set_name__(self, owner: type, name: str) -> None:
        if self.name == "":
            self.__init__(name)  # type: ignore[misc] # a property's getter cannot be set otherwise

    if TYPE_CHECKING:

        @overload  # type: ignore[override] # narrower than property's
        def __get__(self, row: None, owner: type) -> Self: ...
        @overload
        def __get__(self, row: object, owner: type) -> T_co: ...
        def __get__(self, row: Any, owner: type) -> Self | T_co: ...

    def expression(self, row: str) -> str:
        """Return Python source that reads the column of the row in variable ``row``, for generated code."""
        return f"{row}[{self.name!r}]"


class View:
    """A record over a map, as graph statements return it."""

    __slots__ = ("_row",)

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row

    def __getitem__(self, name: str) -> Any:
        return self._row[name]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self._row)!r})"


class Joined:
    """A record whose columns are part of another record's row, under ``prefix`` and their names.

    It has all columns of the class that it is combined with. The row holds only those that the statement selected.
    """

    __slots__ = ("row",)
    prefix: ClassVar[str]

    def __init__(self, row: Any) -> None:
        self.row = row

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in columns_of(cls):
            setattr(cls, name, JoinedColumn(f"{cls.prefix}{name}"))


class JoinedColumn(Column[Any]):
    """A column of a ``Joined`` record, read from the row that holds it."""

    def __init__(self, name: str) -> None:
        property.__init__(self, lambda joined: joined.row[name])
        self.name = name

    def expression(self, row: str) -> str:
        """Return Python source that reads the column, as ``Column.expression``."""
        return f"{row}.row[{self.name!r}]"


def columns_of(record: type) -> tuple[str, ...]:
    """Return the names of a record's columns, in the order in which its classes declare them."""
    return tuple(
        dict.fromkeys(
            name for base in reversed(record.__mro__) for name, value in vars(base).items() if isinstance(value, Column)
        )
    )


@lru_cache(MAX_SELECTIONS)
def columns_for(record: type, attributes: frozenset[str] | None) -> tuple[str, ...]:
    """Return the columns that these attributes are read from, and ``id``; all columns if an attribute is unknown.

    Args:
        record: class with the columns. Its ``DERIVED`` names the columns of attributes that are computed.
        attributes: names of the attributes; None for all columns.
    """
    columns = columns_of(record)
    if attributes is None:
        return columns
    derived: Mapping[str, Sequence[str]] = getattr(record, "DERIVED", {})
    needed = {"id"}
    for name in attributes:
        if name not in derived and name not in columns:
            return columns
        needed.update(derived.get(name, (name,)))
    return tuple(name for name in columns if name in needed)
