"""Questions that only the graph answers."""

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
    """Root fields over the graph."""

    @strawberry.field(
        graphql_type=list[Bottleneck] | None,
        description="Where bags stay long at an airport: its places by hour, the longest stay first, from the graph.",
        metadata=allow(READERS),
    )
    async def bottlenecks(
        self,
        info: Info,
        airport: Annotated[str, strawberry.argument(description="IATA code of the airport.")],
        since: Annotated[datetime, strawberry.argument(name="from", description="Events from this time on.")],
        until: Annotated[
            datetime, strawberry.argument(name="to", description="Events before it; six hours after `from` at most.")
        ],
        first: Annotated[int, strawberry.argument(description="How many, 1 to 500.")] = 50,
    ) -> Any:
        """Computed from every event of that time."""
        return await graph_analytics.bottlenecks(info.context, airport_code(airport, "airport"), since, until, first)
