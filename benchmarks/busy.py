"""``python -m benchmarks.busy``: does a busy machine make the product take a healthy store for down?

Processes that only use CPU share the cores with the stores, the gateway and its callers. The callers read from all
stores. The command counts responses that say that a store is unavailable, and responses that came from elsewhere
although the store was up: journeys from the records, and cached routes from the graph.
"""

import argparse
import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from time import monotonic, perf_counter

from benchmarks.client import Client, ClientResponse, post
from benchmarks.command_line import FOLDER, until_signal, use_cores
from benchmarks.installation import BenchmarkInstallation, installation
from benchmarks.load import percentile
from benchmarks.operations import BAGS_OF_FLIGHT, JOURNEY, ONE_BAG, TooFewBags, operations
from gateway.config import Settings
from gateway.console import console
from integrations.embedded.process import StartError

PROGRAMS = ("gateway", "projector")
# A process without work for its stores.
BUSY_LOOP = "while True: pass"
TAGS = 40
# Bags of a flight, at least; 2,000 seeded bags have no flight with more than 20.
FLIGHT_BAGS = 5
WARM_UP_SECONDS = 60.0

FELLOWS = "query Fellows($tag: String!) { bag(by: {tag: $tag}) { tag fellows { total } } }"
ROUTES = 'query Routes($to: String!) { routes(from: "PTY", to: $to) { source options { minutes } } }'
DESTINATIONS = ("MIA", "BOG", "LIM", "GRU", "SCL", "EZE", "JFK", "MEX")

UNAVAILABLE = b"STORE_UNAVAILABLE"
# Kinds of responses that a store that is up must not cause.
FALSE_KINDS = ("unavailable", "journey from the records", "cached route from the graph")


def kind_of(response: ClientResponse) -> str:
    """Kind of a response: ``correct``, one of ``FALSE_KINDS``, or ``failed``."""
    if UNAVAILABLE in response.body:
        return FALSE_KINDS[0]
    if b'"source":"RECORDS"' in response.body:
        return FALSE_KINDS[1]
    if b'{"routes":{"source":"GRAPH"' in response.body:
        return FALSE_KINDS[2]
    return "failed" if response.status != 200 or b'"errors"' in response.body else "correct"


async def mixed_reads(installed: BenchmarkInstallation) -> list[bytes]:
    """Requests that read from all stores, in turn."""
    settings = Settings.read(installed.environment)
    known = await operations(settings.neon_database_url.get_secret_value(), settings.copa_airline_id, FLIGHT_BAGS)
    tags, flights = known["bag"].variables[:TAGS], known["flight"].variables[:TAGS]
    headers = {"Authorization": f"Bearer {installed.token}"}
    flight, destination = cycle(flights), cycle(DESTINATIONS)
    return [
        post("/graphql", {"query": document, "variables": variables}, headers)
        for tag in tags
        for document, variables in (
            (ONE_BAG, tag),
            (JOURNEY, tag),
            (FELLOWS, tag),
            (ROUTES, {"to": next(destination)}),
            (BAGS_OF_FLIGHT, next(flight)),
        )
    ]


async def warm_up(client: Client, requests: Sequence[bytes]) -> None:
    """Sends each request until its response is correct: journeys are projected and routes are cached.

    Raises:
        StartError: one is not correct within a minute.
    """
    deadline = monotonic() + WARM_UP_SECONDS
    for request in requests:
        while kind_of(response := await client.send(request)) != "correct":
            if monotonic() > deadline:
                raise StartError(f"The stores are not ready: {response.body[:200]!r}")
            await asyncio.sleep(0.1)


@asynccontextmanager
async def busy_processes(number: int) -> AsyncIterator[None]:
    """Processes that only use CPU, for the duration of the block.

    Each has a session of its own, since the scheduler may divide the cores among sessions first.
    """
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", BUSY_LOOP, start_new_session=True)
        for _ in range(number)
    ]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
        await asyncio.gather(*(process.wait() for process in processes))


class BusyOutcome:
    """Responses by kind, their latencies, and texts of those that are not correct."""

    def __init__(self) -> None:
        self.kinds = Counter[str]()
        self.seconds: list[float] = []
        self.texts = Counter[str]()

    @property
    def false(self) -> int:
        """Number of responses that a store that is up must not cause."""
        return sum(self.kinds[kind] for kind in FALSE_KINDS)

    def lines(self) -> Iterator[str]:
        """The counts as text."""
        yield f"responses {self.kinds.total():,}, p50 {self._p(0.5):.0f} ms, p95 {self._p(0.95):.0f} ms, "
        yield f"longest {max(self.seconds, default=0.0) * 1000:.0f} ms"
        yield from (f"\n{kind:30} {number:6,}" for kind, number in self.kinds.most_common())
        yield from (f"\n  {number} x {text}" for text, number in self.texts.most_common(5))

    def _p(self, share: float) -> float:
        return percentile(self.seconds, share) * 1000


async def read_for(client: Client, requests: Sequence[bytes], callers: int, seconds: float) -> BusyOutcome:
    """So many callers send one request after the other, for so long."""
    outcome, in_turn = BusyOutcome(), cycle(requests)
    ends_at = perf_counter() + seconds

    async def caller() -> None:
        while (started := perf_counter()) < ends_at:
            try:
                response = await client.send(next(in_turn))
                kind, text = kind_of(response), repr(response.body[:160])
            except OSError as error:
                kind, text = "no response", type(error).__name__
            outcome.kinds[kind] += 1
            outcome.seconds.append(perf_counter() - started)
            if kind != "correct":
                outcome.texts[text] += 1

    await asyncio.gather(*(caller() for _ in range(callers)))
    return outcome


async def run(options: argparse.Namespace) -> int:
    """Runs the load; returns the exit code, 1 if a store that is up was taken for down, or a response is missing."""
    progress = console(os.environ)
    folder = FOLDER / f"{options.bags}-bags"
    async with installation(folder, options.bags, 1, progress, PROGRAMS) as installed:
        requests = await mixed_reads(installed)
        async with Client(installed.ports["gateway"]) as client:
            await warm_up(client, requests)
            progress(f"{options.busy} busy processes and {options.callers} callers for {options.seconds:g} s")
            async with busy_processes(options.busy):
                outcome = await read_for(client, requests, options.callers, options.seconds)
    print("\n" + "".join(outcome.lines()))
    return 1 if outcome.kinds.total() > outcome.kinds["correct"] else 0


def main() -> int:
    """Parses the command line and runs the load."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.busy", description=__doc__)
    parser.add_argument("--bags", type=int, default=2_000, help="bags that the first run seeds (default: 2000)")
    parser.add_argument("--busy", type=int, default=12, help="processes that only use CPU (default: 12)")
    parser.add_argument("--callers", type=int, default=16, help="callers (default: 16)")
    parser.add_argument("--cores", type=int, default=2, help="cores for everything together (default: 2)")
    parser.add_argument("--seconds", type=float, default=60.0, help="duration of the load (default: 60)")
    options = parser.parse_args()
    use_cores(options.cores)
    try:
        return asyncio.run(until_signal(run(options)))
    except (StartError, TooFewBags) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
