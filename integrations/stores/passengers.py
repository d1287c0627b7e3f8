"""Passengers in PostgreSQL."""

from collections.abc import Sequence

from integrations.records.passengers import Passenger
from integrations.stores.postgres import Reader

PASSENGERS_BY_ID = """
SELECT passengers.id, passengers.airline_id, booking_id, locator, surname, given_names, loyalty_programme,
       loyalty_number, loyalty_tier, alliance_tier, language, phone, email
FROM passengers
LEFT JOIN bookings ON bookings.id = booking_id
WHERE passengers.airline_id = $1 AND passengers.id = ANY($2::bigint[])
"""

PASSENGERS_BY_NAME = """
SELECT passengers.id, passengers.airline_id, booking_id, locator, surname, given_names, loyalty_programme,
       loyalty_number, loyalty_tier, alliance_tier, language, phone, email
FROM passengers
LEFT JOIN bookings ON bookings.id = booking_id
WHERE passengers.airline_id = $1 AND search_name ~>=~ $2 AND search_name ~<~ $3
ORDER BY search_name USING ~<~, passengers.id
LIMIT $4
"""

PASSENGERS_BY_LOCATOR = """
SELECT passengers.id, passengers.airline_id, booking_id, locator, surname, given_names, loyalty_programme,
       loyalty_number, loyalty_tier, alliance_tier, language, phone, email
FROM bookings
JOIN passengers ON passengers.booking_id = bookings.id
WHERE bookings.airline_id = $1 AND locator = $2
ORDER BY booked_at DESC, passengers.id
LIMIT $3
"""


async def by_id(records: Reader, airline_id: int, ids: Sequence[int]) -> dict[int, Passenger]:
    """The passengers with these ids; unknown ones are absent."""
    rows = await records.fetch(PASSENGERS_BY_ID, airline_id, ids, name="PASSENGERS_BY_ID", record_class=Passenger)
    return {passenger.id: passenger for passenger in rows}


async def by_name(records: Reader, airline_id: int, prefix: str, limit: int) -> list[Passenger]:
    """Passengers whose search name (teletype alphabet, where nothing sorts after ``~``) begins so, in order of name."""
    return await records.fetch(
        PASSENGERS_BY_NAME,
        airline_id,
        prefix,
        prefix + "~",
        limit,
        name="PASSENGERS_BY_NAME",
        record_class=Passenger,
    )


async def by_locator(records: Reader, airline_id: int, locator: str, limit: int) -> list[Passenger]:
    """Passengers of the bookings with this locator, the newest booking first, at most ``limit``."""
    return await records.fetch(
        PASSENGERS_BY_LOCATOR, airline_id, locator, limit, name="PASSENGERS_BY_LOCATOR", record_class=Passenger
    )
