"""Flights with stops on the way: bags leave one flight at different airports (``docs/DOMAIN.md#rule-12``)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from resolvers.workers import graph_check
from resolvers.workers.bag_rebuild import rebuild
from tests.gateway import Api
from tests.world import Builder, context_of, project_changes

FIRST_STOP, SECOND_STOP, ONWARD = "0230600001", "0230600002", "0230600003"
TO_THE_FIRST = """\
.PTYKMCM 011000
BSM
.V/1LPTY
.F/CM246/01JUL/BOG/Y
.N/0230600001001
.P/1UNO/ANAMRS
.L/QS1S1S
ENDBSM
"""
TO_THE_SECOND = (
    TO_THE_FIRST.replace("BOG/Y", "LIM/Y").replace("600001", "600002").replace("UNO", "DOS").replace("S1S1S", "S2S2S")
)
BEYOND = """\
.PTYKMCM 011000
BSM
.V/1LPTY
.F/CM246/01JUL/LIM/Y
.O/CM250/01JUL/GRU/Y
.N/0230600003001
.P/1TRES/ANAMRS
.L/QS3S3S
ENDBSM
"""
LOADED = """\
BPM
.V/1LPTY
.J/R//HHT/01JUL/1200Z/GATE
.F/CM246/01JUL/{to}
.N/{tag}001
ENDBPM
"""
OFF = """\
BPM
.V/1T{at}
.J/R//HHT/01JUL/{time}Z/BELT
.I/CM246/01JUL/PTY
.B/NOF/{tag}001
ENDBPM
"""
RECEIPT = datetime(2025, 7, 1, 20, 0, tzinfo=UTC)
QUERY = """
    query($tag: String!) { bag(by: {tag: $tag}) {
      state itinerary { destination destinationAirport { iata } flight { id destination stops } }
      journey {
        source planned { destination flight { destination } } flown { flight { id destination } }
        custodyPoints { kind airport proved }
      }
      transfers { airport level inbound { destination } }
    } }
"""


async def ask(api: Api, airline: Builder, tag: str) -> dict[str, Any]:
    bag: dict[str, Any] = (await api.ask(QUERY, airline_id=airline.airline_id, tag=tag))["bag"]
    return bag


def off(tag: str, at: str, time: str) -> str:
    return OFF.format(tag=tag, at=at, time=time)


async def differences(airline: Builder) -> list[str]:
    found: list[str] = []
    await graph_check.check(airline.stores, airline.airline_id, lambda one: found.append(str(one)))
    return found


@pytest.mark.parametrize("order", list(permutations([TO_THE_FIRST, TO_THE_SECOND, BEYOND])))
async def test_each_bag_leaves_where_its_messages_say(airline: Builder, api: Api, order: Sequence[str]) -> None:
    """Given bags for two stops of one flight, in any order, then each arrives at its own, from one flight."""
    for text in order:
        await airline.ingest(text, at=RECEIPT)
    await airline.ingest(*(LOADED.format(to="LIM", tag=tag) for tag in (FIRST_STOP, SECOND_STOP)), at=RECEIPT)
    await airline.ingest(off(FIRST_STOP, "BOG", "1400"), off(SECOND_STOP, "LIM", "1600"), at=RECEIPT)
    first, second, onward = [await ask(api, airline, tag) for tag in (FIRST_STOP, SECOND_STOP, ONWARD)]

    assert (first["state"], second["state"]) == ("ARRIVED", "ARRIVED")
    [[to_first], [to_second]] = first["itinerary"], second["itinerary"]
    assert (to_first["destination"], to_second["destination"]) == ("BOG", "LIM")
    assert (to_first["destinationAirport"], to_second["destinationAirport"]) == ({"iata": "BOG"}, {"iata": "LIM"})
    assert to_first["flight"] == to_second["flight"] == onward["itinerary"][0]["flight"]
    assert {to_first["flight"]["destination"], *to_first["flight"]["stops"]} == {"BOG", "LIM"}
    # The time of arrival is known for one airport only, if at all.
    assert [(one["airport"], one["level"]) for one in onward["transfers"]] == [("LIM", "UNKNOWN")]


async def test_a_bag_that_is_unloaded_at_an_earlier_stop_is_misrouted(airline: Builder, api: Api) -> None:
    await airline.ingest(TO_THE_FIRST, TO_THE_SECOND, at=RECEIPT)
    await airline.ingest(LOADED.format(to="LIM", tag=SECOND_STOP), off(SECOND_STOP, "BOG", "1400"), at=RECEIPT)
    assert (await ask(api, airline, SECOND_STOP))["state"] == "MISROUTED"

    await airline.ingest(off(SECOND_STOP, "LIM", "1800"), at=RECEIPT)
    assert (await ask(api, airline, SECOND_STOP))["state"] == "ARRIVED"


async def test_the_graph_and_the_records_know_the_same_stops(airline: Builder, api: Api) -> None:
    """Given a bag for the second stop, its journey is the same from both stores, and a check finds no difference."""
    await airline.network()
    await airline.ingest(TO_THE_FIRST, BEYOND, at=RECEIPT)
    taken_over = off(ONWARD, "LIM", "1610").replace(".J/R", ".J/S").replace(".B/NOF", ".N")
    await airline.ingest(LOADED.format(to="LIM", tag=ONWARD), off(ONWARD, "LIM", "1600"), taken_over, at=RECEIPT)
    from_records = (await ask(api, airline, ONWARD))["journey"]
    await project_changes(airline.stores)
    from_graph = (await ask(api, airline, ONWARD))["journey"]

    assert (from_records.pop("source"), from_graph.pop("source")) == ("RECORDS", "GRAPH")
    assert from_graph == from_records
    assert [leg["destination"] for leg in from_graph["planned"]] == ["LIM", "GRU"]
    assert from_graph["planned"][0]["flight"] == {"destination": "BOG"}
    assert from_graph["flown"][0]["flight"]["destination"] == "BOG"
    assert ("TRANSFER", "LIM") in [(point["kind"], point["airport"]) for point in from_graph["custodyPoints"]]
    assert await differences(airline) == []

    break_stop = "MATCH (:Bag {airlineId: $airline})-[r:PLANNED {destination: 'LIM'}]->() REMOVE r.destination"
    await airline.stores.neo4j.execute_write(break_stop, {"airline": airline.airline_id})
    assert any("planned" in one for one in await differences(airline))


async def test_a_code_that_is_no_airport_does_not_move_the_end_of_a_flight(airline: Builder, api: Api) -> None:
    """Given a flight to GRU and a bag for the city SAO on it, then the bag arrives at GRU."""
    text = TO_THE_FIRST.replace("CM246", "CM758").replace("BOG", "SAO")
    scan = off(FIRST_STOP, "GRU", "1900").replace("CM246", "CM758")
    await airline.ingest(text, scan, at=RECEIPT)
    bag = await ask(api, airline, FIRST_STOP)

    assert bag["state"] == "ARRIVED"
    assert (bag["itinerary"][0]["destination"], bag["itinerary"][0]["flight"]["stops"]) == ("GRU", [])


async def test_the_first_destination_that_a_text_names_is_the_flights(airline: Builder, api: Api) -> None:
    """Given messages of one text that name a flight with and without a destination, then the first one counts."""
    silent = BEYOND.replace("LIM/Y", "").replace(".O/CM250/01JUL/GRU/Y\n", "").replace("/01JUL/\n", "/01JUL\n")
    done = await airline.ingest(silent, TO_THE_FIRST, TO_THE_SECOND, silent.replace("600003", "600004"), at=RECEIPT)
    bag = await ask(api, airline, SECOND_STOP)

    assert (done.messages, done.dead_letters) == (4, 0)
    assert bag["itinerary"][0]["flight"]["destination"] == "BOG"


async def test_a_rebuild_finds_nothing_to_correct(airline: Builder) -> None:
    await airline.ingest(TO_THE_FIRST, TO_THE_SECOND, BEYOND, at=RECEIPT)
    context = context_of(airline.stores, airline_id=airline.airline_id)
    assert [done.corrected async for done in rebuild(context)] == [0]

    await airline.stores.postgres.execute(
        "UPDATE bag_legs SET off_point = NULL FROM bags WHERE bags.id = bag_id AND airline_id = $1",
        airline.airline_id,
        name="BREAK",
    )
    assert [done.corrected async for done in rebuild(context)] == [3]
