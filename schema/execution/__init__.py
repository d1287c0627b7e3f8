"""Breadth-first execution of GraphQL operations over a Strawberry or graphql-core schema.

``BreadthFirstExecutor`` is the executor. ``BatchField`` and ``ReadField`` declare fields that it resolves for all
parents at once or reads from them. ``NativeScalar`` describes scalars that the response serializer writes itself.
"""

from schema.execution.completion import NativeScalar
from schema.execution.executor import BreadthFirstExecutor, plans_of
from schema.execution.fields import (
    LAYOUT,
    SELECTED,
    BatchError,
    BatchField,
    Prefetch,
    ReadField,
    by_class,
    parent_resolver,
    with_rule,
)
from schema.execution.info import selected_of
from schema.execution.instrumentation import FieldSpan, Tracer
from schema.execution.loaders import Loaders
from schema.execution.plan import PlanCache

__all__ = [
    "LAYOUT",
    "SELECTED",
    "BatchError",
    "BatchField",
    "BreadthFirstExecutor",
    "FieldSpan",
    "Loaders",
    "NativeScalar",
    "PlanCache",
    "Prefetch",
    "ReadField",
    "Tracer",
    "by_class",
    "parent_resolver",
    "plans_of",
    "selected_of",
    "with_rule",
]
