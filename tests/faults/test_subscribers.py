"""Subscribers of a gateway in a process of its own: each event arrives once, through cuts, kills and restarts."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.config import Settings
from gateway.http.jwt import issue_token
from gateway.supervisor import Program
from integrations.embedded.redis import EmbeddedRedis
from integrations.stores.postgres import changes
from resolvers.actor import Role
from resolvers.ingestion import events as scans
from resolvers.installation import Stores
from tests.conftest import Neo4jCredentials
from tests.faults.processes import eventually
from tests.faults.test_gateway_stores import killed, serve
from tests.gateway import SECRET, credential, settings_for
from tests.subscribers import PROTOCOL, events, hear, over_events, over_socket, say, socket
from tests.world import DELIVERED, LOADED, OURS, Builder, context_of, open_stores, our_day

QUERY = "subscription($ids:[ID!]!, $after:String){bagUpdated(by:{ids:$ids}, after:$after){cursor events{id}}}"
TAGS = (DELIVERED, LOADED)

Open = Callable[[int, str, Mapping[str, Any]], AbstractAsyncContextManager[AsyncIterator[Any]]]


@dataclass
class Gateway:
    """Running processes, and the test's own connections to the stores."""

    program: Program
    port: int
    client: httpx.AsyncClient
    stores: Stores
    ours: Builder
    redis: EmbeddedRedis
    minutes: Any

    @property
    def bag_ids(self) -> list[str]:
        """Ids of the watched bags."""
        return [self.ours.id("Bag", "delivered"), self.ours.id("Bag", "loaded")]

    async def scan(self, *tags: str) -> list[str]:
        """Records one new scan of each tag in one transaction; returns the ids of the events."""
        minute = next(self.minutes)
        new_scans = [
            self.ours.scan(tag, "POSITION", "PTY", f"+{minute // 60 % 24:02}:{minute % 60:02}", place=f"P{minute}")
            for tag in tags
        ]
        recorded = await scans.record_scans(context_of(self.stores, Role.SERVICE), new_scans)
        return [str(one.event_id) for one in recorded]


@pytest.fixture(scope="module")
async def settings(migrated_url: str, redis_url: str, neo4j_credentials: Neo4jCredentials) -> Settings:
    return settings_for(migrated_url, redis_url, neo4j_credentials)


@pytest.fixture(scope="module")
async def gateway(
    settings: Settings, embedded_redis: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("processes")
    async with open_stores(settings) as stores, serve(settings, folder, "gateway") as (program, client):
        port = client.base_url.port
        assert port is not None
        yield Gateway(program, port, client, stores, await our_day(stores), embedded_redis, count())


ENOUGH_CUTS = 6
ENOUGH_EVENTS = 150


class Subscriber:
    """Receives events until it is stopped, and reconnects with its cursor after each cut.

    Args:
        patience: seconds after which it cuts the connection itself, at random up to twice that.
    """

    def __init__(self, gateway: Gateway, over: Open, patience: float) -> None:
        self._gateway = gateway
        self._over = over
        self._patience = patience
        self.received: Counter[str] = Counter()
        self.cursor: str | None = None
        self.started = asyncio.Event()
        self.cuts = -1

    async def run(self) -> None:
        while True:
            self.cuts += 1
            try:
                async with asyncio.timeout(random.uniform(0, 2 * self._patience)):
                    await self._listen()
            except (TimeoutError, OSError, httpx.HTTPError, ConnectionClosed, InvalidStatus, AssertionError):
                await asyncio.sleep(0.05)

    async def _listen(self) -> None:
        variables = {"ids": self._gateway.bag_ids, "after": self.cursor}
        async with self._over(self._gateway.port, QUERY, variables) as messages:
            async for data in messages:
                # Messages that a cut loses between the two lines were not received.
                self.received.update(event["id"] for event in data["bagUpdated"]["events"])
                self.cursor = data["bagUpdated"]["cursor"]
                self.started.set()


@asynccontextmanager
async def subscribed(gateway: Gateway, over: Open, patience: float = 0.3) -> AsyncIterator[Subscriber]:
    """A subscriber that has received its first message."""
    subscriber = Subscriber(gateway, over, patience)
    task = asyncio.create_task(subscriber.run())
    try:
        async with asyncio.timeout(20):
            await subscriber.started.wait()
        yield subscriber
    finally:
        task.cancel()
        await asyncio.wait([task])


async def write(gateway: Gateway, seconds: float) -> list[str]:
    """Three concurrent writers, and transactions that stay open beside them, so that commits are out of order."""
    written: list[str] = []
    end = monotonic() + seconds

    async def scanning() -> None:
        while monotonic() < end:
            written.extend(await gateway.scan(*random.choice([TAGS, TAGS[:1], TAGS[1:]])))
            await asyncio.sleep(random.uniform(0, 0.02))

    async def holding() -> None:
        while monotonic() < end:
            async with gateway.stores.postgres.transaction() as slow:
                await changes.insert_bag_changes(slow, OURS, [(gateway.ours.bags["delivered"], None)])
                await asyncio.sleep(random.uniform(0, 0.3))

    await asyncio.gather(scanning(), scanning(), scanning(), holding(), holding())
    return written


async def received_all(subscriber: Subscriber, written: Sequence[str]) -> None:
    """Waits until the subscriber has received every event; checks that each arrived once and no other did."""

    async def everything() -> bool:
        return subscriber.received.keys() >= set(written)

    await eventually(everything, 30)
    await asyncio.sleep(0.3)
    assert subscriber.received == Counter(written)


BOTH = pytest.mark.parametrize("over", [over_socket, over_events])


@BOTH
async def test_a_subscriber_that_is_cut_off_receives_each_event_once(gateway: Gateway, over: Open) -> None:
    async with subscribed(gateway, over) as subscriber:
        written: list[str] = []
        async with asyncio.timeout(60):
            while subscriber.cuts < ENOUGH_CUTS or len(written) < ENOUGH_EVENTS:
                written += await write(gateway, 1.0)
        await received_all(subscriber, written)


@BOTH
async def test_restarts_of_the_gateway_and_redis_lose_nothing(gateway: Gateway, over: Open) -> None:
    async with subscribed(gateway, over, patience=100.0) as subscriber:
        writing = asyncio.create_task(write(gateway, 6.0))
        async with killed(gateway.redis):
            await asyncio.sleep(1.0)
            await gateway.program.stop()
            await asyncio.sleep(0.5)
        await gateway.program.start(print)
        await received_all(subscriber, await writing)
    assert subscriber.cuts >= 1


# The protocol


async def closed_with(port: int, *messages: str, **options: Any) -> int:
    """Code with which the server closes a connection after these messages."""
    async with connect(f"ws://127.0.0.1:{port}/graphql", proxy=None, **options) as connection:
        for message in messages:
            await connection.send(message)
        with pytest.raises(ConnectionClosed) as ended:
            await _to_the_end(connection)
    assert ended.value.rcvd is not None
    return int(ended.value.rcvd.code)


async def _to_the_end(connection: ClientConnection) -> None:
    while True:
        await hear(connection)


INIT = '{"type":"connection_init"}'
SUBSCRIBE = '{"id":"1","type":"subscribe","payload":{"query":"subscription{healthChanged{status}}"}}'
BAD = '{"type":"connection_init","payload":{"authorization":"Bearer x"}}'


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        (["5"], 4400),
        (["{"], 4400),
        ([INIT, '{"type":"what"}'], 4400),
        ([INIT, '{"type":"subscribe","payload":{"query":"{a}"}}'], 4400),
        ([INIT, '{"id":"1","type":"subscribe","payload":7}'], 4400),
        ([SUBSCRIBE], 4401),
        ([BAD], 4403),
        ([INIT, INIT], 4429),
    ],
)
async def test_protocol_violations_close_the_connection(gateway: Gateway, messages: list[str], code: int) -> None:
    assert await closed_with(gateway.port, *messages, subprotocols=[PROTOCOL]) == code


async def test_other_protocols_and_other_origins_are_rejected(gateway: Gateway) -> None:
    assert await closed_with(gateway.port, subprotocols=["graphql-ws"]) == 4406
    with pytest.raises(InvalidStatus) as rejected:
        await closed_with(gateway.port, subprotocols=[PROTOCOL], origin="https://other.example")
    assert rejected.value.response.status_code == 403
    own = f"http://127.0.0.1:{gateway.port}"
    assert await closed_with(gateway.port, INIT, INIT, subprotocols=[PROTOCOL], origin=own) == 4429


async def test_an_id_is_used_once_at_a_time(gateway: Gateway) -> None:
    async with socket(gateway.port) as connection:
        payload = {"query": "subscription{healthChanged{status}}"}
        await say(connection, id="1", type="subscribe", payload=payload)
        assert (await hear(connection))["payload"]["data"]["healthChanged"]["status"]
        await say(connection, id="1", type="complete")
        await say(connection, id="1", type="subscribe", payload=payload)
        assert (await hear(connection))["type"] == "next"
        await say(connection, id="1", type="subscribe", payload=payload)
        with pytest.raises(ConnectionClosed) as ended:
            await hear(connection)
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 4409


async def test_queries_pings_and_errors_on_one_socket(gateway: Gateway) -> None:
    async with socket(gateway.port) as connection:
        await say(connection, type="ping", payload={"a": 1})
        assert await hear(connection) == {"type": "pong", "payload": {"a": 1}}
        await say(connection, id="q", type="subscribe", payload={"query": f'{{bag(by:{{tag:"{DELIVERED}"}}){{tag}}}}'})
        assert await hear(connection) == {
            "id": "q",
            "type": "next",
            "payload": {"data": {"bag": {"tag": DELIVERED}}},
        }
        assert await hear(connection) == {"id": "q", "type": "complete"}
        for number, query in enumerate(["{", "{nothing}", "subscription{bagUpdated(by:{ids:[]}){cursor}}"]):
            await say(connection, id=str(number), type="subscribe", payload={"query": query})
            response = await hear(connection)
            assert (response["id"], response["type"]) == (str(number), "error")
            assert response["payload"][0]["extensions"]["code"]


async def test_a_stream_ends_with_its_token(gateway: Gateway) -> None:
    token = issue_token(SECRET, Role.AGENT, OURS, timedelta(seconds=1))
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {token}"}
    query = {"query": "subscription{healthChanged{status}}"}
    async with gateway.client.stream("GET", "/graphql", params=query, headers=headers) as response:
        messages = [event async for event in events(response)]
    assert [event["event"] for event in messages] == ["next", "next", "complete"]
    assert "UNAUTHENTICATED" in messages[1]["data"]
    init = f'{{"type":"connection_init","payload":{{"authorization":"Bearer {token}"}}}}'
    assert await closed_with(gateway.port, init, SUBSCRIBE, subprotocols=[PROTOCOL]) == 4403


@pytest.mark.parametrize(
    ("method", "query", "expected"),
    [
        ("GET", "{health{status}}", '"data":{"health"'),
        ("GET", "mutation{recordScans(input:{scans:[]}){results{outcome}}}", "METHOD_NOT_ALLOWED"),
        ("POST", "{nothing}", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_other_operations_are_one_event(gateway: Gateway, method: str, query: str, expected: str) -> None:
    headers = {"Accept": "text/event-stream", **credential(Role.ADMIN)}
    arguments: Any = {"params": {"query": query}} if method == "GET" else {"json": {"query": query}}
    async with gateway.client.stream(method, "/graphql", headers=headers, **arguments) as response:
        messages = [event async for event in events(response)]
    assert [event["event"] for event in messages] == ["next", "complete"]
    assert expected in messages[0]["data"]


async def test_a_subscription_is_not_a_query(gateway: Gateway) -> None:
    response = await gateway.client.post("/graphql", json={"query": QUERY}, headers=credential(Role.AGENT))
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (406, "NOT_ACCEPTABLE")


async def test_streams_end_when_the_process_is_stopped(gateway: Gateway) -> None:
    async with (
        socket(gateway.port) as connection,
        over_events(gateway.port, QUERY, {"ids": gateway.bag_ids}) as messages,
    ):
        await say(connection, id="1", type="subscribe", payload={"query": QUERY, "variables": {"ids": gateway.bag_ids}})
        await hear(connection)
        await anext(messages)
        started = monotonic()
        stopping = asyncio.create_task(gateway.program.stop())
        with pytest.raises(ConnectionClosed) as ended:
            await hear(connection)
        assert [data async for data in messages] == [], "not complete: the client is to reconnect"
        await stopping
        assert monotonic() - started < 5.0
    await gateway.program.start(print)
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1012
