"""The command line: ``python -m tests.execution --cases 100000``."""

# A command line prints.
# ruff: noqa: T201

import argparse
import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.queues import Queue
from pathlib import Path
from random import Random
from typing import Any

from integrations.embedded.postgres import EmbeddedPostgres
from schema.execution import BreadthFirstExecutor
from tests.execution.comparison import Bench
from tests.execution.reduction import explained
from tests.execution.world import rows

SHOWN_EVERY = 15.0
MOST_FAILURES = 20


@dataclass(frozen=True, slots=True)
class Found:
    """Progress of one process; ``failure`` describes a failed case, if there is one."""

    cases: int
    fallen_back: int = 0
    failure: str = ""


def main(arguments: Sequence[str]) -> int:
    """Compares both executors on many cases; returns 1 if they differ."""
    parsed = parser().parse_args(arguments)
    real_rows = asyncio.run(fetched())
    # Records of PostgreSQL cannot be pickled; a forked process inherits them.
    context: Any = multiprocessing.get_context("fork")
    queue: Queue[Found] = context.Queue()
    until = time.monotonic() + parsed.minutes * 60
    workers = [
        context.Process(
            target=compare_cases,
            args=(range(parsed.first + number, parsed.first + parsed.cases, parsed.processes), real_rows, until, queue),
            daemon=True,
        )
        for number in range(parsed.processes)
    ]
    for worker in workers:
        worker.start()
    failures, done = followed(workers, queue, parsed.cases)
    if failures:
        print(f"{failures} of {done} cases differ")
    return 1 if failures or done < parsed.cases else 0


def parser() -> argparse.ArgumentParser:
    """Parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m tests.execution",
        description="Compares both executors on generated operations. A number determines its case.",
    )
    made.add_argument("--cases", type=int, default=100_000, help="number of cases; default 100000")
    made.add_argument("--first", type=int, default=0, help="number of the first case; default 0")
    made.add_argument("--minutes", type=float, default=60.0, help="time limit; default 60")
    made.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="default one per core")
    return made


async def fetched() -> list[Any]:
    """Rows of a temporary PostgreSQL server."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", durable=False)
        await server.start()
        try:
            return await rows(server.url)
        finally:
            await server.stop()


def followed(workers: Sequence[Any], queue: "Queue[Found]", wanted: int) -> tuple[int, int]:
    """Prints the findings of the workers until all are done; returns the numbers of failures and of cases."""
    began = shown = time.monotonic()
    failures = done = fallen_back = 0
    while done < wanted and (not queue.empty() or any(worker.is_alive() for worker in workers)):
        if queue.empty():
            time.sleep(0.05)
            continue
        found = queue.get()
        done += found.cases
        fallen_back += found.fallen_back
        if found.failure:
            failures += 1
            print(f"{found.failure}\n", flush=True)
        if time.monotonic() - shown > SHOWN_EVERY or done == wanted:
            shown = time.monotonic()
            print(f"{done} cases, {failures} failed, {done / (shown - began):.0f} a second", flush=True)
    print(f"{done} cases, {fallen_back} operations handed to graphql-core's executor, {time.monotonic() - began:.0f} s")
    return failures, done


def compare_cases(numbers: Sequence[int], real_rows: Sequence[Any], until: float, queue: "Queue[Found]") -> None:
    """Compares the cases of one process."""
    # graphql-core's executor does not await coroutines and futures under a null that has propagated.
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    sys.unraisablehook = lambda _: None
    asyncio.run(_compare_cases(numbers, real_rows, until, queue))


async def _compare_cases(numbers: Sequence[int], real_rows: Sequence[Any], until: float, queue: "Queue[Found]") -> None:
    """Runs ``compare_cases`` on an event loop."""
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    executor = counting()
    bench = Bench(executor, real_rows)
    failures = 0
    for number in numbers:
        if time.monotonic() > until or failures == MOST_FAILURES:
            break
        case = bench.case(Random(number), 30)
        differences = await bench.differences(case)
        failures += bool(differences)
        fallen_back = executor.fallen_back
        failure = f"case {number}\n{await explained(bench, case)}" if differences else ""
        executor.fallen_back = 0
        queue.put(Found(1, fallen_back, failure))


def counting() -> Any:
    """Executor that counts the operations it hands to graphql-core's executor."""

    class CountingExecutor(BreadthFirstExecutor):
        fallen_back = 0

        def _fall_back(self, serially: bool | None) -> Any:
            CountingExecutor.fallen_back += 1
            return super()._fall_back(serially)

    return CountingExecutor


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
