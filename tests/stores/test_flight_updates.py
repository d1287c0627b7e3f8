"""Several flights changed in one transaction, as messages do it."""

from collections.abc import AsyncIterator

import pytest

from integrations.records.flights import FlightStatus
from integrations.stores.postgres.manager import count_statements
from resolvers.actor import Role
from resolvers.context import Context
from resolvers.errors import BadInput, NotFound
from resolvers.ingestion import flight_updates
from resolvers.ingestion.flight_updates import FlightChange, UpdatedFlight
from tests.conftest import Neo4jCredentials
from tests.gateway import settings_for
from tests.world import Builder, World, at, context_of, open_stores

NAMES = ("CM335", "CM758", "CM411")
LEFT = FlightChange(actual_departure=at("16:40"))


@pytest.fixture(scope="module")
async def world(migrated_url: str, redis_url: str, neo4j_credentials: Neo4jCredentials) -> AsyncIterator[World]:
    async with open_stores(settings_for(migrated_url, redis_url, neo4j_credentials)) as opened:
        yield await World.make(opened)


@pytest.fixture
async def airline(world: World) -> Builder:
    """Two bags loaded on CM758 and one on CM411."""
    build = await world.another_airline()
    for number, flight in enumerate(("CM758", "CM758", "CM411")):
        await build.bag(f"bag{number}", f"023030000{number}", None, [flight])
        await build.record(build.scan(f"023030000{number}", "LOADED", "PTY", "16:00", flight))
    return build


def context(airline: Builder) -> Context:
    return context_of(airline.stores, Role.SERVICE, airline.airline_id)


async def change(airline: Builder, changes: dict[int, FlightChange]) -> dict[int, UpdatedFlight]:
    async with airline.stores.postgres.transaction() as records:
        return await flight_updates.update_flights(context(airline), records, changes)


async def test_each_flight_gets_its_change_and_updates_its_bags(airline: Builder) -> None:
    one, other, third = (airline.flights[name] for name in NAMES)
    done = await change(airline, {one: FlightChange(gate="A7"), other: LEFT, third: FlightChange()})

    assert {flight_id: (one.changed, one.changed_bags) for flight_id, one in done.items()} == {
        one: (True, 0),
        other: (True, 2),
        third: (False, 0),
    }
    assert (done[one].flight.gate, done[other].flight.status) == ("A7", FlightStatus.DEPARTED)
    sql = "SELECT state FROM bags WHERE airline_id = $1 ORDER BY id"
    rows = await airline.stores.postgres.fetch(sql, airline.airline_id, name="LOOK")
    assert [row["state"] for row in rows] == ["IN_FLIGHT", "IN_FLIGHT", "LOADED"]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [(FlightChange(actual_arrival=at("16:00")), BadInput), (None, NotFound)],
)
async def test_a_flight_that_cannot_be_changed_leaves_all_unchanged(
    airline: Builder, wrong: FlightChange | None, error: type[Exception]
) -> None:
    other = airline.flights["CM411"] if wrong else 999_999
    with pytest.raises(error):
        await change(airline, {airline.flights["CM758"]: LEFT, other: wrong or LEFT})
    sql = "SELECT count(*) FROM flights WHERE airline_id = $1 AND actual_departure IS NOT NULL"
    assert await airline.stores.postgres.fetchval(sql, airline.airline_id, name="LOOK") == 0


async def test_more_flights_cost_no_more_statements(airline: Builder) -> None:
    first, *others = (airline.flights[name] for name in NAMES)
    with count_statements() as one:
        await change(airline, {others[0]: LEFT})
    with count_statements() as several:
        await change(airline, {first: LEFT, others[0]: FlightChange(gate="B2"), others[1]: LEFT})

    assert len(several.names) == len(one.names)
