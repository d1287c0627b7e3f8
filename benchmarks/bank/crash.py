"""``python -m benchmarks.bank crash``: is anything lost or doubled while gateway, projector and stores are killed?"""

import argparse
import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import psutil

from benchmarks.bank.installation import BankInstallation, bank_installation, figures_text
from benchmarks.bank.sending import LONGEST_SECONDS, IntakeCounts, requests_of, send_until_accepted
from benchmarks.client import Client
from gateway.console import console
from gateway.supervisor import Program
from integrations.embedded.server import EmbeddedServer
from integrations.progress import Progress
from seeds.seeded_random import random_for

SENDERS = 4
EVENTS_AT_ONCE = 250
LONGEST_PAUSE = 3.0
PAUSE = 0.05

Kill = Callable[[], Awaitable[None]]


async def run(options: argparse.Namespace) -> int:
    """Runs the whole test; returns the exit code, 1 if anything is lost, doubled or different."""
    progress = console(os.environ)
    async with bank_installation("crash", 1, options.bags, options.seed, 1, progress) as installation:
        figures, correct = await crash(installation, options.kills, options.seconds, options.seed, progress)
    print(f"\n{figures_text(figures)}\n\n" + ("Nothing was lost or doubled." if correct else "The result is wrong."))
    return 0 if correct else 1


async def crash(
    installation: BankInstallation, kills: int, seconds: float, seed: int, progress: Progress
) -> tuple[dict[str, Any], bool]:
    """Sends the texts of an installation while everything is killed.

    Args:
        kills: number of kills. Each process is killed once before any is killed twice.
        seconds: least duration of the sending.
        seed: seed of the times and the order of the kills.

    Returns:
        The figures, and whether nothing was lost or doubled.
    """
    killed: Counter[str] = Counter()
    counts = IntakeCounts()
    async with asyncio.TaskGroup() as group:
        group.create_task(_send(installation, seconds, counts, lambda: (killed.total() + 1) / (kills + 1)))
        group.create_task(_kill(installation, kills, random_for(seed, "kills"), killed, progress))
    progress("all messages are sent and all processes run; waiting for the graph")
    await installation.processes.until_healthy()
    await installation.until_caught_up()
    comparison = await installation.compare()
    graph_agrees = await installation.graph_agrees()
    figures = {
        "killed": ", ".join(f"{name} {times}" for name, times in sorted(killed.items())),
        "requests sent again": counts.repeats,
        "taken": f"{counts.messages:,} messages, {counts.events:,} events, {counts.duplicates:,} duplicates",
        "recount": comparison.text(),
        "graph check": "clean" if graph_agrees else "NOT clean",
    }
    return figures, comparison.agrees and graph_agrees


async def _send(
    installation: BankInstallation, seconds: float, counts: IntakeCounts, limit: Callable[[], float]
) -> None:
    """Sends all of the text over so long, but never more than the share ``limit``, so that it lasts until the end."""
    count = sum(-(-text.events // EVENTS_AT_ONCE) for text in installation.texts)
    requests = enumerate(requests_of(installation.texts, installation.token, EVENTS_AT_ONCE))
    loop = asyncio.get_running_loop()
    started_at = loop.time()

    async def sender(client: Client) -> None:
        for place, request in requests:
            while place / count > min((loop.time() - started_at) / seconds, limit()):  # noqa: ASYNC110 # there are several things to wait for
                await asyncio.sleep(PAUSE)
            await send_until_accepted(client, request, counts, LONGEST_SECONDS)

    async with Client(installation.port) as client:
        await asyncio.gather(*(sender(client) for _ in range(SENDERS)))


async def _kill(
    installation: BankInstallation, kills: int, rng: Random, killed: Counter[str], progress: Progress
) -> None:
    """Kills one process after the other at random times, each once before any twice, and starts each again."""
    victims: dict[str, Kill] = {
        name: _program_kill(installation.processes.programs[name]) for name in ("gateway", "projector")
    }
    victims |= {name: _store_kill(store) for name, store in installation.processes.stores.items()}
    for number in range(kills):
        if number % len(victims) == 0:
            order = rng.sample(list(victims), len(victims))
        await asyncio.sleep(rng.uniform(0.1, LONGEST_PAUSE))
        name = order[number % len(victims)]
        await victims[name]()
        killed[name] += 1
        if killed.total() % 10 == 0:
            progress(f"{killed.total()} killed")


def _program_kill(program: Program) -> Kill:
    async def restart() -> None:
        if program.pid is not None:
            _kill_tree(program.pid)
            await program.wait()
        await program.start(lambda _: None)

    return restart


def _store_kill(store: EmbeddedServer) -> Kill:
    async def restart() -> None:
        await store.kill()
        await store.start()

    return restart


def _kill_tree(pid: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (*root.children(recursive=True), root):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
