"""Execution of subscriptions: once for each event of the source stream.

The resolver of a subscription yields events. An event with an attribute ``cursor`` gives the position from which a
disconnected subscriber can resume.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Any

from graphql import ExecutionResult, GraphQLError
from graphql.execution import Executor, create_source_event_stream

from resolvers.context import Context
from schema.runtime.errors import translate

# Opens a context for one result; it is closed after the result.
ContextFactory = Callable[[], AbstractAsyncContextManager[Context]]
Execute = Callable[..., Executor[Any]]


@dataclass(frozen=True, slots=True)
class StreamedResult:
    """One result of a stream.

    Args:
        result: the result, with translated errors.
        cursor: position after this result; None without one.
    """

    result: ExecutionResult
    cursor: str | None = None

    @property
    def is_failure(self) -> bool:
        """Whether nothing was executed: the operation was rejected, or its stream failed."""
        return self.result.data is None and not any(error.path for error in self.result.errors or ())


async def results_of(execute: Execute, contexts: ContextFactory) -> AsyncGenerator[StreamedResult, None]:
    """The results of a subscription; the last one is a failure if it could not start or continue.

    Args:
        execute: builds the executor for a context and, by the argument ``event``, for an event.
        contexts: opens a context for each result.
    """
    async with contexts() as context:
        request_id = context.request_id
        source: Any = create_source_event_stream(execute(context))
        if asyncio.iscoroutine(source):
            source = await source
    if isinstance(source, ExecutionResult):
        yield _failed(source.errors or [], request_id)
        return
    try:
        async with aclosing(source):
            async for event in source:
                yield await _execute_event(execute, contexts, event)
    except Exception as error:  # noqa: BLE001 - every failure becomes a result, and ``translate`` logs it
        yield _failed([GraphQLError(str(error), original_error=error)], request_id)


async def _execute_event(execute: Execute, contexts: ContextFactory, event: Any) -> StreamedResult:
    async with contexts() as context:
        executed: Any = execute(context, event=event).execute_operation(False)
        result: ExecutionResult = executed if isinstance(executed, ExecutionResult) else await executed
        if result.errors:
            translate(result.errors, context.request_id)
    return StreamedResult(result, getattr(event, "cursor", None))


def _failed(errors: list[GraphQLError], request_id: str) -> StreamedResult:
    """The failure that ends a stream; its errors have no path, since there is no response."""
    translated = [GraphQLError(error.message, original_error=error.original_error) for error in errors]
    translate(translated, request_id)
    return StreamedResult(ExecutionResult(None, translated))
