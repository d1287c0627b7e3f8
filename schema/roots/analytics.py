"""Root fields of figures for analysts."""

from datetime import date, datetime
from typing import Annotated, Any

import strawberry

from integrations.records.analytics import MishandledBy
from resolvers import analytics
from resolvers.context import Context
from schema.runtime.permissions import READERS, allow
from schema.types.analytics import DeliveryTimesReport, MishandledReport, PartnerDaysReport, StationCustodyReport

Info = strawberry.Info[Context, None]
Since = Annotated[date, strawberry.argument(name="from", description="First day of the period, UTC.")]
Until = Annotated[
    date, strawberry.argument(name="to", description="Day after the last one, at most 92 days after `from`.")
]
FirstRows = Annotated[int, strawberry.argument(description="Number of rows, 1 to 500.")]


@strawberry.type
class AnalyticsQueries:
    """Part of the root of queries."""

    @strawberry.field(
        graphql_type=MishandledReport,
        description="Mishandled bags for each 1,000 bags. Bags count by the scheduled departure of their flights, "
        "reports by their opening.",
        metadata=allow(READERS),
    )
    async def mishandled(
        self,
        info: Info,
        since: Since,
        until: Until,
        by: Annotated[MishandledBy, strawberry.argument(description="What the bags are grouped by.")],
        first: FirstRows = 50,
    ) -> Any:
        """Returns the groups of mishandled bags."""
        return await analytics.mishandled(info.context, since, until, by, first)

    @strawberry.field(
        graphql_type=DeliveryTimesReport,
        description="Minutes from the filing of DELAYED PIRs to the delivery of their bags, by station.",
        metadata=allow(READERS),
    )
    async def delivery_times(self, info: Info, since: Since, until: Until, first: FirstRows = 50) -> Any:
        """Returns the delivery times of stations."""
        return await analytics.delivery_times(info.context, since, until, first)

    @strawberry.field(
        graphql_type=StationCustodyReport,
        description="Completeness of custody records (IATA Resolution 753) by station, of bags on flights that depart "
        "in a period: at most 24 hours and 20,000 bags.",
        metadata=allow(READERS),
    )
    async def station_custody(
        self,
        info: Info,
        since: Annotated[datetime, strawberry.argument(name="from", description="Start of the period.")],
        until: Annotated[
            datetime,
            strawberry.argument(name="to", description="End of the period, exclusive: at most 24 hours after `from`."),
        ],
        first: FirstRows = 50,
    ) -> Any:
        """Returns the custody points of stations."""
        return await analytics.station_custody(info.context, since, until, first)

    @strawberry.field(
        graphql_type=PartnerDaysReport,
        description="Cost of calls to partners by partner and day.",
        metadata=allow(READERS),
    )
    async def partner_days(self, info: Info, since: Since, until: Until, first: FirstRows = 200) -> Any:
        """Returns the days of partners."""
        return await analytics.partner_days(info.context, since, until, first)
