"""The execution context class that Strawberry and graphql-core run operations with."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from graphql import GraphQLError, GraphQLResolveInfoHelpers, GraphQLSchema, OperationType
from graphql.execution import MiddlewareManager
from graphql.execution.execute import assume_not_awaitable
from graphql.pyutils import is_awaitable
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.execution.completion import NativeScalar
from schema.execution.coroutines import SUSPENDED, resume
from schema.execution.instrumentation import Tracer
from schema.execution.plan import OperationPlan, PlanCache
from schema.execution.run import Run

PLANS = "breadth-first-plans"
KNOWN_PREDICATES = (is_awaitable, optimized_is_awaitable, assume_not_awaitable)


class BreadthFirstExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes each field of an operation once, for all parents at its position in the document.

    Pass it as ``execution_context_class`` to ``strawberry.Schema`` or as ``executor_class`` to graphql-core.

    Attributes:
        native_scalars: by name, scalars whose values the response serializer writes itself; set by a subclass for such
            a serializer.
        json_fragment: wraps JSON text for the response serializer; None if it does not accept any.
    """

    native_scalars: ClassVar[Mapping[str, NativeScalar]] = {}
    json_fragment: ClassVar[Callable[[str], Any] | None] = None

    @property
    def async_helpers(self) -> GraphQLResolveInfoHelpers:
        """Created on read: stored, they would form a reference cycle with the executor until a garbage collection."""
        return GraphQLResolveInfoHelpers(gather=self.gather_async_work, track=self.track_async_work)

    @async_helpers.setter
    def async_helpers(self, _helpers: GraphQLResolveInfoHelpers) -> None:
        """Discard the helpers that graphql-core creates for every operation."""

    def execute_operation(self, serially: bool | None = None) -> Any:
        """Execute the operation.

        Returns:
            graphql-core's ``ExecutionResult``, or an awaitable of it if a resolver has to be awaited.
        """
        plan = self._plan()
        if plan is None:
            return self._fall_back(serially)
        if serially is None:
            serially = self.operation.operation is OperationType.MUTATION
        run = Run(self, plan, self.tracer(), type(self).json_fragment)
        coroutine = run.execute(serially)
        result = run.coroutines.start(coroutine)
        return resume(coroutine) if result is SUSPENDED else result

    def tracer(self) -> Tracer | None:
        """The tracer of this run; None unless a subclass provides one."""
        return None

    def _plan(self) -> OperationPlan | None:
        """The plan of the operation; None if graphql-core's executor has to execute it."""
        if (
            self.abort_signal is not None
            or self.hooks is not None
            or (self.middleware_manager is not None and _changes_resolvers(self.middleware_manager))
            or not self.error_propagation
            or self.is_awaitable not in KNOWN_PREDICATES
        ):
            return None
        try:
            return plans_of(self.schema).find(self, self.native_scalars)
        except (GraphQLError, RecursionError):
            return None

    def _fall_back(self, serially: bool | None) -> Any:
        """Execute the operation with graphql-core's executor: the same result, slower."""
        return super().execute_operation(serially)


def _changes_resolvers(manager: MiddlewareManager) -> bool:
    return bool(manager.middlewares) or type(manager) is not MiddlewareManager


def plans_of(schema: GraphQLSchema) -> PlanCache:
    """The plans of a schema; a copy of a schema, which shares its extensions, gets a cache of its own."""
    cache: PlanCache | None = schema.extensions.get(PLANS)
    if cache is None or not cache.is_of(schema):
        cache = schema.extensions[PLANS] = PlanCache(schema)
    return cache
