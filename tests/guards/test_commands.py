"""Commands import only what they need, and the demo's queries fit the schema."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from graphql import parse, validate

from gateway.cli import commands
from gateway.demo.commands import CHECKS
from schema.build import build_schema

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


def test_the_queries_of_the_demo_check_are_valid() -> None:
    schema = build_schema()._schema
    assert [error for query in CHECKS.values() for error in validate(schema, parse(query))] == []
