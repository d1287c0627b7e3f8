"""Seeding of a demo."""

from datetime import datetime

import asyncpg

from integrations.records.columns import Column


class Seeding(asyncpg.Record):
    """Row of ``seedings``: the choices of an airline's first run, which later runs keep."""

    __slots__ = ()

    airline_id = Column[int]()
    seed = Column[int]()
    anchored_at = Column[datetime]()
    bags = Column[int]()
    exceptions = Column[int]()
    finished_at = Column[datetime | None]()
