"""What an operation selects of the values of a field."""

from collections.abc import Iterator, KeysView, Mapping
from typing import Any, Protocol

# Names of an answer's entries in order, each with the attribute that answers it.
Layout = tuple[tuple[str, str], ...]


class Selection(Protocol):
    """The fields that are asked of the values of a field, each with what is asked of its own."""

    @property
    def arguments(self) -> Mapping[str, Any] | None:
        """Of the field; None where they depend on the request or differ from place to place."""

    @property
    def layout(self) -> Layout | None:
        """Of each object, where lists of JSON text do for the field's values; else None."""

    def __contains__(self, name: object) -> bool: ...

    def __iter__(self) -> Iterator[str]: ...

    def get(self, name: str, /) -> "Selected":
        """What is asked of a field's values; None as well for one that is not asked for."""

    def keys(self) -> KeysView[str]:
        """The fields' names."""


# None where nobody can say.
Selected = Selection | None


class Written(list[str]):
    """Lists that are written already, as JSON, one for each parent."""

    written = True
