"""Sends texts: cut into requests, at given times or until they are accepted."""

import asyncio
import gzip
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import httpx
import orjson

from benchmarks.bank.receipt import Request
from benchmarks.bank.writing import metadata_file
from benchmarks.client import Client, post_bytes
from benchmarks.load import Failed, LoadOutcome

PATH = "/ingest/typeb"
OK = 200
UNSUPPORTED = 415
GZIP = b"\x1f\x8b"
REJECTED = frozenset({400, 401, 403, 404, 405, 413, 415})
# The gateway serves eight streams at a time in a process.
AT_ONCE = 6
RETRY_SECONDS = 0.25
# Limit for one request, through any number of restarts.
LONGEST_SECONDS = 600.0


class DayText(NamedTuple):
    """A written day.

    Args:
        received_at: receipt time of the text.
        messages: number of messages, repeated ones included.
        events: number of distinct events.
    """

    file: Path
    received_at: datetime
    messages: int
    events: int

    @classmethod
    def of(cls, file: Path) -> "DayText":
        """Reads the values from the file beside the text."""
        metadata = orjson.loads(metadata_file(file).read_bytes())
        written = metadata["written"]
        sent = written["messages"] + written["repeated"] + written["broken"]
        return cls(file, datetime.fromisoformat(metadata["receivedAt"]), sent, written["events"])


@dataclass(slots=True)
class IntakeCounts:
    """Counts that the gateway returned, with the latencies of the requests."""

    messages: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    events: int = 0
    repeats: int = 0
    outcome: LoadOutcome = field(default_factory=LoadOutcome)

    def add(self, response: bytes) -> None:
        """Adds the counts of one response."""
        counts = orjson.loads(response)
        self.messages += counts["messages"]
        self.duplicates += counts["duplicates"]
        self.dead_letters += counts["deadLetters"]
        self.events += counts["events"]


def requests_of(texts: Sequence[DayText], token: str, events: int) -> Iterator[bytes]:
    """Yields requests of about so many events for all texts."""
    for text in texts:
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "text/plain",
            "X-Received-At": text.received_at.isoformat(),
        }
        for body in pieces(text.file, max(round(events * text.messages / text.events), 1)):
            yield post_bytes(PATH, body, headers)


def pieces(file: Path, messages: int) -> Iterator[bytes]:
    """Splits a text into parts of so many whole messages."""
    part: list[bytes] = []
    count = 0
    with file.open("rb") as lines:
        for line in lines:
            part.append(line)
            count += line.startswith(b"ENDB")
            if count == messages:
                yield b"".join(part)
                part, count = [], 0
    if part:
        yield b"".join(part)


async def send(client: Client, request: bytes, counts: IntakeCounts) -> None:
    """Sends one request.

    Args:
        client: connections to the gateway.
        request: the request as bytes.
        counts: receives the counts of the response.

    Raises:
        Failed: the gateway does not accept it.
        OSError: no response.
    """
    response = await client.send(request)
    if response.status != OK:
        raise Failed(f"{response.status} {response.body[:200]!r}")
    counts.add(response.body)


async def post(client: httpx.AsyncClient, request: Request) -> dict[str, int]:
    """Sends one request of a day; returns the counts.

    A gateway that does not decode a compressed body rejects it with 415, and the sender sends it uncompressed.

    Raises:
        Failed: the gateway does not accept it.
    """
    headers = {"Content-Type": "text/plain", "X-Received-At": request.received_at.isoformat()}
    response = await client.post(PATH, content=request.body, headers=headers)
    if response.status_code == UNSUPPORTED and request.body.startswith(GZIP):
        response = await client.post(PATH, content=gzip.decompress(request.body), headers=headers)
    if response.status_code != OK:
        raise Failed(f"{response.status_code} {response.text[:200]}")
    counts: dict[str, int] = response.json()
    return counts


async def send_at_times(client: Client, requests: Iterator[bytes], pause: float, seconds: float) -> IntakeCounts:
    """Sends a request every ``pause`` seconds for so long, up to six at once, whether earlier ones are done or not.

    A request that waits for earlier ones is late, and its latency counts from its due time.
    """
    counts = IntakeCounts()
    outcome = counts.outcome
    started_at = perf_counter()
    slots = asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as sending:
        for place, request in zip(range(round(seconds / pause)), requests, strict=False):
            due = started_at + place * pause
            await asyncio.sleep(max(due - perf_counter(), 0))
            await slots.acquire()
            outcome.lateness.append(perf_counter() - due)
            sending.create_task(_timed(client, request, counts, due)).add_done_callback(lambda _: slots.release())
    outcome.seconds = perf_counter() - started_at
    return counts


async def _timed(client: Client, request: bytes, counts: IntakeCounts, due: float) -> None:
    try:
        await send(client, request, counts)
    except (Failed, OSError) as error:
        counts.outcome.failures.append(f"{type(error).__name__} {error}")
        await send_until_accepted(client, request, counts, LONGEST_SECONDS)
    else:
        counts.outcome.latencies.append(perf_counter() - due)


async def send_all(client: Client, requests: Iterator[bytes]) -> IntakeCounts:
    """Sends every request, a few at once, each until it is accepted."""
    counts = IntakeCounts()

    async def sender() -> None:
        for request in requests:
            await send_until_accepted(client, request, counts, LONGEST_SECONDS)

    await asyncio.gather(*(sender() for _ in range(AT_ONCE)))
    return counts


async def send_until_accepted(client: Client, request: bytes, counts: IntakeCounts, seconds: float) -> None:
    """Repeats one request until the gateway accepts it. A repeat changes nothing.

    Raises:
        Failed: the gateway rejects its content, or does not accept it within ``seconds``.
    """
    deadline = perf_counter() + seconds
    while perf_counter() < deadline:
        # A missing response does not say whether the request was processed.
        with suppress(OSError):
            response = await client.send(request)
            if response.status == OK:
                counts.add(response.body)
                return
            if response.status in REJECTED:
                raise Failed(f"{response.status} {response.body[:200]!r}")
        counts.repeats += 1
        await asyncio.sleep(RETRY_SECONDS)
    raise Failed(f"not accepted within {seconds:.0f} s")
