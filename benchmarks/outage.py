"""``python -m benchmarks.outage``: does an absent partner slow down or fail anybody's work?

Files are opened at a steady rate while one partner after the other refuses connections for some minutes. No mutation
may fail, their p95 stays under 500 ms, and afterwards what has waited is sent within the rate limits.
"""

import argparse
import asyncio
import os
import sys
from collections import Counter
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from benchmarks.crash import CREATE, WAITING, Caller, CallerOutcomes
from benchmarks.load import percentile
from benchmarks.partnered import PARTNERS, Partnered, control, partnered
from gateway.console import console
from integrations.embedded.process import StartError
from schema.fields.node import join

FOLDER = Path(__file__).parents[1] / ".demo" / "outage"
GOAL_MILLISECONDS = 500.0
MOST_DRAIN_SECONDS = 900.0
POLL_SECONDS = 2.0

STATES = """
SELECT service, state, coalesce(reason, '') AS reason, count(*) AS effects FROM effects GROUP BY 1, 2, 3 ORDER BY 1, 2
"""


async def steady(bed: Partnered, bags: list[int], rate: float, told: CallerOutcomes) -> None:
    """Opens a file for each bag at its due time, whether earlier ones are answered or not."""
    caller = Caller(bed, told)
    began = monotonic()
    try:
        async with asyncio.TaskGroup() as group:
            for place, bag in enumerate(bags):
                await asyncio.sleep(max(began + place / rate - monotonic(), 0))
                given = {"kind": "DELAYED", "bagIds": [join("Bag", bag)], "station": "PTY"}
                group.create_task(caller.change(CREATE, given))
    finally:
        await caller.close()


async def drained(bed: Partnered) -> float:
    """Seconds until nothing waits any more."""
    began = monotonic()
    while int((await bed.rows(WAITING))[0]["waiting"]):
        if monotonic() - began > MOST_DRAIN_SECONDS:
            raise StartError(f"What waited was not sent within {MOST_DRAIN_SECONDS / 60:.0f} minutes.")
        await asyncio.sleep(POLL_SECONDS)
    return monotonic() - began


async def most_in_a_minute(bed: Partnered) -> int:
    """The most short messages that arrived within 60 seconds."""
    async with httpx.AsyncClient(trust_env=False, timeout=30.0) as client:
        messages = (await control(client, bed.mocks["TWILIO"], "messages"))["messages"]
    moments: list[datetime] = sorted(parsedate_to_datetime(message["date_sent"]) for message in messages)
    first = most = 0
    for place, moment in enumerate(moments):
        while moments[first] <= moment - timedelta(seconds=60):
            first += 1
        most = max(most, place - first + 1)
    return most


async def run(parsed: argparse.Namespace) -> int:
    """The whole; returns the exit code: 1 where a mutation failed or was slow, or something still waits."""
    say = console(os.environ)
    each = int(parsed.minutes * 60 * parsed.rate)
    bad = False
    async with partnered(FOLDER / str(each), each * 3 + 50, say, SMS_PER_MINUTE=str(parsed.sms_per_minute)) as bed:
        bags = await bed.free_bags(each * 3)
        for place, name in enumerate(PARTNERS):
            told = CallerOutcomes()
            await bed.gates[name].close()
            say(f"{name} refuses connections for {parsed.minutes:g} minutes, {parsed.rate:g} mutations a second")
            await steady(bed, bags[place * each : (place + 1) * each], parsed.rate, told)
            waited = int((await bed.rows(WAITING))[0]["waiting"])
            await bed.gates[name].open()
            seconds = await drained(bed)
            p95 = percentile(told.seconds, 0.95) * 1000
            bad = bad or p95 > GOAL_MILLISECONDS or told.repeats > 0 or bool(told.refusals)
            _print(name, told, p95, waited, seconds)
        states = await bed.rows(STATES)
        most = await most_in_a_minute(bed)
    print(
        "\n" + "\n".join(f"{row['service']:12} {row['state']:10} {row['reason']:18} {row['effects']}" for row in states)
    )
    print(f"most short messages in 60 seconds: {most}, allowed {parsed.sms_per_minute}")
    # The mock tells times by the second.
    return 1 if bad or most > parsed.sms_per_minute * 1.05 + 1 else 0


def _print(name: str, told: CallerOutcomes, p95: float, waited: int, seconds: float) -> None:
    longest = max(told.seconds, default=0.0) * 1000
    refused: Any = dict(Counter(told.refusals)) or "none"
    print(
        f"\n{name}: {told.mutations} mutations, repeated {told.repeats}, refusals {refused}, p95 {p95:.0f} ms, "
        f"longest {longest:.0f} ms; {waited} effects had waited and were sent within {seconds:.0f} s",
        flush=True,
    )


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outage", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="for which each partner is away; 5 if absent")
    parser.add_argument("--rate", type=float, default=2.0, help="files opened in a second; 2 if absent")
    parser.add_argument("--sms-per-minute", type=int, default=600, help="the limit of short messages; 600 if absent")
    try:
        return asyncio.run(run(parser.parse_args()))
    except StartError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
