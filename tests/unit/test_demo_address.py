"""The address of the running demo, and the privacy of its files."""

import asyncio
import json
import os
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.demo import address, keys
from gateway.demo.address import STORES, demo_environment, demo_port, responds
from integrations.embedded.process import ChildProcess
from integrations.embedded.server import free_port
from integrations.private_files import FOLDER_MODE, PASSAGE_MODE, append_to_private_file, make_private_folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of a demo, which the commands take for theirs."""
    monkeypatch.setattr(keys, "FOLDER", tmp_path)
    for function in (demo_port, demo_environment):
        monkeypatch.setattr(function, "__defaults__", (tmp_path,))
    for name in ("PORT", "JWT_SECRET", "COPA_AIRLINE_ID", "ENVIRONMENT", *STORES):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def port() -> Iterator[int]:
    """A port that something listens on."""
    with socket.create_server(("127.0.0.1", free_port())) as server:
        yield server.getsockname()[1]


def publish(folder: Path, text: str) -> None:
    (folder / keys.ADDRESSES).write_text(text)


@pytest.mark.parametrize(
    ("published", "environment", "expected"),
    [
        (None, {}, address.DEFAULT_PORT),
        (None, {"PORT": "8123"}, 8123),
        ('{"PORT": "8456"}', {}, 8456),
        ('{"PORT": "8456"}', {"PORT": ""}, 8456),
        ('{"PORT": "8456"}', {"PORT": "8123"}, 8123),
        ('{"REDIS_URL": "redis://127.0.0.1:1"}', {}, address.DEFAULT_PORT),
        ('{"PORT": "84', {}, address.DEFAULT_PORT),
        ("[]", {}, address.DEFAULT_PORT),
        ('{"PORT": "none"}', {}, address.DEFAULT_PORT),
    ],
)
def test_the_port_of_the_demo(folder: Path, published: str | None, environment: dict[str, str], expected: int) -> None:
    if published is not None:
        publish(folder, published)
    assert demo_port(environment) == expected


def test_a_token_names_the_demo_beside_standard_output(
    folder: Path, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(folder, json.dumps({"PORT": str(port)}))
    assert main(["token", "--role", "AGENT"]) == 0
    printed = capsys.readouterr()
    assert printed.out.count(".") == 2
    assert printed.err == f"for the demo at http://127.0.0.1:{port}/graphql\n"


def test_commands_say_which_address_they_tried(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unused = free_port()
    publish(folder, json.dumps({"PORT": str(unused)}))
    assert not responds(unused)
    assert main(["token", "--role", "AGENT"]) == 0
    assert main(["walkthrough"]) == 1
    assert main(["walkthrough", "--url", "http://[/"]) == 1
    errors = capsys.readouterr().err
    assert f"no demo responds at http://127.0.0.1:{unused}/graphql" in errors
    assert f"No gateway responds at http://127.0.0.1:{unused} (" in errors
    assert "No gateway responds at http://[/ (" in errors


def test_commands_that_open_the_stores_find_those_of_the_demo(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    addresses = {
        "NEON_DATABASE_URL": "postgresql://a@127.0.0.1:1/a",
        "REDIS_URL": "redis://127.0.0.1:2",
        "PORT": "8456",
    }
    publish(folder, json.dumps(addresses))
    found = demo_environment({"LOG_LEVEL": "ERROR"}) or {}
    assert found.items() >= {**addresses, "LOG_LEVEL": "ERROR", "ENVIRONMENT": "demo"}.items()
    assert found["JWT_SECRET"] == keys.demo_secrets()["JWT_SECRET"]
    assert main(["rebuild"]) == 1
    assert capsys.readouterr().err == (
        "for the demo at http://127.0.0.1:8456\n\nSettings are missing or invalid:\n"
        "  NEO4J_URI: set it\n  NEO4J_PASSWORD: set it\n"
    )


@pytest.mark.parametrize("own", [{"REDIS_URL": "redis://own"}, {"ENVIRONMENT": "production"}])
def test_an_installation_of_its_own_is_never_taken_for_the_demo(folder: Path, own: dict[str, str]) -> None:
    publish(folder, '{"PORT": "8456", "NEO4J_URI": "bolt://127.0.0.1:3"}')
    assert demo_environment(own) is None


@pytest.mark.parametrize("command", [["ingest", "-"], ["rebuild"], ["graph", "check"], ["verify"], ["airports"]])
def test_commands_without_stores_say_what_to_do(
    folder: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    publish(folder, '["of another version"]')
    assert main(command) == 1
    assert "no demo of this checkout is running" in capsys.readouterr().err


def test_a_token_for_another_secret_names_no_demo(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JWT_SECRET", "s" * 32)
    assert main(["token", "--role", "AGENT"]) == 0
    assert capsys.readouterr().err == ""
    assert list(folder.iterdir()) == []


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_logs_and_what_processes_write_are_private(tmp_path: Path) -> None:
    folder, before = tmp_path / "demo", os.umask(0o022)
    try:
        folder.mkdir(mode=0o755)
        (folder / "program.log").write_text("of an earlier version\n")
        make_private_folder(folder)
        process = ChildProcess("program", folder / "program.log")
        await process.start([sys.executable, "-c", f"open({str(folder / 'journal')!r}, 'w').write('a name')"])
        async with asyncio.timeout(20):
            assert await process.wait() == 0
        append_to_private_file(folder / "other").close()
    finally:
        os.umask(before)
    assert mode(folder) == FOLDER_MODE
    make_private_folder(folder / "entered", passage=True)
    assert mode(folder / "entered") == PASSAGE_MODE
    assert {path.name: mode(path) for path in folder.iterdir() if path.is_file()}.items() >= {
        ("program.log", 0o600),
        ("journal", 0o600),
        ("other", 0o600),
    }
    assert (folder / "program.log").read_text() == "of an earlier version\n"
