"""Bookmarks of Neo4j on a real server: what is sent, and bookmarks that the server does not reach or cannot read."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic
from urllib.parse import urlsplit

import pytest
from neo4j import AsyncGraphDatabase, Bookmarks

from gateway.lifespan import open_serving_stores, open_stores
from integrations.errors import Unavailable
from integrations.stores.neo4j.manager import Neo4jManager
from tests.conftest import Neo4jCredentials
from tests.gateway import settings_for

READ = "RETURN 1 AS one"
WRITE = "MERGE (n:Note {id: 1}) SET n.at = timestamp() RETURN 1 AS one"
MARK = b"FB:"


class Recorder:
    """A TCP relay that keeps what clients send."""

    def __init__(self, target: int) -> None:
        self.sent = bytearray()
        self._target = target

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target)

        async def relay(source: asyncio.StreamReader, sink: asyncio.StreamWriter, record: bool) -> None:
            with suppress(OSError):
                while data := await source.read(65_536):
                    if record:
                        self.sent += data
                    sink.write(data)
                    await sink.drain()
            sink.close()

        await asyncio.gather(relay(reader, server_writer, True), relay(server_reader, writer, False))


@asynccontextmanager
async def recorded(neo4j: Neo4jCredentials, *, bookmarks: bool) -> AsyncIterator[tuple[Neo4jManager, Recorder]]:
    """A manager whose requests are recorded."""
    port = urlsplit(neo4j.uri).port
    assert port is not None
    recorder = Recorder(port)
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0)
    own_port = server.sockets[0].getsockname()[1]
    manager = Neo4jManager(f"bolt://127.0.0.1:{own_port}", neo4j.user, neo4j.password, bookmarks=bookmarks)
    await manager.connect()
    try:
        yield manager, recorder
    finally:
        await manager.disconnect()
        server.close()


@pytest.fixture
async def neo4j(neo4j_credentials: Neo4jCredentials) -> AsyncIterator[Neo4jManager]:
    manager = Neo4jManager(*neo4j_credentials, bookmarks=True)
    await manager.connect()
    yield manager
    await manager.disconnect()


async def bookmarks_of(manager: Neo4jManager) -> list[str]:
    assert manager._bookmarks is not None
    return list(await manager._bookmarks.get_bookmarks())


def hold(manager: Neo4jManager, bookmark: str) -> None:
    """Makes a bookmark that of the last call."""
    manager._bookmarks = AsyncGraphDatabase.bookmark_manager(Bookmarks.from_raw_values([bookmark]))


async def later_than_any(manager: Neo4jManager) -> str:
    """A bookmark of this database whose transaction does not exist, as after a restore of an older backup."""
    await manager.execute_write(WRITE)
    [bookmark] = await bookmarks_of(manager)
    fields = base64.b64decode(bookmark.removeprefix(MARK.decode()) + "==")
    # PackStream: a list of the database's id (16 bytes behind 3) and the number of the transaction, an integer.
    later = fields[:19] + b"\xca\x7f\xff\xff\xff" + fields[-1:]
    return MARK.decode() + base64.b64encode(later).decode().rstrip("=")


async def test_a_call_carries_the_bookmark_of_the_call_before_it(neo4j_credentials: Neo4jCredentials) -> None:
    async with recorded(neo4j_credentials, bookmarks=True) as (manager, recorder):
        await manager.execute_write(WRITE)
        [written] = await bookmarks_of(manager)
        recorder.sent.clear()
        await manager.execute_read(READ)
        assert written.encode() in recorder.sent

        [read] = await bookmarks_of(manager)
        recorder.sent.clear()
        await manager.execute_write_many([(WRITE, None, "WRITE")])
        assert read.encode() in recorder.sent
        assert await bookmarks_of(manager) != [read]


async def test_no_bookmark_is_sent_unless_asked_for(neo4j_credentials: Neo4jCredentials) -> None:
    async with recorded(neo4j_credentials, bookmarks=False) as (manager, recorder):
        await manager.execute_write(WRITE)
        await manager.execute_read(READ)
        assert b"MERGE" in recorder.sent
        assert MARK not in recorder.sent


async def test_a_bookmark_that_the_server_never_reaches_costs_one_call(neo4j: Neo4jManager) -> None:
    """Given a server with an older state, one call waits for its deadline; the server counts as up all the time."""
    hold(neo4j, await later_than_any(neo4j))
    started = monotonic()
    with pytest.raises(Unavailable):
        await neo4j.execute_read(READ, timeout=0.6)
    assert 0.5 < monotonic() - started < 3.0
    assert (await neo4j.health_check())["status"] != "unhealthy"
    assert await neo4j.execute_read(READ, timeout=5) == [{"one": 1}]
    assert await neo4j.execute_write(WRITE, timeout=5) == [{"one": 1}]


async def test_a_bookmark_that_the_server_cannot_read_costs_no_call(neo4j: Neo4jManager) -> None:
    for call in (neo4j.execute_read, neo4j.execute_write):
        hold(neo4j, "FB:nonsense")
        assert await call(WRITE if call == neo4j.execute_write else READ) == [{"one": 1}]
        assert "FB:nonsense" not in await bookmarks_of(neo4j)


async def test_a_server_that_was_down_is_followed_without_bookmarks(neo4j: Neo4jManager) -> None:
    await neo4j.execute_write(WRITE)
    neo4j._on_down()
    assert await bookmarks_of(neo4j) == []


async def test_workers_and_commands_follow_bookmarks_and_serving_processes_do_not(
    migrated_url: str, redis_url: str, neo4j_credentials: Neo4jCredentials
) -> None:
    settings = settings_for(migrated_url, redis_url, neo4j_credentials)
    async with open_stores(settings) as stores:
        await stores.neo4j.execute_write(WRITE)
        assert await bookmarks_of(stores.neo4j)
    async with open_serving_stores(settings) as stores:
        assert stores.neo4j._bookmarks is None
