"""Passengers in PostgreSQL."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from integrations.records.passengers import Language, NameQuery, Passenger
from integrations.stores.postgres.manager import Reader

PASSENGERS_BY_ID = """
SELECT passengers.id, passengers.airline_id, booking_id, locator, surname, given_names, title,
       loyalty_programme, loyalty_number, loyalty_tier, alliance_tier, language, phone, email
FROM passengers
LEFT JOIN bookings ON bookings.id = booking_id
WHERE passengers.airline_id = $1 AND passengers.id = ANY($2::bigint[])
"""

PASSENGERS_BY_NAME = """
SELECT passengers.id, passengers.airline_id, booking_id, locator, surname, given_names, title,
       loyalty_programme, loyalty_number, loyalty_tier, alliance_tier, language, phone, email
FROM passengers
LEFT JOIN bookings ON bookings.id = booking_id
WHERE passengers.airline_id = $1
  AND coalesce(name_words, name_words_of(surname, given_names, search_name)) @@ CAST($2::text AS tsquery)
ORDER BY NOT starts_with(search_name, $3),
         name_words @@ CAST($4::text AS tsquery) IS NOT TRUE,
         search_name USING ~<~, passengers.id
LIMIT $5
"""

PASSENGERS_BY_LOCATOR = """
SELECT passengers.id, passengers.airline_id, booking_id, locator, surname, given_names, title,
       loyalty_programme, loyalty_number, loyalty_tier, alliance_tier, language, phone, email
FROM bookings
JOIN passengers ON passengers.booking_id = bookings.id
WHERE bookings.airline_id = $1 AND locator = $2
ORDER BY booked_at DESC, passengers.id
LIMIT $3
"""

BOOKED_PASSENGERS = """
SELECT wanted.seq, bookings.id AS booking_id, passengers.id AS passenger_id, surname, given_names, title,
       phone IS NOT NULL OR email IS NOT NULL AS has_contacts
FROM unnest($2::text[], $3::timestamptz[]) WITH ORDINALITY AS wanted(locator, at, seq)
JOIN bookings ON bookings.airline_id = $1 AND bookings.locator = wanted.locator
             AND bookings.booked_at BETWEEN wanted.at - $4::interval AND wanted.at + $4::interval
LEFT JOIN passengers ON passengers.booking_id = bookings.id
ORDER BY wanted.seq, bookings.booked_at DESC, bookings.id, passengers.id
"""

# Two messages about one party must create one booking: the second waits here, then finds the first one's.
LOCK_LOCATORS = """
SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key
"""

RESERVE_PASSENGER_IDS = """
SELECT nextval(pg_get_serial_sequence('passengers', 'id')) AS passenger_id,
       nextval(pg_get_serial_sequence('bookings', 'id')) AS booking_id
FROM generate_series(1, $1)
"""

INSERT_PASSENGERS = """
INSERT INTO passengers (id, airline_id, booking_id, surname, given_names, title, search_name, name_words,
                        loyalty_programme, loyalty_number, loyalty_tier, alliance_tier, language, phone, email)
SELECT id, $1, booking_id, surname, given_names, title, search_name, CAST(name_words AS tsvector), loyalty_programme,
       loyalty_number, loyalty_tier, alliance_tier, language, phone, email
FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[])
     AS new(id, booking_id, surname, given_names, title, search_name, name_words, loyalty_programme,
            loyalty_number, loyalty_tier, alliance_tier, language, phone, email)
ON CONFLICT (id) DO NOTHING
"""

RENAME_PASSENGERS = """
UPDATE passengers
SET surname = new.surname, given_names = new.given_names, title = new.title, search_name = new.search_name,
    name_words = CAST(new.name_words AS tsvector)
FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
     AS new(id, surname, given_names, title, search_name, name_words)
WHERE passengers.id = new.id AND passengers.airline_id = $1
"""

ATTACH_BOOKINGS = """
UPDATE passengers SET booking_id = new.booking_id
FROM unnest($2::bigint[], $3::bigint[]) AS new(id, booking_id)
WHERE passengers.id = new.id AND passengers.airline_id = $1
"""

DELETE_UNBOOKED_PASSENGERS = """
DELETE FROM passengers
WHERE airline_id = $1 AND id = ANY($2::bigint[]) AND booking_id IS NULL
  AND NOT EXISTS (SELECT FROM bags WHERE bags.passenger_id = passengers.id)
  AND NOT EXISTS (SELECT FROM pirs WHERE pirs.passenger_id = passengers.id)
"""


async def by_id(records: Reader, airline_id: int, ids: Sequence[int]) -> dict[int, Passenger]:
    """The passengers with these ids; unknown ones are absent."""
    rows = await records.fetch(PASSENGERS_BY_ID, airline_id, ids, name="PASSENGERS_BY_ID", record_class=Passenger)
    return {passenger.id: passenger for passenger in rows}


async def by_name(records: Reader, airline_id: int, query: NameQuery, limit: int) -> list[Passenger]:
    """The passengers with a name, at most ``limit``: surnames that begin with it, other surnames, then full names."""
    return await records.fetch(
        PASSENGERS_BY_NAME,
        airline_id,
        query.name,
        query.beginning,
        query.surname,
        limit,
        name="PASSENGERS_BY_NAME",
        record_class=Passenger,
    )


async def by_locator(records: Reader, airline_id: int, locator: str, limit: int) -> list[Passenger]:
    """The passengers of the bookings with a locator, newest booking first, at most ``limit``."""
    return await records.fetch(
        PASSENGERS_BY_LOCATOR, airline_id, locator, limit, name="PASSENGERS_BY_LOCATOR", record_class=Passenger
    )


class BookedPassenger(NamedTuple):
    """A passenger of a booking.

    Args:
        has_contacts: whether a phone number or an email address is known.
    """

    id: int
    surname: str
    given_names: str
    title: str
    has_contacts: bool


async def of_locators(
    records: Reader, airline_id: int, locators: Sequence[tuple[str, datetime]], window: timedelta
) -> dict[tuple[str, datetime], dict[int, list[BookedPassenger]]]:
    """The bookings of each locator near a timestamp: booking id -> its passengers, the newest booking first.

    Those without a booking are absent.

    Args:
        window: time between the booking and the timestamp at most.
    """
    rows = await records.fetch(
        BOOKED_PASSENGERS, airline_id, *zip(*locators, strict=True), window, name="BOOKED_PASSENGERS"
    )
    found: dict[tuple[str, datetime], dict[int, list[BookedPassenger]]] = {}
    for seq, booking_id, *passenger in rows:
        booked = found.setdefault(locators[seq - 1], {}).setdefault(booking_id, [])
        if passenger[0] is not None:
            booked.append(BookedPassenger(*passenger))
    return found


async def lock_locators(records: Reader, airline_id: int, locators: Iterable[str]) -> None:
    """Lock the creation of bookings with these locators until the transaction ends."""
    keys = sorted({airline_id << 32 | zlib.crc32(locator.encode()) for locator in locators})
    await records.execute(LOCK_LOCATORS, keys, name="LOCK_LOCATORS")


async def reserve_ids(records: Reader, count: int) -> list[tuple[int, int]]:
    """Reserve ids: pairs of a passenger's and a booking's."""
    rows = await records.fetch(RESERVE_PASSENGER_IDS, count, name="RESERVE_PASSENGER_IDS")
    return [(row["passenger_id"], row["booking_id"]) for row in rows]


async def delete_unbooked(records: Reader, airline_id: int, ids: Sequence[int]) -> None:
    """Delete those of these passengers that have no booking, bag or PIR."""
    await records.execute(DELETE_UNBOOKED_PASSENGERS, airline_id, ids, name="DELETE_UNBOOKED_PASSENGERS")


class NewPassenger(NamedTuple):
    """A passenger to insert. The fields are the columns of ``INSERT_PASSENGERS``, in order."""

    id: int
    booking_id: int | None
    surname: str
    given_names: str
    title: str
    search_name: str
    name_words: str
    loyalty_programme: str | None = None
    loyalty_number: str | None = None
    loyalty_tier: str | None = None
    alliance_tier: str | None = None
    language: str = Language.ES
    phone: str | None = None
    email: str | None = None


class Renaming(NamedTuple):
    """A passenger's new name. The fields are the arrays of ``RENAME_PASSENGERS``, in order."""

    passenger_id: int
    surname: str
    given_names: str
    title: str
    search_name: str
    name_words: str


async def rename(records: Reader, airline_id: int, renamings: Sequence[Renaming]) -> None:
    """Change names of passengers."""
    await records.execute(RENAME_PASSENGERS, airline_id, *zip(*renamings, strict=True), name="RENAME_PASSENGERS")


async def attach_bookings(records: Reader, airline_id: int, booking_ids: Mapping[int, int]) -> None:
    """Attach passengers without a booking to bookings, by passenger id."""
    await records.execute(
        ATTACH_BOOKINGS, airline_id, list(booking_ids), list(booking_ids.values()), name="ATTACH_BOOKINGS"
    )


async def insert(records: Reader, airline_id: int, passengers: Sequence[NewPassenger]) -> None:
    """Insert passengers; existing ones stay unchanged."""
    await records.execute(INSERT_PASSENGERS, airline_id, *zip(*passengers, strict=True), name="INSERT_PASSENGERS")
