"""The one declaration of a field that is answered for all parents at once.

``batched`` takes a function of all parents and gives the field::

    @strawberry.type(description="A checked bag.")
    class Bag(Node, record=records.Bag, load=bags.by_keys):
        passenger: Passenger | None = batched(passengers.of_bags, description="Who checked it in.")

The annotation is the field's GraphQL type; the function answers with records, one for each parent. Its keyword-only
parameters are the field's arguments. A field declared so never waits for a loader by itself: graphql-core's executor,
which asks for one parent at a time, is served by ``Loaders``; an executor that has all parents calls
``BatchField.answers``.
"""

import asyncio
import dataclasses
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Concatenate, Self

from aiodataloader import DataLoader
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from resolvers.actor import Role
from resolvers.context import Context
from schema.guard import admit

BatchFunction = Callable[Concatenate[Context, Sequence[Any], ...], Awaitable[Sequence[Any]]]


class BatchError(Exception):
    """A batch was cut off or answered for another number of parents than it was given."""


class BatchField(StrawberryField):
    """A field together with the function that answers it for all parents.

    Attributes:
        function: takes the context, the parents and the field's arguments as keywords; gives a value, None or an
            exception for each parent, in order.
        requires: roles that may ask; empty for everybody who could ask for the parents.
        max_parents: the most parents that one call of the function gets; more are passed in turn.
    """

    function: BatchFunction
    requires: frozenset[Role]
    max_parents: int

    def __copy__(self) -> Self:
        copied = super().__copy__()
        copied.function, copied.requires, copied.max_parents = self.function, self.requires, self.max_parents
        return copied

    @property
    def is_basic_field(self) -> bool:
        """Whether an attribute of the parent is the answer: never."""
        return False

    def get_result(self, source: Any, info: Any, args: list[Any], kwargs: Any) -> Awaitable[Any]:  # noqa: ARG002
        """Answer for one parent, together with the others that are asked for in the same moment."""
        context: Context = info.context
        loaders: Loaders = context.loaders
        return loaders.load(self, context, source, kwargs)

    async def answers(self, context: Context, parents: Sequence[Any], arguments: Mapping[str, Any]) -> list[Any]:
        """Answer for all parents: a value, None or an exception for each, in order.

        Raises:
            Unauthenticated, Forbidden: the actor's role is none of ``requires``.
            BatchError: the function answered for another number of parents.
        """
        if self.requires:
            admit(context.actor, self.requires)
        answers: list[Any] = []
        for start in range(0, len(parents), self.max_parents):
            part = parents[start : start + self.max_parents]
            given = await self.function(context, part, **arguments)
            if len(given) != len(part):
                raise BatchError(f"{self.python_name}: {len(given)} answers for {len(part)} parents")
            answers.extend(given)
        return answers


def batched(
    function: BatchFunction,
    *,
    description: str,
    arguments: Mapping[str, str] | None = None,
    requires: Iterable[Role] = (),
    max_parents: int = 1000,
    deprecation_reason: str | None = None,
) -> Any:
    """Declare a field of all parents; assign it to an annotated attribute of a Strawberry type.

    Args:
        function: ``async def f(context, parents, *, argument=default)``: a value, None or an exception per parent.
        description: the field's, for the caller.
        arguments: descriptions of the keyword-only parameters, by name; one that is ``Annotated`` with
            ``strawberry.argument(description=...)`` needs none here.
        requires: roles that may ask, checked once for each batch.
        max_parents: the most parents for one call of the function.
        deprecation_reason: as GraphQL shows it.

    Raises:
        TypeError: a parameter that cannot be an argument, or an argument without a description.
    """
    parameters = list(inspect.signature(function).parameters.values())
    return declare(
        function,
        parameters[2:],
        description=description,
        arguments=arguments or {},
        requires=frozenset(requires),
        max_parents=max_parents,
        deprecation_reason=deprecation_reason,
    )


def declare(
    function: BatchFunction,
    parameters: Iterable[inspect.Parameter],
    *,
    description: str,
    arguments: Mapping[str, str],
    requires: frozenset[Role],
    max_parents: int,
    deprecation_reason: str | None,
) -> BatchField:
    """Make the field; ``parameters`` are those of the function that GraphQL shows as arguments."""
    field = BatchField(description=description, deprecation_reason=deprecation_reason)
    field.function, field.requires, field.max_parents = function, requires, max_parents
    field.arguments = [_argument(function, parameter, arguments) for parameter in parameters]
    return field


def _argument(
    function: BatchFunction, parameter: inspect.Parameter, descriptions: Mapping[str, str]
) -> StrawberryArgument:
    if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
        raise TypeError(f"{function}: {parameter.name} must be keyword-only to be an argument")
    argument = StrawberryArgument(
        python_name=parameter.name,
        graphql_name=None,
        type_annotation=StrawberryAnnotation(parameter.annotation),
        default=parameter.default,
    )
    argument.description = descriptions.get(parameter.name, argument.description)
    if not argument.description:
        raise TypeError(f"{function}: the argument {parameter.name} has no description")
    return argument


class Loaders:
    """The batches of one request; closed with it.

    Args:
        concurrency: how many batches may be with a store at the same time, so that one request cannot take all
            connections of a pool.
    """

    def __init__(self, concurrency: int = 4) -> None:
        self._loaders: dict[Any, _FieldLoader] = {}
        self._gate = asyncio.Semaphore(concurrency)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def load(self, field: BatchField, context: Context, parent: Any, arguments: dict[str, Any]) -> Awaitable[Any]:
        """Answer for one parent as part of the batch of its field and arguments."""
        key = (field, _hashable(arguments)) if arguments else field
        loader = self._loaders.get(key)
        if loader is None:
            loader = self._loaders[key] = _FieldLoader(self, field, context, arguments)
        return loader.load(parent)

    @asynccontextmanager
    async def running(self, name: str) -> AsyncIterator[None]:
        """Count the current task as a batch of this request.

        Raises:
            BatchError: the request is over or the batch was cut off. A cancellation would not do: aiodataloader passes
                on exceptions only, and every waiter would wait for ever.
        """
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            async with self._gate:
                if self._closed:
                    raise BatchError(f"{name}: the request is over")
                yield
        except asyncio.CancelledError:
            raise BatchError(f"{name}: cut off") from None
        finally:
            self._tasks.discard(task)

    async def close(self) -> None:
        """Cut off the batches that still run and wait until they have let go of their connections."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)


class _FieldLoader(DataLoader[Any, Any]):
    """Gathers the parents of one field with one set of arguments.

    Nothing is cached. Everybody who waits has a future of its own, so a waiter that is cancelled, and cancels the
    future it waits for, takes nothing from the others; and what a mutation changed is read again.
    """

    cache = False

    def __init__(self, loaders: Loaders, field: BatchField, context: Context, arguments: dict[str, Any]) -> None:
        super().__init__()
        self._loaders = loaders
        self._field = field
        self._context = context
        self._arguments = arguments

    async def batch_load_fn(self, parents: list[Any]) -> list[Any]:
        """Answer for the gathered parents, once for each that several aliases ask for."""
        asked = {id(parent): parent for parent in parents}
        async with self._loaders.running(self._field.python_name):
            answers = await self._field.answers(self._context, list(asked.values()), self._arguments)
        answer_of = dict(zip(asked, answers, strict=True))
        return [answer_of[id(parent)] for parent in parents]


def _hashable(value: Any) -> Any:
    """The value of an argument as a key; input objects by their fields."""
    if isinstance(value, dict):
        return tuple((name, _hashable(item)) for name, item in sorted(value.items()))
    if isinstance(value, (list, tuple)):
        return tuple(_hashable(item) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value), tuple(_hashable(getattr(value, part.name)) for part in dataclasses.fields(value))
    return value
