"""The command line: ``python -m benchmarks.peers``."""

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

from benchmarks.console import FOLDER, until_signal
from benchmarks.installation import AIRLINE_ID, SIGN_IN, Say, environment_of, initialise, own
from benchmarks.load import Failed
from benchmarks.measuring import DifferentAnswers
from benchmarks.operations import TooFewBags, operations
from benchmarks.peers.comparing import compare, rehearse
from benchmarks.peers.contenders import CONTENDERS, GATEWAY, Contender, Serving, contenders
from benchmarks.peers.packages import NODE_FOLDER, install
from benchmarks.peers.postgraphile import COMPUTED_COLUMNS, DROP_COMPUTED_COLUMNS
from benchmarks.peers.report import Report
from benchmarks.peers.rounds import Cores, Rounds, pin
from benchmarks.report import machine
from gateway.console import console
from gateway.http.jwt import issue_token
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.process import StartError
from integrations.embedded.redis import EmbeddedRedis
from integrations.embedded.server import EmbeddedServer, free_port
from resolvers.actor import Role

IDLE_SECONDS = 5.0
KEYS = ("bag", "flight", "page")
SHORT_NAMES = {name.split()[0].lower(): name for name in CONTENDERS}
PACKAGES = ("postgraphile", "@apollo/server", "mercurius", "graphql-jit", "graphql", "pg")


def main(arguments: Sequence[str]) -> int:
    """Runs what was asked for; returns the exit code: 1 where a goal was missed or anything failed."""
    parsed = _parser().parse_args(arguments)
    try:
        return asyncio.run(until_signal(_run(parsed)))
    except (StartError, TooFewBags, DifferentAnswers, Failed) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description="Measures the gateway beside other GraphQL servers; see benchmarks/peers/README.md.",
    )
    parser.add_argument("--only", nargs="+", choices=SHORT_NAMES, default=[*SHORT_NAMES], help="who; all if absent")
    parser.add_argument("--operations", nargs="+", choices=KEYS, default=KEYS, help="what is asked; all if absent")
    parser.add_argument("--rounds", type=int, default=3, help="3 if absent")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load in each round; 4 if absent")
    parser.add_argument("--warm", type=float, default=5.0, help="seconds of each operation before; 5 if absent")
    parser.add_argument("--bags", type=int, default=20_000, help="seeded in the first run; 20000 if absent")
    parser.add_argument(
        "--json", type=Path, help="where to write the figures; .demo/benchmark/peers-TIME.json if absent"
    )
    return parser


async def _run(parsed: argparse.Namespace) -> int:
    say = console(os.environ)
    about = machine()
    cores = Cores.of_this_machine()
    await install(say)
    folder = FOLDER / f"{parsed.bags}-bags"
    async with _stores(folder, parsed.bags, say) as (database, environment):
        asked = {
            key: one for key, one in (await operations(database.url, AIRLINE_ID)).items() if key in parsed.operations
        }
        token = issue_token(environment["JWT_SECRET"], Role.AGENT, AIRLINE_ID, SIGN_IN)
        known = contenders(environment, token)
        chosen = [known[SHORT_NAMES[name]] for name in parsed.only]
        yardstick = [known[GATEWAY], *(one for one in chosen if one.name != GATEWAY)]
        answers = await rehearse(yardstick, asked, database.url, folder, say)
        compare(answers)
        say("all give the same")
        async with _serving(chosen, folder, database.url, say) as serving:
            _pin(cores, serving, database)
            questions = {
                one.name: {
                    key: [question.request for question in one.questions(key, operation)]
                    for key, operation in asked.items()
                }
                for one in chosen
            }
            rounds = Rounds(serving, questions, database, say)
            await rounds.warm(parsed.warm)
            idle = await rounds.idle(IDLE_SECONDS)
            loads = await rounds.measure(parsed.rounds, parsed.seconds)
    placed = "the server on one, database and client on the other" if cores.servers else "one for everything"
    report = Report({**about, "cores": placed, **_packages()}, parsed.bags, asked, answers, idle, loads)
    file = parsed.json or FOLDER / f"peers-{datetime.now().astimezone():%Y-%m-%dT%H-%M-%S}.json"
    file.write_bytes(report.json())
    print(f"\n{report.text()}\n\nwritten: {file}")
    return 1 if report.missed else 0


@asynccontextmanager
async def _stores(folder: Path, bags: int, say: Say) -> AsyncIterator[tuple[EmbeddedPostgres, Mapping[str, str]]]:
    """The stores, seeded, with the computed columns for PostGraphile; and the environment of the product's programs."""
    lock = own(folder)
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
        await asyncio.gather(*(store.start(say) for store in stores))
        environment = environment_of(stores, free_port(), bags, workers=1)
        say("stores are up; initialising")
        await initialise(environment)
        await _execute(database, COMPUTED_COLUMNS.read_text())
        stack.push_async_callback(_execute, database, DROP_COMPUTED_COLUMNS)
        yield database, environment


@asynccontextmanager
async def _serving(
    chosen: Sequence[Contender], folder: Path, database_url: str, say: Say
) -> AsyncIterator[Mapping[str, Serving]]:
    """All that are measured, each ready and idle."""
    serving = {one.name: one.program(folder, database_url) for one in chosen}
    async with AsyncExitStack() as stack:
        for name, one in serving.items():
            stack.push_async_callback(one.program.stop)
            await one.program.start(say)
            say(f"{name} serves")
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
    """The versions that were installed."""
    folder = NODE_FOLDER / "node_modules"
    return {name: orjson.loads((folder / name / "package.json").read_bytes())["version"] for name in PACKAGES}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
