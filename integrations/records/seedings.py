"""What was seeded."""

from datetime import datetime

import asyncpg

from integrations.records.columns import Column


class Seeding(asyncpg.Record):
    """The row of ``seedings`` of an airline: what the first run chose, and every later one keeps."""

    __slots__ = ()

    airline_id = Column[int]()
    seed = Column[int]()
    anchored_at = Column[datetime]()
    bags = Column[int]()
    exceptions = Column[int]()
    finished_at = Column[datetime | None]()
