"""The operations of a document, with everything about them that is the same for every request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import DocumentNode, FragmentDefinitionNode, OperationDefinitionNode
from graphql.execution.collect_fields import FragmentDetails
from strawberry.types.graphql import OperationType

from schema.runtime.cost import Cost, CostMeter, Measure
from schema.runtime.limits import fragments_of


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document.

    Args:
        node: in the document.
        name: None for the anonymous one.
        kind: query, mutation or subscription.
        fragments: of the document by name, as graphql-core's executor keeps them: the nodes, and their details.
        cost: of the answer; None where it is within the limits whatever the variables, or the document is not to be
            run.
        meter: holds the cost to the limits.
    """

    node: OperationDefinitionNode
    name: str | None
    kind: OperationType
    fragments: tuple[dict[str, FragmentDefinitionNode], dict[str, FragmentDetails]]
    cost: Cost | None
    meter: CostMeter

    def check_cost(self, given: Mapping[str, Any]) -> None:
        """Check what the answer may cost with a request's variables, as the client sent them.

        Raises:
            LimitExceeded: it may hold too many objects.
        """
        if self.cost is not None:
            self.meter.check(self.cost, given)


def operations_of(document: DocumentNode, meter: CostMeter, measure: Measure | None) -> tuple[Operation, ...]:
    """The operations of a document, in order; ``measure`` is None where it is not to be run."""
    nodes = fragments_of(document)
    # The parser knows no fragments with variables of their own.
    fragments = nodes, {name: FragmentDetails(node) for name, node in nodes.items()}
    return tuple(
        Operation(
            node,
            name := node.name.value if node.name else None,
            OperationType(node.operation.value),
            fragments,
            meter.open_cost(measure.costs[name]) if measure else None,
            meter,
        )
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    )
