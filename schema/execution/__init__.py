"""Breadth-first execution of GraphQL operations over a Strawberry or graphql-core schema.

``BreadthFirstExecutor`` is the executor; ``BatchField`` and ``ReadField`` declare fields that it answers for all
parents at once or reads off them; ``Native`` names scalars that an answer's writer writes by itself.
"""

from schema.execution.completion import Native
from schema.execution.executor import BreadthFirstExecutor, plans_of
from schema.execution.fields import (
    SELECTED,
    WRITTEN,
    BatchError,
    BatchField,
    Prefetch,
    ReadField,
    by_class,
    off_parent,
    ruled,
)
from schema.execution.info import selected_of
from schema.execution.instrumentation import Stage, Watch
from schema.execution.loaders import Loaders
from schema.execution.plan import PlanCache

__all__ = [
    "SELECTED",
    "WRITTEN",
    "BatchError",
    "BatchField",
    "BreadthFirstExecutor",
    "Loaders",
    "Native",
    "PlanCache",
    "Prefetch",
    "ReadField",
    "Stage",
    "Watch",
    "by_class",
    "off_parent",
    "plans_of",
    "ruled",
    "selected_of",
]
