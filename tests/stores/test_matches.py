"""Matching found bags over the real records: proposals from both sides, decisions, and what they cost."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from integrations.records.matches import Match, MatchState
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres import matches as store
from integrations.stores.postgres.manager import PostgresManager, Reader, count_statements
from integrations.stores.redis.manager import RedisManager
from resolvers import matches
from resolvers.context import Context
from resolvers.errors import BadInput, InvalidState, NotFound
from resolvers.installation import Stores
from resolvers.irregularities import matches as match_commands
from resolvers.rules.fault import TagSwitch
from tests.world import Builder, World, at, context_of

TAG = "0230456799"


@pytest.fixture(scope="module")
async def stores(migrated_url: str) -> AsyncIterator[Stores]:
    """The records alone: nothing else is asked."""
    manager = PostgresManager(migrated_url, 0, 4)
    await manager.connect()
    yield Stores(manager, cast(Neo4jManager, None), cast(RedisManager, None))
    await manager.disconnect()


@pytest.fixture
async def airline(world: World) -> Builder:
    made = await world.another_airline()
    await made.passenger("penha", "K3P9WM", "Peña", "José", None, None, None, "ES", None, None)
    await made.bag("missed", TAG, "penha", ["CM335", "CM758"])
    return made


def context(airline: Builder) -> Context:
    return context_of(airline.stores, airline_id=airline.airline_id)


async def file(
    airline: Builder, kind: str = "DELAYED", bags: tuple[str | None, ...] = ("missed",), **described: Any
) -> int:
    """A file as an agent opens it; ``described`` are columns of its bags."""
    number = 20_000 + len(airline.pirs)
    name = f"GRUCM{number}"
    station, owner = ("GRU", "penha") if kind == "DELAYED" else ("PTY", None)
    await airline.pir(name, kind, station, owner, bags, at("+01:00"))
    pir_id = airline.pirs[name]
    if described:
        columns = ", ".join(f"{column} = ${place}" for place, column in enumerate(described, start=2))
        sql = f"UPDATE pir_bags SET {columns} WHERE pir_id = $1"
        await airline.stores.postgres.execute(sql, pir_id, *described.values())
    await propose(airline, pir_id)
    return pir_id


async def find(airline: Builder, **described: Any) -> int:
    return await file(airline, "ON_HAND", (None,), **{"contents": "", "brand": ""} | described)


async def propose(airline: Builder, pir_id: int) -> None:
    async with airline.stores.postgres.transaction() as records:
        await match_commands.propose(context(airline), records, pir_id)


async def close(airline: Builder, pir_id: int) -> None:
    await airline.stores.postgres.execute("UPDATE pirs SET status = 'CLOSED', closed_at = now() WHERE id = $1", pir_id)
    await propose(airline, pir_id)


async def of(airline: Builder, pir_id: int) -> list[Match]:
    return list(await store.of_pirs(airline.stores.postgres, airline.airline_id, [pir_id], 20))


def elements(compared: Any) -> set[str]:
    return {one["element"] for one in compared}


# Proposing


async def test_a_found_bag_is_compared_with_pirs_and_a_pir_with_found_bags(airline: Builder) -> None:
    missed = await file(airline)
    found = await find(airline, tag=TAG[:-1] + "1", name_on_bag="J PENA", description="GN22RHW")
    late = await file(airline)

    [proposed] = await of(airline, missed)
    assert (proposed.on_hand_pir_id, proposed.delayed_pir_id, proposed.seq) == (found, missed, 1)
    assert (proposed.state, proposed.decided_at) == ("PROPOSED", None)
    assert elements(proposed.matched) == {"TAG", "SURNAME", "GIVEN_NAMES", "TYPE", "DESCRIPTORS", "ROUTE", "DATE"}
    assert elements(proposed.contradicting) == {"COLOUR"}
    route = next(one for one in proposed.matched if one["element"] == "ROUTE")
    assert (route["found"], route["reported"]) == ("PTY", "MIA-PTY-GRU")
    colour = proposed.contradicting[0]
    assert (colour["found"], colour["reported"], colour["earned"]) == ("GN", "BK", 0)
    assert {one.delayed_pir_id for one in await of(airline, found)} == {missed, late}
    assert {one.score for one in await of(airline, found)} == {proposed.score}


async def test_rush_tags_names_on_the_bag_and_flights_count(airline: Builder) -> None:
    await airline.bag("rushed", "0230000011", None, [], rush_tag="2230000457")
    by_rush_tag = await file(airline, bags=("rushed",))
    found = await find(airline, tag="2230000457")
    await airline.stores.postgres.execute(
        "UPDATE pirs SET found_flight_id = $2 WHERE id = $1", found, airline.flights["CM758"]
    )
    await propose(airline, found)
    by_flight = await file(airline)
    by_new_rush_tag = await file(airline, rush_tag="2230000457")

    assert "TAG" in elements((await of(airline, by_rush_tag))[0].matched)
    assert "TAG" in elements((await of(airline, by_new_rush_tag))[0].matched)
    [proposed] = await of(airline, by_flight)
    assert "FLIGHT" in elements(proposed.matched)
    assert "TAG" in elements(proposed.contradicting)


async def test_each_bag_of_a_pir_has_proposals_of_its_own(airline: Builder) -> None:
    await airline.bag("second", "0230456111", "penha", ["CM335"])
    found = await find(airline, tag="0230456111")
    await file(airline, bags=("missed", "second"))
    assert [(one.seq, "TAG" in elements(one.matched)) for one in await of(airline, found)] == [(2, True), (1, False)]


async def test_proposals_follow_changes_of_a_pir(airline: Builder) -> None:
    missed = await file(airline)
    found = await find(airline, tag=TAG)
    first = (await of(airline, missed))[0]
    await airline.stores.postgres.execute(
        "UPDATE pir_bags SET tag = NULL, description = 'WT99XXX' WHERE pir_id = $1", found
    )
    await propose(airline, found)
    assert await of(airline, missed) == []

    await airline.stores.postgres.execute("UPDATE pir_bags SET tag = $2 WHERE pir_id = $1", found, TAG)
    await propose(airline, found)
    again = (await of(airline, missed))[0]
    assert 50 <= again.score < first.score

    await propose(airline, found)
    assert [one.id for one in await of(airline, missed)] == [again.id], "a repeat changes nothing"


async def test_only_pairs_that_agree_are_proposed_and_the_best_of_them(
    airline: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await find(airline, tag="0230999999", name_on_bag="SMITH/JOHN", brand="Samsonite")
    missed = await file(airline)
    assert await of(airline, missed) == [], "brand and looks are outweighed"
    monkeypatch.setattr(match_commands, "MOST_PROPOSALS", 1)
    near = await find(airline, tag=TAG[:-1] + "0")
    same = await find(airline, tag=TAG)
    await airline.stores.postgres.execute("DELETE FROM pir_matches")
    await propose(airline, missed)
    assert [one.on_hand_pir_id for one in await of(airline, missed)] == [same]
    assert len({other, near, same}) == 3


async def test_closed_and_located_bags_are_not_matched(airline: Builder) -> None:
    missed = await file(airline)
    await close(airline, missed)
    located = await file(airline)
    await airline.stores.postgres.execute("UPDATE pir_bags SET state = 'LOCATED' WHERE pir_id = $1", located)
    await propose(airline, located)
    damaged = await file(airline, "DAMAGED")
    found = await find(airline, tag=TAG)
    assert await of(airline, found) == []
    keys = await airline.stores.postgres.fetch(
        "SELECT DISTINCT pir_id FROM match_keys WHERE pir_id = ANY($1)", [missed, located, damaged, found]
    )
    assert [row["pir_id"] for row in keys] == [found]


async def test_among_many_pirs_those_that_share_the_most_are_compared(
    airline: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match_commands, "MAX_CANDIDATES", 3)
    wanted = [await file(airline)]
    wanted.append(await file(airline, tag=TAG[:-1] + "0", bag_id=None, description="BU22RHW"))
    for number in range(6):
        await airline.bag(f"other {number}", f"02301110{number:02d}", None, ["CM335"])
        await file(airline, bags=(f"other {number}",), description="GN25LXX", contents="", brand="")
    asked: list[int] = []
    traced = store.traced

    async def noted(records: Reader, airline_id: int, pir_ids: Any) -> Any:
        asked.append(len(pir_ids))
        return await traced(records, airline_id, pir_ids)

    monkeypatch.setattr(store, "traced", noted)
    found = await find(airline, tag=TAG, name_on_bag="PENHA")
    assert asked == [1, 3]
    assert {one.delayed_pir_id for one in await of(airline, found)} >= set(wanted)


async def test_pirs_written_by_others_are_found_once_they_are_indexed(
    airline: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match_commands, "MAX_CANDIDATES", 1)
    missed = await file(airline)
    for _ in range(2):
        await file(airline, description="GN25LXX", tag=None, bag_id=None, contents="", brand="")
    await airline.stores.postgres.execute("DELETE FROM match_keys")
    assert await of(airline, await find(airline, tag=TAG)) == []
    await match_commands.index(airline.stores.postgres, airline.airline_id, [missed])
    assert [one.delayed_pir_id for one in await of(airline, await find(airline, tag=TAG))] == [missed]


async def test_the_number_of_statements_does_not_depend_on_pirs_and_bags(airline: Builder) -> None:
    counts = []
    for bags in (("missed",), ("missed",) * 5):
        await file(airline, bags=bags)
        found = await find(airline, tag=TAG)
        with count_statements() as counted:
            await propose(airline, found)
        counts.append(len(counted.names))
    assert counts[0] == counts[1] <= 10, counted.names


@pytest.mark.parametrize("file_first", [True, False])
async def test_a_pir_and_a_found_bag_at_the_same_time_see_each_other(airline: Builder, file_first: bool) -> None:
    missed, found = await file(airline), await find(airline, tag=TAG)
    await airline.stores.postgres.execute("DELETE FROM pir_matches")
    await airline.stores.postgres.execute("UPDATE pirs SET closed_at = now() WHERE id = ANY($1)", [missed, found])
    compared = asyncio.Event()

    async def come(pir_id: int, *, first: bool) -> None:
        async with airline.stores.postgres.transaction() as records:
            await records.execute("UPDATE pirs SET closed_at = NULL WHERE id = $1", pir_id)
            if not first:
                await compared.wait()
            await match_commands.propose(context(airline), records, pir_id)
            compared.set()
            await asyncio.sleep(0.1 * first)

    await asyncio.gather(come(missed, first=file_first), come(found, first=not file_first))
    assert len(await of(airline, missed)) == 1


async def test_texts_of_any_size_are_compared(airline: Builder) -> None:
    huge = "🧳 " + "ﷺ camisa, " * 20_000 + "\u202eropa"
    missed = await file(airline, contents=huge, brand="☂" * 1_000)
    await find(airline, tag=TAG, contents=huge, name_on_bag="x" * 5_000)
    [proposed] = await of(airline, missed)
    assert "CONTENTS" in elements(proposed.matched)
    assert max(len(one["found"]) for one in [*proposed.matched, *proposed.contradicting]) <= 200


# Deciding


async def nothing(_context: Context, _records: Reader, _match: Match) -> None:
    """A match without consequences."""


async def proposal(airline: Builder) -> Match:
    missed = await file(airline)
    await find(airline, tag=TAG)
    return (await of(airline, missed))[0]


async def test_a_confirmed_match_stays_and_its_rivals_are_rejected(airline: Builder) -> None:
    match = await proposal(airline)
    other = await file(airline)
    [rival] = await of(airline, other)
    decisions = []

    async def locate(_context: Context, records: Reader, decided: Match) -> None:
        decisions.append((decided.id, decided.state))
        assert (await store.by_id(records, airline.airline_id, [decided.id]))[decided.id].state == "CONFIRMED"

    confirmed = await match_commands.confirm(context(airline), match.id, locate)
    again = await match_commands.confirm(context(airline), match.id, locate)
    assert (confirmed.state, confirmed.decided_by) == ("CONFIRMED", "tester")
    assert again.decided_at == confirmed.decided_at
    assert decisions == [(match.id, "CONFIRMED")]
    with pytest.raises(InvalidState, match="without a confirmed match"):
        await match_commands.confirm(context(airline), rival.id, nothing)
    with pytest.raises(InvalidState, match="reinstate"):
        await match_commands.reject(context(airline), match.id)

    await propose(airline, match.on_hand_pir_id)
    assert [one.state for one in await of(airline, match.on_hand_pir_id)] == ["CONFIRMED", "PROPOSED"]
    audited = await airline.stores.postgres.fetch(
        "SELECT action, subjects FROM audit WHERE airline_id = $1 AND subject = 'MATCH'", airline.airline_id
    )
    assert [tuple(row) for row in audited] == [("CONFIRM_MATCH", [match.id])]


async def test_a_rejected_match_is_not_proposed_again(airline: Builder) -> None:
    match = await proposal(airline)
    rejected = await match_commands.reject(context(airline), match.id)
    assert await match_commands.reject(context(airline), match.id) == rejected
    for description, tag in (("GN22RHW", TAG), ("WT99XXX", None)):
        await airline.stores.postgres.execute(
            "UPDATE pir_bags SET description = $2, tag = $3 WHERE pir_id = $1", match.on_hand_pir_id, description, tag
        )
        await propose(airline, match.on_hand_pir_id)
        [kept] = await matches.by_ids(context(airline), [match.id])
        assert kept == rejected, "an agent's decision stays, whatever changes later"
    with pytest.raises(InvalidState, match="not REJECTED"):
        await match_commands.confirm(context(airline), match.id, nothing)


async def test_a_rejection_by_the_pirs_undoes_the_decision(airline: Builder) -> None:
    match = await proposal(airline)

    async def reject_for_pirs(*_: object) -> None:
        raise InvalidState("bags", "Bag 1 is delivered.")

    with pytest.raises(InvalidState):
        await match_commands.confirm(context(airline), match.id, reject_for_pirs)
    assert [one.state for one in await of(airline, match.delayed_pir_id)] == [MatchState.PROPOSED]


async def test_of_two_agents_one_confirms(airline: Builder) -> None:
    match = await proposal(airline)
    [rival] = await of(airline, await file(airline))
    outcomes = await asyncio.gather(
        *(match_commands.confirm(context(airline), one.id, nothing) for one in (match, rival)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["InvalidState", "Match"]


async def test_a_wrong_bag_can_be_matched_again(airline: Builder) -> None:
    match = await proposal(airline)
    await match_commands.confirm(context(airline), match.id, nothing)
    [rival] = await of(airline, await file(airline))
    async with airline.stores.postgres.transaction() as records:
        await match_commands.release(context(airline), records, match.delayed_pir_id, [1])
    assert (await match_commands.confirm(context(airline), rival.id, nothing)).state == "CONFIRMED"
    assert [one.state for one in await of(airline, match.delayed_pir_id)] == ["REJECTED"]


async def test_a_tag_switch_is_shown_by_a_confirmed_match_and_two_check_ins(airline: Builder) -> None:
    await airline.bag("other", "0230777777", None, ["CM335"])
    await airline.record(
        airline.scan(TAG, "ACCEPTED", "MIA", "10:30"), airline.scan("0230777777", "ACCEPTED", "MIA", "11:20")
    )
    missed = await file(airline)
    found = await find(airline, tag="0230777777", name_on_bag="PENA/JOSE")
    [match] = await of(airline, missed)
    records, airline_id = airline.stores.postgres, airline.airline_id
    assert await match_commands.tag_switch(records, airline_id, missed) is None, "no agent has confirmed it"

    confirmed = await match_commands.confirm(context(airline), match.id, nothing)
    assert confirmed.decided_at is not None
    expected = TagSwitch(TAG, "0230777777", "MIA", confirmed.decided_at)
    assert await match_commands.tag_switch(records, airline_id, missed) == expected
    await records.execute("UPDATE events SET at = at + interval '11 minutes' WHERE tag = '0230777777'")
    assert await match_commands.tag_switch(records, airline_id, missed) is None, "they were not checked in together"
    assert match.on_hand_pir_id == found


async def test_an_unknown_match_or_one_of_another_airline_is_not_found(airline: Builder, world: World) -> None:
    match = await proposal(airline)
    for caller, match_id in ((context(airline), 10**12), (context_of(world.stores), match.id)):
        with pytest.raises(NotFound):
            await match_commands.confirm(caller, match_id, nothing)
        with pytest.raises(NotFound):
            await match_commands.reject(caller, match_id)


async def test_lists_are_bounded(airline: Builder) -> None:
    for first in (0, 51):
        with pytest.raises(BadInput):
            await matches.of_pirs(context(airline), [], first=first)
