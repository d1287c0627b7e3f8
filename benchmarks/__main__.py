"""Command ``python -m benchmarks``."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from benchmarks.command_line import FOLDER, until_signal, use_cores
from benchmarks.health import health_figures
from benchmarks.installation import installation
from benchmarks.measurement import DifferentResponses, LoadRunner
from benchmarks.operations import TooFewBags, operations
from benchmarks.report import Report, machine
from benchmarks.statements import statements_of, versions
from gateway.config import Settings
from gateway.console import console
from gateway.lifespan import open_stores
from integrations.embedded.process import StartError

PARTS = ("closed", "growth", "open", "health")


def main(arguments: Sequence[str]) -> int:
    """Runs the chosen parts; returns the exit code, 1 if a goal is missed or anything fails."""
    options = _parser().parse_args(arguments)
    use_cores(options.cores)
    try:
        return asyncio.run(until_signal(_run(options)))
    except (StartError, TooFewBags, DifferentResponses) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the gateway over HTTP, on stores and processes of its own; see benchmarks/README.md.",
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="parts to measure (default: all)")
    parser.add_argument("--seconds", type=float, default=60.0, help="seconds of each of three open loops (default: 60)")
    parser.add_argument(
        "--closed-seconds", type=float, default=5.0, help="seconds of each of 16 closed loops (default: 5)"
    )
    parser.add_argument("--bags", type=int, default=20_000, help="bags that the first run seeds (default: 20000)")
    parser.add_argument(
        "--cores", type=int, default=2, help="cores for stores, gateway and client together (default: 2)"
    )
    parser.add_argument("--workers", type=int, help="serving processes of the gateway (default: one a core)")
    parser.add_argument("--json", type=Path, help="file for the figures (default: .demo/benchmark/TIME.json)")
    return parser


async def _run(options: argparse.Namespace) -> int:
    progress = console(os.environ)
    machine_figures = machine()
    workers = options.workers or len(os.sched_getaffinity(0))
    # The folder names the number of bags: another number is another installation.
    async with installation(FOLDER / f"{options.bags}-bags", options.bags, workers, progress) as installed:
        settings = Settings.read(installed.environment)
        measured_operations = await operations(settings.neon_database_url.get_secret_value(), settings.copa_airline_id)
        async with open_stores(settings) as stores:
            report = Report(
                machine={**machine_figures, **await versions(stores)},
                bags=options.bags,
                workers=workers,
                statements=await statements_of(settings, stores, measured_operations),
            )
        runner = LoadRunner(installed, measured_operations, progress)
        if "closed" in options.parts:
            await runner.compare()
            report.closed = await runner.closed(options.closed_seconds)
        if "growth" in options.parts:
            report.growth = await runner.growth(options.closed_seconds)
        if "open" in options.parts:
            report.carried = await runner.open(options.seconds)
        report.megabytes = runner.megabytes()
        if "health" in options.parts:
            await installed.programs["baseline"].stop()  # it does not survive the loss of its database
            report.health = await health_figures(installed, progress)
    file = options.json or FOLDER / f"{datetime.now().astimezone():%Y-%m-%dT%H-%M-%S}.json"
    file.write_bytes(report.json())
    print(f"\n{report.text()}\n\nwritten: {file}")
    return 1 if report.missed_goals else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
