"""The declarations of fields that are answered for all parents at once, or read off them.

``batched`` takes a function of all parents and gives the field::

    @strawberry.type(description="A checked bag.")
    class Bag(Node, record=records.Bag, load=bags.by_keys):
        passenger: Passenger | None = batched(passengers.of_bags, description="Who checked it in.")

The annotation is the field's GraphQL type; the function answers with records, one for each parent. Its keyword-only
parameters are the field's arguments.

``read`` takes a function of one parent, ``masked`` one that says how the caller reads an attribute::

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
    """Declare a field of all parents; assign it to an annotated attribute of a Strawberry type.

    Args:
        function: ``async def f(context, parents, *, argument=default)``: a value, None or an exception per parent. A
            parameter ``selected`` is no argument: it gets the fields that the values are asked for; nor is
            ``layout``, see ``BatchField``.
        description: the field's, for the caller.
        arguments: descriptions of the keyword-only parameters, by name; one that is ``Annotated`` with
            ``strawberry.argument(description=...)`` needs none here.
        requires: roles that may ask, checked once for each batch.
        max_parents: the most parents for one call of the function.
        prefetched: ``def f(parents, *, argument=default)``: what the function would return where all parents already
            hold it, else None.
        deprecation_reason: as GraphQL shows it.

    Raises:
        TypeError: a parameter that cannot be an argument, or an argument without a description.
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
    """Make the field; ``parameters`` are those of the function that GraphQL shows as arguments."""
    field = BatchField(description=description, deprecation_reason=deprecation_reason)
    field.function, field.max_parents = function, max_parents
    field.takes_selected, field.takes_layout, field.prefetched = takes_selected, takes_layout, prefetched
    field.rule = (lambda context: admit(context.actor, requires)) if requires else None
    field.arguments = [_argument(function, parameter, arguments) for parameter in parameters]
    return field


def read(function: Callable[[Any], Any], *, description: str, deprecation_reason: str | None = None) -> Any:
    """Declare a field that a function reads off each parent; assign it to an annotated attribute.

    Args:
        function: of a parent; without effects.
        description: the field's, for the caller.
        deprecation_reason: as GraphQL shows it.
    """
    return masked(lambda _context: function, description=description, deprecation_reason=deprecation_reason)


def masked(
    reader: Callable[[Context], Callable[[Any], Any] | None],
    *,
    description: str,
    deprecation_reason: str | None = None,
) -> Any:
    """Declare a field that not every caller reads alike; assign it to an annotated attribute.

    Args:
        reader: asked once a request: gives what this caller is shown of a parent, as a function without effects, or
            None where it is the attribute itself.
        description: the field's, for the caller.
        deprecation_reason: as GraphQL shows it.
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
