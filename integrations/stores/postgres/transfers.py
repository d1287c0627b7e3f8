"""Transfers of bags between flights in PostgreSQL, read from the view ``transfers``."""

from collections.abc import Sequence
from datetime import datetime

from integrations.records.page import Page
from integrations.records.transfers import ConnectingFlight, TransferGroup, TransferOf, TransferRow
from integrations.stores.postgres.manager import Reader

CONNECTIONS_OF_BAGS = """
SELECT bag_id, airport, inbound_id, outbound_id, authorised, state_at, bag_version, position
FROM transfers
WHERE airline_id = $1 AND bag_id = ANY($2::bigint[])
ORDER BY bag_id, state_at, outbound_id
"""

TRANSFERS_ONTO_FLIGHTS = """
SELECT parent.id AS parent_id, transfer.*
FROM unnest($2::bigint[]) AS parent(id)
CROSS JOIN LATERAL (SELECT bag_id, airport, inbound_id, outbound_id, authorised, state_at, bag_version, position
                    FROM transfers
                    WHERE airline_id = $1 AND outbound_id = parent.id
                      AND ($3::bigint IS NULL OR CASE WHEN $5 THEN bag_id < $3 ELSE bag_id > $3 END)
                    ORDER BY CASE WHEN $5::boolean THEN -bag_id ELSE bag_id END
                    LIMIT $4) AS transfer
ORDER BY parent.id, CASE WHEN $5 THEN -bag_id ELSE bag_id END
"""

TRANSFERS_OFF_FLIGHTS = """
SELECT parent.id AS parent_id, transfer.*
FROM unnest($2::bigint[]) AS parent(id)
CROSS JOIN LATERAL (SELECT transfers.bag_id, airport, inbound_id, outbound_id, transfers.authorised, state_at,
                           bag_version, position
                    FROM bag_legs AS arriving
                    JOIN transfers ON transfers.bag_id = arriving.bag_id AND inbound_id = parent.id
                    WHERE airline_id = $1 AND arriving.flight_id = parent.id
                      AND ($3::bigint IS NULL OR CASE WHEN $5 THEN arriving.bag_id < $3 ELSE arriving.bag_id > $3 END)
                    ORDER BY CASE WHEN $5::boolean THEN -arriving.bag_id ELSE arriving.bag_id END
                    LIMIT $4) AS transfer
ORDER BY parent.id, CASE WHEN $5 THEN -bag_id ELSE bag_id END
"""

# Transfers from the flights and onto the flights.
TRANSFERS_BY_FLIGHT = """
SELECT bag_id, airport, inbound_id, outbound_id, authorised, state_at, bag_version, position
FROM transfers
WHERE airline_id = $1 AND bag_id IN (SELECT bag_id FROM bag_legs WHERE flight_id = ANY($2::bigint[]))
  AND (inbound_id = ANY($2) OR outbound_id = ANY($2))
"""

# By outbound off-block time. Bags with the same flights and position are one row; only in the transfer system the time
# of the last scan counts.
TRANSFERS_AT_AIRPORT = """
SELECT inbound_id, outbound_id, position,
       CASE WHEN position = 'TRANSFERRED' THEN date_trunc('minute', state_at) END AS state_at, count(*)::integer AS bags
FROM flights
JOIN transfers ON transfers.airline_id = $1 AND outbound_id = flights.id
WHERE flights.airline_id = $1 AND flights.origin = $2
  AND coalesce(actual_departure, estimated_departure, scheduled_departure) >= $3
  AND coalesce(actual_departure, estimated_departure, scheduled_departure) < $4
GROUP BY 1, 2, 3, 4
"""

CONNECTING_FLIGHTS = """
SELECT id, airline_id, carrier, number, suffix, departure_date, origin, destination, scheduled_departure,
       scheduled_arrival, estimated_departure, estimated_arrival, actual_departure, actual_arrival, status, aircraft,
       seats, gate, version, times_known
FROM flights
WHERE airline_id = $1 AND id = ANY($2::bigint[])
"""


async def of_bags(records: Reader, airline_id: int, bag_ids: Sequence[int]) -> list[TransferRow]:
    """The transfers of each bag, in order of bag."""
    return await records.fetch(
        CONNECTIONS_OF_BAGS, airline_id, bag_ids, name="CONNECTIONS_OF_BAGS", record_class=TransferRow
    )


async def onto_flights(records: Reader, airline_id: int, flight_ids: Sequence[int], page: Page) -> list[TransferOf]:
    """Transfers onto each flight, in order of bag; ``page`` applies to each flight."""
    return await records.fetch(
        TRANSFERS_ONTO_FLIGHTS,
        airline_id,
        flight_ids,
        page.part(0),
        page.limit + 1,
        page.backward,
        name="TRANSFERS_ONTO_FLIGHTS",
        record_class=TransferOf,
    )


async def off_flights(records: Reader, airline_id: int, flight_ids: Sequence[int], page: Page) -> list[TransferOf]:
    """Transfers from each flight to others, in order of bag; ``page`` applies to each flight."""
    return await records.fetch(
        TRANSFERS_OFF_FLIGHTS,
        airline_id,
        flight_ids,
        page.part(0),
        page.limit + 1,
        page.backward,
        name="TRANSFERS_OFF_FLIGHTS",
        record_class=TransferOf,
    )


async def by_flight(records: Reader, airline_id: int, flight_ids: Sequence[int]) -> list[TransferRow]:
    """All transfers from or onto one of these flights."""
    return await records.fetch(
        TRANSFERS_BY_FLIGHT, airline_id, flight_ids, name="TRANSFERS_BY_FLIGHT", record_class=TransferRow
    )


async def at_airport(
    records: Reader, airline_id: int, airport: str, since: datetime, until: datetime
) -> list[TransferGroup]:
    """Transfers at an airport, grouped, in one statement for any number of bags.

    Args:
        airport: IATA code.
        since: start of the period of outbound off-block times, included.
        until: end of the period, excluded.
    """
    return await records.fetch(
        TRANSFERS_AT_AIRPORT,
        airline_id,
        airport,
        since,
        until,
        name="TRANSFERS_AT_AIRPORT",
        record_class=TransferGroup,
    )


async def flights(records: Reader, airline_id: int, ids: Sequence[int]) -> dict[int, ConnectingFlight]:
    """The flights with these ids, with the column ``times_known``; unknown ones are absent."""
    rows = await records.fetch(
        CONNECTING_FLIGHTS, airline_id, ids, name="CONNECTING_FLIGHTS", record_class=ConnectingFlight
    )
    return {flight.id: flight for flight in rows}
