"""Metrics of several processes of one pod, and the port of processes without requests."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.config import Settings
from gateway.errors import CommandError
from gateway.http import siblings
from gateway.worker_endpoint import HANGS_AFTER_SECONDS, worker_app, worker_endpoint
from integrations.embedded.server import free_port
from resolvers.actor import Role
from resolvers.installation import Stores
from resolvers.workers.projector import Projector
from tests.api.test_metrics import figures
from tests.faults.processes import eventually
from tests.gateway import NO_PARTNERS, SECRET, Api, credential
from tests.world import SIGNING_KEY

MONITOR = credential(Role.MONITOR)


@asynccontextmanager
async def serving_processes(settings: Settings, count: int) -> AsyncIterator[httpx.AsyncClient]:
    """Serving processes of one command, on one port."""
    port = free_port()
    environment = {
        **os.environ,
        "NEON_DATABASE_URL": settings.neon_database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "NEO4J_URI": settings.neo4j_uri,
        "NEO4J_PASSWORD": settings.neo4j_password.get_secret_value(),
        "JWT_SECRET": SECRET,
        "SECRET_KEY": SIGNING_KEY.decode(),
        "EXTERNAL_SERVICES": NO_PARTNERS,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WORKERS": str(count),
        "POSTGRES_CONNECTIONS": "2",
        "LOG_LEVEL": "ERROR",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "serve", env=environment, cwd=Path(__file__).parents[2]
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client:
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def processes_in(client: httpx.AsyncClient) -> set[str]:
    """The processes whose series are in one scrape."""
    try:
        text = (await client.get("/metrics", headers=MONITOR)).text
    except httpx.HTTPError:
        return set()
    return {line.split('process="')[1].split('"')[0] for line in text.splitlines() if line.startswith("gateway_plans{")}


async def test_every_scrape_shows_all_processes_and_none_that_has_ended(settings: Settings, stores: Stores) -> None:
    async with serving_processes(settings, 3) as client:

        async def all_are_there() -> bool:
            return len(await processes_in(client)) == 3

        await eventually(all_are_there, 60)
        before = await processes_in(client)
        for _ in range(10):  # each on a connection of its own, so that any process gets it
            async with httpx.AsyncClient(base_url=client.base_url, trust_env=False, timeout=10) as another:
                assert await processes_in(another) == before
        killed = int(min(before))
        psutil.Process(killed).kill()

        async def replaced() -> bool:
            found = await processes_in(client)
            return len(found) == 3 and str(killed) not in found

        await eventually(replaced, 60)


async def test_a_process_that_hangs_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(siblings, "READ_SECONDS", 0.1)

    asked = asyncio.Event()
    hanging: list[asyncio.StreamWriter] = []

    async def never(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hanging.append(writer)
        await asked.wait()

    async def respond(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"# TYPE a gauge\na 1\n")
        writer.close()

    async with AsyncExitStack() as stack:
        for name, handle in (("1", never), ("2", respond)):
            server = await asyncio.start_unix_server(handle, tmp_path / f"{name}.sock")
            stack.callback(server.close)
        (tmp_path / "3.sock").touch()  # of a process that was killed
        texts, missing = await siblings.of_siblings(tmp_path)
        assert (texts, missing) == (["# TYPE a gauge\na 1\n"], 1)
        asked.set()
        (writer,) = hanging
        writer.close()
        await writer.wait_closed()


def test_a_family_is_one_with_the_samples_of_all() -> None:
    """Given families without samples at any place, and the start of a family in a label, then every sample is kept."""
    empty = "# HELP gone Gone.\n# TYPE gone gauge\n"
    calls = '# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total{process="%d",of="# HELP "} 2.0\n'
    seconds = '# HELP seconds Seconds.\n# TYPE seconds histogram\nseconds_bucket{le="1.0"} 1.0\nseconds_sum 0.5\n'
    assert siblings.merged([empty + calls % 1 + empty + seconds, calls % 2 + empty]) == (
        empty + calls % 1 + 'calls_total{process="2",of="# HELP "} 2.0\n' + seconds
    )


async def test_a_scrape_has_each_family_once(api: Api) -> None:
    text = (await api.client.get("/metrics", headers=MONITOR)).text
    families = [family.name for family in text_string_to_metric_families(text)]
    assert len(families) == len(set(families)) == text.count("# TYPE ") > 20


async def test_what_waits_for_partners_is_in_the_metrics(api: Api) -> None:
    found = figures((await api.client.get("/metrics", headers=MONITOR)).text)
    assert found['gateway_processes{state="responding"}'] == 1
    assert found['gateway_processes{state="missing"}'] == 0
    assert found["gateway_process_memory_bytes{}"] > 1e7


async def test_a_worker_is_live_while_it_begins_batches(settings: Settings, stores: Stores) -> None:
    worker = Projector(stores.postgres, stores.neo4j, "probed")
    transport = httpx.ASGITransport(worker_app(settings, stores, [worker]))
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
        live = await client.get("/health/live")
        worker.stepped_at = monotonic() - HANGS_AFTER_SECONDS - 1
        hangs = await client.get("/health/live")
        assert (live.status_code, hangs.status_code, hangs.text) == (200, 503, "hangs: graph\n")
        worker.handled, worker.failures = 7, 2
        found = figures((await client.get("/metrics", headers=MONITOR)).text)
        assert found['gateway_worker_handled_total{consumer="graph"}'] == 7
        assert found['gateway_worker_failures_total{consumer="graph"}'] == 2
        assert found['gateway_store_up{store="records"}'] == 1
        assert (await client.get("/metrics")).status_code == 401


async def test_a_worker_serves_its_port_for_as_long_as_it_runs(settings: Settings, stores: Stores) -> None:
    port = free_port()
    with_port = settings.model_copy(update={"host": "127.0.0.1", "worker_port": port})
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:

        async def live() -> bool:
            try:
                return (await client.get("/health/live")).status_code == 200
            except httpx.HTTPError:
                return False

        async with worker_endpoint(with_port, stores):
            await eventually(live)
            with pytest.raises(CommandError, match=f"port {port}"):
                async with worker_endpoint(with_port, stores):
                    pass
        assert not await live()
