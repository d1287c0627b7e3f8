"""``python -m benchmarks.bank load``: events at the rate of the world's bags, beside bag queries."""

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

from benchmarks.bank.installation import FOLDER, BankInstallation, bank_installation, figures_text
from benchmarks.bank.sending import IntakeCounts, requests_of, send_all, send_at_times
from benchmarks.client import Client, post
from benchmarks.command_line import use_cores
from benchmarks.load import LoadOutcome, Stream, open_loop, percentile
from benchmarks.operations import ONE_BAG
from benchmarks.processes import Meter, used_between
from benchmarks.report import machine
from gateway.console import console
from integrations.progress import Progress
from resolvers import health

# Requests a second; each is a transaction of the events of this fraction of a second.
REQUESTS = 4
# The content of a request varies a little: this much more is sent, so that the rate is reached.
SPARE = 1.02
QUERY_RATE = 20.0
QUERIED_TAGS = 2_000
TAG = re.compile(rb"(?m)^\.N/(\d{10})")

# Required goals.
SHARE_TAKEN = 0.99
LAG_SECONDS = 2.0
QUERY_MILLISECONDS = 100.0
GROWTH = 0.10
# Memory is compared from the end of this minute on.
SETTLED_MINUTES = 2.0

GRAPH_DELAYS = """
SELECT count(*) AS messages,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY done_at - created_at) AS p50,
       percentile_disc(0.99) WITHIN GROUP (ORDER BY done_at - created_at) AS p99,
       max(done_at - created_at) AS longest
FROM outbox
WHERE consumer = 'graph' AND created_at >= $1 AND done_at IS NOT NULL
"""


@dataclass(slots=True)
class LagSamples:
    """Samples of each second and each minute.

    Args:
        seconds: age of the oldest outbox message that is pending for the graph.
        messages: number of pending messages.
        megabytes: memory of each process tree, by minute.
    """

    seconds: list[float] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)
    megabytes: dict[float, Mapping[str, float]] = field(default_factory=dict)


async def run(options: argparse.Namespace) -> int:
    """Runs the whole load; returns the exit code, 1 if a goal is missed."""
    progress = console(os.environ)
    use_cores(options.cores)
    machine_figures = machine()
    seconds = options.minutes * 60
    days = ceil(options.rate * (seconds + options.warm) * SPARE / (options.bags * 11.2))
    async with bank_installation("load", days, options.bags, options.seed, options.workers, progress) as installation:
        figures, missed = await load(installation, options.rate, seconds, options.warm, progress)
    figures = {**machine_figures, **figures}
    print(f"\n{figures_text(figures)}\n\n" + ("\n".join(missed) or "Every goal is met."))
    _file(options.json).write_bytes(orjson.dumps({**figures, "missed": missed}, option=orjson.OPT_INDENT_2))
    return 1 if missed else 0


async def load(
    installation: BankInstallation, rate: float, seconds: float, warm_seconds: float, progress: Progress
) -> tuple[dict[str, Any], list[str]]:
    """Sends the texts of an installation and compares the result with the recount.

    Args:
        rate: events a second.
        seconds: duration at this rate, beside bag queries. The rest of the text is sent as fast as it is accepted.
        warm_seconds: duration at the same rate before.

    Returns:
        The figures, and the missed goals, a sentence each.
    """
    figures, missed = await _measure(installation, rate, seconds, warm_seconds, progress)
    progress("the graph has caught up; comparing with the recount")
    comparison = await installation.compare()
    graph_agrees = await installation.graph_agrees()
    if not comparison.agrees:
        missed.append("The gateway differs from the recount.")
    if not graph_agrees:
        missed.append("The graph differs from the records.")
    figures |= {"recount": comparison.text(), "graph check": "clean" if graph_agrees else "NOT clean"}
    return figures, missed


def _file(path: Path | None) -> Path:
    return path or FOLDER / f"load-{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}.json"


async def _measure(
    installation: BankInstallation, rate: float, seconds: float, warm_seconds: float, progress: Progress
) -> tuple[dict[str, Any], list[str]]:
    requests = requests_of(installation.texts, installation.token, round(rate * SPARE / REQUESTS))
    meter = Meter({**installation.processes.stores, **_programs(installation)})
    async with Client(installation.port) as client, Client(installation.port) as query_client:
        progress(f"{rate:,.0f} events/s for {warm_seconds:.0f} s to warm up")
        first = list(islice(requests, ceil(warm_seconds * REQUESTS)))
        await send_at_times(client, iter(first), 1 / REQUESTS, warm_seconds)
        queries = _bag_queries(first, installation.processes.token)
        del first
        await open_loop(query_client, [Stream(queries, QUERY_RATE)], min(warm_seconds, 5.0))
        progress(f"{rate:,.0f} events/s and {QUERY_RATE:.0f} bag queries/s for {seconds / 60:.1f} minutes")
        started_at, before = datetime.now(UTC), {**meter.cpu_seconds(), "client": process_time()}
        samples = LagSamples()
        sampling = asyncio.create_task(_sample(installation, meter, samples))
        counts, (queried,) = await asyncio.gather(
            send_at_times(client, requests, 1 / REQUESTS, seconds),
            open_loop(query_client, [Stream(queries, QUERY_RATE)], seconds),
        )
        cpu = used_between(before, {**meter.cpu_seconds(), "client": process_time()})
        samples.megabytes[seconds / 60] = meter.megabytes()
        sampling.cancel()
        drained = await installation.until_caught_up()
        delays = await installation.records.fetchrow(GRAPH_DELAYS, started_at, name="GRAPH_DELAYS", timeout=60.0)
        progress("sending the rest of the text as fast as it is accepted")
        await send_all(client, requests)
        await installation.until_caught_up()
    return _figures(rate, counts, queried, samples, cpu, delays, drained), _missed(
        rate, counts, queried, samples, delays
    )


def _programs(installation: BankInstallation) -> dict[str, Any]:
    return {name: installation.processes.programs[name] for name in ("gateway", "projector")}


def _bag_queries(requests: Sequence[bytes], token: str) -> list[bytes]:
    tags = list(dict.fromkeys(tag.decode() for request in requests for tag in TAG.findall(request)))
    headers = {"Authorization": f"Bearer {token}"}
    chosen = tags[:: max(len(tags) // QUERIED_TAGS, 1)][:QUERIED_TAGS]
    return [post("/graphql", {"query": ONE_BAG, "variables": {"tag": tag}}, headers) for tag in chosen]


async def _sample(installation: BankInstallation, meter: Meter, samples: LagSamples) -> None:
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    for second in range(1_000_000):
        await asyncio.sleep(max(started_at + second - loop.time(), 0))
        lag = await health.lag(installation.records)
        samples.seconds.append(lag.seconds)
        samples.messages.append(lag.messages)
        if second and second % 60 == 0:
            samples.megabytes[second / 60] = await asyncio.to_thread(meter.megabytes)


def _figures(
    rate: float,
    counts: IntakeCounts,
    queried: LoadOutcome,
    samples: LagSamples,
    cpu: Mapping[str, float],
    delays: Any,
    drained: float,
) -> dict[str, Any]:
    requests = counts.outcome
    memory = [(minute, sizes) for minute, sizes in samples.megabytes.items()]
    return {
        "events/s requested": f"{rate:,.0f}",
        "events/s stored in PostgreSQL": f"{counts.events / requests.seconds:,.0f} ({counts.events:,} in all)",
        "requests": _shares(requests) + f", {len(requests.failures)} failed {requests.failures[:1]}",
        "requests sent late": f"{requests.late}, p99 {percentile(requests.lateness, 0.99) * 1000:.0f} ms",
        "bag queries": _shares(queried) + f", {len(queried.failures)} failed {queried.failures[:1]}",
        "graph lag, sampled each second": ", ".join(
            f"{name} {percentile(samples.seconds, share):.2f} s"
            for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
        ),
        "graph lag, of each outbox message": f"p50 {_seconds(delays['p50'])}, p99 {_seconds(delays['p99'])}, "
        f"max {_seconds(delays['longest'])}, of {delays['messages']:,}",
        "pending outbox messages, at most": f"{max(samples.messages, default=0):,}",
        "graph done after the last event": f"{drained:.1f} s",
        "CPU us an event": ", ".join(f"{name} {used / max(counts.events, 1) * 1e6:.0f}" for name, used in cpu.items()),
        "cores busy": ", ".join(f"{name} {used / requests.seconds:.2f}" for name, used in cpu.items()),
        **{f"MB at minute {minute:g}": _sizes(sizes) for minute, sizes in memory},
    }


def _shares(outcome: LoadOutcome) -> str:
    shares = ", ".join(
        f"{name} {outcome.milliseconds(share):.0f} ms"
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))
    )
    return f"{len(outcome.latencies):,} responses: {shares}"


def _sizes(sizes: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {size:.0f}" for name, size in sizes.items()) + f"; together {sum(sizes.values()):.0f}"


def _seconds(span: Any) -> str:
    return f"{span.total_seconds():.2f} s"


def _missed(rate: float, counts: IntakeCounts, queried: LoadOutcome, samples: LagSamples, delays: Any) -> list[str]:
    """Missed goals, a sentence each."""
    missed = []
    rate_reached = counts.events / counts.outcome.seconds
    if rate_reached < rate * SHARE_TAKEN:
        missed.append(f"{rate_reached:,.0f} events/s were stored, not {rate:,.0f}.")
    if counts.outcome.failures:
        missed.append(f"{len(counts.outcome.failures)} requests failed.")
    if max(percentile(samples.seconds, 0.99), delays["p99"].total_seconds()) >= LAG_SECONDS:
        missed.append(f"The graph's lag is not under {LAG_SECONDS:.0f} s at p99.")
    if queried.failures or not queried.milliseconds(0.95) < QUERY_MILLISECONDS:
        missed.append(f"Bag queries are not under {QUERY_MILLISECONDS:.0f} ms at p95.")
    growth_share = growth(samples.megabytes)
    if growth_share is not None and growth_share >= GROWTH:
        missed.append(f"Memory grew by {growth_share:.0%} from minute {SETTLED_MINUTES:.0f} on.")
    return missed


def growth(megabytes: Mapping[float, Mapping[str, float]]) -> float | None:
    """Share by which the memory of all processes together grew; None if the run was too short."""
    settled = [sum(sizes.values()) for minute, sizes in sorted(megabytes.items()) if minute >= SETTLED_MINUTES]
    return settled[-1] / settled[0] - 1 if len(settled) > 1 else None
