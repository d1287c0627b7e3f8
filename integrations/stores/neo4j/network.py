"""Network of an airline in Neo4j: airports, routes and connection times, as the projector writes them."""

from collections.abc import Sequence

from integrations.records.airports import Airport, ConnectionTime, Route
from integrations.stores.neo4j.manager import Neo4jManager

MERGE_AIRPORTS = """
UNWIND $airports AS airport
MERGE (a:Airport {iata: airport.iata})
SET a.name = airport.name, a.city = airport.city, a.country = airport.country, a.timeZone = airport.timeZone
"""

MERGE_ROUTES = """
UNWIND $routes AS route
MERGE (origin:Airport {iata: route.origin})
MERGE (destination:Airport {iata: route.destination})
MERGE (origin)-[r:ROUTE {airlineId: route.airlineId, carrier: route.carrier}]->(destination)
SET r.blockMinutes = route.blockMinutes, r.dailyFrequency = route.dailyFrequency, r.aircraft = route.aircraft,
    r.seats = route.seats, r.distanceKm = route.distanceKm
"""

DELETE_OTHER_ROUTES = """
MATCH (origin:Airport)-[r:ROUTE {airlineId: $airlineId}]->(destination:Airport)
WHERE NOT [r.carrier, origin.iata, destination.iata] IN $routes
DELETE r
"""

MERGE_CONNECTION_TIMES = """
UNWIND $times AS time
MERGE (a:Airport {iata: time.airport})
MERGE (a)-[c:CONNECTS {airlineId: time.airlineId, inboundCarrier: time.inboundCarrier,
                       outboundCarrier: time.outboundCarrier}]->(a)
SET c.passengerMinutes = time.passengerMinutes, c.bagMinutes = time.bagMinutes
"""


async def write(
    graph: Neo4jManager,
    airline_id: int,
    airports: Sequence[Airport],
    routes: Sequence[Route],
    times: Sequence[ConnectionTime],
) -> None:
    """Write the airline's network to the graph, and delete routes that the records no longer hold."""
    await graph.execute_write_many(
        [
            (
                MERGE_AIRPORTS,
                {
                    "airports": [
                        {
                            "iata": airport.iata,
                            "name": airport.name,
                            "city": airport.city,
                            "country": airport.country,
                            "timeZone": airport.time_zone,
                        }
                        for airport in airports
                    ]
                },
                "MERGE_AIRPORTS",
            ),
            (
                MERGE_ROUTES,
                {
                    "routes": [
                        {
                            "airlineId": airline_id,
                            "carrier": route.carrier,
                            "origin": route.origin,
                            "destination": route.destination,
                            "blockMinutes": route.block_minutes,
                            "dailyFrequency": route.daily_frequency,
                            "aircraft": route.aircraft,
                            "seats": route.seats,
                            "distanceKm": route.distance_km,
                        }
                        for route in routes
                    ]
                },
                "MERGE_ROUTES",
            ),
            (
                DELETE_OTHER_ROUTES,
                {
                    "airlineId": airline_id,
                    "routes": [[route.carrier, route.origin, route.destination] for route in routes],
                },
                "DELETE_OTHER_ROUTES",
            ),
            (
                MERGE_CONNECTION_TIMES,
                {
                    "times": [
                        {
                            "airlineId": airline_id,
                            "airport": time.airport,
                            "inboundCarrier": time.inbound_carrier,
                            "outboundCarrier": time.outbound_carrier,
                            "passengerMinutes": time.passenger_minutes,
                            "bagMinutes": time.bag_minutes,
                        }
                        for time in times
                    ]
                },
                "MERGE_CONNECTION_TIMES",
            ),
        ]
    )
