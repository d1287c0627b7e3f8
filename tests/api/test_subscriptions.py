"""Subscriptions through the schema and the hub: the updates that each subscriber receives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from integrations.records.changes import LogPosition, Topic
from integrations.records.deliveries import DeliveryReport, DeliveryStatus
from integrations.records.effects import EffectState, Service
from integrations.records.health import Health, HealthStatus, ServiceHealth
from integrations.stores.postgres import bags, changes, effects
from resolvers import flights
from resolvers.actor import Role
from resolvers.context import Context
from resolvers.ingestion import events as scans
from resolvers.ingestion.flight_updates import FlightChange
from resolvers.installation import Stores
from resolvers.live.health_watch import HealthWatch
from resolvers.live.hub import Hub, Live
from resolvers.notifications import delivery_reports
from schema.build import build_schema
from schema.fields.node import join
from schema.roots.subscription import CHANGES, Checkpoint
from schema.runtime.streaming import StreamedResult
from tests.executor import product_schema
from tests.gateway import Api
from tests.world import DELIVERED, LOADED, Builder, World, at, context_of

BAG = """subscription($ids:[ID!]!, $after:String){ bagUpdated(by:{ids:$ids}, after:$after){
    cursor delayMs bag{state} events{id} } }"""
FLIGHT = """subscription($id:ID!, $after:String){ flightBags(flightId:$id, after:$after){
    cursor delayMs bag{id} flight{gate} events{kind} } }"""


PIR = """subscription($by:PirBy!, $after:String){ pirUpdated(by:$by, after:$after){
    cursor delayMs pir{version effects{service state}} } }"""
COMMENT = "mutation($i:CommentPirInput!){commentPir(input:$i){userErrors{message}}}"
LOCATE = "mutation($i:LocateBagsInput!){locateBags(input:$i){userErrors{message}}}"
CANCEL = "mutation($i:EffectInput!){cancelEffect(input:$i){userErrors{message}}}"
RESEND = "mutation($i:EffectInput!){resendEffect(input:$i){userErrors{message}}}"
OPEN_INCIDENT = """
INSERT INTO incidents (airline_id, cause, flight_id, airport, opened_at, updated_at)
VALUES ($1, 'LATE_INBOUND', $2, 'PTY', now(), now())
RETURNING id
"""


async def nothing() -> Any:
    raise AssertionError("health is not checked here")


@pytest.fixture
def live(stores: Stores) -> Live:
    return Live(Hub(stores.postgres, timedelta(hours=24)), HealthWatch(nothing))


class Ear:
    """Receives the updates of one subscriber."""

    def __init__(self, answers: AsyncIterator[StreamedResult]) -> None:
        self._answers = answers

    async def hear(self) -> Any:
        """The value of the root field in the next result."""
        async with asyncio.timeout(10):
            streamed = await anext(self._answers)
        assert not streamed.result.errors, streamed.result.errors
        assert streamed.result.data is not None
        [value] = streamed.result.data.values()
        return value

    async def code(self) -> str:
        """The code of the error that ends the subscription."""
        async with asyncio.timeout(10):
            async for streamed in self._answers:
                if streamed.is_failure:
                    assert streamed.result.errors is not None
                    return str((streamed.result.errors[0].extensions or {})["code"])
        raise AssertionError("ended without an error")


@asynccontextmanager
async def listening(
    live: Live, builder: Builder, query: str, role: Role | None = Role.AGENT, **variables: Any
) -> AsyncIterator[Ear]:
    """A subscriber of the given airline."""

    @asynccontextmanager
    async def context() -> AsyncIterator[Context]:
        made = context_of(builder.stores, role, builder.airline_id)
        made.live = live
        yield made

    schema = product_schema()
    async with aclosing(schema.stream_operation(query, context, variables=variables)) as answers:
        yield Ear(answers)


async def scan(builder: Builder, tag: str, kind: str, at: str) -> str:
    """Records a scan and returns the event's id."""
    [recorded] = await scans.record_scans(
        context_of(builder.stores, Role.SERVICE, builder.airline_id), [builder.scan(tag, kind, "PTY", at)]
    )
    return str(recorded.event_id)


@pytest.fixture
async def bag(airline: Builder) -> str:
    """The global id of a bag of a separate airline."""
    await airline.bag("one", DELIVERED, None, ["CM335", "CM758"])
    return airline.id("Bag", "one")


async def test_changes_of_a_bag_arrive_with_their_events(live: Live, airline: Builder, bag: str) -> None:
    async with listening(live, airline, BAG, ids=[bag]) as ear:
        begin = await ear.hear()
        event = await scan(airline, DELIVERED, "ACCEPTED", "10:00")
        update = await ear.hear()

    assert (begin["bag"], begin["events"], begin["delayMs"]) == (None, [], None)
    assert (update["bag"], update["events"]) == ({"state": "ACCEPTED"}, [{"id": event}])
    assert 0 <= update["delayMs"] < 5_000


async def test_it_goes_on_behind_a_cursor(live: Live, airline: Builder, bag: str) -> None:
    async with listening(live, airline, BAG, ids=[bag]) as ear:
        begin = await ear.hear()
    events = [await scan(airline, DELIVERED, "POSITION", f"10:0{minute}") for minute in range(4)]
    async with listening(live, airline, BAG, ids=[bag], after=begin["cursor"]) as ear:
        first = await ear.hear()
    async with listening(live, airline, BAG, ids=[bag], after=first["cursor"]) as ear:
        others = [await ear.hear() for _ in range(4)]

    assert [one["events"] for one in (first, *others)] == [*([{"id": event}] for event in events), []]


async def test_a_late_commit_arrives_and_nothing_overtakes_it(live: Live, airline: Builder, bag: str) -> None:
    """Changes between the start and the commit of a transaction wait for its commit, and each arrives once."""
    postgres = airline.stores.postgres
    async with listening(live, airline, BAG, ids=[bag]) as ear:
        await ear.hear()
        async with postgres.transaction() as slow:
            await changes.insert_bag_changes(slow, airline.airline_id, [(airline.bags["one"], None)])
            event = await scan(airline, DELIVERED, "ACCEPTED", "10:00")
            waiting = asyncio.ensure_future(ear.hear())
            await asyncio.sleep(0.4)
            assert not waiting.done(), "an earlier log position is still uncommitted"
        heard = [await waiting, await ear.hear()]

    assert [one["events"] for one in heard] == [[], [{"id": event}]]


async def test_a_slow_subscriber_is_kept_few_changes_and_loses_none(
    live: Live, airline: Builder, bag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.live.feed.BUFFER_SIZE", 5)
    async with listening(live, airline, BAG, ids=[bag]) as slow, listening(live, airline, BAG, ids=[bag]) as quick:
        await slow.hear()
        await quick.hear()
        written, waiting = [], []
        for minute in range(30):
            written.append([{"id": await scan(airline, DELIVERED, "POSITION", f"10:{minute}")}])
            assert (await quick.hear())["events"] == written[-1]
            waiting.append(max(len(subscriber.buffer) for subscriber in live.hub.subscribers(airline.airline_id)))
        heard = [(await slow.hear())["events"] for _ in written]
        up_to_date = await slow.hear()

        assert max(waiting) == 5
        assert heard == written
        assert up_to_date["bag"] is None
        written.append([{"id": await scan(airline, DELIVERED, "POSITION", "11:00")}])
        assert [(await ear.hear())["events"] for ear in (slow, quick)] == written[-1:] * 2


async def test_a_subscriber_joins_the_feed_only_after_catching_up(
    live: Live, airline: Builder, bag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that arrives while a new subscriber reads the log is not lost."""
    written: list[Any] = []
    async with listening(live, airline, BAG, ids=[bag]) as old, listening(live, airline, BAG, ids=[bag]) as new:
        await old.hear()
        read, this = changes.read_after, asyncio.current_task()

        async def read_slowly(*arguments: Any) -> changes.LogPage:
            page = await read(*arguments)
            if asyncio.current_task() is this and not written:
                written.append([{"id": await scan(airline, DELIVERED, "ACCEPTED", "10:00")}])
                assert (await old.hear())["events"] == written[0]
            return page

        monkeypatch.setattr(changes, "read_after", read_slowly)
        while not (update := await new.hear())["events"]:
            assert not written, "caught up without the change"
    assert update["events"] == written[0]


async def test_a_subscriber_that_caught_up_receives_no_duplicates(
    live: Live, airline: Builder, bag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscriber falls back to the log and catches up while the feed still fetches the same change."""
    async with listening(live, airline, BAG, ids=[bag]) as ear:
        await ear.hear()
        [subscriber] = live.hub.subscribers(airline.airline_id)
        this, heard, caught_up = asyncio.current_task(), list[Any](), asyncio.Event()

        async def fetch_slowly(*arguments: Any) -> Any:
            if asyncio.current_task() is not this and not heard:
                heard.append(None)
                subscriber.fall_back()
                heard[:] = [await ear.hear(), await ear.hear()]
                caught_up.set()
            return await bags.by_id(*arguments)

        monkeypatch.setattr("resolvers.live.feed.bags", SimpleNamespace(by_id=fetch_slowly))
        first = await scan(airline, DELIVERED, "ACCEPTED", "10:00")
        await caught_up.wait()
        second = await scan(airline, DELIVERED, "SORTED", "10:01")
        heard.append(await ear.hear())
    assert [one["events"] for one in heard] == [[{"id": first}], [], [{"id": second}]]


@pytest.mark.parametrize("hours", [23, 25])
async def test_a_cursor_lasts_for_a_day(live: Live, airline: Builder, bag: str, hours: int) -> None:
    async with listening(live, airline, BAG, ids=[bag]) as ear:
        await ear.hear()
        event = await scan(airline, DELIVERED, "ACCEPTED", "10:00")
        update = await ear.hear()
        await scan(airline, DELIVERED, "SORTED", "11:00")
    context = context_of(airline.stores, airline_id=airline.airline_id)
    xid, position, item, timestamp = CHANGES.key(context, update["cursor"], "after")
    aged = CHANGES.cursor(context, Checkpoint(xid, position, item, timestamp - timedelta(hours=hours)))
    async with listening(live, airline, BAG, ids=[bag], after=aged) as ear:
        if hours > 24:
            assert await ear.code() == "CURSOR_EXPIRED"
        else:
            assert event not in str(await ear.hear())


async def test_a_cursor_of_another_servers_log_is_refused(live: Live, airline: Builder, bag: str) -> None:
    """A restored copy of the database runs on a server with separate transaction ids."""
    context = context_of(airline.stores, airline_id=airline.airline_id)
    later = CHANGES.cursor(context, Checkpoint(2**62, 1, 1, datetime.now(UTC)))
    async with listening(live, airline, BAG, ids=[bag], after=later) as ear:
        assert await ear.code() == "CURSOR_EXPIRED"


async def test_old_changes_are_dropped(live: Live, airline: Builder, bag: str) -> None:
    await scan(airline, DELIVERED, "ACCEPTED", "10:00")
    records = airline.stores.postgres
    old = "UPDATE changes SET at = at - interval '2 days' WHERE airline_id = $1"
    await records.execute(old, airline.airline_id, name="AGE")
    await scan(airline, DELIVERED, "SORTED", "11:00")
    async with records.transaction() as session:
        assert await changes.delete_old(session, timedelta(days=1), 10) == 1
        left = await changes.read_after(session, airline.airline_id, LogPosition(0, 0, 0), 10)
    # The deletion's own transaction limits the horizon, but hides no change that was committed before.
    assert len(left.rows) == 1


async def test_a_flight_receives_changes_of_itself_and_its_bags(live: Live, airline: Builder, bag: str) -> None:
    await airline.bag("elsewhere", LOADED, None, ["CM411"])
    async with listening(live, airline, FLIGHT, id=airline.id("Flight", "CM335")) as ear:
        await ear.hear()
        await scan(airline, LOADED, "ACCEPTED", "10:00")
        await scan(airline, DELIVERED, "ACCEPTED", "10:01")
        context = context_of(airline.stores, Role.SERVICE, airline.airline_id)
        await flights.update(context, airline.flights["CM335"], FlightChange(gate="B7"))
        updates = [await ear.hear(), await ear.hear()]

    assert [(one["bag"], one["flight"], one["events"]) for one in updates] == [
        ({"id": bag}, None, [{"kind": "ACCEPTED"}]),
        (None, {"gate": "B7"}, []),
    ]


async def test_boards_and_incidents_receive_changes_of_their_airport(
    live: Live, airline: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pages of the log split the transaction."""
    monkeypatch.setattr("resolvers.live.feed.ROWS_PER_READ", 1)
    board = 'subscription{connectionBoardChanged(airport:"pty"){airport delayMs board{airport}}}'
    opened = 'subscription{incidentOpened(airport:"PTY"){incident{airport flight{designator}}}}'
    records, airline_id = airline.stores.postgres, airline.airline_id
    async with listening(live, airline, board) as of_board, listening(live, airline, opened) as of_incidents:
        begin = await of_board.hear(), await of_incidents.hear()
        async with records.transaction() as session:
            incident_id = await session.fetchval(OPEN_INCIDENT, airline_id, airline.flights["CM335"], name="OPEN")
            await changes.insert_change(session, airline_id, Topic.BOARD, airport="BOG")
            await changes.insert_change(session, airline_id, Topic.BOARD, airport="PTY")
            await changes.insert_change(session, airline_id, Topic.INCIDENT, [incident_id], "BOG")
            await changes.insert_change(session, airline_id, Topic.INCIDENT, [incident_id], "PTY")
        updates = await of_board.hear(), await of_incidents.hear()

    assert begin == ({"airport": None, "delayMs": None, "board": None}, {"incident": None})
    assert (updates[0]["airport"], updates[0]["board"]) == ("PTY", {"airport": "PTY"})
    assert updates[1] == {"incident": {"airport": "PTY", "flight": {"designator": f"{airline.carrier}335"}}}


class PirChanges:
    """Changes of a PIR and of its effects; each method is one transaction."""

    def __init__(self, api: Api, airline: Builder) -> None:
        self._api = api
        self._airline = airline
        self.id = airline.id("Pir", "GRUCM12345")

    async def do(self, mutation: str, **i: Any) -> None:
        data = await self._api.ask(mutation, airline_id=self._airline.airline_id, i=i)
        [payload] = data.values()
        assert payload["userErrors"] == []

    async def sms(self) -> int:
        """The id of the PIR's only SMS."""
        pir, postgres = self._airline.pirs["GRUCM12345"], self._airline.stores.postgres
        requested = await effects.of_pirs(postgres, self._airline.airline_id, [pir])
        [sms] = [effect.id for effect in requested if effect.service == Service.SMS]
        return sms

    async def deliver(self) -> None:
        """Reports the SMS as delivered after it was accepted."""
        postgres, airline_id = self._airline.stores.postgres, self._airline.airline_id
        effect_id = await self.sms()
        await effects.mark_sending(postgres, airline_id, effect_id, datetime.now(UTC))
        await effects.update_state(postgres, airline_id, effect_id, EffectState.ACCEPTED, provider_id="SM1")
        now = datetime.now(UTC)
        report = DeliveryReport(Service.SMS, "r1", "SM1", None, DeliveryStatus.DELIVERED, now)
        await delivery_reports.receive_reports(postgres, airline_id, [report], lambda: now)


@pytest.fixture
async def pir(api: Api, airline: Builder) -> PirChanges:
    """A PIR of a separate airline, beside another one."""
    for reference in ("GRUCM12345", "GRUCM12346"):
        await airline.pir(reference, "DELAYED", "GRU", None, [None], at("17:00"))
    return PirChanges(api, airline)


async def test_changes_of_a_pir_and_of_its_effects_arrive_once_each(
    live: Live, airline: Builder, pir: PirChanges
) -> None:
    async with listening(live, airline, PIR, by={"id": pir.id}) as ear:
        begin = await ear.hear()
        await pir.do(COMMENT, pirId=airline.id("Pir", "GRUCM12346"), comment="of another one")
        await pir.do(COMMENT, pirId=pir.id, comment="of this one")
        heard = [await ear.hear()]
        await pir.do(LOCATE, pirId=pir.id, airport="GRU")
        heard.append(await ear.hear())
        effect = {"effectId": join("Effect", await pir.sms())}
        await pir.do(CANCEL, **effect)
        heard.append(await ear.hear())
        await pir.do(RESEND, **effect)
        heard.append(await ear.hear())
        await pir.deliver()
        heard.append(await ear.hear())
    async with listening(live, airline, PIR, by={"reference": "GRUCM12345"}, after=begin["cursor"]) as ear:
        again = [await ear.hear() for _ in range(6)]
    async with listening(live, airline, PIR, by={"id": pir.id}, after=heard[2]["cursor"]) as ear:
        rest = [await ear.hear() for _ in range(3)]

    assert (begin["pir"], begin["delayMs"]) == (None, None)
    states = [[one["state"] for one in update["pir"]["effects"] if one["service"] == "SMS"] for update in heard]
    assert states == [[], ["PENDING"], ["CANCELLED"], ["PENDING"], ["DELIVERED"]]
    assert [one["pir"]["version"] for one in heard] == [2, 3, 3, 3, 3]
    assert all(0 <= one["delayMs"] < 5_000 for one in heard)
    assert [one["cursor"] for one in again[:5]] == [one["cursor"] for one in heard]
    assert [one["cursor"] for one in rest[:2]] == [one["cursor"] for one in heard[3:]]
    assert again[5]["pir"] is rest[2]["pir"] is None, "up to date"


async def test_changes_of_health_arrive(airline: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.live.health_watch.HEALTH_SECONDS", 0.05)
    asked = []

    async def check() -> Health:
        asked.append(1)
        well = len(asked) not in (3, 4)
        service = ServiceHealth("cache", HealthStatus.HEALTHY if well else HealthStatus.UNHEALTHY, 1.0, {})
        return Health(HealthStatus.HEALTHY if well else HealthStatus.DEGRADED, "1", datetime.now(UTC), [service])

    live = Live(Hub(airline.stores.postgres, timedelta(hours=1)), HealthWatch(check))
    async with listening(live, airline, "subscription{healthChanged{status}}", Role.MONITOR) as ear:
        heard = [(await ear.hear())["status"] for _ in range(3)]
    before = len(asked)
    await asyncio.sleep(0.2)

    assert heard == ["HEALTHY", "DEGRADED", "HEALTHY"]
    assert len(asked) == before, "no checks run without subscribers"


async def test_another_airline_hears_nothing(live: Live, world: World, airline: Builder, bag: str) -> None:
    async with listening(live, world.theirs, BAG, ids=[bag]) as ear:
        assert await ear.code() == "NOT_FOUND"
    async with listening(live, airline, BAG, ids=[bag]) as ear:
        cursor = (await ear.hear())["cursor"]
    their_bag = world.theirs.id("Bag", "delivered")
    async with listening(live, world.theirs, BAG, ids=[their_bag], after=cursor) as ear:
        assert await ear.code() == "BAD_USER_INPUT", "a cursor is valid for one airline only"


WATCH = {
    "bagUpdated": '(by:{tag:"0230456781"}){cursor}',
    "flightBags": '(flightId:"x"){cursor}',
    "connectionBoardChanged": '(airport:"PTY"){cursor}',
    "pirUpdated": '(by:{reference:"GRUCM12345"}){cursor}',
    "incidentOpened": "{cursor}",
    "healthChanged": "{status}",
}


def test_every_subscription_is_tried() -> None:
    subscriptions = build_schema()._schema.subscription_type
    assert subscriptions is not None
    assert sorted(subscriptions.fields) == sorted(WATCH)


@pytest.mark.parametrize("field", WATCH)
async def test_who_may_not_ask_may_not_watch(live: Live, world: World, field: str) -> None:
    async with listening(live, world.ours, f"subscription{{{field}{WATCH[field]}}}", None) as ear:
        assert await ear.code() == "UNAUTHENTICATED"
    if field != "healthChanged":
        async with listening(live, world.ours, f"subscription{{{field}{WATCH[field]}}}", Role.MONITOR) as ear:
            assert await ear.code() == "FORBIDDEN"


@pytest.mark.parametrize(("role", "surname"), [(Role.AGENT, "González"), (Role.ANALYST, "G***")])
async def test_names_are_masked_by_role_in_streams_too(live: Live, airline: Builder, role: Role, surname: str) -> None:
    contact = (None, None, None, "ES", "+15555550144", "carlos@example.org")
    await airline.passenger("gonzalez", "F7K2QX", "González", "Carlos", *contact)
    await airline.bag("one", DELIVERED, "gonzalez", ["CM335"])
    query = "subscription($ids:[ID!]!){bagUpdated(by:{ids:$ids}){bag{passenger{surname}}}}"
    async with listening(live, airline, query, role, ids=[airline.id("Bag", "one")]) as ear:
        await ear.hear()
        await scan(airline, DELIVERED, "ACCEPTED", "10:00")
        assert await ear.hear() == {"bag": {"passenger": {"surname": surname}}}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("by:{ids:[]}", "BAD_USER_INPUT"),
        ('by:{ids:["x"]}', "BAD_USER_INPUT"),
        ("by:{}", "GRAPHQL_VALIDATION_FAILED"),
        ('by:{tag:"0999999999"}', "NOT_FOUND"),
        ('by:{tag:"0230456781"}, after:"AAAA"', "BAD_USER_INPUT"),
    ],
)
async def test_what_cannot_be_watched(live: Live, world: World, arguments: str, code: str) -> None:
    query = f"subscription{{bagUpdated({arguments}){{cursor}}}}"
    async with listening(live, world.ours, query) as ear:
        assert await ear.code() == code
