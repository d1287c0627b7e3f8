"""Declarations of fields that are resolved for all parents at once, or read from each parent.

``batched`` declares a field by a function of all parents::

    @strawberry.type(description="A checked bag.")
    class Bag(Node, record=records.Bag, load=bags.by_keys):
        passenger: Passenger | None = batched(passengers.of_bags, description="Who checked it in.")

The annotation is the field's GraphQL type; the function returns one record for each parent. Its keyword-only parameters
are the field's arguments.

``read`` declares a field by a function of one parent, ``masked`` by a function that returns how the caller may read an
attribute::

        masked_phone: str | None = read(passengers.masked_phone, description="The phone's last digits.")
        surname: str = masked(passengers.names, description="Family name.")
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Concatenate

from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument

from resolvers.actor import Role
from resolvers.context import Context
from schema.execution import LAYOUT, SELECTED, BatchField, Prefetch, ReadField
from schema.runtime.permissions import admit

BatchFunction = Callable[Concatenate[Context, Sequence[Any], ...], Awaitable[Sequence[Any]]]


def batched(
    function: BatchFunction,
    *,
    description: str,
    arguments: Mapping[str, str] | None = None,
    requires: Iterable[Role] = (),
    max_parents: int = 1000,
    prefetched: Prefetch | None = None,
    deprecation_reason: str | None = None,
) -> Any:
    """Declares a field of all parents; assign it to an annotated attribute of a Strawberry type.

    Args:
        function: ``async def f(context, parents, *, argument=default)``; returns a value, None or an exception for
            each parent. The parameters ``selected``, which receives the selected fields of the values, and ``layout``
            (see ``BatchField``) are not arguments of the field.
        description: the description in the schema.
        arguments: descriptions of the keyword-only parameters by name, except those ``Annotated`` with
            ``strawberry.argument(description=...)``.
        requires: roles that may select the field, checked once for each batch.
        max_parents: maximum number of parents of one call.
        prefetched: ``def f(parents, *, argument=default)``; returns the values if all parents already hold them, else
            None.
        deprecation_reason: the deprecation in the schema.

    Raises:
        TypeError: a parameter cannot be an argument, or an argument has no description.
    """
    parameters = list(inspect.signature(function).parameters.values())[2:]
    return declare(
        function,
        [parameter for parameter in parameters if parameter.name not in (SELECTED, LAYOUT)],
        description=description,
        arguments=arguments or {},
        requires=frozenset(requires),
        max_parents=max_parents,
        takes_selected=any(parameter.name == SELECTED for parameter in parameters),
        takes_layout=any(parameter.name == LAYOUT for parameter in parameters),
        prefetched=prefetched,
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
    takes_selected: bool,
    takes_layout: bool = False,
    prefetched: Prefetch | None = None,
    deprecation_reason: str | None,
) -> BatchField:
    """Builds a batch field.

    Args:
        parameters: parameters of the function that are arguments of the field.
    """
    field = BatchField(description=description, deprecation_reason=deprecation_reason)
    field.function, field.max_parents = function, max_parents
    field.takes_selected, field.takes_layout, field.prefetched = takes_selected, takes_layout, prefetched
    field.rule = (lambda context: admit(context.actor, requires)) if requires else None
    field.arguments = [_argument(function, parameter, arguments) for parameter in parameters]
    return field


def read(function: Callable[[Any], Any], *, description: str, deprecation_reason: str | None = None) -> Any:
    """Declares a field that a function reads from each parent; assign it to an annotated attribute.

    Args:
        function: a function of one parent, without side effects.
        description: the description in the schema.
        deprecation_reason: the deprecation in the schema.
    """
    return masked(lambda _context: function, description=description, deprecation_reason=deprecation_reason)


def masked(
    reader: Callable[[Context], Callable[[Any], Any] | None],
    *,
    description: str,
    deprecation_reason: str | None = None,
) -> Any:
    """Declares a field that some callers read masked; assign it to an annotated attribute.

    Args:
        reader: called once for each request; returns a function of a parent, without side effects, or None if the
            caller reads the attribute itself.
        description: the description in the schema.
        deprecation_reason: the deprecation in the schema.
    """
    field = ReadField(description=description, deprecation_reason=deprecation_reason)
    field.reader = reader
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
