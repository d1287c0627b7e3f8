"""``python -m benchmarks.bank load``: events at the rate of the world's bags, and agents who ask meanwhile."""

import argparse
import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from math import ceil
from pathlib import Path
from time import process_time
from typing import Any

import orjson

from benchmarks.bank.bed import FOLDER, Bed, bed, rows_of
from benchmarks.bank.sending import Taken, requests_of, send_all, send_at_times
from benchmarks.client import Client, post
from benchmarks.installation import Say
from benchmarks.load import Outcome, Stream, open_loop, percentile
from benchmarks.operations import ONE_BAG
from benchmarks.processes import Meter, used_between
from benchmarks.report import machine
from gateway.console import console
from resolvers import health

# Requests a second; each is a transaction of the events of this part of a second.
REQUESTS = 4
# What a request holds varies a little: as much more is sent, so that the rate is reached.
SPARE = 1.02
QUESTIONS = 20.0
ASKED_ABOUT = 2_000
TAG = re.compile(rb"(?m)^\.N/(\d{10})")

# What the issue asks for.
SHARE_TAKEN = 0.99
LAG_SECONDS = 2.0
QUESTION_MILLISECONDS = 100.0
GROWTH = 0.10
# Memory is compared from the end of this minute on.
SETTLED_MINUTES = 2.0

TOLD = """
SELECT count(*) AS notices,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY done_at - created_at) AS p50,
       percentile_disc(0.99) WITHIN GROUP (ORDER BY done_at - created_at) AS p99,
       max(done_at - created_at) AS longest
FROM outbox
WHERE consumer = 'graph' AND created_at >= $1 AND done_at IS NOT NULL
"""


@dataclass(slots=True)
class Samples:
    """What was looked at each second, and each minute.

    Args:
        seconds: the age of the oldest notice that the graph had not learnt of.
        notices: how many waited.
        megabytes: by minute, of each process tree.
    """

    seconds: list[float] = field(default_factory=list)
    notices: list[int] = field(default_factory=list)
    megabytes: dict[float, Mapping[str, float]] = field(default_factory=dict)


async def run(parsed: argparse.Namespace) -> int:
    """The whole; returns the exit code: 1 where a goal was missed."""
    say = console(os.environ)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: parsed.cores])
    about = machine()
    seconds = parsed.minutes * 60
    days = ceil(parsed.rate * (seconds + parsed.warm) * SPARE / (parsed.bags * 11.2))
    async with bed("load", days, parsed.bags, parsed.seed, parsed.workers, say) as ready:
        figures, missed = await load(ready, parsed.rate, seconds, parsed.warm, say)
    figures = {**about, **figures}
    print(f"\n{rows_of(figures)}\n\n" + ("\n".join(missed) or "Every goal is met."))
    _file(parsed.json).write_bytes(orjson.dumps({**figures, "missed": missed}, option=orjson.OPT_INDENT_2))
    return 1 if missed else 0


async def load(ready: Bed, rate: float, seconds: float, warm: float, say: Say) -> tuple[dict[str, Any], list[str]]:
    """Sends a bed's texts and compares; returns the figures, and what is not as it should be, a sentence each.

    Args:
        rate: events a second.
        seconds: for which they are sent at this rate while agents ask; the rest comes as fast as it is taken.
        warm: seconds at the same rate before.
    """
    figures, missed = await _measure(ready, rate, seconds, warm, say)
    say("the graph has learnt all; comparing with the recount")
    found = await ready.compare()
    checked = await ready.graph_agrees()
    if not found.agrees:
        missed.append("The recount and the gateway differ.")
    if not checked:
        missed.append("The graph is not as the records are.")
    return {**figures, "recount": found.text(), "graph check": "clean" if checked else "NOT clean"}, missed


def _file(given: Path | None) -> Path:
    return given or FOLDER / f"load-{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}.json"


async def _measure(ready: Bed, rate: float, seconds: float, warm: float, say: Say) -> tuple[dict[str, Any], list[str]]:
    requests = requests_of(ready.texts, ready.token, round(rate * SPARE / REQUESTS))
    meter = Meter({**ready.installed.stores, **_programs(ready)})
    async with Client(ready.port) as client, Client(ready.port) as asking:
        say(f"{rate:,.0f} events/s for {warm:.0f} s to warm up")
        first = list(islice(requests, ceil(warm * REQUESTS)))
        await send_at_times(client, iter(first), 1 / REQUESTS, warm)
        questions = _questions(first, ready.installed.token)
        del first
        await open_loop(asking, [Stream(questions, QUESTIONS)], min(warm, 5.0))
        say(f"{rate:,.0f} events/s and {QUESTIONS:.0f} questions/s for {seconds / 60:.1f} minutes")
        began, before = datetime.now(UTC), {**meter.cpu_seconds(), "client": process_time()}
        samples = Samples()
        sampling = asyncio.create_task(_sample(ready, meter, samples))
        taken, (asked,) = await asyncio.gather(
            send_at_times(client, requests, 1 / REQUESTS, seconds),
            open_loop(asking, [Stream(questions, QUESTIONS)], seconds),
        )
        cpu = used_between(before, {**meter.cpu_seconds(), "client": process_time()})
        samples.megabytes[seconds / 60] = meter.megabytes()
        sampling.cancel()
        drained = await ready.until_told()
        told = await ready.records.fetchrow(TOLD, began, name="TOLD", timeout=60.0)
        say("sending the rest of the text, as fast as it is taken")
        await send_all(client, requests)
        await ready.until_told()
    return _figures(rate, taken, asked, samples, cpu, told, drained), _missed(rate, taken, asked, samples, told)


def _programs(ready: Bed) -> dict[str, Any]:
    return {name: ready.installed.programs[name] for name in ("gateway", "projector")}


def _questions(requests: Sequence[bytes], token: str) -> list[bytes]:
    tags = list(dict.fromkeys(tag.decode() for request in requests for tag in TAG.findall(request)))
    headers = {"Authorization": f"Bearer {token}"}
    chosen = tags[:: max(len(tags) // ASKED_ABOUT, 1)][:ASKED_ABOUT]
    return [post("/graphql", {"query": ONE_BAG, "variables": {"tag": tag}}, headers) for tag in chosen]


async def _sample(ready: Bed, meter: Meter, samples: Samples) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for second in range(1_000_000):
        await asyncio.sleep(max(began + second - loop.time(), 0))
        lag = await health.lag(ready.records)
        samples.seconds.append(lag.seconds)
        samples.notices.append(lag.notices)
        if second and second % 60 == 0:
            samples.megabytes[second / 60] = await asyncio.to_thread(meter.megabytes)


def _figures(
    rate: float,
    taken: Taken,
    asked: Outcome,
    samples: Samples,
    cpu: Mapping[str, float],
    told: Any,
    drained: float,
) -> dict[str, Any]:
    requests = taken.outcome
    memory = [(minute, sizes) for minute, sizes in samples.megabytes.items()]
    return {
        "events/s asked for": f"{rate:,.0f}",
        "events/s taken into PostgreSQL": f"{taken.events / requests.seconds:,.0f} ({taken.events:,} in all)",
        "requests": _shares(requests) + f", {len(requests.failures)} failed {requests.failures[:1]}",
        "requests sent late": f"{requests.late}, p99 {percentile(requests.lateness, 0.99) * 1000:.0f} ms",
        "bag questions": _shares(asked) + f", {len(asked.failures)} failed {asked.failures[:1]}",
        "graph lag, sampled each second": ", ".join(
            f"{name} {percentile(samples.seconds, share):.2f} s"
            for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
        ),
        "graph lag, of each notice": f"p50 {_seconds(told['p50'])}, p99 {_seconds(told['p99'])}, "
        f"max {_seconds(told['longest'])}, of {told['notices']:,}",
        "notices waiting, at most": f"{max(samples.notices, default=0):,}",
        "graph done after the last event": f"{drained:.1f} s",
        "CPU us an event": ", ".join(f"{name} {used / max(taken.events, 1) * 1e6:.0f}" for name, used in cpu.items()),
        "cores busy": ", ".join(f"{name} {used / requests.seconds:.2f}" for name, used in cpu.items()),
        **{f"MB at minute {minute:g}": _sizes(sizes) for minute, sizes in memory},
    }


def _shares(outcome: Outcome) -> str:
    shares = ", ".join(
        f"{name} {outcome.milliseconds(share):.0f} ms"
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))
    )
    return f"{len(outcome.latencies):,} answered: {shares}"


def _sizes(sizes: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {size:.0f}" for name, size in sizes.items()) + f"; together {sum(sizes.values()):.0f}"


def _seconds(span: Any) -> str:
    return f"{span.total_seconds():.2f} s"


def _missed(rate: float, taken: Taken, asked: Outcome, samples: Samples, told: Any) -> list[str]:
    """What is not as it should be, a sentence each."""
    missed = []
    reached = taken.events / taken.outcome.seconds
    if reached < rate * SHARE_TAKEN:
        missed.append(f"{reached:,.0f} events/s were taken, not {rate:,.0f}.")
    if taken.outcome.failures:
        missed.append(f"{len(taken.outcome.failures)} requests failed.")
    if max(percentile(samples.seconds, 0.99), told["p99"].total_seconds()) >= LAG_SECONDS:
        missed.append(f"The graph's lag is not under {LAG_SECONDS:.0f} s at p99.")
    if asked.failures or not asked.milliseconds(0.95) < QUESTION_MILLISECONDS:
        missed.append(f"Bag questions are not under {QUESTION_MILLISECONDS:.0f} ms at p95.")
    grown = growth(samples.megabytes)
    if grown is not None and grown >= GROWTH:
        missed.append(f"Memory grew by {grown:.0%} from minute {SETTLED_MINUTES:.0f} on.")
    return missed


def growth(megabytes: Mapping[float, Mapping[str, float]]) -> float | None:
    """By which share the memory of all processes together grew; None of a run that was too short to tell."""
    settled = [sum(sizes.values()) for minute, sizes in sorted(megabytes.items()) if minute >= SETTLED_MINUTES]
    return settled[-1] / settled[0] - 1 if len(settled) > 1 else None
