"""Writes of bookings in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from integrations.stores.postgres.manager import Reader

INSERT_BOOKINGS = """
INSERT INTO bookings (id, airline_id, locator, booked_at)
SELECT id, $1, locator, booked_at
FROM unnest($2::bigint[], $3::text[], $4::timestamptz[]) AS new(id, locator, booked_at)
ON CONFLICT (id) DO NOTHING
"""


class NewBooking(NamedTuple):
    """A booking to insert. The fields are the columns of ``INSERT_BOOKINGS``, in order."""

    id: int
    locator: str
    booked_at: datetime


async def insert(records: Reader, airline_id: int, bookings: Sequence[NewBooking]) -> None:
    """Insert bookings; existing ones stay unchanged."""
    await records.execute(INSERT_BOOKINGS, airline_id, *zip(*bookings, strict=True), name="INSERT_BOOKINGS")
