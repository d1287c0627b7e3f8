"""The command line: ``python -m benchmarks``."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from benchmarks.console import FOLDER, until_signal
from benchmarks.drills import health_figures
from benchmarks.installation import installation
from benchmarks.measuring import DifferentAnswers, Measuring
from benchmarks.operations import TooFewBags, operations
from benchmarks.report import Report, machine
from benchmarks.statements import statements_of, versions
from gateway.config import Settings
from gateway.console import console
from gateway.lifespan import open_stores
from integrations.embedded.process import StartError

PARTS = ("closed", "growth", "open", "health")


def main(arguments: Sequence[str]) -> int:
    """Runs what was asked for; returns the exit code: 1 where a goal was missed or something failed."""
    parsed = _parser().parse_args(arguments)
    # All that is started inherits it.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: parsed.cores])
    try:
        return asyncio.run(until_signal(_run(parsed)))
    except (StartError, TooFewBags, DifferentAnswers) as error:
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
    parser.add_argument("--workers", type=int, help="serving processes of the gateway; one a core if absent")
    parser.add_argument("--json", type=Path, help="where to write the figures; .demo/benchmark/TIME.json if absent")
    return parser


async def _run(parsed: argparse.Namespace) -> int:
    say = console(os.environ)
    about = machine()
    workers = parsed.workers or len(os.sched_getaffinity(0))
    # The folder names the number of bags: another number is another installation.
    async with installation(FOLDER / f"{parsed.bags}-bags", parsed.bags, workers, say) as installed:
        settings = Settings.read(installed.environment)
        asked = await operations(settings.neon_database_url.get_secret_value(), settings.copa_airline_id)
        async with open_stores(settings) as stores:
            report = Report(
                machine={**about, **await versions(stores)},
                bags=parsed.bags,
                workers=workers,
                statements=await statements_of(settings, stores, asked),
            )
        measuring = Measuring(installed, asked, say)
        if "closed" in parsed.parts:
            await measuring.compare()
            report.closed = await measuring.closed(parsed.closed_seconds)
        if "growth" in parsed.parts:
            report.growth = await measuring.growth(parsed.closed_seconds)
        if "open" in parsed.parts:
            report.carried = await measuring.open(parsed.seconds)
        report.megabytes = measuring.megabytes()
        if "health" in parsed.parts:
            await installed.programs["reference"].stop()  # it is not made for a database that goes away
            report.health = await health_figures(installed, say)
    file = parsed.json or FOLDER / f"{datetime.now().astimezone():%Y-%m-%dT%H-%M-%S}.json"
    file.write_bytes(report.json())
    print(f"\n{report.text()}\n\nwritten: {file}")
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
