"""Operations of a document, with everything that is the same for every request."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from graphql import DocumentNode, FragmentDefinitionNode, OperationDefinitionNode
from graphql.execution.collect_fields import FragmentDetails
from strawberry.types.graphql import OperationType

from schema.runtime.cost import Cost, CostMeter, Measure
from schema.runtime.limits import fragments_of

# Objects that the response to a wide read may hold, at least: a list of 50 bags with their passengers and scans.
WIDE_OBJECTS = 300


class RequestClass(StrEnum):
    """Class of an operation for admission."""

    MUTATION = "mutation"
    READ = "read"
    WIDE_READ = "wide_read"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document.

    Args:
        node: its node in the document.
        name: None for the anonymous one.
        kind: query, mutation or subscription.
        fragments: the document's fragments by name in the forms of graphql-core's executor: nodes, and details.
        cost: cost to check for each request; None if it is within the limits for all variables, or if the document
            has errors.
        meter: checks the cost.
        objects: objects that its response may hold, without those that depend on variables.
    """

    node: OperationDefinitionNode
    name: str | None
    kind: OperationType
    fragments: tuple[dict[str, FragmentDefinitionNode], dict[str, FragmentDetails]]
    cost: Cost | None
    meter: CostMeter
    objects: int

    def request_class(self, given: Mapping[str, Any]) -> RequestClass:
        """Its class with the variables of a request, as the client sent them."""
        if self.kind is OperationType.MUTATION:
            return RequestClass.MUTATION
        objects = self.objects if self.cost is None else self.meter.objects(self.cost, given)
        return RequestClass.WIDE_READ if objects >= WIDE_OBJECTS else RequestClass.READ

    def check_cost(self, given: Mapping[str, Any]) -> None:
        """Checks the cost with the variables of a request, as the client sent them.

        Raises:
            LimitExceeded: the response may hold too many objects.
        """
        if self.cost is not None:
            self.meter.check(self.cost, given)


def operations_of(document: DocumentNode, meter: CostMeter, measure: Measure | None) -> tuple[Operation, ...]:
    """The operations of a document, in order.

    Args:
        measure: costs of the document; None if it has errors.
    """
    nodes = fragments_of(document)
    # The parser does not support fragments with variables of their own.
    fragments = nodes, {name: FragmentDetails(node) for name, node in nodes.items()}
    return tuple(
        Operation(
            node,
            name := node.name.value if node.name else None,
            OperationType(node.operation.value),
            fragments,
            meter.open_cost(measure.costs[name]) if measure else None,
            meter,
            meter.objects(measure.costs[name], {}) if measure else 0,
        )
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    )
