"""The way in: an execution context class that Strawberry and graphql-core take as their own."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from graphql import GraphQLError, GraphQLResolveInfoHelpers, GraphQLSchema, OperationType
from graphql.execution import MiddlewareManager
from graphql.execution.execute import assume_not_awaitable
from graphql.pyutils import is_awaitable
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.execution.completion import Native
from schema.execution.coroutines import PAUSED, rest
from schema.execution.instrumentation import Watch
from schema.execution.plan import OperationPlan, PlanCache
from schema.execution.run import Run

PLANS = "breadth-first-plans"
KNOWN_PREDICATES = (is_awaitable, optimized_is_awaitable, assume_not_awaitable)


class BreadthFirstExecutor(StrawberryGraphQLCoreExecutionContext):
    """Runs each field of an operation once for all parents at its place.

    Pass it as ``execution_context_class`` to ``strawberry.Schema`` or as ``executor_class`` to graphql-core.

    Attributes:
        natives: scalars by name whose values go out unchanged because the answer's writer knows them; a subclass for
            such a writer names them.
        fragment: makes of JSON text what the answer's writer puts in as it is; None where it takes no such thing.
    """

    natives: ClassVar[Mapping[str, Native]] = {}
    fragment: ClassVar[Callable[[str], Any] | None] = None

    @property
    def async_helpers(self) -> GraphQLResolveInfoHelpers:
        """Made when a resolver asks: kept, they would hold the executor that holds them until a garbage collection."""
        return GraphQLResolveInfoHelpers(gather=self.gather_async_work, track=self.track_async_work)

    @async_helpers.setter
    def async_helpers(self, _helpers: GraphQLResolveInfoHelpers) -> None:
        """Those that graphql-core makes for every operation are let go."""

    def execute_operation(self, serially: bool | None = None) -> Any:
        """Execute the operation.

        Returns:
            graphql-core's ``ExecutionResult``, or an awaitable of it if a resolver has to be waited for.
        """
        plan = self._plan()
        if plan is None:
            return self._fall_back(serially)
        if serially is None:
            serially = self.operation.operation is OperationType.MUTATION
        run = Run(self, plan, self.watch(), type(self).fragment)
        strand = run.answer(serially)
        result = run.strands.begin(strand)
        return rest(strand) if result is PAUSED else result

    def watch(self) -> Watch | None:
        """Who is told what this run does; None for nobody. A subclass may know."""
        return None

    def _plan(self) -> OperationPlan | None:
        """The plan of the operation; None where graphql-core's executor is to run it."""
        if (
            self.abort_signal is not None
            or self.hooks is not None
            or (self.middleware_manager is not None and _changes_resolvers(self.middleware_manager))
            or not self.error_propagation
            or self.is_awaitable not in KNOWN_PREDICATES
        ):
            return None
        try:
            return plans_of(self.schema).find(self, self.natives)
        except (GraphQLError, RecursionError):
            return None

    def _fall_back(self, serially: bool | None) -> Any:
        """Have graphql-core's executor run the operation: the same answer, slower."""
        return super().execute_operation(serially)


def _changes_resolvers(manager: MiddlewareManager) -> bool:
    return bool(manager.middlewares) or type(manager) is not MiddlewareManager


def plans_of(schema: GraphQLSchema) -> PlanCache:
    """The schema's own plans; a copy of a schema brings the extensions of the one that it was made of."""
    kept: PlanCache | None = schema.extensions.get(PLANS)
    if kept is None or not kept.is_of(schema):
        kept = schema.extensions[PLANS] = PlanCache(schema)
    return kept
