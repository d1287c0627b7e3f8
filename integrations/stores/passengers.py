"""Passengers in PostgreSQL."""

from collections.abc import Sequence
from typing import NamedTuple

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

INSERT_PASSENGERS = """
INSERT INTO passengers (id, airline_id, booking_id, surname, given_names, search_name, loyalty_programme,
                        loyalty_number, loyalty_tier, alliance_tier, language, phone, email)
SELECT id, $1, booking_id, surname, given_names, search_name, loyalty_programme, loyalty_number, loyalty_tier,
       alliance_tier, language, phone, email
FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::text[], $11::text[], $12::text[], $13::text[])
     AS new(id, booking_id, surname, given_names, search_name, loyalty_programme, loyalty_number, loyalty_tier,
            alliance_tier, language, phone, email)
ON CONFLICT (id) DO NOTHING
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


class NewPassenger(NamedTuple):
    """A passenger to write; the fields are the columns of ``INSERT_PASSENGERS`` in their order."""

    id: int
    booking_id: int
    surname: str
    given_names: str
    search_name: str
    loyalty_programme: str | None
    loyalty_number: str | None
    loyalty_tier: str | None
    alliance_tier: str | None
    language: str
    phone: str
    email: str


async def insert(records: Reader, airline_id: int, passengers: Sequence[NewPassenger]) -> None:
    """Adds passengers; those that are there stay as they are."""
    await records.execute(INSERT_PASSENGERS, airline_id, *zip(*passengers, strict=True), name="INSERT_PASSENGERS")
