"""``python -m benchmarks.overload``: what happens when callers ask for four times what the product can serve?

A closed loop finds the peak. Then an open loop sends four times as many requests, by several callers, in the same mix
of reads from all stores. Throughput must stay near the peak, admitted requests must stay fast, the others must be
rejected at once, and memory must stay flat.
"""

import argparse
import asyncio
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter, process_time

from benchmarks.busy import mixed_reads, warm_up
from benchmarks.client import Client
from benchmarks.command_line import FOLDER, until_signal, use_cores
from benchmarks.installation import AIRLINE_ID, SIGN_IN, BenchmarkInstallation, installation
from benchmarks.load import closed_loop, due_times, percentile
from benchmarks.operations import TooFewBags
from benchmarks.processes import Meter, used_between
from gateway.config import Settings
from gateway.console import console
from gateway.http.jwt import issue_token
from integrations.embedded.process import StartError
from resolvers.actor import Role

PROGRAMS = ("gateway", "projector")
CALLERS = 8
PEAK_CONCURRENCY = 32
PEAK_SECONDS = 10.0
AFTER_SECONDS = 5.0
REJECTED = frozenset({429, 503})
# Goals: share of the peak, and milliseconds.
GOAL_SHARE = 0.9
GOAL_ADMITTED = 500.0
GOAL_REJECTED = 50.0


@dataclass(slots=True)
class OverloadOutcome:
    """Seconds of admitted and of rejected requests, other outcomes by name, and the seconds until all had ended."""

    seconds: float = 0.0
    admitted: list[float] = field(default_factory=list)
    rejected: list[float] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)


async def offer(client: Client, requests: Sequence[bytes], rate: float, seconds: float) -> OverloadOutcome:
    """Sends requests at random times, whether earlier ones are finished or not."""
    outcome, in_turn = OverloadOutcome(), cycle(requests)
    started_at = perf_counter()

    async def send(request: bytes) -> None:
        started = perf_counter()
        try:
            response = await client.send(request)
        except OSError as error:
            outcome.others[type(error).__name__] += 1
            return
        took = perf_counter() - started
        if response.status in REJECTED:
            outcome.rejected.append(took)
        elif response.status == 200 and b'"errors"' not in response.body:
            outcome.admitted.append(took)
        else:
            outcome.others[f"{response.status} {response.body[:120]!r}"] += 1

    async with asyncio.TaskGroup() as group:
        for at in due_times(rate, seconds, "overload"):
            if (wait := started_at + at - perf_counter()) > 0:
                await asyncio.sleep(wait)
            group.create_task(send(next(in_turn)))
    outcome.seconds = perf_counter() - started_at
    return outcome


async def requests_of_callers(installed: BenchmarkInstallation) -> list[bytes]:
    """The mixed reads, each by several callers in turn."""
    secret = Settings.read(installed.environment).jwt_secret.get_secret_value()
    own = installed.token.encode()
    tokens = [
        issue_token(secret, Role.AGENT, AIRLINE_ID, SIGN_IN, subject=f"agent-{number}").encode()
        for number in range(CALLERS)
    ]
    reads = await mixed_reads(installed)
    return [read.replace(own, tokens[number % CALLERS]) for number, read in enumerate(reads)]


def report(peak: float, offered: float, outcome: OverloadOutcome) -> Iterator[tuple[str, bool]]:
    """Lines of text, each with whether its goal is met."""
    seconds = outcome.seconds
    served = len(outcome.admitted) / seconds
    admitted = percentile(outcome.admitted, 0.95) * 1000
    rejected = percentile(outcome.rejected, 0.95) * 1000
    yield f"peak {peak:.0f}/s, offered {offered:.0f}/s for {seconds:.0f} s", True
    yield f"admitted {served:.0f}/s, {served / peak:.0%} of the peak", served >= GOAL_SHARE * peak
    yield (
        f"admitted: p50 {percentile(outcome.admitted, 0.5) * 1000:.0f} ms, p95 {admitted:.0f} ms",
        admitted <= GOAL_ADMITTED,
    )
    longest = max(outcome.rejected, default=0.0) * 1000
    quantiles = (
        f"p50 {percentile(outcome.rejected, 0.5) * 1000:.1f} ms, p95 {rejected:.1f} ms, longest {longest:.0f} ms"
    )
    yield f"rejected {len(outcome.rejected) / seconds:.0f}/s: {quantiles}", rejected <= GOAL_REJECTED
    yield f"other outcomes: {dict(outcome.others.most_common(5)) or 'none'}", not outcome.others


def cores(cpu: Mapping[str, float], seconds: float) -> str:
    """Cores that each process tree has used."""
    return ", ".join(f"{name} {used / seconds:.2f}" for name, used in cpu.items())


async def run(options: argparse.Namespace) -> int:
    """Runs the load; returns the exit code, 1 if a goal is missed."""
    progress = console(os.environ)
    folder = FOLDER / f"{options.bags}-bags"
    async with installation(folder, options.bags, options.workers, progress, PROGRAMS) as installed:
        requests = await requests_of_callers(installed)
        meter = Meter({**installed.stores, **installed.programs})
        async with Client(installed.ports["gateway"]) as client:
            await warm_up(client, requests)
            await closed_loop(client, requests, PEAK_CONCURRENCY, PEAK_SECONDS)
            progress(f"peak: {PEAK_CONCURRENCY} callers, closed loop")
            used = {**meter.cpu_seconds(), "client": process_time()}
            measured = await closed_loop(client, requests, PEAK_CONCURRENCY, PEAK_SECONDS)
            cpu_of_peak = used_between(used, {**meter.cpu_seconds(), "client": process_time()})
            peak = len(measured.latencies) / measured.seconds
            offered = peak * options.times
            progress(f"offering {offered:.0f}/s for {options.seconds:g} s")
            # Its buffers are allocated in the first seconds.
            await offer(client, requests, offered, min(options.seconds, 5.0))
            before = meter.megabytes()["gateway"]
            used = {**meter.cpu_seconds(), "client": process_time()}
            outcome = await offer(client, requests, offered, options.seconds)
            cpu = used_between(used, {**meter.cpu_seconds(), "client": process_time()})
            memory = meter.megabytes()["gateway"]
            after = await offer(client, requests, peak / 4, AFTER_SECONDS)
    lines = list(report(peak, offered, outcome))
    lines.append((f"cores at the peak: {cores(cpu_of_peak, measured.seconds)}", True))
    lines.append((f"cores during the overload: {cores(cpu, outcome.seconds)}", True))
    lines.append((f"memory of the gateway: {before:.0f} MB at the start, {memory:.0f} MB at the end", True))
    normal = f"p95 {percentile(after.admitted, 0.95) * 1000:.0f} ms, rejected {len(after.rejected)}"
    lines.append((f"afterwards, at a quarter of the peak for {AFTER_SECONDS:g} s: {normal}", not after.rejected))
    print("\n" + "\n".join(line if met else f"{line}   MISSED" for line, met in lines))
    return 0 if all(met for _, met in lines) else 1


def main() -> int:
    """Parses the command line and runs the load."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overload", description=__doc__)
    parser.add_argument("--bags", type=int, default=2_000, help="bags that the first run seeds (default: 2000)")
    parser.add_argument("--cores", type=int, default=2, help="cores for everything together (default: 2)")
    parser.add_argument("--workers", type=int, default=1, help="serving processes of the gateway (default: 1)")
    parser.add_argument("--times", type=float, default=4.0, help="offered load, in peaks (default: 4)")
    parser.add_argument("--seconds", type=float, default=60.0, help="duration of the overload (default: 60)")
    options = parser.parse_args()
    use_cores(options.cores)
    try:
        return asyncio.run(until_signal(run(options)))
    except (StartError, TooFewBags) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
