"""The commands that people wait for import only what they need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli import commands

ROOT = Path(__file__).parents[2]
SLOW = {"asyncpg", "graphql", "httpx", "neo4j", "pydantic", "redis", "starlette", "strawberry", "twilio", "uvicorn"}
RUN = """
import sys
from contextlib import suppress
from gateway.cli import main
with suppress(SystemExit):
    main(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [["token", "--role", "AGENT"], ["--help"], *([command.name, "--help"] for command in commands())],
    ids=" ".join,
)
def test_token_and_help_import_no_slow_package(arguments: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=ROOT,
        env={**os.environ, "JWT_SECRET": "s" * 32},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert run.stdout
    assert SLOW & {name.partition(".")[0] for name in run.stderr.split()} == set()
