"""A load that reads from all stores and writes, and judges every response.

Readers query data that does not change, whose responses are known, and the bags that the load itself has written.
Writers repeat a write until it is acknowledged, as clients do: a message is known by its content, a mutation by its
idempotency key.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from time import monotonic
from typing import Any
from uuid import uuid4

import orjson

from benchmarks.busy import DESTINATIONS, FELLOWS
from benchmarks.client import Client, ClientResponse, post, post_bytes
from benchmarks.crash import CREATE, LOCATE
from benchmarks.faults.ledger import Ledger, Places
from benchmarks.faults.matrix import INGEST, MUTATION, QUERY, LoadFigures
from benchmarks.faults.responses import Check, Path, Verdict, equals, judge, judge_ingestion
from benchmarks.operations import ONE_BAG
from integrations.embedded.process import StartError
from schema.fields.node import join

ROUTES = """
    query Routes($to: String!) { routes(from: "PTY", to: $to) {
      options { minutes legs { carrier origin destination } transfers { airport minimumMinutes } } } }
"""
JOURNEY = """
    query Journey($tag: String!) { bag(by: {tag: $tag}) { state journey {
      planned { flight { designator } } flown { flight { designator } }
      scans { kind at airport place } gaps { kind airport } custodian { code } } } }
"""
FLIGHT = """
    query Flight($designator: String!, $date: Date!) {
      flight(by: {departure: {designator: $designator, departureDate: $date}}) {
        designator origin destination bags(first: 50) {
          nodes { tag state passenger { surname } scans(last: 5) { kind at airport place } } } } }
"""
# Where a response comes from, which is no part of the comparison.
SOURCES = """
    query Sources($tag: String!, $to: String!) {
      bag(by: {tag: $tag}) { journey { source } } routes(from: "PTY", to: $to) { source } }
"""
OWN = """
    query Own($tag: String!) { bag(by: {tag: $tag}) { scans { place } journey { behind scans { place } } } }
"""
RECORD = """
    mutation Record($input: RecordScansInput!) { recordScans(input: $input) {
      userErrors { code message } results { outcome } } }
"""

# Response time of a client that waits longer than any deadline.
CLIENT_SECONDS = 25.0
PAUSE_SECONDS = 0.05
REPEAT_SECONDS = 0.25
PIR_PAUSE_SECONDS = 1.5
WARM_UP_SECONDS = 90.0
READERS = 3
# Bound on the queries of an open loop that wait at the same time; the product rejects more than it can serve.
MOST_UNDER_WAY = 200
SENDERS = 2
SCANS_OF_TAG = 5


@dataclass(frozen=True, slots=True)
class Read:
    """A query whose response is known."""

    request: bytes
    check: Check


def headers_of(token: str) -> dict[str, str]:
    """Headers with a bearer token."""
    return {"Authorization": f"Bearer {token}"}


async def static_reads(client: Client, token: str, tags: Sequence[str], flights: Sequence[Any]) -> list[Read]:
    """Queries of all stores, with their responses while all is well.

    Raises:
        StartError: a query has no complete response within a while.
    """
    destination = cycle(DESTINATIONS)
    queries: list[tuple[str, Any]] = [
        query
        for tag in tags
        for query in (
            (ONE_BAG, {"tag": tag}),
            (JOURNEY, {"tag": tag}),
            (FELLOWS, {"tag": tag}),
            (ROUTES, {"to": next(destination)}),
        )
    ]
    queries += [(FLIGHT, flight) for flight in flights]
    return [await _known(client, post("/graphql", {"query": q, "variables": v}, headers_of(token))) for q, v in queries]


async def _known(client: Client, request: bytes) -> Read:
    deadline = monotonic() + WARM_UP_SECONDS
    while True:
        verdict = judge(response := await client.send(request), lambda _data, _gaps: None)
        if verdict.complete:
            return Read(request, equals(verdict.data))
        if monotonic() > deadline:
            raise StartError(f"The product is not ready: {response.body[:300]!r}")
        await asyncio.sleep(0.2)


class FaultLoad:
    """Callers of one gateway.

    Args:
        client: connections to the gateway.
        token: token of an administrator.
        reads: queries whose responses are known.
        bags: ids of bags without a PIR; each gets one.
        tags: tags that no bag carries.
    """

    def __init__(
        self, client: Client, token: str, reads: Sequence[Read], bags: Iterator[int], tags: Iterator[str]
    ) -> None:
        self._client = client
        self._headers = headers_of(token)
        self._reads = cycle(random.Random(753).sample(reads, len(reads)))
        self._bags = bags
        self._tags = tags
        self._stopping = asyncio.Event()
        self.figures = LoadFigures()
        self.ledger = Ledger()

    def stop(self) -> None:
        """Ends the callers after their current requests."""
        self._stopping.set()

    async def run(self, rate: float | None = None) -> None:
        """Reads and writes until stopped.

        Args:
            rate: known queries a second, at random times, whether earlier ones have responses or not; None for a few
                callers, each of which waits for its response.
        """
        callers = [
            *([self._read_at(rate)] if rate else (self._read() for _ in range(READERS))),
            self._read_own(),
            *(self._send_messages() for _ in range(SENDERS)),
            self._record_scans(),
            self._open_pirs(),
        ]
        await asyncio.gather(*callers)
        self.figures.writes = self.ledger.acknowledged

    async def _read_once(self) -> None:
        """Sends the next query whose response is known."""
        read = next(self._reads)
        await self._send(QUERY, read.request, lambda response: judge(response, read.check))

    async def _read(self) -> None:
        while not self._stopping.is_set():
            await self._read_once()
            await self._pause(PAUSE_SECONDS)

    async def _read_at(self, rate: float) -> None:
        times = random.Random(753)
        due, under_way = monotonic(), set[asyncio.Task[None]]()
        while not self._stopping.is_set():
            due += times.expovariate(rate)
            await self._pause(max(due - monotonic(), 0.0))
            if len(under_way) < MOST_UNDER_WAY:
                task = asyncio.create_task(self._read_once())
                under_way.add(task)
                task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)

    async def _read_own(self) -> None:
        """Queries bags that the load has written: what was acknowledged before must be there."""
        chosen = random.Random(753)
        while not self._stopping.is_set():
            if known := [tag for tag, places in self.ledger.tags.items() if places.acknowledged]:
                tag = chosen.choice(known[-50:])
                await self._query(OWN, {"tag": tag}, own_scans(self.ledger.tags[tag]))
            await self._pause(PAUSE_SECONDS)

    async def _send_messages(self) -> None:
        """Uploads a Type B message at a time, five for each tag."""
        for tag, place in self._new_scans("S"):
            if self._stopping.is_set():
                return
            text = f"BPM\n.V/1LPTY\n.J/S//{place}/01JUL/16{place[-1]:0>2}00Z/{place}/\n.N/{tag}001\nENDBPM\n"
            headers = {**self._headers, "Content-Type": "text/plain", "X-Received-At": "2025-07-01T17:00:00Z"}
            request = post_bytes("/ingest/typeb", text.encode(), headers)
            self.ledger.tags[tag].sent.add(place)
            if await self._until_acknowledged(INGEST, request, lambda response: judge_ingestion(response, 1)):
                self.ledger.tags[tag].acknowledged.add(place)
            await self._pause(PAUSE_SECONDS)

    async def _record_scans(self) -> None:
        """Records scans by mutation, one at a time."""
        for tag, place in self._new_scans("M"):
            if self._stopping.is_set():
                return
            scan = {"tag": tag, "kind": "POSITION", "at": f"2025-07-01T16:0{place[-1]}:00Z", "airport": "PTY"}
            self.ledger.tags[tag].sent.add(place)
            if await self._mutate(RECORD, {"scans": [{**scan, "place": place}]}, recorded):
                self.ledger.tags[tag].acknowledged.add(place)
            await self._pause(PAUSE_SECONDS)

    async def _open_pirs(self) -> None:
        """Opens a PIR and locates its bag, one after the other."""
        for bag in self._bags:
            self.ledger.tried.add(bag)
            fields = {"kind": "DELAYED", "bags": [{"by": {"id": join("Bag", bag)}}], "station": "PTY"}
            opened = await self._mutate(CREATE, {**fields, "idempotencyKey": uuid4().hex}, succeeded)
            if opened is not None:
                self.ledger.opened[bag] = pir = opened.data["createPir"]["pir"]["id"]
                located = {"pirId": pir, "airport": "PTY", "idempotencyKey": uuid4().hex}
                if await self._mutate(LOCATE, located, succeeded):
                    self.ledger.located.add(pir)
            await self._pause(PIR_PAUSE_SECONDS)
            if self._stopping.is_set():
                return

    async def _query(self, document: str, variables: Any, check: Check) -> None:
        request = post("/graphql", {"query": document, "variables": variables}, self._headers)
        await self._send(QUERY, request, lambda response: judge(response, check))

    async def _mutate(self, document: str, fields: Any, check: Check) -> Verdict | None:
        request = post("/graphql", {"query": document, "variables": {"input": fields}}, self._headers)
        return await self._until_acknowledged(MUTATION, request, lambda response: judge(response, check))

    async def _until_acknowledged(
        self, kind: str, request: bytes, verdict_of: Callable[[ClientResponse], Verdict]
    ) -> Verdict | None:
        """Repeats a write until its response is complete; None if the load was stopped before."""
        while True:
            verdict = await self._send(kind, request, verdict_of)
            if verdict.complete:
                return verdict
            if self._stopping.is_set():
                return None
            await self._pause(REPEAT_SECONDS)

    async def _send(self, kind: str, request: bytes, verdict_of: Callable[[ClientResponse], Verdict]) -> Verdict:
        """Sends a request once, and counts its outcome."""
        figures, started = self.figures, monotonic()
        try:
            verdict = verdict_of(await self._client.send(request))
        except OSError as error:
            verdict = Verdict(wrong=f"no response: {error!r} after {monotonic() - started:.1f} s")
        figures.requests += 1
        figures.longest[kind] = max(figures.longest.get(kind, 0.0), monotonic() - started)
        for code in verdict.codes:
            figures.errors[code] = figures.errors.get(code, 0) + 1
        if verdict.wrong is not None:
            figures.wrong.append(f"{kind}: {verdict.wrong}")
        return verdict

    def _new_scans(self, prefix: str) -> Iterator[tuple[str, str]]:
        for tag in self._tags:
            yield from ((tag, f"{prefix}{number}") for number in range(SCANS_OF_TAG))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def own_scans(places: Places) -> Check:
    """Returns the check that a bag has each acknowledged scan once, and none that was not sent."""
    acknowledged = set(places.acknowledged)

    def check(data: Any, gaps: Sequence[Path]) -> str | None:
        bag = data["bag"]
        if bag is None:
            return None if ("bag",) in gaps else "the bag is missing"
        if bag["scans"] is not None and (wrong := _places_differ(bag["scans"], acknowledged, places.sent)):
            return wrong
        journey = bag["journey"]
        if journey is None:
            return None if any(gap[:2] == ("bag", "journey") for gap in gaps) else "the journey is missing"
        return _places_differ(journey["scans"], set() if journey["behind"] else acknowledged, places.sent)

    return check


def _places_differ(scans: Iterable[Any], least: set[str], most: set[str]) -> str | None:
    found = [scan["place"] for scan in scans]
    if len(set(found)) < len(found):
        return "a scan is doubled"
    if missing := least - set(found):
        return f"acknowledged scans are missing: {sorted(missing)}"
    return None if most >= set(found) else "a scan was never sent"


def recorded(data: Any, _gaps: Sequence[Path]) -> str | None:
    """The check of ``recordScans`` with one scan."""
    result = data["recordScans"]
    if result is None:
        return None
    outcomes = [one["outcome"] for one in result["results"]]
    return None if outcomes in (["RECORDED"], ["DUPLICATE"]) and not result["userErrors"] else "not recorded"


def succeeded(data: Any, _gaps: Sequence[Path]) -> str | None:
    """The check of a mutation of PIRs."""
    (payload,) = data.values()
    return None if payload is None or (payload["pir"] and not payload["userErrors"]) else "rejected"


async def sources(client: Client, token: str, tag: str) -> tuple[str | None, str | None]:
    """Where the journey of a bag and the routes to an airport come from; None where there is an error."""
    variables = {"tag": tag, "to": DESTINATIONS[0]}
    request = post("/graphql", {"query": SOURCES, "variables": variables}, headers_of(token))
    with suppress(OSError, orjson.JSONDecodeError, KeyError, TypeError):
        data = orjson.loads((await client.send(request)).body)["data"]
        return data["bag"]["journey"]["source"], data["routes"]["source"]
    return None, None
