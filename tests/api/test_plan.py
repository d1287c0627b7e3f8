"""``extensions.plan``: how an operation was executed, for administrators."""

from collections import Counter
from typing import Any

import pytest

from resolvers.actor import Role
from schema.runtime.executors import ExecutorName
from tests.executor import chosen
from tests.gateway import Api, credential
from tests.world import DELIVERED

JOURNEY = """
    query($tag: String!) {
      bag(by: {tag: $tag}) {
        printedTag state
        passenger { surname locator }
        journey {
          planned { flight { designator } }
          flown { flight { designator } }
          scans { kind localTime { time } station { city } custodian { name } }
          custodian { name }
          gaps { kind lastCustodian { name } }
          source asOf
        }
      }
      routes(from: "MIA", to: "GRU") { source options { legs { origin destination } } }
    }
"""
breadth_first = pytest.mark.only_if(chosen() is ExecutorName.BREADTH_FIRST, reason="graphql-core has no stages")


async def planned(api: Api, query: str, role: Role | None = Role.ADMIN, **variables: Any) -> Any:
    """The response to a request for the execution plan."""
    question = {"query": query, "variables": variables, "extensions": {"plan": True}}
    return await api.client.post("/graphql", json=question, headers=credential(role))


@breadth_first
async def test_a_journey_costs_one_round_trip_for_each_store_and_level(api: Api) -> None:
    await api.ask(JOURNEY, tag=DELIVERED)  # fills the route cache and loads the reference data
    answer = (await planned(api, JOURNEY, tag=DELIVERED)).json()
    assert "errors" not in answer
    plan = answer["extensions"]["plan"]
    trips = Counter((len(stage["path"]), call["store"]) for stage in plan["stages"] for call in stage["calls"])
    assert set(trips.values()) == {1}
    assert {store for _, store in trips} == {"records", "graph", "cache"}
    assert plan["stores"].keys() == {"records", "graph", "cache"}
    assert answer["data"]["bag"]["journey"]["source"] == "GRAPH"
    assert len(answer["data"]["bag"]["journey"]["scans"]) > 3


@breadth_first
async def test_a_stage_reports_its_parents_and_its_calls(api: Api) -> None:
    query = "{ bags(first: 3) { nodes { tag pir { reference } tags { role } } } }"
    plan = (await planned(api, query)).json()["extensions"]["plan"]
    stages = {stage["field"]: stage for stage in plan["stages"]}
    assert stages["Query.bags"]["kind"] == "resolver"
    tags = stages["Bag.tags"]
    assert (tags["kind"], tags["path"], tags["parents"]) == ("batch", ["bags", "nodes", "tags"], 3)
    assert tags["rows"] >= 3
    assert [(call["store"], call["name"]) for call in tags["calls"]] == [("records", "TAGS_OF_BAGS")]
    assert 0 <= tags["startMs"] <= tags["startMs"] + tags["answeredMs"] <= plan["totalMs"]
    assert tags["answeredMs"] <= tags["completedMs"]
    assert stages["Bag.pir"]["nulls"] + stages["Bag.pir"]["rows"] == 3


async def test_a_response_has_no_plan_unless_requested(api: Api) -> None:
    response = await api.send("{ health { status } }", Role.ADMIN)
    assert "extensions" not in response.json()


@pytest.mark.parametrize("role", [None, *(role for role in Role if role is not Role.ADMIN)])
async def test_plans_are_for_administrators(api: Api, role: Role | None) -> None:
    response = await planned(api, "{ health { status } }", role)
    assert response.status_code == 403
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert "role ADMIN" in error["message"]
