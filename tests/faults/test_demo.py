"""The supervisor: it restarts processes that end, and an interruption leaves nothing running."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import psutil
import pytest

from gateway.demo.supervisor import EMBEDDED, available_megabytes, run_demo
from gateway.supervisor import Program, Supervisor, delay_before_restart
from integrations.embedded.process import StartError
from integrations.embedded.server import free_port, lock_file

CHECKOUT = Path(__file__).parents[2]
NAMED_STORES = dict.fromkeys(EMBEDDED, "given")


async def rejected_demo(folder: Path, port: int, environment: Mapping[str, str] = NAMED_STORES) -> None:
    """Runs a demo that is rejected before it starts anything."""
    await run_demo(folder, environment=environment, port=port, initialise=unused, announce=unused, progress=print)


def program(folder: Path, name: str, code: str) -> Program:
    """A process that runs Python code."""
    return Program(name, [sys.executable, "-c", code], folder=folder, environment=dict(os.environ))


async def unused(_: object) -> None:
    """A callable that must not be called."""
    raise AssertionError


@contextlib.asynccontextmanager
async def supervising(*services: Program, progress: list[str]) -> AsyncIterator[None]:
    """Keeps these services running."""
    supervisor = Supervisor(progress.append)
    try:
        await supervisor.start(*services)
        yield
    finally:
        await supervisor.stop()


async def eventually(condition: Callable[[], bool]) -> None:
    """Waits until a condition holds."""
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


async def test_an_ended_service_is_restarted(tmp_path: Path) -> None:
    progress: list[str] = []
    gateway = program(tmp_path, "gateway", "import time; time.sleep(60)")
    async with supervising(gateway, progress=progress):
        first = gateway.pid
        assert first is not None
        psutil.Process(first).kill()
        await eventually(lambda: "gateway ended (signal SIGKILL)" in progress)
        progress.clear()
        await eventually(lambda: any("gateway is ready" in line for line in progress))
        assert gateway.pid not in (None, first)
    assert not gateway.alive()


async def test_restarts_back_off(tmp_path: Path) -> None:
    progress: list[str] = []
    async with supervising(program(tmp_path, "gateway", "raise SystemExit(3)"), progress=progress):
        await eventually(lambda: progress.count("gateway ended (exit code 3)") == 3)
    delays = [delay_before_restart(failures) for failures in range(200)]
    assert all(0.25 * 2 ** min(failures, 5) <= delay for failures, delay in enumerate(delays))
    assert max(delays) <= 30.0


async def test_services_stop_in_reverse_order(tmp_path: Path) -> None:
    record = tmp_path / "record"
    code = """
import pathlib, signal, sys, time
def end(*_):
    with pathlib.Path(r'{record}').open('a') as record:
        record.write('{name} ')
    sys.exit()
signal.signal(signal.SIGTERM, end)
pathlib.Path(r'{record}.{name}').touch()
time.sleep(60)
"""
    supervisor = Supervisor(print)
    for name in ("store", "gateway"):
        await supervisor.start(program(tmp_path, name, code.format(record=record, name=name)))
        await eventually(Path(f"{record}.{name}").exists)
    await supervisor.stop()
    assert record.read_text() == "gateway store "


async def test_a_second_demo_of_a_checkout_is_rejected(tmp_path: Path) -> None:
    lock = lock_file(tmp_path / "lock")
    assert lock is not None
    with lock, pytest.raises(StartError, match="A demo of this checkout is already running"):
        await run_demo(
            tmp_path, environment=NAMED_STORES, port=8000, initialise=unused, announce=unused, progress=print
        )


async def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartError, match=rf"Port {port} is in use: .* PORT={port + 1}"):
            await run_demo(
                tmp_path, environment=NAMED_STORES, port=port, initialise=unused, announce=unused, progress=print
            )


async def test_a_containers_limit_counts(tmp_path: Path) -> None:
    for name, content in {
        "max": "900000000",
        "current": "700000000",
        "stat": "anon 5\ninactive_file 100000000\n",
    }.items():
        (tmp_path / f"memory.{name}").write_text(content)
    assert available_megabytes(tmp_path) == 300
    (tmp_path / "memory.max").write_text("max\n")
    assert available_megabytes(tmp_path) > 300


async def test_too_little_memory_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.demo.supervisor.available_megabytes", lambda: 400)
    named = {**NAMED_STORES, "REDIS_URL": ""}
    with pytest.raises(StartError, match=r"needs 750 MB of free memory, and 400 MB are available: .*REDIS_URL"):
        await run_demo(
            tmp_path, environment=named, port=free_port(), initialise=unused, announce=unused, progress=print
        )


INTERRUPTED_RESET = """
import asyncio, sys
from pathlib import Path
import psutil
from gateway.demo.supervisor import EMBEDDED, run_reset

async def reset(environment):
    assert environment["REDIS_URL"].startswith("redis://")
    print(*(child.pid for child in psutil.Process().children()), flush=True)
    await asyncio.Event().wait()

environment = {name: "given" for name in EMBEDDED if name != "REDIS_URL"}
sys.exit(asyncio.run(run_reset(Path(sys.argv[1]), environment=environment, reset=reset, progress=print)))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_an_interrupted_run_stops_its_stores_despite_further_signals(
    tmp_path: Path, number: signal.Signals
) -> None:
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", INTERRUPTED_RESET, tmp_path), cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE
    )
    assert run.stdout is not None
    starting, ready, pids = [await run.stdout.readline() for _ in range(3)]
    assert starting == b"starting Redis ...\n"
    assert ready.startswith(b"Redis is ready")
    servers = [psutil.Process(int(pid)) for pid in pids.split()]
    assert len(servers) == 1

    async with asyncio.timeout(15):
        while any(server.is_running() for server in servers):  # an impatient operator
            run.send_signal(number)
            await asyncio.sleep(0.002)
        assert await run.wait() == 130
