"""``python -m benchmarks.rolling``: does a rolling restart under load fail a request, or lose subscribers a change?

Two gateways stand behind a load balancer that honours readiness. Callers query bags, record scans and upload messages,
each request once: nothing is repeated. Subscribers over WebSocket and server-sent events reconnect with their cursor.
Meanwhile the gateways are restarted one after the other, several times. No request may fail, each scan with a response
must be stored, and each subscriber must receive each scan once.
"""

import argparse
import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from benchmarks.balancer import LoadBalancer
from benchmarks.client import HOST
from benchmarks.command_line import FOLDER
from benchmarks.installation import AIRLINE_ID, SERVE, installation, program
from gateway.console import console
from gateway.http.jwt import issue_token
from gateway.supervisor import Program
from integrations.embedded.process import StartError
from integrations.embedded.server import free_port
from integrations.progress import Progress
from resolvers.actor import Role

BAGS = 500
WATCHED = 4
FIRST_TAG = 230_790_000
RECONNECT_SECONDS = 0.05
SETTLE_SECONDS = 30.0
MOST_SECONDS = 600.0
# Pause of a caller between two requests, so that load generator and gateways share two cores.
PAUSE_SECONDS = 0.02
# Time over which an upload sends its body.
UPLOAD_SECONDS = 1.0
UPLOAD_PARTS = 10

RECORD = """
    mutation($input: RecordScansInput!) { recordScans(input: $input) {
      userErrors { code } results { outcome eventId bag { id } } } }
"""
BAG = "query($tag: String!) { bag(by: {tag: $tag}) { id state journey { scans { id } } } }"
WATCH = (
    "subscription($ids: [ID!]!, $after: String) { bagUpdated(by: {ids: $ids}, after: $after) { cursor events { id } } }"
)


@dataclass(slots=True)
class RollingOutcome:
    """What callers and subscribers saw.

    Attributes:
        failures: a line for each request without its full response.
        recorded: ids of events that a response confirmed.
        uploads: uploads that a response confirmed.
        received: how often each subscriber received each event.
        resumed: number of reconnections of each subscriber.
        drains: seconds from SIGTERM to the end of each process.
    """

    requests: int = 0
    failures: list[str] = field(default_factory=list)
    longest: float = 0.0
    recorded: list[str] = field(default_factory=list)
    uploads: int = 0
    received: list[Counter[str]] = field(default_factory=list)
    resumed: list[int] = field(default_factory=list)
    drains: list[float] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Changes that a subscriber did not receive."""
        return sum(event not in received for received in self.received for event in self.recorded)

    @property
    def repeated(self) -> int:
        """Changes that a subscriber received again."""
        return sum(times - 1 for received in self.received for times in received.values())

    @property
    def correct(self) -> bool:
        """Whether no request failed and no change was lost or repeated, though every subscriber had to reconnect."""
        return not (self.failures or self.lost or self.repeated) and all(self.resumed)

    def text(self) -> str:
        """Figures for the console."""
        return "\n".join(
            [
                f"requests              {self.requests}",
                f"scans recorded        {len(self.recorded)}",
                f"  of them uploads     {self.uploads}",
                f"failures              {len(self.failures)}",
                *(f"    {line}" for line in self.failures[:10]),
                f"longest wait          {self.longest * 1000:.0f} ms",
                f"subscribers           {len(self.received)}, resumed {sum(self.resumed)} times",
                f"changes lost          {self.lost}",
                f"changes repeated      {self.repeated}",
                f"SIGTERM to end        {', '.join(f'{seconds:.1f}' for seconds in self.drains)} s",
            ]
        )


class _Load:
    """Callers and subscribers of one address.

    Args:
        url: of the load balancer, without scheme.
        secret: signs tokens.
        outcome: receives what happened.
    """

    def __init__(self, url: str, secret: str, outcome: RollingOutcome) -> None:
        self._url = url
        self._token = issue_token(secret, Role.ADMIN, AIRLINE_ID, timedelta(hours=1))
        self._outcome = outcome
        self._minute = 0
        self.stopping = asyncio.Event()
        self.tags = [f"{FIRST_TAG + place:010d}" for place in range(WATCHED)]
        self.bag_ids: list[str] = []

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client with one connection, which sends each request once."""
        async with httpx.AsyncClient(
            base_url=f"http://{self._url}",
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=20.0,
            trust_env=False,
        ) as client:
            yield client

    async def _send(self, client: httpx.AsyncClient, path: str, **content: Any) -> Any:
        """The JSON of a response; None, and a failure, if there was none or it has errors."""
        started = monotonic()
        self._outcome.requests += 1
        try:
            response = await client.post(path, **content)
        except httpx.HTTPError as error:
            self._outcome.failures.append(f"{path}: {error!r} after {monotonic() - started:.3f} s")
            return None
        self._outcome.longest = max(self._outcome.longest, monotonic() - started)
        body = response.json()
        if response.status_code != 200 or "errors" in body:
            self._outcome.failures.append(f"{path}: {response.status_code} {response.text[:200]}")
            return None
        return body

    async def record(self, client: httpx.AsyncClient) -> None:
        """Records one new scan of each watched bag; notes the events that the response confirms."""
        self._minute += 1
        at = datetime(2025, 7, 1, tzinfo=UTC) + timedelta(seconds=self._minute)
        scans = [
            {"tag": tag, "kind": "POSITION", "at": at.isoformat(), "airport": "PTY", "place": "BELT1"}
            for tag in self.tags
        ]
        body = {"query": RECORD, "variables": {"input": {"scans": scans}}}
        if (sent := await self._send(client, "/graphql", json=body)) is not None:
            results = sent["data"]["recordScans"]["results"]
            self._outcome.recorded += [result["eventId"] for result in results]
            self.bag_ids = self.bag_ids or [result["bag"]["id"] for result in results]

    async def create(self) -> None:
        """Creates the watched bags."""
        async with self._client() as client:
            await self.record(client)
        if not self.bag_ids:
            raise StartError(f"No bag could be created: {self._outcome.failures}")
        self._outcome.recorded.clear()  # before anyone subscribed

    async def call(self, place: int) -> None:
        """Queries and records in turn until stopped."""
        async with self._client() as client:
            while not self.stopping.is_set():
                if place % 2:
                    await self.record(client)
                else:
                    body = {"query": BAG, "variables": {"tag": self.tags[place % WATCHED]}}
                    await self._send(client, "/graphql", json=body)
                await asyncio.sleep(PAUSE_SECONDS)

    async def upload(self) -> None:
        """Uploads Type B messages slowly, one stream after the other, until stopped."""
        async with self._client() as client:
            while not self.stopping.is_set():
                headers = {"Content-Type": "text/plain"}
                sent = await self._send(client, "/ingest/typeb", content=self._messages(), headers=headers)
                if sent is not None and sent["messages"] == UPLOAD_PARTS:
                    self._outcome.uploads += 1
                elif sent is not None:
                    self._outcome.failures.append(f"/ingest/typeb: {sent}")

    async def _messages(self) -> AsyncIterator[bytes]:
        for place in range(UPLOAD_PARTS):
            self._minute += 1
            tag = f"{FIRST_TAG + 1000 + self._minute:010d}"
            yield f"BPM\n.V/1LPTY\n.J/S//S1/01JUL/16{place:02}00Z/SORTER1/\n.N/{tag}001\nENDBPM\n".encode()
            await asyncio.sleep(UPLOAD_SECONDS / UPLOAD_PARTS)

    async def subscribe(self, place: int) -> None:
        """Receives events until cancelled, and reconnects with its cursor whenever the connection ends."""
        received, results = self._outcome.received[place], (self._over_socket, self._over_events)[place % 2]
        cursor: str | None = None
        while True:
            try:
                async for data in results(cursor):
                    received.update(event["id"] for event in data["bagUpdated"]["events"])
                    cursor = data["bagUpdated"]["cursor"]
            except (OSError, httpx.HTTPError, ConnectionClosed, InvalidHandshake):
                pass
            self._outcome.resumed[place] += 1
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _over_socket(self, cursor: str | None) -> AsyncIterator[Any]:
        protocol: Any = "graphql-transport-ws"
        async with connect(f"ws://{self._url}/graphql", subprotocols=[protocol], proxy=None) as connection:
            init = {"type": "connection_init", "payload": {"authorization": f"Bearer {self._token}"}}
            await connection.send(orjson.dumps(init).decode())
            payload = {"query": WATCH, "variables": {"ids": self.bag_ids, "after": cursor}}
            await connection.send(orjson.dumps({"type": "subscribe", "id": "1", "payload": payload}).decode())
            async for text in connection:
                if (message := orjson.loads(text))["type"] == "next":
                    yield message["payload"]["data"]

    async def _over_events(self, cursor: str | None) -> AsyncIterator[Any]:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": cursor} if cursor else {})}
        body = {"query": WATCH, "variables": {"ids": self.bag_ids}}
        async with self._client() as client, client.stream("POST", "/graphql", json=body, headers=headers) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    yield orjson.loads(line.removeprefix("data: "))["data"]


async def rolling(
    environment: Mapping[str, str],
    folder: Path,
    progress: Progress,
    *,
    restarts: int,
    callers: int = 6,
    subscribers: int = 4,
    gateways: int = 2,
) -> RollingOutcome:
    """Restarts gateways in turn under load.

    Args:
        environment: of the gateways, whose stores are initialised.
        folder: of their logs.
        restarts: rounds in which each gateway is restarted.
        callers: number of callers; one of two records, the others query.

    Raises:
        StartError: a gateway does not start, or the run takes longer than 10 minutes.
    """
    outcome = RollingOutcome(received=[Counter() for _ in range(subscribers)], resumed=[0] * subscribers)
    ports = [free_port() for _ in range(gateways)]
    programs = [
        program(f"gateway{place}", SERVE, folder, {**environment, "PORT": str(port)}, port)
        for place, port in enumerate(ports, start=1)
    ]
    async with AsyncExitStack() as stack:
        for one in programs:
            stack.push_async_callback(one.stop)
            await one.start(progress)
        balancer = await stack.enter_async_context(LoadBalancer(ports).running())
        load = _Load(f"{HOST}:{balancer.port}", environment["JWT_SECRET"], outcome)
        await load.create()
        try:
            async with asyncio.timeout(MOST_SECONDS), asyncio.TaskGroup() as group:
                streams = [group.create_task(load.subscribe(place)) for place in range(subscribers)]
                await asyncio.sleep(1.0)
                calls = [group.create_task(load.call(place)) for place in range(callers)]
                calls.append(group.create_task(load.upload()))
                for _ in range(restarts):
                    await _restart(programs, ports, balancer, outcome, progress)
                load.stopping.set()
                await asyncio.wait(calls)
                await _settle(outcome)
                for stream in streams:
                    stream.cancel()
        except TimeoutError:
            raise StartError(f"The run took longer than {MOST_SECONDS / 60:.0f} minutes.") from None
    return outcome


async def _restart(
    programs: Sequence[Program],
    ports: Sequence[int],
    balancer: LoadBalancer,
    outcome: RollingOutcome,
    progress: Progress,
) -> None:
    """Restarts the gateways one after the other, each once the balancer finds the one before ready."""
    for one, port in zip(programs, ports, strict=True):
        started = monotonic()
        await one.stop()
        outcome.drains.append(monotonic() - started)
        await balancer.until(port, ready=False)
        await one.start(progress)
        await balancer.until(port, ready=True)
        progress(f"{one.name} restarted; {outcome.requests} requests, {len(outcome.failures)} failures")


async def _settle(outcome: RollingOutcome) -> None:
    """Waits until every subscriber has received everything, as far as it ever does, and for repetitions."""
    ends_at = monotonic() + SETTLE_SECONDS
    while outcome.lost and monotonic() < ends_at:  # noqa: ASYNC110 # a count, not an event
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)


async def run(restarts: int) -> int:
    """Runs the whole test on an installation of its own; returns the exit code."""
    progress = console(os.environ)
    folder = FOLDER / "rolling"
    async with installation(folder, BAGS, 1, progress, ()) as started:
        outcome = await rolling(started.environment, folder, progress, restarts=restarts)
    print(f"\n{outcome.text()}")
    return 0 if outcome.correct else 1


def main() -> int:
    """Parses the command line and runs the test."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rolling", description=__doc__)
    parser.add_argument("--restarts", type=int, default=3, help="restarts of each gateway (default: 3)")
    try:
        return asyncio.run(run(parser.parse_args().restarts))
    except StartError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
