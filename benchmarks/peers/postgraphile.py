"""The operations for PostGraphile: fields are named after tables and keys, lists are filtered by columns.

Aliases give the gateway's names where possible; the rest is converted when a response is compared.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resolvers.flights import parse_designator

COMPUTED_COLUMNS = Path(__file__).parent / "node" / "postgraphile.sql"
DROP_COMPUTED_COLUMNS = "DROP SCHEMA IF EXISTS peers CASCADE"

ONE_BAG = """
query OneBag($tag: String!) {
  found: allBagTagsList(condition: { airlineId: 1, number: $tag }, orderBy: PRIMARY_KEY_DESC, first: 1) {
    bag: bagByBagId {
      tag state stateAt airport place weightKg description priority version
      passenger: passengerByPassengerId { surname givenNames booking: bookingByBookingId { locator } language }
      flight: flightByFlightId {
        designator departureDate origin destination scheduledDeparture scheduledArrival estimatedDeparture
        actualDeparture actualArrival status gate
      }
      scans: eventsByBagIdList(orderBy: [AT_ASC, RANK_ASC, PRIMARY_KEY_ASC]) {
        kind at receivedAt airport place tag method device
      }
    }
  }
}
"""

BAGS_OF_FLIGHT = """
query BagsOfFlight($carrier: String!, $number: Int!, $suffix: String!, $date: Date!) {
  found: allFlightsList(
    condition: { airlineId: 1, carrier: $carrier, number: $number, suffix: $suffix, departureDate: $date }, first: 1
  ) {
    designator departureDate origin destination status
    bags: bagLegsByFlightIdList(first: 50, orderBy: BAG_ID_ASC) {
      bag: bagByBagId {
        tag state stateAt airport place
        passenger: passengerByPassengerId { surname givenNames booking: bookingByBookingId { locator } }
        scans: eventsByBagId(last: 5, orderBy: [AT_ASC, RANK_ASC, PRIMARY_KEY_ASC]) { nodes { kind at airport place } }
        pir: pirList(first: 1) { reference kind status openedAt }
      }
    }
  }
}
"""

PAGE_OF_BAGS = """
query PageOfBags {
  bags: allBagsList(condition: { airlineId: 1 }, orderBy: PRIMARY_KEY_DESC, first: 200) {
    tag state stateAt airport place
    scans: eventsByBagIdList(orderBy: [AT_ASC, RANK_ASC, PRIMARY_KEY_ASC]) { kind at airport place }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One operation.

    Args:
        document: GraphQL document.
        variables: converts the variables of the gateway's document.
        read: converts the data into the gateway's shape.
    """

    document: str
    variables: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    read: Callable[[Any], Any]


def _same(variables: Mapping[str, Any]) -> Mapping[str, Any]:
    return variables


def _flight_key(variables: Mapping[str, Any]) -> Mapping[str, Any]:
    designator = parse_designator(variables["designator"])
    assert designator is not None
    key = {"carrier": designator.carrier, "number": designator.number, "suffix": designator.suffix}
    return {**key, "date": variables["date"]}


def _one_bag(data: Any) -> Any:
    (found,) = data["found"]
    bag = found["bag"]
    return {"bag": {**bag, "passenger": _passenger(bag["passenger"])}}


def _bags_of_flight(data: Any) -> Any:
    (flight,) = data["found"]
    bags = [
        {
            **bag,
            "passenger": _passenger(bag["passenger"]),
            "scans": bag["scans"]["nodes"],
            "pir": next(iter(bag["pir"]), None),
        }
        for bag in (planned["bag"] for planned in flight["bags"])
    ]
    return {"flight": {**flight, "bags": {"nodes": bags}}}


def _page_of_bags(data: Any) -> Any:
    return {"bags": {"nodes": data["bags"]}}


def _passenger(passenger: Any) -> Any:
    """The passenger with the booking's locator, which is a field of the passenger at the gateway."""
    if passenger is None:
        return None
    booking = passenger["booking"] or {}
    own = {name: value for name, value in passenger.items() if name != "booking"}
    return {**own, "locator": booking.get("locator")}


DIALECTS: Mapping[str, Dialect] = {
    "bag": Dialect(ONE_BAG, _same, _one_bag),
    "flight": Dialect(BAGS_OF_FLIGHT, _flight_key, _bags_of_flight),
    "page": Dialect(PAGE_OF_BAGS, _same, _page_of_bags),
}
