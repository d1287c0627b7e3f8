"""Command ``python -m benchmarks.peers``."""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path

import asyncpg
import orjson

from benchmarks.command_line import FOLDER, until_signal
from benchmarks.installation import AIRLINE_ID, SIGN_IN, environment_of, initialise, lock_folder
from benchmarks.load import Failed
from benchmarks.measurement import DifferentResponses
from benchmarks.operations import TooFewBags, operations
from benchmarks.peers.comparison import collect_responses, compare
from benchmarks.peers.contenders import CONTENDERS, GATEWAY, Contender, Serving, contenders
from benchmarks.peers.packages import NODE_FOLDER, install
from benchmarks.peers.postgraphile import COMPUTED_COLUMNS, DROP_COMPUTED_COLUMNS
from benchmarks.peers.report import PeerReport
from benchmarks.peers.rounds import Cores, Rounds, pin
from benchmarks.report import machine
from gateway.console import console
from gateway.http.jwt import issue_token
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.process import StartError
from integrations.embedded.redis import EmbeddedRedis
from integrations.embedded.server import EmbeddedServer, free_port
from integrations.progress import Progress
from resolvers.actor import Role

IDLE_SECONDS = 5.0
KEYS = ("bag", "flight", "page")
SHORT_NAMES = {name.split()[0].lower(): name for name in CONTENDERS}
PACKAGES = ("postgraphile", "@apollo/server", "mercurius", "graphql-jit", "graphql", "pg")


def main(arguments: Sequence[str]) -> int:
    """Runs the measurement; returns the exit code, 1 if a goal is missed or anything fails."""
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(until_signal(_run(options)))
    except (StartError, TooFewBags, DifferentResponses, Failed) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description="Measure the gateway beside other GraphQL servers; see benchmarks/peers/README.md.",
    )
    parser.add_argument(
        "--only", nargs="+", choices=SHORT_NAMES, default=[*SHORT_NAMES], help="contenders (default: all)"
    )
    parser.add_argument("--operations", nargs="+", choices=KEYS, default=KEYS, help="operations (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds (default: 3)")
    parser.add_argument("--seconds", type=float, default=4.0, help="seconds of each load in each round (default: 4)")
    parser.add_argument(
        "--warm", type=float, default=5.0, help="seconds of each operation before the first round (default: 5)"
    )
    parser.add_argument("--bags", type=int, default=20_000, help="bags that the first run seeds (default: 20000)")
    parser.add_argument("--json", type=Path, help="file for the figures (default: .demo/benchmark/peers-TIME.json)")
    return parser


async def _run(options: argparse.Namespace) -> int:
    progress = console(os.environ)
    machine_figures = machine()
    cores = Cores.of_this_machine()
    await install(progress)
    folder = FOLDER / f"{options.bags}-bags"
    async with _stores(folder, options.bags, progress) as (database, environment):
        measured_operations = {
            key: one for key, one in (await operations(database.url, AIRLINE_ID)).items() if key in options.operations
        }
        token = issue_token(environment["JWT_SECRET"], Role.AGENT, AIRLINE_ID, SIGN_IN)
        contenders_by_name = contenders(environment, token)
        chosen = [contenders_by_name[SHORT_NAMES[name]] for name in options.only]
        compared = [contenders_by_name[GATEWAY], *(one for one in chosen if one.name != GATEWAY)]
        responses = await collect_responses(compared, measured_operations, database.url, folder, progress)
        compare(responses)
        progress("all contenders return the same")
        async with _serving(chosen, folder, database.url, progress) as serving:
            _pin(cores, serving, database)
            requests = {
                one.name: {
                    key: [request.request for request in one.requests(key, operation)]
                    for key, operation in measured_operations.items()
                }
                for one in chosen
            }
            rounds = Rounds(serving, requests, database, progress)
            await rounds.warm(options.warm)
            idle = await rounds.idle(IDLE_SECONDS)
            loads = await rounds.measure(options.rounds, options.seconds)
    cores_used = "the server on one, database and client on the other" if cores.servers else "one for everything"
    report = PeerReport(
        {**machine_figures, "cores": cores_used, **_packages()},
        options.bags,
        measured_operations,
        responses,
        idle,
        loads,
    )
    file = options.json or FOLDER / f"peers-{datetime.now().astimezone():%Y-%m-%dT%H-%M-%S}.json"
    file.write_bytes(report.json())
    print(f"\n{report.text()}\n\nwritten: {file}")
    return 1 if report.missed else 0


@asynccontextmanager
async def _stores(
    folder: Path, bags: int, progress: Progress
) -> AsyncIterator[tuple[EmbeddedPostgres, Mapping[str, str]]]:
    """The seeded stores with PostGraphile's computed columns, and the environment of the product's programs."""
    lock = lock_folder(folder)
    if lock is None:
        raise StartError(f"Another benchmark runs in {folder}: wait for it or stop it.")
    database = EmbeddedPostgres(folder / "postgresql")
    stores: Sequence[EmbeddedServer] = (
        database,
        EmbeddedNeo4j(folder / "neo4j"),
        EmbeddedRedis(folder / "redis"),
    )
    async with AsyncExitStack() as stack:
        stack.enter_context(lock)
        for store in stores:
            stack.push_async_callback(store.stop)
        await asyncio.gather(*(store.start(progress) for store in stores))
        environment = environment_of(stores, free_port(), bags, workers=1)
        progress("stores are up; initialising")
        await initialise(environment)
        await _execute(database, COMPUTED_COLUMNS.read_text())
        stack.push_async_callback(_execute, database, DROP_COMPUTED_COLUMNS)
        yield database, environment


@asynccontextmanager
async def _serving(
    chosen: Sequence[Contender], folder: Path, database_url: str, progress: Progress
) -> AsyncIterator[Mapping[str, Serving]]:
    """All measured servers, ready and idle."""
    serving = {one.name: one.program(folder, database_url) for one in chosen}
    async with AsyncExitStack() as stack:
        for name, one in serving.items():
            stack.push_async_callback(one.program.stop)
            await one.program.start(progress)
            progress(f"{name} serves")
        yield serving


async def _execute(database: EmbeddedPostgres, script: str) -> None:
    connection = await asyncpg.connect(database.url)
    try:
        await connection.execute(script)
    finally:
        await connection.close()


def _pin(cores: Cores, serving: Mapping[str, Serving], database: EmbeddedPostgres) -> None:
    for one in serving.values():
        pin(one.program, cores.servers)
    pin(database, cores.others)
    if cores.others is not None:
        os.sched_setaffinity(0, cores.others)


def _packages() -> dict[str, str]:
    """Installed versions."""
    folder = NODE_FOLDER / "node_modules"
    return {name: orjson.loads((folder / name / "package.json").read_bytes())["version"] for name in PACKAGES}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
