"""Records as typed views over what a driver gave, without a copy per row.

A record class states its columns once; reading one is a look-up in the driver's own row. ``asyncpg.Record`` subclasses
view PostgreSQL rows, ``View`` subclasses view the maps of a graph statement.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, overload

# Clients ask for few sets of attributes, again and again.
KEPT = 256

T_co = TypeVar("T_co", covariant=True)


class Column(property, Generic[T_co]):
    """A named value of a row. Declare it as ``surname = Column[str]()``; the attribute's name is the column's name.

    It is a ``property`` so that reading one takes no step in Python: lists hold thousands of rows.

    Args:
        name: the column's name where it differs from the attribute's.
    """

    def __init__(self, name: str = "") -> None:
        super().__init__(itemgetter(name))
        self.name = name

    def __set_name__(self, owner: type, name: str) -> None:
        if self.name == "":
            self.__init__(name)  # type: ignore[misc] # the one way to give a property its getter later

    if TYPE_CHECKING:

        @overload  # type: ignore[override] # typed more closely than property's
        def __get__(self, row: None, owner: type) -> Self: ...
        @overload
        def __get__(self, row: object, owner: type) -> T_co: ...
        def __get__(self, row: Any, owner: type) -> Self | T_co: ...

    def expression(self, row: str) -> str:
        """Python that reads the column off the row of this name; what answers many rows at once writes it out."""
        return f"{row}[{self.name!r}]"


class View:
    """A record over a map, as graph statements return them."""

    __slots__ = ("_row",)

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._row = row

    def __getitem__(self, name: str) -> Any:
        return self._row[name]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self._row)!r})"


class Joined:
    """A record whose columns another record's row holds, under their names behind ``prefix``.

    It has the columns of the class that it is also made of; the row, only those that somebody asked for.
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
    """A column in the row that a ``Joined`` record is a part of."""

    def __init__(self, name: str) -> None:
        property.__init__(self, lambda joined: joined.row[name])
        self.name = name

    def expression(self, row: str) -> str:
        """As ``Column``'s."""
        return f"{row}.row[{self.name!r}]"


def columns_of(record: type) -> tuple[str, ...]:
    """The names of a record's columns, in the order in which its classes declare them."""
    return tuple(
        dict.fromkeys(
            name for base in reversed(record.__mro__) for name, value in vars(base).items() if isinstance(value, Column)
        )
    )


@lru_cache(KEPT)
def columns_for(record: type, attributes: frozenset[str] | None) -> tuple[str, ...]:
    """The columns that it takes to read these attributes, and the id; all where that cannot be said.

    Attributes that are made of some columns say so in the record's ``DERIVED``.
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
