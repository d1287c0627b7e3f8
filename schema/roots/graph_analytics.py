"""Root fields of the graph: analyses over many bags."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from resolvers import graph_analytics
from resolvers.context import Context
from schema.inputs.common import airport_code
from schema.runtime.permissions import READERS, allow
from schema.types.graph_analytics import Bottleneck

Info = strawberry.Info[Context, None]


@strawberry.type
class GraphQueries:
    """Part of the root of queries."""

    @strawberry.field(
        graphql_type=list[Bottleneck] | None,
        description="Places of an airport where bags stay long, by hour, longest stay first; null while Neo4j is down.",
        metadata=allow(READERS),
    )
    async def bottlenecks(
        self,
        info: Info,
        airport: Annotated[str, strawberry.argument(description="IATA code of the airport.")],
        since: Annotated[datetime, strawberry.argument(name="from", description="Start of the period.")],
        until: Annotated[
            datetime,
            strawberry.argument(name="to", description="End of the period, exclusive: at most 6 hours after `from`."),
        ],
        first: Annotated[int, strawberry.argument(description="Number of places, 1 to 500.")] = 50,
    ) -> Any:
        """Returns bottlenecks, computed from every event of the period."""
        return await graph_analytics.bottlenecks(info.context, airport_code(airport, "airport"), since, until, first)
