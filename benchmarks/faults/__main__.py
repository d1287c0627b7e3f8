"""``python -m benchmarks.faults``: does the product survive each fault of each store and partner?

A load reads from all stores and writes messages, scans and PIRs, while one store or partner after the other is killed,
frozen, late, cut off, closed, out of disk, read-only, or replaced. Every response is compared with what it must be, and
every acknowledged write is looked up in PostgreSQL, in the graph and at the partners. The product must recover by
itself.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from benchmarks.command_line import FOLDER, until_signal, use_cores
from benchmarks.faults.installation import fault_installation
from benchmarks.faults.matrix import MATRIX, Fault, Row, RowResult, Subject
from benchmarks.faults.report import as_json, text
from benchmarks.faults.rows import run_rows
from benchmarks.faults.soak import soak
from benchmarks.faults.versions import run_versions
from benchmarks.operations import TooFewBags
from benchmarks.report import machine
from gateway.console import console
from integrations.embedded.process import StartError
from integrations.progress import Progress


def chosen(subjects: list[str], faults: list[str]) -> list[Row]:
    """Returns the rows of these subjects and faults; all where none is named."""
    return [
        row
        for row in MATRIX
        if (not subjects or row.subject.lower() in subjects) and (not faults or row.fault in faults)
    ]


async def run(options: argparse.Namespace) -> int:
    """Runs the rows; returns the exit code, 1 if anything is not as it must be."""
    progress = console(os.environ)
    rows = chosen([subject.lower() for subject in options.subjects], options.faults)
    if options.soak:
        return await run_soak(options, progress)
    results: list[RowResult] = []
    if own := [row for row in rows if row.fault is not Fault.TWO_VERSIONS]:
        async with fault_installation(FOLDER / "faults", options.bags, options.libfaketime, progress) as installation:
            results += await run_rows(installation, own, progress)
    for row in rows:
        if row.fault is Fault.TWO_VERSIONS:
            results.append(await run_versions(row, FOLDER / "versions", options.bags, options.old, progress))
    write(options.json, {"rows": [as_json(one) for one in results]}, text(results))
    return 1 if any(one.faults() for one in results) else 0


async def run_soak(options: argparse.Namespace, progress: Progress) -> int:
    """Runs the soak; returns the exit code, 1 if anything is not as it must be."""
    async with fault_installation(FOLDER / "faults", options.bags, None, progress) as installation:
        result = await soak(installation, options.soak, options.seed, progress)
    write(options.json, {"soak": result.json()}, result.text())
    return 1 if result.wrong() else 0


def write(path: Path | None, figures: Mapping[str, Any], shown: str) -> None:
    """Writes figures as JSON, and prints them."""
    file = path or FOLDER / f"faults-{datetime.now().astimezone():%Y-%m-%dT%H-%M-%S}.json"
    file.write_bytes(orjson.dumps({"machine": machine(), **figures}, option=orjson.OPT_INDENT_2))
    print(f"\n{shown}\n\nwritten: {file}")


def main() -> int:
    """Parses the command line and runs the matrix."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--subjects", nargs="+", default=[], metavar="NAME", help=f"of {', '.join(Subject)}")
    parser.add_argument("--faults", nargs="+", default=[], choices=list(Fault), help="faults to run (default: all)")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="run a soak of so many minutes instead")
    parser.add_argument("--seed", type=int, default=753, help="seed of the order of faults in the soak (default: 753)")
    parser.add_argument("--bags", type=int, default=2_000, help="bags to seed (default: 2000)")
    parser.add_argument("--cores", type=int, default=2, help="cores for everything together (default: 2)")
    parser.add_argument("--libfaketime", type=Path, help="libfaketime.so.1, for the rows that step a clock")
    parser.add_argument("--old", help="old version of the update (default: that before the newest migration)")
    parser.add_argument("--json", type=Path, help="file for the figures (default: .demo/benchmark/faults-TIME.json)")
    options = parser.parse_args()
    use_cores(options.cores)
    try:
        return asyncio.run(until_signal(run(options)))
    except (StartError, TooFewBags) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
