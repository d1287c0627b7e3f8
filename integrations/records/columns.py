"""Records as typed views over what a driver gave, without a copy per row.

A record class states its columns once; reading one is a look-up in the driver's own row. ``asyncpg.Record`` subclasses
view PostgreSQL rows, ``View`` subclasses view the maps of a graph statement.
"""

from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, overload

T_co = TypeVar("T_co", covariant=True)


class Column(property, Generic[T_co]):
    """A named value of a row. Declare it as ``surname = Column[str]()``; the attribute's name is the column's name.

    It is a ``property`` so that reading one takes no step in Python: lists hold thousands of rows.

    Args:
        name: the column's name where it differs from the attribute's, or its index in rows that have no names.
    """

    def __init__(self, name: str | int = "") -> None:
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


class Part(tuple[Any, ...]):
    """A record that is a slice of another record's row, as a join gives it.

    It has the columns of the class that it is also made of, in the order in which that declares them.
    """

    __slots__ = ()
    width: ClassVar[int]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        columns = [
            name for base in reversed(cls.__mro__) for name, value in vars(base).items() if isinstance(value, Column)
        ]
        for index, name in enumerate(columns):
            setattr(cls, name, Column[Any](index))
        cls.width = len(columns)
