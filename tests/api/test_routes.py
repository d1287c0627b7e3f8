"""Airports and the routes between them: computed from the graph, stored in the cache."""

import pytest

from integrations.stores.redis.manager import RedisManager
from integrations.stores.routes import FRESH_SECONDS, cache_key
from tests.gateway import Api
from tests.world import OURS, THEIRS, World

WAYS = """
    query($origin: String!, $to: String!) { routes(from: $origin, to: $to) {
      origin destination source computedAt ageSeconds
      options {
        minutes transfers { airport minimumMinutes }
        legs { carrier origin destination blockMinutes dailyFrequency aircraft seats }
      }
    } }
"""


@pytest.fixture(autouse=True)
async def _empty_cache(redis_url: str, world: World) -> None:
    for pair in (("MIA", "GRU"), ("MIA", "BOG"), ("PTY", "MIA")):
        await world.stores.redis.delete(cache_key(OURS, *pair))
        await world.stores.redis.delete(cache_key(THEIRS, *pair))


def cache(world: World) -> RedisManager:
    return world.stores.redis


async def test_a_way_with_a_change_counts_flying_and_connecting_time(api: Api, world: World) -> None:
    found = (await api.ask(WAYS, origin="mia", to="GRU"))["routes"]
    leg = {"carrier": "CM", "dailyFrequency": 2, "aircraft": "738", "seats": 160}

    assert (found["origin"], found["destination"], found["source"], found["ageSeconds"]) == ("MIA", "GRU", "GRAPH", 0)
    assert found["options"] == [
        {
            "minutes": 180 + 45 + 435,
            "transfers": [{"airport": "PTY", "minimumMinutes": 45}],
            "legs": [
                leg | {"origin": "MIA", "destination": "PTY", "blockMinutes": 180},
                leg | {"origin": "PTY", "destination": "GRU", "blockMinutes": 435},
            ],
        }
    ]


async def test_a_second_question_is_answered_from_the_cache(api: Api, world: World) -> None:
    first = (await api.ask(WAYS, origin="MIA", to="BOG"))["routes"]
    second = (await api.ask(WAYS, origin="MIA", to="BOG"))["routes"]

    assert (first["source"], second["source"]) == ("GRAPH", "CACHE")
    assert second["computedAt"] == first["computedAt"]
    assert second["options"] == first["options"]


async def test_an_expired_cache_entry_is_recomputed_and_its_age_is_reported(api: Api, world: World) -> None:
    await api.ask(WAYS, origin="MIA", to="BOG")
    kept = await cache(world).get(cache_key(OURS, "MIA", "BOG"))
    await cache(world).set(cache_key(OURS, "MIA", "BOG"), kept | {"computed_at": "2025-07-01T00:00:00+00:00"}, ttl=60)

    found = (await api.ask(WAYS, origin="MIA", to="BOG"))["routes"]

    assert found["source"] == "GRAPH"
    assert found["ageSeconds"] < FRESH_SECONDS


async def test_where_no_way_leads_there_are_no_options(api: Api, world: World) -> None:
    found = (await api.ask(WAYS, origin="MIA", to="ZZZ"))["routes"]
    assert found["options"] == []


async def test_an_airline_flies_its_own_network_only_also_from_the_cache(api: Api, world: World) -> None:
    assert (await api.ask(WAYS, origin="PTY", to="MIA"))["routes"]["options"]
    for _ in range(2):
        found = (await api.ask(WAYS, airline_id=THEIRS, origin="PTY", to="MIA"))["routes"]
        assert found["options"] == []


async def test_an_airport_has_its_place_its_clock_and_your_departures(api: Api, world: World) -> None:
    data = await api.ask(
        """
        { airport(iata: "pty") {
          iata icao name city country countryCode latitude longitude timeZone
          departures { carrier origin destination distanceKm blockMinutes dailyFrequency aircraft seats }
        } }
        """
    )
    departures = data["airport"].pop("departures")

    assert data["airport"] == {
        "iata": "PTY",
        "icao": "XPTY",
        "name": "Panama City airport",
        "city": "Panama City",
        "country": "Panama",
        "countryCode": "PA",
        "latitude": 9.0,
        "longitude": -79.5,
        "timeZone": "America/Panama",
    }
    assert [one["destination"] for one in departures] == ["BOG", "GRU", "LIM", "MIA"]
    assert departures[0] == {
        "carrier": "CM",
        "origin": "PTY",
        "destination": "BOG",
        "distanceKm": 950,
        "blockMinutes": 95,
        "dailyFrequency": 2,
        "aircraft": "738",
        "seats": 160,
    }


async def test_an_unknown_airport_is_null(api: Api, world: World) -> None:
    assert await api.ask('{airport(iata:"ZZZ"){iata}}') == {"airport": None}


async def test_airports_are_those_of_your_network(api: Api, world: World) -> None:
    ours = (await api.ask("{airports{nodes{iata}}}"))["airports"]["nodes"]
    theirs = (await api.ask("{airports{nodes{iata departures{destination}}}}", airline_id=THEIRS))["airports"]

    assert [airport["iata"] for airport in ours] == ["BOG", "GRU", "LIM", "MIA", "PTY"]
    assert theirs["nodes"] == [
        {"iata": "BOG", "departures": [{"destination": "LIM"}]},
        {"iata": "LIM", "departures": [{"destination": "BOG"}]},
    ]
