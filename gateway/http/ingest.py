"""Messages by HTTP and from files: streams of any length, in bounded memory, batch by batch."""

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import BinaryIO

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.http.auth import TokenVerifier
from gateway.http.jwt import InvalidToken
from gateway.http.middleware import record_of
from integrations.deadline import deadline
from integrations.errors import OutsideError
from integrations.messages.formats import pieces_of
from integrations.messages.split_input import InputPiece, Splitter
from resolvers.context import Context
from resolvers.ingestion.pipeline import BATCH, IngestResult, IntakeChannel, ingest
from resolvers.installation import Installation
from schema.runtime.permissions import SENDERS

logger = logging.getLogger(__name__)

PATH = "/ingest/typeb"
BATCH_SECONDS = 20.0
# A sender that pauses longer is gone; what it has sent so far is kept.
IDLE_SECONDS = 60.0
# How long messages wait for others to be stored with.
FLUSH_SECONDS = 0.1
# Streams at once in a process: each holds a batch, and more of them would only wait for the same database.
STREAMS = 8
# Batches stored at once: one computes while another's statements run. More would wait for each other's bags and
# messages with all that they hold locked.
STORED_AT_ONCE = 2
RETRY_AFTER = {"Retry-After": "1"}
DOCUMENTS = ("application/json", "application/x-ndjson", "application/xml", "text/xml")
CHUNK = 65_536
SAY_SECONDS = 2.0
LONGEST_DOCUMENT = 1_048_576
REPEAT = "Send all of it again: what was stored is known by its content."


async def batches(chunks: AsyncIterator[bytes]) -> AsyncGenerator[list[InputPiece], None]:
    """The pieces of a stream of Type B, up to ``BATCH`` together; those of a slow stream as they come.

    Raises:
        TimeoutError: nothing came for ``IDLE_SECONDS``.
    """
    splitter, waiting = Splitter(), list[InputPiece]()
    clock = asyncio.get_running_loop().time
    stored_at = clock()
    arriving = asyncio.ensure_future(anext(chunks, None))
    try:
        while True:
            patience = max(0.0, stored_at + FLUSH_SECONDS - clock()) if waiting else IDLE_SECONDS
            done, _ = await asyncio.wait({arriving}, timeout=patience)
            if done:
                chunk = arriving.result()
                if chunk is None:
                    break
                # The next is on its way while these are stored, and no more than that.
                arriving = asyncio.ensure_future(anext(chunks, None))
                waiting += splitter.feed(chunk)
            elif not waiting:
                raise TimeoutError
            while len(waiting) >= BATCH or (waiting and clock() >= stored_at + FLUSH_SECONDS):
                yield waiting[:BATCH]
                del waiting[:BATCH]
                stored_at = clock()
        waiting += splitter.close()
        for start in range(0, len(waiting), BATCH):
            yield waiting[start : start + BATCH]
    finally:
        arriving.cancel()


class Intake:
    """``POST /ingest/typeb``: the body is a stream of Type B, or one document with scans as JSON or Baggage XML.

    The body is read no faster than it is stored, so that TCP slows the sender down. The answer counts what became of
    it; where something fails on the way it says so with the counts so far.

    Args:
        tokens: tells who sends.
        installation: whose it is.
        now: the clock.
    """

    def __init__(self, tokens: TokenVerifier, installation: Installation, now: Callable[[], datetime]) -> None:
        self._tokens = tokens
        self._installation = installation
        self._now = now
        self._streams = 0
        self._turns = asyncio.Semaphore(STORED_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        answer = self._refusal(request)
        if answer is None:
            self._streams += 1
            try:
                answer = await self._take(request)
            except ClientDisconnect:
                return
            finally:
                self._streams -= 1
        await answer(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        if request.method != "POST":
            return _told(HTTPStatus.METHOD_NOT_ALLOWED, "Messages are sent by POST.", headers={"Allow": "POST"})
        try:
            actor = self._tokens.actor(request.headers.get("authorization"))
        except InvalidToken as error:
            return _told(HTTPStatus.UNAUTHORIZED, str(error), headers={"WWW-Authenticate": "Bearer"})
        record_of(request.scope).actor = actor.id
        if actor.role is None:
            message = "Sign in: this needs a bearer token."
            return _told(HTTPStatus.UNAUTHORIZED, message, headers={"WWW-Authenticate": "Bearer"})
        if actor.role not in SENDERS:
            return _told(HTTPStatus.FORBIDDEN, "Your role does not allow this.")
        if self._streams >= STREAMS:
            return _told(HTTPStatus.SERVICE_UNAVAILABLE, f"{STREAMS} others send now: wait.", headers=RETRY_AFTER)
        return None

    async def _take(self, request: Request) -> Response:
        try:
            received_at = _received_at(request.headers.get("x-received-at"))
        except ValueError:
            return _told(HTTPStatus.BAD_REQUEST, "X-Received-At is a time with a zone: 2026-11-23T19:12:05Z.")
        context = Context(
            self._tokens.actor(request.headers.get("authorization")),
            record_of(request.scope).id,
            self._now,
            request.state.stores,
            self._installation,
            b"",
        )
        done = IngestResult()
        try:
            async with aclosing(_pieces(request)) as stream:
                async for pieces in stream:
                    async with self._turns:
                        with deadline(BATCH_SECONDS):
                            done += await ingest(context, pieces, received_at or self._now(), IntakeChannel.HTTP)
        except TimeoutError:
            return _told(HTTPStatus.REQUEST_TIMEOUT, f"Nothing came for {IDLE_SECONDS:g} s. {REPEAT}", done)
        except _TooLong:
            message = f"A document has at most {LONGEST_DOCUMENT} bytes; Type B (text/plain) may have any length."
            return _told(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
        except OutsideError as error:
            logger.warning("messages could not be stored: %s", error)
            message = f"The records cannot be reached. {REPEAT}"
            return _told(HTTPStatus.SERVICE_UNAVAILABLE, message, done, headers=RETRY_AFTER)
        return Response(orjson.dumps(counts_of(done)), media_type="application/json")


class _TooLong(Exception):
    """A document that is read as a whole is longer than is allowed."""


async def _pieces(request: Request) -> AsyncGenerator[list[InputPiece], None]:
    chunks = request.stream()
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() in DOCUMENTS:
        document = bytearray()
        async for chunk in chunks:
            document += chunk
            if len(document) > LONGEST_DOCUMENT:
                raise _TooLong
        pieces = pieces_of(bytes(document))
        for start in range(0, len(pieces), BATCH):
            yield pieces[start : start + BATCH]
        return
    async for batch in batches(chunks):
        yield batch


def _received_at(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)


def counts_of(done: IngestResult) -> dict[str, int]:
    """What became of messages, by the names that callers know."""
    return {
        "messages": done.messages,
        "duplicates": done.duplicates,
        "deadLetters": done.dead_letters,
        "others": done.others,
        "events": done.events,
        "bags": done.bags,
    }


def _told(
    status: HTTPStatus, message: str, done: IngestResult | None = None, headers: dict[str, str] | None = None
) -> Response:
    body = {"error": message, **(counts_of(done) if done else {})}
    # What is left of the body is not read, so the connection cannot serve another request.
    return Response(
        orjson.dumps(body),
        status_code=status,
        media_type="application/json",
        headers={**(headers or {}), "Connection": "close"},
    )


async def ingest_file(context: Context, path: str, received_at: datetime | None, say: Callable[[str], None]) -> int:
    """Takes in a file, or standard input for ``-``, and tells of its progress; answers an exit code.

    0 where all of it is stored, 1 where some of it could not be read (it is kept: ``deadLetters``) or the file could
    not be. A store that fails ends it with its error; the same file may be taken in again.
    """
    progress = _Progress(say)
    try:
        file = sys.stdin.buffer if path == "-" else await asyncio.to_thread(Path(path).open, "rb")
    except OSError as error:
        say(f"{path} cannot be read: {error.strerror}")
        return 1
    with file:
        async with aclosing(batches(_read(file))) as stream:
            async for pieces in stream:
                with deadline(BATCH_SECONDS):
                    progress.add(await ingest(context, pieces, received_at or context.now(), IntakeChannel.FILE))
    progress.end()
    return 1 if progress.done.dead_letters else 0


async def _read(file: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, CHUNK):
        yield chunk


class _Progress:
    """Says how far it has come and how fast, every other second."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.done = IngestResult()
        self._say = say
        self._began = self._said = monotonic()

    def add(self, more: IngestResult) -> None:
        self.done += more
        if monotonic() - self._said >= SAY_SECONDS:
            self._said = monotonic()
            self._say(self._text())

    def end(self) -> None:
        self._say(self._text())
        if self.done.dead_letters:
            self._say("What could not be read is kept: see `deadLetters` in GraphQL, correct and replay it there.")

    def _text(self) -> str:
        done = self.done
        rate = done.events / max(monotonic() - self._began, 0.001)
        return (
            f"{done.messages:,} messages, {done.events:,} events ({rate:,.0f}/s), {done.duplicates:,} known before, "
            f"{done.dead_letters:,} not readable, {done.others:,} others"
        )
