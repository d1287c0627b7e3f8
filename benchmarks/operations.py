"""Measured operations: GraphQL documents as clients send them, and for three of them one equivalent SQL statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import asyncpg

ONE_BAG = """
query OneBag($tag: String!) {
  bag(by: {tag: $tag}) {
    tag state stateAt airport place weightKg description priority version
    passenger { surname givenNames locator language }
    flight {
      designator departureDate origin destination scheduledDeparture scheduledArrival estimatedDeparture
      actualDeparture actualArrival status gate
    }
    scans { kind at receivedAt airport place tag method device }
  }
}
"""

BAGS_OF_FLIGHT = """
query BagsOfFlight($designator: String!, $date: Date!) {
  flight(by: {departure: {designator: $designator, departureDate: $date}}) {
    designator departureDate origin destination status
    bags(first: 50) {
      nodes {
        tag state stateAt airport place
        passenger { surname givenNames locator }
        scans(last: 5) { kind at airport place }
        pir { reference kind status openedAt }
      }
    }
  }
}
"""

PAGE_OF_BAGS = """
query PageOfBags {
  bags(first: 200) {
    nodes { tag state stateAt airport place scans { kind at airport place } }
  }
}
"""

SOME_BAGS = """
query SomeBags($first: Int!) {
  bags(first: $first) {
    nodes { tag state stateAt airport place passenger { surname } scans(last: 5) { kind at airport place } }
  }
}
"""

JOURNEY = """
query BagJourney($tag: String!) {
  bag(by: {tag: $tag}) {
    printedTag state
    passenger { surname givenNames locator }
    journey {
      planned { flight { ...OfFlight } }
      flown { flight { ...OfFlight } }
      scans { kind localTime { time } airport place custodian { name } }
      custodian { name kind }
      gaps { kind airport lastCustodian { name } }
      source asOf
    }
  }
}
fragment OfFlight on Flight { designator departureDate origin destination status }
"""

HEALTH = "query Health { health { status version timestamp services { name healthy latencyMs } } }"

ONE_BAG_BY_HAND = """
SELECT json_build_object('bag', (
    SELECT json_build_object(
        'tag', bags.tag, 'state', state, 'stateAt', state_at, 'airport', airport, 'place', place,
        'weightKg', weight_kg, 'description', bags.description, 'priority', priority, 'version', bags.version,
        'passenger', CASE WHEN passengers.id IS NOT NULL THEN json_build_object(
            'surname', surname, 'givenNames', given_names, 'locator', locator, 'language', language) END,
        'flight', CASE WHEN flights.id IS NOT NULL THEN json_build_object(
            'designator', carrier || number || suffix, 'departureDate', departure_date, 'origin', origin,
            'destination', destination, 'scheduledDeparture', scheduled_departure,
            'scheduledArrival', scheduled_arrival, 'estimatedDeparture', estimated_departure,
            'actualDeparture', actual_departure, 'actualArrival', actual_arrival, 'status', flights.status,
            'gate', gate) END,
        'scans', (
            SELECT coalesce(json_agg(json_build_object(
                'kind', kind, 'at', at, 'receivedAt', received_at, 'airport', events.airport, 'place', events.place,
                'tag', events.tag, 'method', method, 'device', device) ORDER BY at, rank, events.id), '[]')
            FROM events WHERE events.bag_id = bags.id AND events.airline_id = $1))
    FROM bags
    LEFT JOIN passengers ON passengers.id = passenger_id
    LEFT JOIN bookings ON bookings.id = booking_id
    LEFT JOIN flights ON flights.id = bags.flight_id
    WHERE bags.airline_id = $1
      AND bags.id = (SELECT bag_id FROM bag_tags WHERE airline_id = $1 AND number = $2
                     ORDER BY valid_from DESC LIMIT 1)))::text
"""

BAGS_OF_FLIGHT_BY_HAND = """
SELECT json_build_object('flight', (
    SELECT json_build_object(
        'designator', carrier || number || suffix, 'departureDate', departure_date, 'origin', origin,
        'destination', destination, 'status', status,
        'bags', json_build_object('nodes', (
            SELECT coalesce(json_agg(json_build_object(
                'tag', bags.tag, 'state', state, 'stateAt', state_at, 'airport', airport, 'place', place,
                'passenger', CASE WHEN passengers.id IS NOT NULL THEN json_build_object(
                    'surname', surname, 'givenNames', given_names, 'locator', locator) END,
                'scans', (
                    SELECT coalesce(json_agg(json_build_object(
                        'kind', kind, 'at', at, 'airport', newest.airport, 'place', newest.place)
                        ORDER BY at, rank, newest.id), '[]')
                    FROM (SELECT * FROM events WHERE events.bag_id = bags.id AND events.airline_id = $1
                          ORDER BY at DESC, rank DESC, events.id DESC LIMIT 5) AS newest),
                'pir', (
                    SELECT json_build_object(
                        'reference', reference, 'kind', kind, 'status', pirs.status, 'openedAt', opened_at)
                    FROM pir_bags JOIN pirs ON pirs.id = pir_id
                    WHERE pir_bags.bag_id = bags.id
                    ORDER BY (pirs.status = 'OPEN') DESC, opened_at DESC, pirs.id DESC LIMIT 1))
                ORDER BY bags.id), '[]')
            FROM (SELECT bag_id FROM bag_legs WHERE bag_legs.flight_id = flights.id
                  ORDER BY bag_id LIMIT 50) AS planned
            JOIN bags ON bags.id = planned.bag_id AND bags.airline_id = $1
            LEFT JOIN passengers ON passengers.id = passenger_id
            LEFT JOIN bookings ON bookings.id = booking_id)))
    FROM flights
    WHERE airline_id = $1 AND carrier = $2 AND number = $3 AND suffix = $4 AND departure_date = $5))::text
"""

PAGE_OF_BAGS_BY_HAND = """
SELECT json_build_object('bags', json_build_object('nodes', (
    SELECT json_agg(json_build_object(
        'tag', tag, 'state', state, 'stateAt', state_at, 'airport', airport, 'place', place,
        'scans', (
            SELECT coalesce(json_agg(json_build_object(
                'kind', kind, 'at', at, 'airport', events.airport, 'place', events.place)
                ORDER BY at, rank, events.id), '[]')
            FROM events WHERE events.bag_id = newest.id AND events.airline_id = $1)) ORDER BY id DESC)
    FROM (SELECT * FROM bags WHERE airline_id = $1 ORDER BY id DESC LIMIT 200) AS newest)))::text
"""

# Bags with several events, spread over all bags.
SUBJECT_BAGS = """
SELECT tag FROM bags
WHERE airline_id = $1 AND (SELECT count(*) FROM events WHERE bag_id = bags.id) >= 4
ORDER BY md5(tag) LIMIT $2
"""

SUBJECT_FLIGHTS = """
SELECT carrier || number || suffix AS designator, departure_date
FROM flights JOIN bag_legs ON flight_id = flights.id
WHERE airline_id = $1
GROUP BY flights.id HAVING count(*) >= $3
ORDER BY flights.id LIMIT $2
"""


@dataclass(frozen=True, slots=True)
class MeasuredOperation:
    """An operation with its requests.

    Args:
        name: name for the report.
        document: GraphQL document.
        variables: variables of the requests, in turn.
        baseline: path of the bare endpoint that returns the same data, if there is one.
    """

    name: str
    document: str
    variables: Sequence[Mapping[str, Any]]
    baseline: str | None = None


class TooFewBags(Exception):
    """Too few bags to measure; the message says what to do."""


async def operations(database_url: str, airline_id: int, flight_bags: int = 50) -> dict[str, MeasuredOperation]:
    """Operations by key, over seeded bags and flights.

    Args:
        flight_bags: bags that a flight has at least.

    Raises:
        TooFewBags: no flight has so many bags.
    """
    connection = await asyncpg.connect(database_url)
    try:
        tags = [{"tag": row["tag"]} for row in await connection.fetch(SUBJECT_BAGS, airline_id, 500)]
        flights = [
            {"designator": row["designator"], "date": _text(row["departure_date"])}
            for row in await connection.fetch(SUBJECT_FLIGHTS, airline_id, 100, flight_bags)
        ]
    finally:
        await connection.close()
    if not tags or not flights:
        raise TooFewBags(f"No flight has {flight_bags} bags: seed more; 20,000 are enough for 50.")
    return {
        "bag": MeasuredOperation("one bag: passenger, flight, scans", ONE_BAG, tags, "/bag"),
        "flight": MeasuredOperation("50 bags of a flight: passenger, 5 scans, PIR", BAGS_OF_FLIGHT, flights, "/flight"),
        "page": MeasuredOperation("200 bags: all scans", PAGE_OF_BAGS, [{}], "/page"),
        "journey": MeasuredOperation("one bag: journey from the graph", JOURNEY, tags),
        "health": MeasuredOperation("health", HEALTH, [{}]),
    }


def _text(day: date) -> str:
    return day.isoformat()
