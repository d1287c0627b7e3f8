"""Generated functions that build response objects, one for each selection and class of parents.

Attributes of the parents are read by expressions; values of other fields are passed as columns. A builder checks only
the classes of leaves, and raises for every other value that needs more than that.
"""

import inspect
import keyword
from collections.abc import Callable, Sequence
from typing import Any

from schema.execution.completion import LeafCompleter, compiled
from schema.execution.field_plans import FieldPlan, ReadPlan
from schema.execution.fields import Read

Columns = Sequence[Sequence[Any]]
Builder = Callable[[Sequence[Any], Columns, Sequence[Read | None]], list[dict[str, Any]]]


def generate_builder(
    entries: Sequence[tuple[str, FieldPlan | str]], kind: type, reads: Sequence[Read | None]
) -> Builder:
    """Generate the builder of a selection.

    Args:
        entries: response names in order, each with its field; for ``__typename`` with the type's name.
        kind: the parents' class, or ``object`` for parents of several classes.
        reads: for each leaf with a reader, in order: the caller's function, or None if it reads the attribute.
    """
    names: dict[str, Any] = {}
    pairs, columns, functions = [], [], []
    remaining = iter(reads)
    for index, (key, field) in enumerate(entries):
        if isinstance(field, str):
            value = repr(field)
        elif isinstance(field, ReadPlan) and isinstance(field.completer, LeafCompleter):
            value = attribute_expression(kind, field, str(index), names)
            if field.reader is not None:
                functions.append(f"f{index}")
                if next(remaining) is not None:
                    value = f"f{index}(r)"
            value = field.completer.expression(value, str(index), names, nullable=field.completer.nullable)
        else:
            value = f"c{index}"
            columns.append(value)
        pairs.append(f"{key!r}: {value}")
    lines = ["def build(parents, columns, reads):"]
    if columns:
        lines.append(f"    {', '.join(columns)}, = columns")
    if functions:
        lines.append(f"    {', '.join(functions)}, = reads")
    if columns:
        zipped = ", ".join(["parents", *columns])
        loop = f"for r, {', '.join(columns)} in zip({zipped}, strict=True)"
    else:
        loop = "for r in parents"
    lines.append(f"    return [{{{', '.join(pairs)}}} {loop}]")
    builder: Builder = compiled("\n".join(lines) + "\n", names, "build")
    return builder


def attribute_expression(kind: type, field: ReadPlan, suffix: str, names: dict[str, Any]) -> str:
    """Python source that reads a field's attribute from the parent ``r``.

    A descriptor with a method ``expression`` provides the source itself.
    """
    if field.get is not getattr or not field.attribute.isidentifier() or keyword.iskeyword(field.attribute):
        names[f"get{suffix}"] = field.get
        return f"get{suffix}(r, {field.attribute!r})"
    expression = getattr(inspect.getattr_static(kind, field.attribute, None), "expression", None)
    return expression("r") if expression is not None else f"r.{field.attribute}"
