"""The command line: ``python -m benchmarks``."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import orjson

from benchmarks.drills import HealthFigures, health_figures
from benchmarks.installation import AIRLINE_ID, installation
from benchmarks.measuring import DifferentAnswers, Measured, Measuring
from benchmarks.operations import operations
from benchmarks.report import closed_table, figures_of, health_table, machine, missed, open_table, table
from benchmarks.statements import statements_of
from gateway.demo import console
from integrations.embedded.process import StartError

FOLDER = Path(__file__).parents[1] / ".demo" / "benchmark"
PARTS = ("closed", "open", "health")
INTERRUPTED = 130  # what shells report after Ctrl-C


def main(arguments: Sequence[str]) -> int:
    """Runs what was asked for; returns the exit code: 1 where a goal was missed or something failed."""
    parsed = _parser().parse_args(arguments)
    # All that is started inherits it.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: parsed.cores])
    try:
        return asyncio.run(_until_signal(parsed))
    except (StartError, DifferentAnswers) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures the gateway over HTTP, on stores and processes of its own; see benchmarks/README.md.",
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure; all if absent")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each of three open loops; 60 if absent")
    parser.add_argument("--closed-seconds", type=float, default=5.0, help="of each of 16 closed loops; 5 if absent")
    parser.add_argument("--bags", type=int, default=20_000, help="seeded in the first run; 20000 if absent")
    parser.add_argument("--cores", type=int, default=2, help="for stores, gateway and client together; 2 if absent")
    parser.add_argument("--json", type=Path, help="where to write the figures; .demo/benchmark/TIME.json if absent")
    return parser


async def _until_signal(parsed: argparse.Namespace) -> int:
    """Runs to the end; the first signal stops everything in order, further ones do not disturb that."""
    task = asyncio.create_task(_run(parsed))

    def stop() -> None:
        if not task.cancelling():
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    with suppress(asyncio.CancelledError):
        return await task
    return INTERRUPTED


async def _run(parsed: argparse.Namespace) -> int:
    say = console(os.environ)
    machine_figures = machine()
    closed: list[Measured] = []
    carried: list[Measured] = []
    health: list[HealthFigures] = []
    async with installation(FOLDER / f"{parsed.bags}-bags", parsed.bags, say) as installed:
        asked = await operations(installed.environment["NEON_DATABASE_URL"], AIRLINE_ID)
        statements = await statements_of(installed.environment, asked)
        measuring = Measuring(installed, asked, say)
        if "closed" in parsed.parts:
            await measuring.compare()
            closed = await measuring.closed(parsed.closed_seconds)
        if "open" in parsed.parts:
            carried = await measuring.open(parsed.seconds)
        memory = measuring.megabytes()
        if "health" in parsed.parts:
            health = await health_figures(installed, say)
    faults = missed([*closed, *carried], health)
    _print(
        ", ".join(f"{name} {value}" for name, value in machine_figures.items()),
        table(
            ["statements of", "", ""],
            [[asked[key].name, str(len(sent)), " ".join(sent)] for key, sent in statements.items()],
        ),
        "resident MB: " + ", ".join(f"{name} {size:.0f}" for name, size in memory.items()),
        closed_table(closed) if closed else "",
        open_table(carried) if carried else "",
        health_table(health) if health else "",
        "\n".join(faults) or "Every goal of what was measured is met.",
    )
    file = parsed.json or FOLDER / f"{datetime.now().astimezone():%Y-%m-%dT%H-%M-%S}.json"
    figures = {
        "machine": machine_figures,
        "bags": parsed.bags,
        "statements": {asked[key].name: sent for key, sent in statements.items()},
        "resident_mb": memory,
        "closed": [figures_of(one) for one in closed],
        "open": [figures_of(one) for one in carried],
        "health": health,
        "missed": faults,
    }
    file.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    print(f"written: {file}")
    return 1 if faults else 0


def _print(*paragraphs: str) -> None:
    for paragraph in filter(None, paragraphs):
        print(f"\n{paragraph}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
