"""Operations with more than one answer: a subscription is executed once for each of its events.

A subscription's resolver gives events; one that has an attribute ``cursor`` says by it from where a subscriber who is
cut off can go on.
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

# A context for one answer: opened for it, and closed after it.
Contexts = Callable[[], AbstractAsyncContextManager[Context]]
Execute = Callable[..., Executor[Any]]


@dataclass(frozen=True, slots=True)
class Streamed:
    """One answer of a stream.

    Args:
        result: the answer, its errors translated.
        cursor: everything up to this answer lies before it; None where there is none.
    """

    result: ExecutionResult
    cursor: str | None = None

    @property
    def is_failure(self) -> bool:
        """Whether nothing was executed: the operation is refused, or its stream has broken off."""
        return self.result.data is None and not any(error.path for error in self.result.errors or ())


async def events_of(execute: Execute, contexts: Contexts) -> AsyncGenerator[Streamed, None]:
    """The answers to a subscription; the last one is a failure if it could not begin or go on.

    Args:
        execute: makes the executor for a context, and for an event by ``event``.
        contexts: gives a context for each answer.
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
                yield await _answer(execute, contexts, event)
    except Exception as error:  # noqa: BLE001 - whatever fails, the subscriber is told and the log has it
        yield _failed([GraphQLError(str(error), original_error=error)], request_id)


async def _answer(execute: Execute, contexts: Contexts, event: Any) -> Streamed:
    async with contexts() as context:
        result: Any = execute(context, event=event).execute_operation(False)
        answer: ExecutionResult = result if isinstance(result, ExecutionResult) else await result
        if answer.errors:
            translate(answer.errors, context.request_id)
    return Streamed(answer, getattr(event, "cursor", None))


def _failed(errors: list[GraphQLError], request_id: str) -> Streamed:
    """Why a stream ends; without the place in the answer, since there is none."""
    told = [GraphQLError(error.message, original_error=error.original_error) for error in errors]
    translate(told, request_id)
    return Streamed(ExecutionResult(None, told))
