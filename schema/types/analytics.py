"""Figures for analysts. A read replica computes them where there is one."""

from datetime import date, datetime
from decimal import Decimal

import strawberry

from integrations.records.effects import Service
from schema.types.inventory import PointCount


@strawberry.type(description="Age of the data that a report was computed from.")
class DataAge:
    """Values are ``integrations.records.analytics.Age``."""

    as_of: datetime = strawberry.field(
        description="When the last change in the data was committed; the time of the query on a server that has all "
        "changes."
    )
    from_replica: bool = strawberry.field(description="Whether a read replica computed the report.")


@strawberry.type(description="Mishandled bags of one group.")
class MishandledGroup:
    """Values are ``integrations.records.analytics.MishandledGroup``."""

    key: str | None = strawberry.field(
        description="ISO week such as 2026-W48, IATA code of the station at fault, designator of the flight that was "
        "to bring the bag, or reason for loss; null where none is known."
    )
    bags: int = strawberry.field(description="Number of bags that were planned to travel in the group.")
    mishandled: int = strawberry.field(description="Number of bags that were reported delayed, damaged or pilfered.")
    per_thousand: float | None = strawberry.field(
        description="Mishandled bags for each 1,000 bags; null without bags. SITA counts for each 1,000 passengers."
    )


@strawberry.type(description="Mishandled bags of a period.")
class MishandledReport:
    """Values are ``integrations.records.analytics.Figures``."""

    age: DataAge = strawberry.field(description="Age of the data.")
    total: int = strawberry.field(description="Number of groups.")
    rows: list[MishandledGroup] = strawberry.field(
        description="First of the groups: weeks in order of time, others with most mishandled bags first."
    )


@strawberry.type(description="Minutes from the filing of a DELAYED PIR to the delivery of its bags, at one station.")
class DeliveryTimes:
    """Values are ``integrations.records.analytics.DeliveryTimes``."""

    station: str = strawberry.field(description="IATA code of the station that opened the PIRs.")
    reported: int = strawberry.field(description="Number of bags of PIRs that were opened in the period.")
    delivered: int = strawberry.field(description="Number of these bags that were delivered.")
    median: int | None = strawberry.field(
        name="medianMinutes", description="Minutes that half of the delivered bags did not exceed; null without any."
    )
    p90: int | None = strawberry.field(
        name="p90Minutes", description="Minutes that nine of ten delivered bags did not exceed; null without any."
    )


@strawberry.type(description="Times from filing to delivery of a period.")
class DeliveryTimesReport:
    """Values are ``integrations.records.analytics.Figures``."""

    age: DataAge = strawberry.field(description="Age of the data.")
    total: int = strawberry.field(description="Number of stations.")
    rows: list[DeliveryTimes] = strawberry.field(description="First of the stations, with most reported bags first.")


@strawberry.type(description="Custody points of IATA Resolution 753 at one station.")
class StationCustody:
    """Values are ``integrations.records.analytics.StationCustody``."""

    station: str = strawberry.field(description="IATA code of the station.")
    bags: int = strawberry.field(description="Number of bags with a custody point at the station.")
    points: list[PointCount] = strawberry.field(description="Numbers of custody points by kind.")


@strawberry.type(description="Completeness of custody records by station.")
class StationCustodyReport:
    """Values are ``integrations.records.analytics.Figures``."""

    age: DataAge = strawberry.field(description="Age of the data.")
    total: int = strawberry.field(description="Number of stations.")
    rows: list[StationCustody] = strawberry.field(description="First of the stations, with most missing points first.")


@strawberry.type(description="Calls to one partner on one day, UTC.")
class PartnerDay:
    """Values are ``integrations.records.analytics.PartnerDay``."""

    service: Service = strawberry.field(description="Partner.")
    day: date = strawberry.field(description="Day, UTC.")
    calls: int = strawberry.field(description="Number of calls.")
    units: int = strawberry.field(description="Number of billed units: parts of an SMS, emails, calls.")
    cost: Decimal = strawberry.field(description="Cost in US dollars, by the configured price list.")


@strawberry.type(description="Cost by partner and day.")
class PartnerDaysReport:
    """Values are ``integrations.records.analytics.Figures``."""

    age: DataAge = strawberry.field(description="Age of the data.")
    total: int = strawberry.field(description="Number of days of partners.")
    rows: list[PartnerDay] = strawberry.field(description="First of the days, in order of time and partner.")
