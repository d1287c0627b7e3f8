"""Breadth-first execution of GraphQL operations over a Strawberry or graphql-core schema.

``BreadthFirstExecutor`` is the executor; ``BatchField`` and ``ReadField`` declare fields that it answers for all
parents at once or reads off them; ``Native`` names scalars that an answer's writer writes by itself.
"""

from schema.execution.executor import BreadthFirstExecutor
from schema.execution.fields import SELECTED, BatchError, BatchField, ReadField, Selected, by_class, off_parent
from schema.execution.info import selected_of
from schema.execution.loaders import Loaders
from schema.execution.shapes import Native

__all__ = [
    "SELECTED",
    "BatchError",
    "BatchField",
    "BreadthFirstExecutor",
    "Loaders",
    "Native",
    "ReadField",
    "Selected",
    "by_class",
    "off_parent",
    "selected_of",
]
