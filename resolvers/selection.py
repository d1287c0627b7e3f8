"""The fields that an operation selects, as batch functions receive them."""

from collections.abc import Mapping
from typing import Any

# Response names in order, each with the name of the attribute that holds its value.
Layout = tuple[tuple[str, str], ...]


class Selection(dict[str, "Selection | None"]):
    """The selected fields of a field's values by their Python names, each with its own selection.

    A leaf has an empty selection. None stands for a selection that depends on the runtime type of the values.

    Args:
        fields: selections by field name.
        arguments: of the field, as its function receives them; None where they depend on the request, where the field
            is selected at several places, or where it is not a batch field.
        layout: of each object, where the field may return JSON texts; None otherwise.
    """

    __slots__ = ("arguments", "layout")

    def __init__(
        self,
        fields: "Mapping[str, Selection | None]",
        arguments: Mapping[str, Any] | None = None,
        layout: Layout | None = None,
    ) -> None:
        super().__init__(fields)
        self.arguments = arguments
        self.layout = layout


# None where the selection depends on the runtime type of the values, or where the executor does not provide one.
Selected = Selection | None


class JsonTexts(list[str]):
    """Lists serialized as JSON, one text for each parent."""
