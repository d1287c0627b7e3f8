"""The GraphQL schema with what every request passes through, whichever way it comes in.

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
from schema.runtime.streaming import Contexts, Streamed, events_of

# As in graphql-core's execute(): further errors of one request are not listed.
MAX_VARIABLE_ERRORS = 50


class GatewaySchema(strawberry.Schema):
    """A Strawberry schema that is safe to be asked by anybody.

    Args:
        query: the type of the root fields that read.
        mutation: the type of the root fields that change.
        subscription: the type of the root fields that go on telling.
        types: types that are reached through an interface only.
        limits: what one document may hold.
        executor: runs operations.

    Raises:
        ValueError: a root field does not say who may use it, or the schema is invalid.
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

    async def answer(
        self,
        text: str,
        context: Context,
        *,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
        allowed: Collection[OperationType] = frozenset({OperationType.QUERY, OperationType.MUTATION}),
    ) -> ExecutionResult:
        """What ``execute`` answers, without what Strawberry does around the executor for extensions it does not have.

        It has the same documents, limits, executor and errors; a test holds both to the same answers. Moments and days
        stay as they are, for orjson to write.

        Raises:
            CannotGetOperationTypeError: the document has no such operation.
            InvalidOperationTypeError: the operation is none of the allowed ones.
        """
        try:
            result = await self._answer(text, context, variables or {}, operation_name, allowed)
        except (CannotGetOperationTypeError, InvalidOperationTypeError):
            raise
        except GraphQLError as error:
            result = ExecutionResult(None, [error])
        except Exception as error:  # noqa: BLE001 - whatever fails, the caller gets an answer and the log the failure
            result = ExecutionResult(None, [GraphQLError(str(error), original_error=error)])
        if result.errors:
            translate(result.errors, context.request_id)
        return result

    async def _answer(
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
        result: Any = self._executor(operation, context, values).execute_operation()
        answer: ExecutionResult = result if isinstance(result, ExecutionResult) else await result
        return answer

    def _prepare(
        self, text: str, variables: Mapping[str, Any], operation_name: str | None, allowed: Collection[OperationType]
    ) -> tuple[Operation, VariableValues] | list[GraphQLError]:
        """The operation to run with its variables, or why it is not run."""
        prepared = self.documents.of(text)
        operation = prepared.operation(operation_name)
        if operation.kind not in allowed:
            raise InvalidOperationTypeError(operation.kind)
        errors = prepared.refusals(operation, operation_name, variables)
        if errors:
            return errors
        definitions = operation.node.variable_definitions or ()
        values = get_variable_values(self._schema, definitions, dict(variables), MAX_VARIABLE_ERRORS)
        return values if isinstance(values, list) else (operation, values)

    async def answers(
        self,
        text: str,
        contexts: Contexts,
        *,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
        allowed: Collection[OperationType] = frozenset(OperationType),
    ) -> AsyncGenerator[Streamed, None]:
        """The answers to an operation: one to a query or mutation, one for each event to a subscription.

        Args:
            contexts: gives one for each answer, for as long as it is worked on.

        Raises:
            CannotGetOperationTypeError: the document has no such operation.
            InvalidOperationTypeError: the operation is none of the allowed ones.
        """
        try:
            prepared = self._prepare(text, variables or {}, operation_name, allowed)
        except GraphQLError as error:
            prepared = [error]
        if not isinstance(prepared, list) and prepared[0].kind is OperationType.SUBSCRIPTION:
            operation, values = prepared
            execute = partial(self._executor, operation, values=values)
            async with aclosing(events_of(execute, contexts)) as streamed:
                async for one in streamed:
                    yield one
            return
        async with contexts() as context:
            result = await self.answer(
                text, context, variables=variables, operation_name=operation_name, allowed=allowed
            )
        yield Streamed(result)

    def _executor(
        self, operation: Operation, context: Context, values: VariableValues, event: Any = None
    ) -> Executor[Any]:
        """What ``Executor.build`` makes, of parts that are known already; ``event`` is of a subscription."""
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
        """The plans of operations that ran."""
        return plans_of(self._schema)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Translate the errors of an answer; Strawberry calls this once for each answer, before it goes out."""
        context: Any = execution_context and execution_context.context
        translate(errors, getattr(context, "request_id", "-"))
