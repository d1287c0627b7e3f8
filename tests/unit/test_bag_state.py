"""Status, flown flights and custody points of a bag, from its events (``docs/DOMAIN.md#the-rules``)."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.records.bags import BagState
from integrations.records.events import SCANS, EventKind, GraphEvent
from integrations.records.flights import FlightColumns, GraphFlight, GraphLeg
from integrations.records.journeys import BagStatus, CustodyPointKind
from resolvers.rules.bag_state import flown_legs, sort_events, status_of
from resolvers.rules.custody import custody_points

DAY = datetime(2025, 7, 1, tzinfo=UTC)
MIA_PTY, PTY_GRU, PTY_BOG, RUSH_GRU, BOG_GRU = 335, 758, 411, 702, 89
AIRPORTS = {
    MIA_PTY: ("MIA", "PTY", 12),
    PTY_GRU: ("PTY", "GRU", 16),
    PTY_BOG: ("PTY", "BOG", 18),
    RUSH_GRU: ("PTY", "GRU", 40),
    BOG_GRU: ("BOG", "GRU", 42),
}
ACCEPTANCE, LOADING, TRANSFER, ARRIVAL = CustodyPointKind


def at(hours: float) -> datetime:
    return DAY + timedelta(hours=hours)


def event(kind: str, airport: str, hours: float, flight: int | None = None, **more: Any) -> GraphEvent:
    row = {
        "id": str(uuid5(NAMESPACE_OID, repr((kind, airport, hours, flight, more)))),
        "kind": kind,
        "rank": EventKind(kind).rank,
        "at": at(hours),
        "received_at": at(hours),
        "airport": airport,
        "place": "",
        "flight_id": flight,
        "custodian": None,
        "method": "LASER",
    }
    return GraphEvent(row | more)


def flight(number: int, *, left: float | None = None) -> dict[str, Any]:
    origin, destination, hours = AIRPORTS[number]
    return {
        "id": number,
        "origin": origin,
        "destination": destination,
        "departure_date": date(2025, 7, 1),
        "scheduled_departure": at(hours),
        "actual_departure": None if left is None else at(left),
    }


def plan(*numbers: int) -> list[GraphLeg]:
    return [GraphLeg(flight(number) | {"bag_id": 1, "seq": seq}) for seq, number in enumerate(numbers, start=1)]


def flights(*, departed: Sequence[int] = ()) -> dict[int, FlightColumns]:
    return {
        number: GraphFlight(flight(number, left=AIRPORTS[number][2] if number in departed else None))
        for number in AIRPORTS
    }


def stand(*events: GraphEvent, planned: Sequence[int] = (MIA_PTY, PTY_GRU), departed: Sequence[int] = ()) -> BagStatus:
    return status_of(sort_events(events), plan(*planned), flights(departed=departed), at(0))


# Status


def test_a_bag_without_events_is_expected_since_it_became_known() -> None:
    assert stand() == BagStatus(BagState.EXPECTED, at(0), None, None, None, None)


@pytest.mark.parametrize("kind", [kind for kind in EventKind if kind is not EventKind.POSITION])
def test_an_event_sets_the_state_of_its_name(kind: EventKind) -> None:
    now = stand(event(kind, "PTY", 9, place="BELT1", custodian="HANDLER"))

    assert (now.state, now.state_at, now.custodian) == (kind.value, at(9), "HANDLER")
    assert (now.airport, now.place) == (("PTY", "BELT1") if kind in SCANS else (None, None))


def test_a_word_about_the_bag_does_not_move_it() -> None:
    now = stand(event("ARRIVED", "PTY", 9, place="BELT1"), event("DELAYED", "GRU", 10))
    assert (now.state, now.airport, now.place) == ("DELAYED", "PTY", "BELT1")


def test_rule_8_any_other_scan_is_a_position_only() -> None:
    now = stand(event("SORTED", "PTY", 9, MIA_PTY, custodian="HANDLER"), event("POSITION", "PTY", 10, place="CART7"))
    assert now == BagStatus(BagState.SORTED, at(9), "PTY", "CART7", "HANDLER", MIA_PTY)


def test_a_bag_that_was_only_passed_is_expected_since_its_first_event_whichever_arrived_first() -> None:
    first, second = event("POSITION", "PTY", -2), event("POSITION", "PTY", 9)
    assert stand(first, second).state_at == at(-2)
    assert stand(second).state_at == at(0)


def test_a_scan_without_a_place_takes_the_old_place_away() -> None:
    assert stand(event("SORTED", "PTY", 9, place="BELT1"), event("LOADED", "PTY", 10)).place is None


def test_the_last_in_event_time_counts_not_the_last_to_arrive() -> None:
    assert stand(event("AT_CLAIM", "GRU", 24), event("ACCEPTED", "MIA", 10)).state == "AT_CLAIM"


def test_rule_9_a_load_scan_beats_not_seen_for_the_same_flight_whichever_is_dated_later() -> None:
    loaded, unseen = event("LOADED", "PTY", 15, PTY_GRU), event("NOT_SEEN", "PTY", 16, PTY_GRU)
    earlier_unseen = event("NOT_SEEN", "PTY", 14, PTY_GRU)

    assert stand(loaded, unseen).state == "LOADED"
    assert stand(earlier_unseen, loaded).state == "LOADED"
    assert stand(unseen).state == "NOT_SEEN"


def test_rule_9_not_seen_for_another_flight_stands() -> None:
    assert stand(event("LOADED", "MIA", 11, MIA_PTY), event("NOT_SEEN", "PTY", 16, PTY_GRU)).state == "NOT_SEEN"


def test_rule_9_a_loading_that_was_undone_beats_nothing() -> None:
    events = (
        event("LOADED", "PTY", 14, PTY_GRU),
        event("OFFLOADED", "PTY", 15, PTY_GRU),
        event("NOT_SEEN", "PTY", 16, PTY_GRU),
    )
    assert stand(*events).state == "NOT_SEEN"


def test_rule_10_in_flight_needs_an_actual_departure() -> None:
    loaded = event("LOADED", "MIA", 11, MIA_PTY, custodian="CM", place="HOLD2")

    assert stand(loaded).state == "LOADED"
    assert stand(loaded, departed=[MIA_PTY]) == BagStatus(BagState.IN_FLIGHT, at(12), None, None, "CM", MIA_PTY)
    assert stand(loaded, departed=[PTY_GRU]).state == "LOADED"


def test_rule_10_a_load_scan_dated_after_the_departure_does_not_turn_time_back() -> None:
    assert stand(event("LOADED", "MIA", 12.5, MIA_PTY), departed=[MIA_PTY]).state_at == at(12.5)


@pytest.mark.parametrize("kind", ["OFFLOADED", "LEFT_BEHIND", "ARRIVED"])
def test_a_bag_that_is_off_the_aircraft_does_not_fly_with_it(kind: str) -> None:
    events = (event("LOADED", "MIA", 11, MIA_PTY), event(kind, "PTY", 11.5, MIA_PTY))
    assert stand(*events, departed=[MIA_PTY]).state == kind


def test_rule_12_an_arrival_off_the_plan_is_misrouted() -> None:
    assert stand(event("ARRIVED", "LIM", 20)).state == "MISROUTED"
    assert stand(event("ARRIVED", "GRU", 20)).state == "ARRIVED"
    assert stand(event("ARRIVED", "LIM", 20), planned=()).state == "ARRIVED", "where nothing is planned nothing is off"


def test_rule_15_events_of_one_time_follow_the_order_of_states_then_a_digest() -> None:
    sorted_ = event("SORTED", "PTY", 15, id=str(UUID(int=2)))
    loaded = event("LOADED", "PTY", 15, PTY_GRU, id=str(UUID(int=1)))
    one = event("SORTED", "PTY", 15, id=str(UUID(int=1)), place="BELT1")
    other = event("SORTED", "PTY", 15, id=str(UUID(int=2)), place="BELT2")

    assert stand(loaded, sorted_).state == stand(sorted_, loaded).state == "LOADED"
    assert stand(other, one).place == stand(one, other).place == "BELT2"


# Flown flights


def flights_of(*events: GraphEvent) -> list[tuple[int, int, bool, bool]]:
    legs = flown_legs(sort_events(events), flights())
    return [(leg.seq, leg.flight.id, leg.loaded is not None, leg.arrived is not None) for leg in legs]


def test_flown_is_loaded_or_arrived_in_order_of_departure() -> None:
    events = (
        event("ARRIVED", "GRU", 24, PTY_GRU),
        event("LOADED", "MIA", 11, MIA_PTY),
        event("ARRIVED", "PTY", 15, MIA_PTY),
    )
    assert flights_of(*events) == [(1, MIA_PTY, True, True), (2, PTY_GRU, False, True)]


@pytest.mark.parametrize("named", [PTY_GRU, None])
def test_a_loading_that_was_undone_is_not_flown(named: int | None) -> None:
    events = (event("LOADED", "PTY", 15, PTY_GRU), event("OFFLOADED", "PTY", 16, named))
    assert flights_of(*events) == []


def test_an_offload_without_a_flight_undoes_the_last_loading() -> None:
    events = (
        event("LOADED", "MIA", 11, MIA_PTY),
        event("LOADED", "PTY", 15, PTY_GRU),
        event("OFFLOADED", "PTY", 16),
    )
    assert flights_of(*events) == [(1, MIA_PTY, True, False)]


def test_a_bag_loaded_again_flies() -> None:
    events = (
        event("LOADED", "PTY", 14, PTY_GRU),
        event("OFFLOADED", "PTY", 15, PTY_GRU),
        event("LOADED", "PTY", 16, PTY_GRU),
    )
    assert flights_of(*events) == [(1, PTY_GRU, True, False)]


# Custody points of Resolution 753


def points(*events: GraphEvent, planned: Sequence[int] = (MIA_PTY, PTY_GRU)) -> list[tuple[Any, ...]]:
    found = custody_points(sort_events(events), plan(*planned), flights())
    return [(point.kind, point.airport, point.leg, point.proved) for point in found]


def test_a_whole_journey_proves_every_point() -> None:
    events = (
        event("ACCEPTED", "MIA", 10),
        event("LOADED", "MIA", 11, MIA_PTY),
        event("ARRIVED", "PTY", 15, MIA_PTY),
        event("TRANSFER_IN", "PTY", 15.2),
        event("LOADED", "PTY", 16, PTY_GRU),
        event("AT_CLAIM", "GRU", 24),
    )
    assert points(*events) == [
        (ACCEPTANCE, "MIA", 1, True),
        (LOADING, "MIA", 1, True),
        (TRANSFER, "PTY", 1, True),
        (LOADING, "PTY", 2, True),
        (ARRIVAL, "GRU", 2, True),
    ]


def test_rule_14_a_missing_point_shows_once_a_later_scan_passed_it() -> None:
    accepted, arrived = event("ACCEPTED", "MIA", 10), event("ARRIVED", "PTY", 15, MIA_PTY)
    loaded = event("LOADED", "PTY", 16, PTY_GRU)

    assert points(accepted) == [(ACCEPTANCE, "MIA", 1, True)]
    assert points(accepted, arrived)[1:] == [(LOADING, "MIA", 1, False)]
    assert points(accepted, arrived, loaded)[2:] == [(TRANSFER, "PTY", 1, False), (LOADING, "PTY", 2, True)]


def test_rule_14_coming_off_the_aircraft_does_not_prove_the_transfer() -> None:
    events = (event("ARRIVED", "PTY", 15, MIA_PTY), event("SORTED", "PTY", 15.5))
    assert (TRANSFER, "PTY", 1, False) in points(*events)


@pytest.mark.parametrize("kind", ["AT_CLAIM", "DELIVERED"])
def test_rule_14_arrival_is_proved_at_the_claim_or_by_the_hand_over(kind: str) -> None:
    assert points(event(kind, "PTY", 16), planned=[MIA_PTY])[-1] == (ARRIVAL, "PTY", 1, True)


def test_a_scan_at_the_first_station_shows_that_the_acceptance_is_missing() -> None:
    assert points(event("SORTED", "MIA", 10)) == [(ACCEPTANCE, "MIA", 1, False)]


def test_word_about_a_bag_shows_no_gap() -> None:
    assert points(event("DELAYED", "GRU", 20), event("NOT_SEEN", "PTY", 16, PTY_GRU)) == []


@pytest.mark.parametrize(
    ("scans", "expected"),
    [
        ([("EXPECTED", "MIA", 9)], []),
        ([("ACCEPTED", "MIA", 10)], [(ACCEPTANCE, "MIA", 1, True)]),
        ([("LOADED", "PTY", 16)], [(LOADING, "PTY", 1, True)]),
        ([("LOADED", "PTY", 16), ("OFFLOADED", "PTY", 17)], []),
        ([("AT_CLAIM", "GRU", 24)], [(ARRIVAL, "GRU", 1, True)]),
        (
            [("LOADED", "MIA", 11, MIA_PTY), ("ARRIVED", "PTY", 15, MIA_PTY)],
            [(LOADING, "MIA", 1, True)],
        ),
        (
            [("ARRIVED", "PTY", 15, MIA_PTY), ("LOADED", "PTY", 16, PTY_GRU), ("DELIVERED", "GRU", 25)],
            [
                (LOADING, "MIA", 1, False),
                (TRANSFER, "PTY", 1, False),
                (LOADING, "PTY", 2, True),
                (ARRIVAL, "GRU", 2, True),
            ],
        ),
        (
            [("LOADED", "MIA", 11, MIA_PTY), ("TRANSFER_IN", "PTY", 15), ("LOADED", "PTY", 16, PTY_BOG)],
            [(LOADING, "MIA", 1, True), (TRANSFER, "PTY", 1, True), (LOADING, "PTY", 2, True)],
        ),
        ([("LOADED", "PTY", 15, PTY_GRU), ("OFFLOADED", "PTY", 16, PTY_GRU)], []),
    ],
)
def test_a_bag_without_a_plan_has_the_points_that_its_scans_imply(scans: list[Any], expected: list[Any]) -> None:
    """``docs/DOMAIN.md#rule-20``."""
    assert points(*(event(*scan) for scan in scans), planned=[]) == expected


def test_the_chain_of_a_bag_that_went_astray_has_the_flight_it_took() -> None:
    """``docs/DOMAIN.md#rule-19``: the new itinerary begins where the bag was found."""
    scans = [
        event("LOADED", "MIA", 11, MIA_PTY),
        event("LOADED", "PTY", 17, PTY_BOG),
        event("LOADED", "BOG", 42, BOG_GRU),
        event("AT_CLAIM", "GRU", 50),
    ]
    assert points(*scans, planned=[MIA_PTY, BOG_GRU])[1:] == [
        (LOADING, "MIA", 1, True),
        (TRANSFER, "PTY", 1, False),
        (LOADING, "PTY", 1, True),
        (TRANSFER, "BOG", 1, False),
        (LOADING, "BOG", 2, True),
        (ARRIVAL, "GRU", 2, True),
    ]


def test_a_loading_without_a_flight_counts_where_the_leg_begins() -> None:
    assert (LOADING, "PTY", 2, True) in points(event("LOADED", "PTY", 16))


def test_a_loading_on_another_flight_proves_no_planned_leg() -> None:
    """The bag is as far as the planned loading, which becomes a gap once the bag is seen further on."""
    elsewhere = event("LOADED", "PTY", 16, PTY_BOG)

    assert points(elsewhere)[-1] == (TRANSFER, "PTY", 1, False)
    assert (LOADING, "PTY", 2, False) in points(elsewhere, event("AT_CLAIM", "GRU", 24))


def test_a_missed_flight_that_a_rush_flight_replaces_is_no_gap() -> None:
    planned = plan(MIA_PTY, PTY_GRU, RUSH_GRU)
    events = [
        event("ACCEPTED", "MIA", 10),
        event("LOADED", "MIA", 11, MIA_PTY),
        event("TRANSFER_IN", "PTY", 15),
        event("LOADED", "PTY", 15.5, PTY_GRU),
        event("OFFLOADED", "PTY", 15.8, PTY_GRU),
        event("LEFT_BEHIND", "PTY", 17),
        event("LOADED", "PTY", 39, RUSH_GRU),
        event("AT_CLAIM", "GRU", 48),
    ]

    points = custody_points(sort_events(events), planned, flights())

    assert [(point.kind, point.leg, point.proved) for point in points] == [
        (ACCEPTANCE, 1, True),
        (LOADING, 1, True),
        (TRANSFER, 1, True),
        (LOADING, 3, True),
        (ARRIVAL, 3, True),
    ]


def test_a_gap_names_the_last_custodian() -> None:
    events = (
        event("ACCEPTED", "MIA", 10, custodian="CM"),
        event("SORTED", "MIA", 10.5, custodian="HANDLER"),
        event("ARRIVED", "PTY", 15, MIA_PTY, custodian="OTHER"),
    )
    gap = next(
        point for point in custody_points(sort_events(events), plan(MIA_PTY, PTY_GRU), flights()) if not point.proved
    )
    assert (gap.kind, gap.last_custodian, gap.proof) == (LOADING, "HANDLER", None)


def test_a_message_after_a_scan_names_the_custodian_where_no_scan_does() -> None:
    sorted_, accepted = event("SORTED", "MIA", 10), event("ACCEPTED", "MIA", 11, custodian="CM", method="MESSAGE")
    status = stand(sorted_, accepted)
    assert (status.state, status.custodian) == ("SORTED", "CM")
    loaded = event("LOADED", "MIA", 11.5)
    for planned in ((MIA_PTY, PTY_GRU), ()):
        found = custody_points(sort_events((sorted_, accepted, loaded)), plan(*planned), flights())
        assert [point.last_custodian for point in found if point.kind == LOADING] == ["CM"]


def test_a_message_after_a_scan_takes_custody_from_no_one() -> None:
    accepted = event("ACCEPTED", "MIA", 12, custodian="CM", method="MESSAGE")
    assert stand(event("SORTED", "MIA", 10, custodian="HANDLER"), accepted).custodian == "HANDLER"
    delivered = event("DELIVERED", "GRU", 10, custodian="PASSENGER")
    assert stand(delivered, accepted).custodian == "PASSENGER"
    events = sort_events(
        (event("LOADED", "MIA", 11, MIA_PTY, custodian="UA"), accepted, event("LOADED", "PTY", 16, PTY_GRU))
    )
    for planned in ((MIA_PTY, PTY_GRU), ()):
        found = custody_points(events, plan(*planned), flights())
        assert {point.kind: point.last_custodian for point in found if point.leg in (1, 2)}[LOADING] == "UA"


# Order and repetition

times = st.integers(0, 30).map(lambda half_hours: half_hours / 2)
happenings = st.builds(
    event,
    st.sampled_from([kind.value for kind in EventKind]),
    st.sampled_from(["MIA", "PTY", "GRU", "BOG", "LIM"]),
    times,
    st.sampled_from([None, MIA_PTY, PTY_GRU, PTY_BOG]),
    custodian=st.sampled_from([None, "CM", "HANDLER"]),
    place=st.sampled_from(["", "BELT1", "CART2"]),
)
histories = st.lists(happenings, max_size=12, unique_by=lambda one: one.id)


@settings(max_examples=400)
@given(st.data(), histories, st.sets(st.sampled_from(sorted(AIRPORTS))))
def test_the_order_of_arrival_never_matters(data: Any, events: list[GraphEvent], departed: set[int]) -> None:
    shuffled = data.draw(st.permutations(events))
    known, planned = flights(departed=sorted(departed)), plan(MIA_PTY, PTY_GRU)

    assert [one.id for one in sort_events(shuffled)] == [one.id for one in sort_events(events)]
    one, other = sort_events(events), sort_events(shuffled)
    assert status_of(one, planned, known, at(0)) == status_of(other, planned, known, at(0))
    assert flown_legs(one, known) == flown_legs(other, known)
    assert custody_points(one, planned, flights()) == custody_points(other, planned, flights())


@given(histories)
def test_proof_is_listed_in_travel_order_each_point_once(events: list[GraphEvent]) -> None:
    found = [
        (point.leg, point.kind) for point in custody_points(sort_events(events), plan(MIA_PTY, PTY_GRU), flights())
    ]
    order = [(1, ACCEPTANCE), (1, LOADING), (1, TRANSFER), (2, LOADING), (2, ARRIVAL)]
    assert found == [point for point in order if point in found]


@given(histories, happenings)
def test_what_is_proved_stays_proved_and_what_was_passed_stays_passed(
    events: list[GraphEvent], another: GraphEvent
) -> None:
    planned = plan(MIA_PTY, PTY_GRU)
    before = {
        (point.leg, point.kind): point.proved for point in custody_points(sort_events(events), planned, flights())
    }
    after = {
        (point.leg, point.kind): point.proved
        for point in custody_points(sort_events([*events, another]), planned, flights())
    }
    assert before.keys() <= after.keys()
    assert all(after[point] for point, proved in before.items() if proved)
