"""``python -m benchmarks.outage``: does an unreachable partner slow down or fail mutations?

PIRs are opened at a steady rate while one partner after the other refuses connections for some minutes. No mutation may
fail, their p95 stays under 500 ms, and afterwards the pending effects are sent within the rate limits.
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

from benchmarks.crash import CREATE, PENDING_EFFECTS, CallerOutcomes, MutationCaller
from benchmarks.load import percentile
from benchmarks.partner_installation import PARTNERS, PartnerInstallation, control, partner_installation
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


async def open_pirs(installation: PartnerInstallation, bags: list[int], rate: float, outcomes: CallerOutcomes) -> None:
    """Opens a PIR for each bag at its due time, whether earlier mutations have responses or not."""
    caller = MutationCaller(installation, outcomes)
    started_at = monotonic()
    try:
        async with asyncio.TaskGroup() as group:
            for place, bag in enumerate(bags):
                await asyncio.sleep(max(started_at + place / rate - monotonic(), 0))
                fields = {"kind": "DELAYED", "bags": [{"by": {"id": join("Bag", bag)}}], "station": "PTY"}
                group.create_task(caller.mutate(CREATE, fields))
    finally:
        await caller.close()


async def drain_seconds(installation: PartnerInstallation) -> float:
    """Seconds until no effect is pending."""
    started_at = monotonic()
    while int((await installation.rows(PENDING_EFFECTS))[0]["pending"]):
        if monotonic() - started_at > MOST_DRAIN_SECONDS:
            raise StartError(f"Pending effects were not sent within {MOST_DRAIN_SECONDS / 60:.0f} minutes.")
        await asyncio.sleep(POLL_SECONDS)
    return monotonic() - started_at


async def largest_in_a_minute(installation: PartnerInstallation) -> int:
    """Largest number of SMS that arrived within 60 seconds."""
    async with httpx.AsyncClient(trust_env=False, timeout=30.0) as client:
        messages = (await control(client, installation.mocks["TWILIO"], "messages"))["messages"]
    timestamps: list[datetime] = sorted(parsedate_to_datetime(message["date_sent"]) for message in messages)
    first = largest = 0
    for place, timestamp in enumerate(timestamps):
        while timestamps[first] <= timestamp - timedelta(seconds=60):
            first += 1
        largest = max(largest, place - first + 1)
    return largest


async def run(options: argparse.Namespace) -> int:
    """Runs the whole test; returns the exit code, 1 if a mutation failed or was slow, or an effect is still pending."""
    progress = console(os.environ)
    per_partner = int(options.minutes * 60 * options.rate)
    wrong = False
    async with partner_installation(
        FOLDER / str(per_partner), per_partner * 3 + 50, progress, SMS_PER_MINUTE=str(options.sms_per_minute)
    ) as installation:
        bags = await installation.free_bags(per_partner * 3)
        for place, name in enumerate(PARTNERS):
            outcomes = CallerOutcomes()
            await installation.proxies[name].close()
            progress(f"{name} refuses connections for {options.minutes:g} minutes, {options.rate:g} mutations a second")
            await open_pirs(installation, bags[place * per_partner : (place + 1) * per_partner], options.rate, outcomes)
            pending = int((await installation.rows(PENDING_EFFECTS))[0]["pending"])
            await installation.proxies[name].open()
            seconds = await drain_seconds(installation)
            p95 = percentile(outcomes.seconds, 0.95) * 1000
            wrong = wrong or p95 > GOAL_MILLISECONDS or outcomes.repeats > 0 or bool(outcomes.rejections)
            _print(name, outcomes, p95, pending, seconds)
        states = await installation.rows(STATES)
        largest = await largest_in_a_minute(installation)
    print(
        "\n" + "\n".join(f"{row['service']:12} {row['state']:10} {row['reason']:18} {row['effects']}" for row in states)
    )
    print(f"most SMS in 60 seconds: {largest}, allowed {options.sms_per_minute}")
    # The mock's times are in seconds.
    return 1 if wrong or largest > options.sms_per_minute * 1.05 + 1 else 0


def _print(name: str, outcomes: CallerOutcomes, p95: float, pending: int, seconds: float) -> None:
    longest = max(outcomes.seconds, default=0.0) * 1000
    rejected: Any = dict(Counter(outcomes.rejections)) or "none"
    print(
        f"\n{name}: {outcomes.mutations} mutations, repeated {outcomes.repeats}, "
        f"rejections {rejected}, p95 {p95:.0f} ms, "
        f"longest {longest:.0f} ms; {pending} effects were pending and were sent within {seconds:.0f} s",
        flush=True,
    )


def main() -> int:
    """Parses the command line and runs the test."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outage", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=5.0, help="minutes for which each partner is unreachable (default: 5)"
    )
    parser.add_argument("--rate", type=float, default=2.0, help="PIRs opened in a second (default: 2)")
    parser.add_argument("--sms-per-minute", type=int, default=600, help="limit of SMS a minute (default: 600)")
    try:
        return asyncio.run(run(parser.parse_args()))
    except StartError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
