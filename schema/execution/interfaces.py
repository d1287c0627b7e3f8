"""What the parts of the executor know of each other: protocols, so that imports go in one direction.

Completing a value executes the selection below it, and executing a selection completes the values of its fields.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from graphql import FieldNode, GraphQLField, GraphQLNamedType, GraphQLObjectType
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.executor import Executor

from resolvers.selection import Selected
from schema.execution.coroutines import Coroutines
from schema.execution.fields import Read, Reader
from schema.execution.info import SharedInfo
from schema.execution.instrumentation import FieldSpan, Tracer
from schema.execution.response_path import Positions, ResponsePosition


class PlannedField(Protocol):
    """A field of a planned selection."""

    @property
    def name(self) -> str:
        """Its name in the schema."""

    @property
    def parent_type(self) -> GraphQLObjectType:
        """The type that it belongs to."""

    @property
    def definition(self) -> GraphQLField:
        """The schema's."""

    @property
    def details(self) -> FieldDetailsList:
        """The field in the document, as graphql-core collected it."""

    @property
    def nodes(self) -> list[FieldNode]:
        """Its nodes in the document."""

    def selected(self, run: "OperationRun") -> Selected:
        """The selection of its values; None where it depends on their runtime type."""


class PlannedSelection(Protocol):
    """The fields that are selected of one object type at one position of the document."""

    @property
    def entries(self) -> Sequence[tuple[str, PlannedField | str]]:
        """Response names in order, each with its field; for ``__typename`` with the type's name."""

    async def execute(self, run: "OperationRun", parents: Sequence[Any], positions: Positions) -> list[Any]:
        """The response objects of parents of one type, at least one."""

    def execute_sync(self, run: "OperationRun", parents: Sequence[Any]) -> list[Any] | None:
        """The response objects if nothing has to be fetched and nothing fails; None otherwise. Has no side effects."""


class PlannedOperation(Protocol):
    """The plan of one operation."""

    @property
    def root(self) -> PlannedSelection:
        """The root selection."""

    @property
    def root_fields(self) -> Sequence[PlannedSelection]:
        """The root selection field by field, for serial execution."""

    def selection(
        self, executor: "Executor[Any]", object_type: GraphQLObjectType, details: FieldDetailsList
    ) -> PlannedSelection:
        """The fields that are selected of an object type.

        Raises:
            GraphQLError: the value of a condition is invalid.
        """

    def selected(self, run: "OperationRun", named_type: GraphQLNamedType, details: FieldDetailsList) -> Selected:
        """The same by Python names, for batch functions; None where it depends on the runtime type."""


class OperationRun(Protocol):
    """One execution of a planned operation."""

    @property
    def executor(self) -> "Executor[Any]":
        """Holds the request's variables and graphql-core's options."""

    @property
    def plan(self) -> PlannedOperation:
        """The plan that is executed."""

    @property
    def context(self) -> Any:
        """The request's context."""

    @property
    def coroutines(self) -> Coroutines:
        """The coroutines of this run."""

    @property
    def tracer(self) -> Tracer | None:
        """Traces this run; None if it is not traced."""

    @property
    def json_fragment(self) -> Callable[[str], Any] | None:
        """Wraps JSON text for the serializer; None if it does not accept any."""

    def reader(self, declared: Reader) -> Read | None:
        """How this caller reads a leaf; determined once."""

    def fail(self, reason: Exception, field: PlannedField, position: ResponsePosition) -> None:
        """Record a field error."""

    def shared_info(self, field: PlannedField) -> SharedInfo:
        """The part of ``info`` that all parents of a field share."""

    def call_each(
        self, function: Callable[..., Any], field: PlannedField, values: Sequence[Any], positions: Positions, *more: Any
    ) -> list[Any]:
        """Call a function with each value, its info and ``more``; results or the exceptions that it raised."""

    async def resolve_awaitables(self, values: Sequence[Any], span: FieldSpan | None) -> Sequence[Any]:
        """The values with awaitables replaced by their results or exceptions, all awaited concurrently."""

    def json_fragments(self, values: Sequence[Any]) -> Sequence[Any] | None:
        """What the serializer accepts for values that are JSON texts; None for other values."""
