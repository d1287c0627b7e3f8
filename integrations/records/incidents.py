"""Incidents: causes on a flight that make bags miss their next flight, with the bags."""

from datetime import datetime
from enum import StrEnum

import asyncpg

from integrations.records.columns import Column


class IncidentCause(StrEnum):
    """Cause on a flight that puts bags at risk."""

    LATE_INBOUND = "LATE_INBOUND"
    INBOUND_CANCELLED = "INBOUND_CANCELLED"
    EARLY_OUTBOUND = "EARLY_OUTBOUND"
    OUTBOUND_CANCELLED = "OUTBOUND_CANCELLED"


class Incident(asyncpg.Record):
    """Row of ``incidents``; ``airport`` is where its bags change flights."""

    __slots__ = ()

    id = Column[int]()
    airline_id = Column[int]()
    cause = Column[str]()
    flight_id = Column[int]()
    airport = Column[str]()
    opened_at = Column[datetime]()
    updated_at = Column[datetime]()
    acknowledged_at = Column[datetime | None]()
    acknowledged_by = Column[str | None]()
    closed_at = Column[datetime | None]()
    closed_by = Column[str | None]()
    comment = Column[str]()


class IncidentBag(asyncpg.Record):
    """Row of ``incident_bags``; ``level`` is as of the incident's last update."""

    __slots__ = ()

    incident_id = Column[int]()
    bag_id = Column[int]()
    level = Column[str]()
    added_at = Column[datetime]()


class AffectedBag(IncidentBag):
    """Bag of an incident with the airport where it changes flights."""

    __slots__ = ()

    airport = Column[str]()


class AssessedBag(asyncpg.Record):
    """Bag of an incident as it was last assessed (``bag_version``), with its present version."""

    __slots__ = ()

    incident_id = Column[int]()
    bag_id = Column[int]()
    level = Column[str]()
    at_stake = Column[bool]()
    bag_version = Column[int]()
    version = Column[int]()
