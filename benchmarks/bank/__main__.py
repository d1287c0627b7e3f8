"""Command ``python -m benchmarks.bank``."""

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

from benchmarks.bank import crash, fuzz, load
from benchmarks.bank.compare import GatewayClient, client_of
from benchmarks.bank.recount import recounted
from benchmarks.bank.writing import Bank
from benchmarks.command_line import until_signal
from integrations.embedded.process import StartError

URL = "http://127.0.0.1:8000"


def main(arguments: Sequence[str]) -> int:
    """Runs one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except (StartError, httpx.HTTPError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bank", description="Write, send and check a day of the hub as Type B text."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    write = commands.add_parser("write", help="write a day, and FILE.json with its receipt time and departed flights")
    write.add_argument("file", type=Path)
    write.add_argument("--bags", type=int, default=40_000, help="least number of bags (default: 40000)")
    write.add_argument("--seed", type=int, default=1, help="seed of the random numbers (default: 1)")
    write.add_argument("--day", type=date.fromisoformat, required=True, help="day at the hub, such as 2026-11-22")
    write.set_defaults(command=_write)

    recount = commands.add_parser("recount", help="print the expected result for each bag, a JSON line each, by tag")
    recount.add_argument("file", type=Path)
    recount.add_argument("--received-at", type=datetime.fromisoformat, help="receipt time (default: that of FILE.json)")
    recount.add_argument("--flights", type=Path, help="JSON with the departed flights (default: FILE.json)")
    recount.set_defaults(command=_recount)

    compare = commands.add_parser("compare", help="compare the recount with a gateway; exit code 1 if any bag differs")
    compare.add_argument("file", type=Path)
    compare.add_argument("--url", default=URL, help=f"address of the gateway (default: {URL})")
    compare.add_argument("--token", help="token from python -m gateway token --role AGENT (default: variable TOKEN)")
    compare.set_defaults(command=_compare)

    fuzz_command = commands.add_parser(
        "fuzz", help="send mutated messages to an installation of its own; exit code 1 if any is misread or lost"
    )
    fuzz_command.add_argument("--cases", type=int, default=2_000, help="number of messages (default: 2000)")
    fuzz_command.add_argument("--seed", type=int, default=1, help="seed of the random numbers (default: 1)")
    fuzz_command.set_defaults(command=lambda options: asyncio.run(until_signal(fuzz.run(options))))

    load_command = commands.add_parser(
        "load", help="send days at a steady rate beside bag queries, on an installation of its own"
    )
    load_command.add_argument("--rate", type=float, default=2_000.0, help="events a second (default: 2000)")
    load_command.add_argument("--minutes", type=float, default=10.0, help="minutes after the warm-up (default: 10)")
    load_command.add_argument("--warm", type=float, default=90.0, help="seconds of warm-up before (default: 90)")
    load_command.add_argument("--bags", type=int, default=40_000, help="bags of each day (default: 40000)")
    load_command.add_argument("--workers", type=int, default=1, help="serving processes of the gateway (default: 1)")
    load_command.add_argument("--cores", type=int, default=2, help="cores for everything together (default: 2)")
    load_command.add_argument("--seed", type=int, default=1, help="seed of the random numbers (default: 1)")
    load_command.add_argument("--json", type=Path, help="file for the figures (default: .demo/bank/load-TIME.json)")
    load_command.set_defaults(command=lambda options: asyncio.run(until_signal(load.run(options))))

    crash_command = commands.add_parser(
        "crash", help="kill everything at random while a day is sent, and check for losses"
    )
    crash_command.add_argument("--kills", type=int, default=50, help="number of kills (default: 50)")
    crash_command.add_argument("--seconds", type=float, default=300.0, help="least duration in seconds (default: 300)")
    crash_command.add_argument("--bags", type=int, default=10_000, help="bags of the day (default: 10000)")
    crash_command.add_argument("--seed", type=int, default=1, help="seed of the bags and the kills (default: 1)")
    crash_command.set_defaults(command=lambda options: asyncio.run(until_signal(crash.run(options))))
    return parser


def _write(options: argparse.Namespace) -> int:
    started_at = monotonic()
    counts = Bank(options.day, options.seed, options.bags).write(options.file)
    seconds = monotonic() - started_at
    print(
        f"{counts.bags:,} bags, {counts.events:,} events in {counts.messages:,} messages, "
        f"{counts.repeated:,} repeated, {counts.broken:,} broken, {counts.noise:,} pieces of noise; "
        f"{counts.bytes / 1e6:.1f} MB in {seconds:.1f} s"
    )
    return 0


def _recount(options: argparse.Namespace) -> int:
    recount = recounted(options.file, options.received_at, options.flights)
    for bag in recount.bags():
        sys.stdout.buffer.write(orjson.dumps(bag.comparable()) + b"\n")
    print(recount.reader.tally, file=sys.stderr)
    return 0


def _compare(options: argparse.Namespace) -> int:
    async def run() -> int:
        async with client_of(options.url, options.token or os.environ.get("TOKEN", "")) as client:
            comparison = await GatewayClient(client).compare(recounted(options.file).bags())
        print(comparison.text())
        return 0 if comparison.agrees else 1

    return asyncio.run(run())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
