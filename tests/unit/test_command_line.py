"""The command line: invalid options, and stores that are away, end a command with one clear line."""

import subprocess
import sys
from pathlib import Path

import pytest

from gateway import cli
from gateway.cli import main
from integrations.embedded.server import free_port
from integrations.errors import Unavailable
from tests.gateway import NO_PARTNERS

MESSAGE = "BPM\n.V/1LPTY\n.J/S//SORTER1/23NOV/120000Z/BELT3\n.N/0230456785001\nENDBPM\n"

ROOT = Path(__file__).parents[2]


@pytest.fixture
def no_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of stores that do not run."""
    settings = {
        "NEON_DATABASE_URL": f"postgresql://app:secret@127.0.0.1:{free_port()}/bags",
        "NEO4J_URI": f"bolt://127.0.0.1:{free_port()}",
        "NEO4J_PASSWORD": "secret",
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}",
        "JWT_SECRET": "s" * 32,
        "SECRET_KEY": "s" * 32,
        "EXTERNAL_SERVICES": NO_PARTNERS,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "arguments",
    [["ingest", "FILE"], ["rebuild"], ["airports"], ["graph", "check"], ["graph", "rebuild"], ["operations", "list"]],
    ids=" ".join,
)
def test_a_command_whose_store_is_away_says_so_in_one_line(
    no_stores: None, tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    file = tmp_path / "ok.txt"
    file.write_text(MESSAGE)
    assert main([str(file) if one == "FILE" else one for one in arguments]) == 1
    printed = capfd.readouterr().err
    assert f"{arguments[0]} did not finish: records: " in printed.splitlines()[-1]
    assert "Traceback" not in printed


@pytest.mark.parametrize("command", [command.name for command in cli.commands()])
def test_every_command_handles_a_store_that_is_away_alike(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    def unavailable(_parsed: object) -> int:
        raise Unavailable("records", "not reached")

    monkeypatch.setattr(cli, f"_{command}", unavailable)
    arguments = {"ingest": ["-"], "graph": ["check"], "operations": ["list"], "token": ["--role", "AGENT"]}.get(
        command, []
    )
    assert main([command, *arguments]) == 1
    expected = f"\n{command} did not finish: records: not reached. Run it again; it is repeatable.\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("hours", ["0", "-5", "-0.0", "1e400", "1000000000", "87601", "nan", "inf", "twelve", ""])
def test_a_token_is_valid_for_a_time_that_exists(capsys: pytest.CaptureFixture[str], hours: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["token", "--role", "AGENT", f"--hours={hours}"])
    printed = capsys.readouterr()
    assert (ended.value.code, printed.out) == (2, "")
    assert "argument --hours: must be a number above 0 and at most 87,600" in printed.err


@pytest.mark.parametrize("hours", ["0.01", "1e2", "87600"])
def test_a_token_of_any_other_lifetime_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], hours: str
) -> None:
    monkeypatch.setenv("JWT_SECRET", "s" * 32)
    assert main(["token", "--role", "AGENT", "--hours", hours]) == 0
    assert capsys.readouterr().out.count(".") == 2


@pytest.mark.parametrize(
    "arguments",
    [["register", "FILE"], ["register", "FILE", "--client", "console"], ["remove", "--version", "1"], ["list", "FILE"]],
    ids=" ".join,
)
def test_operations_names_what_is_missing(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(["operations", *arguments]) == 1
    assert capsys.readouterr().err.startswith("\noperations register needs" if "FILE" in arguments else "\noperations")


def test_a_closed_pipe_ends_a_command_in_silence() -> None:
    """A reader such as ``head`` ends before the command has written everything."""
    command = [sys.executable, "-c", "import sys; from gateway.cli import main; sys.exit(main(['config']))"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        assert run.stderr.read() == b""
        assert run.wait(30) == 1
