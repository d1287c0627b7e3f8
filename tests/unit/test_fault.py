"""Reasons for loss: what the scans and the flights' times prove, and where they prove nothing."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import NAMESPACE_OID, uuid5

import pytest

from integrations.records.airports import ConnectionTime
from integrations.records.events import Event, EventKind, GraphEvent
from integrations.records.flights import FlightColumns, GraphFlight, GraphLeg, Leg
from resolvers.rules.bag_state import sort_events
from resolvers.rules.fault import FactName, Proposal, TagSwitch, propose
from resolvers.rules.history import History
from seeds.network import read_network
from seeds.scenario import ScenarioFunction, located, misconnected_at_first, misrouted, ordinary
from tests.unit.test_seeds import World

DAY = datetime(2025, 7, 1, tzinfo=UTC)

# Number: carrier, origin, destination, off blocks, on blocks.
FLIGHTS = {
    335: ("CM", "MIA", "PTY", 12.0, 15.0),
    758: ("CM", "PTY", "GRU", 16.0, 23.0),
    700: ("AV", "PTY", "GRU", 16.0, 23.0),
    411: ("CM", "PTY", "BOG", 16.5, 18.0),
    702: ("CM", "PTY", "GRU", 40.0, 47.0),
}
FILED = [("PTY", "CM", "CM", 45), ("PTY", "", "", 90)]


def at(hours: float) -> datetime:
    return DAY + timedelta(hours=hours)


def event(kind: str, airport: str, hours: float, flight: int | None = None) -> GraphEvent:
    return GraphEvent(
        {
            "id": str(uuid5(NAMESPACE_OID, repr((kind, airport, hours, flight)))),
            "kind": kind,
            "rank": EventKind(kind).rank,
            "at": at(hours),
            "airport": airport,
            "flight_id": flight,
            "custodian": None,
        }
    )


def flight(number: int, *, late: float = 0, status: str = "ARRIVED") -> dict[str, Any]:
    carrier, origin, destination, left, came = FLIGHTS[number]
    return {
        "id": number,
        "carrier": carrier,
        "number": number,
        "suffix": "",
        "origin": origin,
        "destination": destination,
        "scheduled_departure": at(left),
        "actual_departure": at(left),
        "actual_arrival": at(came + late / 60),
        "status": status,
    }


def as_leg(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"flight_destination": row["destination"]}


def why(
    *events: GraphEvent,
    planned: Sequence[int] = (335, 758),
    late: float = 0,
    filed: Sequence[tuple[str, str, str, int]] = FILED,
    unknown: str = "",
    **more: Any,
) -> Proposal | None:
    known = {number: flight(number, late=late if number == 335 else 0) for number in FLIGHTS}
    known = {number: row | ({unknown: None} if unknown else {}) for number, row in known.items()}
    legs = [GraphLeg(as_leg(known[number]) | {"seq": seq}) for seq, number in enumerate(planned, start=1)]
    named: dict[int, FlightColumns] = {number: GraphFlight(row) for number, row in known.items()}
    history = History(cast("list[Event]", sort_events(events)), cast("list[Leg]", legs), named)
    return propose(history, minima(*filed), **more)


def minima(*filed: tuple[str, str, str, int]) -> list[ConnectionTime]:
    columns = ("airport", "inbound_carrier", "outbound_carrier", "bag_minutes")
    rows = [SimpleNamespace(**dict(zip(columns, row, strict=True))) for row in filed]
    return cast("list[ConnectionTime]", rows)


TO_THE_HUB = (event("ACCEPTED", "MIA", 10), event("LOADED", "MIA", 11.5, 335), event("ARRIVED", "PTY", 15.3, 335))
UNSEEN = event("NOT_SEEN", "PTY", 15.95, 758)
LEFT_BEHIND = event("LEFT_BEHIND", "PTY", 16.3)


def code(proposal: Proposal | None) -> tuple[str, str] | None:
    return (proposal.reason, proposal.station) if proposal else None


def facts(proposal: Proposal | None) -> dict[FactName, str]:
    assert proposal is not None
    return {fact.name: fact.value for fact in proposal.evidence}


# Transfers


def test_the_arrival_at_another_stop_proves_no_missed_connection() -> None:
    """Given an inbound flight whose times are those at another airport, no minutes are counted."""
    known = {number: flight(number) for number in (335, 758)}
    legs = [GraphLeg(as_leg(row) | {"seq": seq}) for seq, row in enumerate(known.values(), start=1)]
    through = GraphLeg(as_leg(known[335]) | {"seq": 1, "flight_destination": "MDE"})
    named: dict[int, FlightColumns] = {number: GraphFlight(row) for number, row in known.items()}
    events = cast("list[Event]", sort_events([*TO_THE_HUB, UNSEEN, LEFT_BEHIND]))

    assert code(propose(History(events, cast("list[Leg]", legs), named), minima(*FILED))) == ("55", "PTY")
    assert propose(History(events, cast("list[Leg]", [through, legs[1]]), named), minima(*FILED)) is None


@pytest.mark.parametrize(("late", "reason"), [(0, "55"), (15, "55"), (15.5, "56"), (46, "56"), (75, "56")])
def test_an_online_connection_is_available_from_the_minimum_on(late: float, reason: str) -> None:
    proposal = why(*TO_THE_HUB, UNSEEN, LEFT_BEHIND, late=late)
    assert code(proposal) == (reason, "PTY")


@pytest.mark.parametrize(
    ("filed", "needed", "reason"),
    [
        ([("PTY", "CM", "CM", 45), ("PTY", "", "", 60)], "60", "52"),
        ([("PTY", "CM", "CM", 45), ("PTY", "", "", 61)], "61", "53"),
        ([("PTY", "CM", "AV", 70), ("PTY", "CM", "", 30), ("PTY", "", "", 30)], "70", "53"),
        ([("PTY", "CM", "", 70), ("PTY", "", "AV", 30), ("PTY", "", "", 30)], "70", "53"),
        ([("PTY", "", "AV", 70), ("PTY", "", "", 30), ("GRU", "CM", "AV", 30)], "70", "53"),
    ],
)
def test_an_interline_connection_has_codes_of_its_own_and_the_most_specific_minimum(
    filed: list[tuple[str, str, str, int]], needed: str, reason: str
) -> None:
    proposal = why(*TO_THE_HUB, LEFT_BEHIND, planned=(335, 700), filed=filed)
    assert code(proposal) == (reason, "PTY")
    assert facts(proposal)[FactName.MINUTES_NEEDED] == needed


def test_the_evidence_names_every_fact_that_was_used() -> None:
    proposal = why(*TO_THE_HUB, UNSEEN, LEFT_BEHIND, late=30)
    assert proposal is not None
    assert [(fact.name.value, fact.value, fact.at) for fact in proposal.evidence] == [
        ("INBOUND_FLIGHT", "CM335 MIA-PTY", None),
        ("INBOUND_ON_BLOCKS", "PTY", at(15.5)),
        ("OUTBOUND_FLIGHT", "CM758 PTY-GRU", None),
        ("OUTBOUND_OFF_BLOCKS", "PTY", at(16)),
        ("MINUTES_AVAILABLE", "30", None),
        ("MINUTES_NEEDED", "45", None),
        ("MINIMUM_SOURCE", "PTY CM-CM", None),
        ("SCAN", "NOT_SEEN PTY", at(15.95)),
    ]


def test_a_bag_that_came_after_by_rush_still_missed_its_connection() -> None:
    after = (event("RUSH_TAGGED", "PTY", 20), event("LOADED", "PTY", 39, 702), event("ARRIVED", "GRU", 47.2, 702))
    assert code(why(*TO_THE_HUB, UNSEEN, *after, planned=(335, 758, 702), late=46)) == ("56", "PTY")
    assert code(why(*TO_THE_HUB, UNSEEN, *after, late=46)) == ("56", "PTY"), (
        "also where the rush flight was not planned"
    )


@pytest.mark.parametrize(
    "happened",
    [
        (),
        (*TO_THE_HUB,),
        (*TO_THE_HUB, event("LOADED", "PTY", 15.8, 758)),
        (*TO_THE_HUB, UNSEEN, event("LOADED", "PTY", 15.8, 758)),
        (*TO_THE_HUB, event("LOADED", "PTY", 15.7, 758), event("OFFLOADED", "PTY", 15.9, 758), LEFT_BEHIND),
        (*TO_THE_HUB, UNSEEN, event("AT_CLAIM", "GRU", 23.5)),
        (event("ACCEPTED", "MIA", 10), LEFT_BEHIND),
    ],
    ids=["no events", "not missed", "flew", "load scan beats not seen", "offloaded", "seen beyond", "never inbound"],
)
def test_there_is_no_proposal_without_proof_that_the_bag_missed_it(happened: tuple[GraphEvent, ...]) -> None:
    assert why(*happened, late=46) is None


def test_there_is_no_proposal_without_the_flights_times_or_a_minimum() -> None:
    assert why(*TO_THE_HUB, LEFT_BEHIND, filed=[("MIA", "CM", "CM", 45)]) is None
    assert why(*TO_THE_HUB, LEFT_BEHIND, unknown="actual_arrival") is None
    assert why(*TO_THE_HUB, LEFT_BEHIND, unknown="actual_departure") is None


# Elsewhere


def test_21_left_at_the_origin() -> None:
    unseen = event("NOT_SEEN", "MIA", 11.9, 335)
    left_behind = event("LEFT_BEHIND", "MIA", 12.4)
    assert code(why(event("ACCEPTED", "MIA", 10), unseen, left_behind)) == ("21", "MIA")
    assert why(event("ACCEPTED", "MIA", 12.1), unseen, left_behind) is None, "accepted when the flight had left"
    assert why(unseen, left_behind) is None, "nothing shows when it was accepted"


def test_31_loaded_on_the_wrong_aircraft() -> None:
    wrong = event("LOADED", "PTY", 16.2, 411)
    assert code(why(*TO_THE_HUB, wrong, event("ARRIVED", "BOG", 18.2, 411))) == ("31", "PTY")
    undone = event("OFFLOADED", "PTY", 16.3, 411)
    assert code(why(*TO_THE_HUB, UNSEEN, wrong, undone, LEFT_BEHIND)) != ("31", "PTY")
    assert why(*TO_THE_HUB, wrong, planned=()) is None, "where nothing is planned nothing is wrong"
    other_flight = event("LOADED", "PTY", 15.5, 700)
    assert why(*TO_THE_HUB, other_flight) is None, "another flight to where it was to go"
    sent_on = event("LOADED", "PTY", 16.4, 411)
    assert code(why(*TO_THE_HUB, LEFT_BEHIND, sent_on)) == ("55", "PTY"), "what comes after was not its plan"


def test_32_taken_off_on_the_way() -> None:
    loaded = event("LOADED", "MIA", 11.5, 335)
    assert code(why(loaded, event("ARRIVED", "MGA", 14, 335), planned=(335,))) == ("32", "MGA")
    assert why(loaded, event("ARRIVED", "PTY", 15.2, 335), planned=(335,)) is None


def test_33_not_offloaded() -> None:
    carried_on = (event("LOADED", "MIA", 11.5, 335), event("ARRIVED", "BOG", 18.2, 411))
    assert code(why(*carried_on, planned=(335,))) == ("33", "PTY")
    seen = event("POSITION", "PTY", 15.5)
    assert why(*carried_on, seen, planned=(335,)) is None, "it was offloaded, and its further journey is unknown"


def test_12_checked_short_of_the_final_destination() -> None:
    assert code(why(*TO_THE_HUB, planned=(335,), final_destination="GRU")) == ("12", "MIA")
    assert why(*TO_THE_HUB, planned=(335,), final_destination="PTY") is None
    assert why(*TO_THE_HUB, planned=(335,)) is None
    handed_over = event("DELIVERED", "PTY", 16)
    assert why(*TO_THE_HUB, handed_over, planned=(335,), final_destination="GRU") is None


def test_15_needs_evidence_of_a_switch() -> None:
    switch = TagSwitch("0230456781", "0230999999", "MIA", at(60))
    proposal = why(*TO_THE_HUB, LEFT_BEHIND, switch=switch)
    assert code(proposal) == ("15", "MIA")
    assert facts(proposal) == {FactName.OWN_TAG: "0230456781", FactName.FOUND_TAG: "0230999999"}


# The demo's scenarios


@pytest.mark.parametrize("hour", range(0, 24, 6))
def test_the_demo_s_scenarios_have_the_reasons_that_their_events_prove(hour: int) -> None:
    world = World(read_network(), 230 + hour, datetime(2026, 10, 30, hour, 17, tzinfo=UTC), bags=60)
    flights = {one.id: GraphFlight({"suffix": "", **one.known_at(world.now)._asdict()}) for one in world.flights}
    proposed: dict[ScenarioFunction, list[Proposal | None]] = defaultdict(list)
    for bag_id in range(1, 61):
        events, planned = world.history_of(bag_id)
        history = History(
            cast("list[Event]", events),
            cast("list[Leg]", [GraphLeg(as_leg({"suffix": "", **vars(leg)})) for leg in planned]),
            dict[int, FlightColumns](flights),
        )
        proposed[world.factory._assignment(bag_id).scenario].append(propose(history, minima(*FILED)))
    assert [code(one) for one in proposed[misconnected_at_first]] == [("56", "PTY")]
    assert facts(proposed[misconnected_at_first][0])[FactName.OUTBOUND_FLIGHT].startswith("CM758 PTY-")
    assert {one.reason for one in proposed[located] if one} == {"21"}
    assert [code(one) for one in proposed[misrouted]] == [("31", "PTY")]
    assert set(proposed[ordinary]) == {None}
