"""Texts on their way in: cut into requests, sent at given times or until they are taken."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import orjson

from benchmarks.bank.writing import beside
from benchmarks.client import Client, post_bytes
from benchmarks.load import Failed, Outcome

PATH = "/ingest/typeb"
OK = 200
REFUSED = frozenset({400, 401, 403, 404, 405, 413, 415})
# The gateway takes eight streams at once in a process.
AT_ONCE = 6
AGAIN_SECONDS = 0.25
# For one request, through any number of restarts.
MOST_SECONDS = 600.0


class Text(NamedTuple):
    """A written day.

    Args:
        told_at: when it is to be received.
        messages: how many there are, those that are sent again among them.
        events: how many different ones they tell.
    """

    file: Path
    told_at: datetime
    messages: int
    events: int

    @classmethod
    def of(cls, file: Path) -> "Text":
        """As the file beside it says."""
        about = orjson.loads(beside(file).read_bytes())
        told = about["told"]
        sent = told["messages"] + told["repeated"] + told["broken"]
        return cls(file, datetime.fromisoformat(about["toldAt"]), sent, told["events"])


@dataclass(slots=True)
class Taken:
    """What the gateway said that it has taken, and how long each request took, in the loop's kind of outcome."""

    messages: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    events: int = 0
    repeats: int = 0
    outcome: Outcome = field(default_factory=Outcome)

    def add(self, answer: bytes) -> None:
        """One more answer."""
        counts = orjson.loads(answer)
        self.messages += counts["messages"]
        self.duplicates += counts["duplicates"]
        self.dead_letters += counts["deadLetters"]
        self.events += counts["events"]


def requests_of(texts: Sequence[Text], token: str, events: int) -> Iterator[bytes]:
    """All texts in requests of about so many events."""
    for text in texts:
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "text/plain",
            "X-Received-At": text.told_at.isoformat(),
        }
        for body in pieces(text.file, max(round(events * text.messages / text.events), 1)):
            yield post_bytes(PATH, body, headers)


def pieces(file: Path, messages: int) -> Iterator[bytes]:
    """A text in parts of so many messages; none is cut in two."""
    part: list[bytes] = []
    ends = 0
    with file.open("rb") as lines:
        for line in lines:
            part.append(line)
            ends += line.startswith(b"ENDB")
            if ends == messages:
                yield b"".join(part)
                part, ends = [], 0
    if part:
        yield b"".join(part)


async def send(client: Client, request: bytes, taken: Taken) -> None:
    """One request that must be taken.

    Raises:
        Failed: the gateway does not take it.
        OSError: no answer.
    """
    answer = await client.ask(request)
    if answer.status != OK:
        raise Failed(f"{answer.status} {answer.body[:200]!r}")
    taken.add(answer.body)


async def send_at_times(client: Client, requests: Iterator[bytes], pause: float, seconds: float) -> Taken:
    """A request every ``pause`` seconds for so long, whether earlier ones are answered or not, up to six at once.

    What has to wait for them is late, and its time counts from when it was due.
    """
    taken = Taken()
    outcome = taken.outcome
    began = perf_counter()
    room = asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as sending:
        for place, request in zip(range(round(seconds / pause)), requests, strict=False):
            due = began + place * pause
            await asyncio.sleep(max(due - perf_counter(), 0))
            await room.acquire()
            outcome.lateness.append(perf_counter() - due)
            sending.create_task(_timed(client, request, taken, due)).add_done_callback(lambda _: room.release())
    outcome.seconds = perf_counter() - began
    return taken


async def _timed(client: Client, request: bytes, taken: Taken, due: float) -> None:
    try:
        await send(client, request, taken)
    except (Failed, OSError) as error:
        taken.outcome.failures.append(f"{type(error).__name__} {error}")
        await send_until_taken(client, request, taken, MOST_SECONDS)
    else:
        taken.outcome.latencies.append(perf_counter() - due)


async def send_all(client: Client, requests: Iterator[bytes]) -> Taken:
    """Every request, a few at once, each until it is taken."""
    taken = Taken()

    async def sender() -> None:
        for request in requests:
            await send_until_taken(client, request, taken, MOST_SECONDS)

    await asyncio.gather(*(sender() for _ in range(AT_ONCE)))
    return taken


async def send_until_taken(client: Client, request: bytes, taken: Taken, seconds: float) -> None:
    """One request, again and again until the gateway has taken it: that changes nothing.

    Raises:
        Failed: the gateway refuses it for what it holds, or does not take it within ``seconds``.
    """
    ends = perf_counter() + seconds
    while perf_counter() < ends:
        # No answer says nothing about what has become of it.
        with suppress(OSError):
            answer = await client.ask(request)
            if answer.status == OK:
                taken.add(answer.body)
                return
            if answer.status in REFUSED:
                raise Failed(f"{answer.status} {answer.body[:200]!r}")
        taken.repeats += 1
        await asyncio.sleep(AGAIN_SECONDS)
    raise Failed(f"not taken within {seconds:.0f} s")
