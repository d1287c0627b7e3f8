"""The GraphQL schema with the stages that every request passes through, on every transport.

Documents are cached and limited (``schema.runtime.documents``, ``schema.runtime.limits``), root fields are guarded
(``schema.runtime.permissions``), objects with global ids registered (``schema.fields.node``), and errors translated
(``schema.runtime.errors``).
"""

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any

import strawberry
from graphql import ExecutionResult, GraphQLError, default_field_resolver, default_type_resolver
from graphql.execution import Executor
from graphql.execution.values import VariableValues, get_variable_values
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext
from strawberry.types.graphql import OperationType

from resolvers.context import Context
from schema.execution import PlanCache, plans_of
from schema.fields.node import NodeRegistry
from schema.runtime.documents import CachedDocuments, DocumentCache
from schema.runtime.errors import translate
from schema.runtime.executors import ExecutorName, executor_class, orjson_executor_class
from schema.runtime.limits import Limits
from schema.runtime.operations import Operation
from schema.runtime.permissions import guard_roots
from schema.runtime.scalars import scalar_map
from schema.runtime.streaming import ContextFactory, StreamedResult, results_of

# As in graphql-core's execute(): further errors of one request are not listed.
MAX_VARIABLE_ERRORS = 50


class GatewaySchema(strawberry.Schema):
    """A Strawberry schema with limits, permissions and error translation, for untrusted clients.

    Args:
        query: root type of queries.
        mutation: root type of mutations.
        subscription: root type of subscriptions.
        types: types that only an interface refers to.
        limits: limits of one document.
        executor: runs operations.

    Raises:
        ValueError: a root field has no roles, or the schema is invalid.
    """

    def __init__(
        self,
        query: type,
        mutation: type | None = None,
        subscription: type | None = None,
        *,
        types: Iterable[type] = (),
        limits: Limits | None = None,
        executor: ExecutorName = ExecutorName.BREADTH_FIRST,
    ) -> None:
        super().__init__(
            query=query,
            mutation=mutation,
            subscription=subscription,
            types=types,
            execution_context_class=executor_class(executor),
            config=StrawberryConfig(scalar_map=scalar_map()),
            extensions=[lambda: CachedDocuments(self.documents)],
        )
        self._orjson_executor: Any = orjson_executor_class(executor)
        guard_roots(self._schema)
        self.nodes = NodeRegistry.install(self._schema)
        self.documents = DocumentCache(self._schema, limits or Limits())

    async def run_operation(
        self,
        text: str,
        context: Context,
        *,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
        allowed: Collection[OperationType] = frozenset({OperationType.QUERY, OperationType.MUTATION}),
    ) -> ExecutionResult:
        """Executes a query or mutation.

        Has the same result as Strawberry's ``execute``, which a test verifies, without its overhead for extensions that
        this schema does not use. Timestamps and dates stay as they are, for orjson to serialize.

        Raises:
            CannotGetOperationTypeError: the document has no operation of this name.
            InvalidOperationTypeError: the type of the operation is not allowed.
        """
        try:
            result = await self._run_operation(text, context, variables or {}, operation_name, allowed)
        except (CannotGetOperationTypeError, InvalidOperationTypeError):
            raise
        except GraphQLError as error:
            result = ExecutionResult(None, [error])
        except Exception as error:  # noqa: BLE001 - every failure becomes a response, and ``translate`` logs it
            result = ExecutionResult(None, [GraphQLError(str(error), original_error=error)])
        if result.errors:
            translate(result.errors, context.request_id)
        return result

    async def _run_operation(
        self,
        text: str,
        context: Context,
        variables: Mapping[str, Any],
        operation_name: str | None,
        allowed: Collection[OperationType],
    ) -> ExecutionResult:
        prepared = self._prepare(text, variables, operation_name, allowed)
        if isinstance(prepared, list):
            return ExecutionResult(None, prepared)
        operation, values = prepared
        executed: Any = self._executor(operation, context, values).execute_operation()
        result: ExecutionResult = executed if isinstance(executed, ExecutionResult) else await executed
        return result

    def _prepare(
        self, text: str, variables: Mapping[str, Any], operation_name: str | None, allowed: Collection[OperationType]
    ) -> tuple[Operation, VariableValues] | list[GraphQLError]:
        """The operation to run with its variables, or the errors that prevent it."""
        prepared = self.documents.of(text)
        operation = prepared.operation(operation_name)
        if operation.kind not in allowed:
            raise InvalidOperationTypeError(operation.kind)
        errors = prepared.errors_of(operation, operation_name, variables)
        if errors:
            return errors
        definitions = operation.node.variable_definitions or ()
        values = get_variable_values(self._schema, definitions, dict(variables), MAX_VARIABLE_ERRORS)
        return values if isinstance(values, list) else (operation, values)

    async def stream_operation(
        self,
        text: str,
        contexts: ContextFactory,
        *,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
        allowed: Collection[OperationType] = frozenset(OperationType),
    ) -> AsyncGenerator[StreamedResult, None]:
        """Executes an operation; one result for a query or mutation, one for each event of a subscription.

        Args:
            contexts: opens a context for each result.

        Raises:
            CannotGetOperationTypeError: the document has no operation of this name.
            InvalidOperationTypeError: the type of the operation is not allowed.
        """
        try:
            prepared = self._prepare(text, variables or {}, operation_name, allowed)
        except GraphQLError as error:
            prepared = [error]
        if not isinstance(prepared, list) and prepared[0].kind is OperationType.SUBSCRIPTION:
            operation, values = prepared
            execute = partial(self._executor, operation, values=values)
            async with aclosing(results_of(execute, contexts)) as streamed:
                async for one in streamed:
                    yield one
            return
        async with contexts() as context:
            result = await self.run_operation(
                text, context, variables=variables, operation_name=operation_name, allowed=allowed
            )
        yield StreamedResult(result)

    def _executor(
        self, operation: Operation, context: Context, values: VariableValues, event: Any = None
    ) -> Executor[Any]:
        """The executor that ``Executor.build`` would make, from parts prepared with the document.

        Args:
            event: root value of a subscription's result.
        """
        executor: Executor[Any] = self._orjson_executor(
            self._schema,
            *operation.fragments,
            event,
            context,
            operation.node,
            values,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=optimized_is_awaitable,
            operation_extensions=None,
        )
        return executor

    @property
    def plans(self) -> PlanCache:
        """The execution plans of this schema's operations."""
        return plans_of(self._schema)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Translates the errors of a result. Strawberry calls this once for each result of ``execute``."""
        context: Any = execution_context and execution_context.context
        translate(errors, getattr(context, "request_id", "-"))
