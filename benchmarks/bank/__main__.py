"""The command line: ``python -m benchmarks.bank``."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from time import monotonic

import httpx
import orjson

from benchmarks.bank import crash, load
from benchmarks.bank.compare import Gateway, client_of
from benchmarks.bank.recount import recounted
from benchmarks.bank.writing import Bank
from benchmarks.console import until_signal
from integrations.embedded.process import StartError

URL = "http://127.0.0.1:8000"


def main(arguments: Sequence[str]) -> int:
    """Runs one command; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.command(parsed))
    except (StartError, httpx.HTTPError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bank", description="A day of the hub as Type B text.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    write = commands.add_parser("write", help="write a day, and beside it FILE.json: what the text does not tell")
    write.add_argument("file", type=Path)
    write.add_argument("--bags", type=int, default=40_000, help="at least; 40000 if absent")
    write.add_argument("--seed", type=int, default=1, help="another seed, other bags; 1 if absent")
    write.add_argument("--day", type=date.fromisoformat, required=True, help="the hub's: 2026-11-22")
    write.set_defaults(command=_write)

    recount = commands.add_parser("recount", help="print what became of each bag, a JSON line each, by tag")
    recount.add_argument("file", type=Path)
    recount.add_argument("--received-at", type=datetime.fromisoformat, help="that of FILE.json if absent")
    recount.add_argument("--flights", type=Path, help="JSON with the flights that have left; FILE.json if absent")
    recount.set_defaults(command=_recount)

    compare = commands.add_parser("compare", help="compare the recount with what a gateway answers; 1 if any differ")
    compare.add_argument("file", type=Path)
    compare.add_argument("--url", default=URL, help=f"of the gateway; {URL} if absent")
    compare.add_argument("--token", help="of python -m gateway token --role ANALYST; the variable TOKEN if absent")
    compare.set_defaults(command=_compare)

    loads = commands.add_parser(
        "load", help="send days at a steady rate while agents ask, on an installation of its own"
    )
    loads.add_argument("--rate", type=float, default=2_000.0, help="events a second; 2000 if absent")
    loads.add_argument("--minutes", type=float, default=10.0, help="after the warm-up; 10 if absent")
    loads.add_argument("--warm", type=float, default=90.0, help="seconds at the same rate before; 90 if absent")
    loads.add_argument("--bags", type=int, default=40_000, help="of each day; 40000 if absent")
    loads.add_argument("--workers", type=int, default=1, help="serving processes of the gateway; 1 if absent")
    loads.add_argument("--cores", type=int, default=2, help="for everything together; 2 if absent")
    loads.add_argument("--seed", type=int, default=1, help="another seed, other bags; 1 if absent")
    loads.add_argument("--json", type=Path, help="where to write the figures; .demo/bank/load-TIME.json if absent")
    loads.set_defaults(command=lambda parsed: asyncio.run(until_signal(load.run(parsed))))

    crashes = commands.add_parser("crash", help="kill everything at random while a day is sent; is it all there?")
    crashes.add_argument("--kills", type=int, default=50, help="50 if absent")
    crashes.add_argument("--seconds", type=float, default=300.0, help="that the day takes at least; 300 if absent")
    crashes.add_argument("--bags", type=int, default=10_000, help="of the day; 10000 if absent")
    crashes.add_argument("--seed", type=int, default=1, help="of the bags and of the moments; 1 if absent")
    crashes.set_defaults(command=lambda parsed: asyncio.run(until_signal(crash.run(parsed))))
    return parser


def _write(parsed: argparse.Namespace) -> int:
    began = monotonic()
    told = Bank(parsed.day, parsed.seed, parsed.bags).write(parsed.file)
    print(
        f"{told.bags:,} bags, {told.events:,} events in {told.messages:,} messages, {told.repeated:,} sent again, "
        f"{told.broken:,} broken, {told.noise:,} others; {told.bytes / 1e6:.1f} MB in {monotonic() - began:.1f} s"
    )
    return 0


def _recount(parsed: argparse.Namespace) -> int:
    counted = recounted(parsed.file, parsed.received_at, parsed.flights)
    for answer in counted.answers():
        sys.stdout.buffer.write(orjson.dumps(answer.comparable()) + b"\n")
    print(counted.reader.tally, file=sys.stderr)
    return 0


def _compare(parsed: argparse.Namespace) -> int:
    async def run() -> int:
        async with client_of(parsed.url, parsed.token or os.environ.get("TOKEN", "")) as client:
            found = await Gateway(client).compare(recounted(parsed.file).answers())
        print(found.text())
        return 0 if found.agrees else 1

    return asyncio.run(run())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
