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

from benchmarks.bank.bed import Bed, bed, rows_of
from benchmarks.bank.sending import MOST_SECONDS, Taken, requests_of, send_until_taken
from benchmarks.client import Client
from benchmarks.installation import Say
from gateway.console import console
from gateway.demo.supervisor import Program
from integrations.embedded.server import EmbeddedServer
from seeds.seeded_random import random_for

SENDERS = 4
EVENTS_AT_ONCE = 250
LONGEST_PAUSE = 3.0
PAUSE = 0.05

Kill = Callable[[], Awaitable[None]]


async def run(parsed: argparse.Namespace) -> int:
    """The whole; returns the exit code: 1 where something is lost, doubled or different."""
    say = console(os.environ)
    async with bed("crash", 1, parsed.bags, parsed.seed, 1, say) as ready:
        figures, good = await crash(ready, parsed.kills, parsed.seconds, parsed.seed, say)
    print(
        f"\n{rows_of(figures)}\n\n" + ("Nothing was lost or doubled." if good else "Something is not as it should be.")
    )
    return 0 if good else 1


async def crash(ready: Bed, kills: int, seconds: float, seed: int, say: Say) -> tuple[dict[str, Any], bool]:
    """Sends a bed's texts while everything is killed; returns the figures, and whether nothing was lost or doubled.

    Args:
        kills: how many; each victim dies once before any dies twice.
        seconds: that the text takes at least.
        seed: of the moments and of the victims' order.
    """
    killed: Counter[str] = Counter()
    taken = Taken()
    async with asyncio.TaskGroup() as both:
        both.create_task(_send(ready, seconds, taken, lambda: (killed.total() + 1) / (kills + 1)))
        both.create_task(_kill(ready, kills, random_for(seed, "kills"), killed, say))
    say("all is sent and everything runs again; waiting for the graph")
    await ready.installed.until_healthy()
    await ready.until_told()
    found = await ready.compare()
    checked = await ready.graph_agrees()
    figures = {
        "killed": ", ".join(f"{name} {times}" for name, times in sorted(killed.items())),
        "requests sent again": taken.repeats,
        "taken": f"{taken.messages:,} messages, {taken.events:,} events, {taken.duplicates:,} duplicates",
        "recount": found.text(),
        "graph check": "clean" if checked else "NOT clean",
    }
    return figures, found.agrees and checked


async def _send(ready: Bed, seconds: float, taken: Taken, most: Callable[[], float]) -> None:
    """All of the text, spread over so long, and never more of it than the share ``most``: it lasts until the end."""
    count = sum(-(-text.events // EVENTS_AT_ONCE) for text in ready.texts)
    requests = enumerate(requests_of(ready.texts, ready.token, EVENTS_AT_ONCE))
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def sender(client: Client) -> None:
        for place, request in requests:
            while place / count > min((loop.time() - began) / seconds, most()):  # noqa: ASYNC110 # many things may happen
                await asyncio.sleep(PAUSE)
            await send_until_taken(client, request, taken, MOST_SECONDS)

    async with Client(ready.port) as client:
        await asyncio.gather(*(sender(client) for _ in range(SENDERS)))


async def _kill(ready: Bed, kills: int, numbers: Random, killed: Counter[str], say: Say) -> None:
    """Kills one after the other at random moments, each of them once before any twice, and starts each again."""
    victims: dict[str, Kill] = {name: _of_program(ready.installed.programs[name]) for name in ("gateway", "projector")}
    victims |= {name: _of_store(store) for name, store in ready.installed.stores.items()}
    for number in range(kills):
        if number % len(victims) == 0:
            order = numbers.sample(list(victims), len(victims))
        await asyncio.sleep(numbers.uniform(0.1, LONGEST_PAUSE))
        name = order[number % len(victims)]
        await victims[name]()
        killed[name] += 1
        if killed.total() % 10 == 0:
            say(f"{killed.total()} killed")


def _of_program(program: Program) -> Kill:
    async def restart() -> None:
        if program.pid is not None:
            _kill_tree(program.pid)
            await program.wait()
        await program.start(lambda _: None)

    return restart


def _of_store(store: EmbeddedServer) -> Kill:
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
