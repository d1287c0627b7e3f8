"""``python -m benchmarks.live``: delay from the commit of a scan to its message at the subscribers.

Scans are recorded at a steady rate beside a gateway of its own; subscribers watch the bags over WebSockets. Delays
count from the call that records a scan (receipt) and from the commit of its transaction, until the message is read from
the socket. The subscribers run in this process, so many of them take part of its time.
"""

import argparse
import asyncio
import os
import secrets
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import orjson
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.command_line import until_signal
from benchmarks.installation import AIRLINE_ID, SIGN_IN, BenchmarkInstallation, installation
from benchmarks.load import percentile
from benchmarks.processes import Meter, used_between
from gateway.config import Settings
from gateway.console import console
from gateway.http.jwt import issue_token
from gateway.initialise import operator
from gateway.lifespan import open_stores
from integrations.embedded.process import StartError
from integrations.records.events import EventKind, Scan, ScanMethod
from resolvers.actor import Role
from resolvers.context import Context
from resolvers.ingestion import events
from schema.fields.node import join

FOLDER = Path(__file__).parents[1] / ".demo" / "benchmark"
WATCHED = 200
WARM_UP_SECONDS = 3.0
GOAL_SECONDS = 1.0
QUERY = (
    "subscription($ids:[ID!]!){bagUpdated(by:{ids:$ids}){cursor bag{tag state airport place} events{id kind at place}}}"
)

BAGS = "SELECT id, tag FROM bags WHERE airline_id = $1 ORDER BY id LIMIT $2"


@dataclass
class DeliveryTimes:
    """Times of receipt and commit of each event, and of its delivery to subscribers."""

    received: dict[str, float] = field(default_factory=dict)
    committed: dict[str, float] = field(default_factory=dict)
    delivered: list[tuple[str, float]] = field(default_factory=list)


async def subscribe(installed: BenchmarkInstallation, stack: AsyncExitStack, ids: Sequence[str]) -> ClientConnection:
    """Connects a subscriber and waits for its first message."""
    url = f"ws://127.0.0.1:{installed.ports['gateway']}/graphql"
    connection = await stack.enter_async_context(connect(url, subprotocols=["graphql-transport-ws"], proxy=None))  # type: ignore[list-item] # a NewType
    # Each is another subject, since one actor may not have so many subscriptions.
    subject = f"subscriber-{secrets.token_hex(4)}"
    token = issue_token(installed.environment["JWT_SECRET"], Role.AGENT, AIRLINE_ID, SIGN_IN, subject=subject)
    sign_in = {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}
    await connection.send(orjson.dumps(sign_in).decode())
    await connection.recv()
    payload = {"query": QUERY, "variables": {"ids": ids}}
    await connection.send(orjson.dumps({"id": "1", "type": "subscribe", "payload": payload}).decode())
    first = orjson.loads(await connection.recv())
    assert first["type"] == "next", first
    return connection


async def listen(connection: ClientConnection, times: DeliveryTimes) -> None:
    """Records the delivery time of each event, until cancelled."""
    while True:
        message = orjson.loads(await connection.recv())
        now = monotonic()
        times.delivered += [(event["id"], now) for event in message["payload"]["data"]["bagUpdated"]["events"]]


async def record(context: Context, tags: Sequence[str], rate: float, seconds: float, times: DeliveryTimes) -> None:
    """Records scans one after the other, each at its due time."""
    started_at = monotonic()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(started_at + number / rate - monotonic(), 0))
        scan = Scan(
            tag=tags[number % len(tags)],
            kind=EventKind.POSITION,
            at=datetime.now(UTC),
            airport="PTY",
            place=f"BELT{number % 9}",
            method=ScanMethod.LASER,
        )
        received = monotonic()
        [recorded] = await events.record_scans(context, [scan])
        times.received[str(recorded.event_id)] = received
        times.committed[str(recorded.event_id)] = monotonic()


async def measure(installed: BenchmarkInstallation, subscribers: int, rate: float, seconds: float) -> bool:
    """Runs one load, prints its figures, and returns whether every message arrived in time."""
    settings = Settings.read(installed.environment)
    times, meter = (
        DeliveryTimes(),
        Meter({"gateway": installed.programs["gateway"], "database": installed.stores["database"]}),
    )
    async with open_stores(settings) as stores, AsyncExitStack() as stack:
        rows = await stores.postgres.fetch(BAGS, AIRLINE_ID, WATCHED, name="BAGS")
        ids, tags = [join("Bag", row["id"]) for row in rows], [row["tag"] for row in rows]
        connections = [await subscribe(installed, stack, ids) for _ in range(subscribers)]
        context = operator(settings, stores)
        listening = [asyncio.create_task(listen(connection, times)) for connection in connections]
        await record(context, tags, rate, WARM_UP_SECONDS, DeliveryTimes())
        await asyncio.sleep(1.0)
        times.delivered.clear()
        before = meter.cpu_seconds()
        await record(context, tags, rate, seconds, times)
        await asyncio.sleep(1.0)
        used = used_between(before, meter.cpu_seconds())
        for task in listening:
            task.cancel()
        await asyncio.wait(listening)
    expected = len(times.committed) * subscribers
    since_receipt = [
        delivered_at - times.received[event] for event, delivered_at in times.delivered if event in times.received
    ]
    since_commit = [
        delivered_at - times.committed[event] for event, delivered_at in times.delivered if event in times.committed
    ]
    print(
        f"{subscribers:4} subscribers, {rate:g} scans/s: {len(since_commit)} of {expected} messages; "
        f"from commit p50 {_ms(since_commit, 0.5)} p99 {_ms(since_commit, 0.99)} ms, "
        f"from receipt p50 {_ms(since_receipt, 0.5)} p99 {_ms(since_receipt, 0.99)} ms; "
        f"CPU a message: gateway {used['gateway'] / max(expected, 1) * 1e6:.0f} us, "
        f"database {used['database'] / max(expected, 1) * 1e6:.0f} us",
        flush=True,
    )
    return len(since_commit) == expected and percentile(since_commit, 0.99) < GOAL_SECONDS


def _ms(seconds: Sequence[float], share: float) -> str:
    return f"{percentile(seconds, share) * 1000:.1f}"


async def run(options: argparse.Namespace) -> int:
    """Runs all loads; returns the exit code, 1 if a message is missing or late."""
    progress = console(os.environ)
    async with installation(FOLDER / f"{options.bags}-bags", options.bags, 1, progress) as installed:
        one = await measure(installed, 1, options.rate, options.seconds)
        many = await measure(installed, options.subscribers, options.rate / 10, options.seconds)
    return 0 if one and many else 1


def main() -> int:
    """Parses the command line and runs the loads."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("--bags", type=int, default=2_000, help="bags that the first run seeds (default: 2000)")
    parser.add_argument("--subscribers", type=int, default=200, help="subscribers of the second run (default: 200)")
    parser.add_argument(
        "--rate", type=float, default=50.0, help="scans a second for one subscriber; a tenth for many (default: 50)"
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="seconds of each run (default: 20)")
    try:
        return asyncio.run(until_signal(run(parser.parse_args())))
    except StartError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
