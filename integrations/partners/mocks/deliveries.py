"""What the mocks of message providers have in common: what becomes of a message afterwards, and who is told of it.

Their control endpoints, beside those of every mock:

- ``POST /_mock/deliveries`` orders how the next deliveries end (``Outcome`` says what may be in it);
- ``GET /_mock/messages`` tells every message that was taken, the newest 10,000 at most, for a judge of tests;
- ``GET /_mock/outbox`` shows the newest of them to people.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from html import escape
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

REMEMBERED_MESSAGES = 10_000
SHOWN_MESSAGES = 200
MOST_UNDER_WAY = 10_000
MOST_ORDERS = 100
CALLBACK_SECONDS = 10.0

NOWHERE = "none"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a delivery ends.

    Args:
        outcome: the provider's last word, such as ``delivered``; ``none`` for not a word.
        to: the recipients it befalls, as a pattern with ``*``.
        times: how many; None for until it is cleared.
        seconds: between one word and the next.
        copies: how often each word is reported.
        reversed: whether the words are reported last first, once all are known.
    """

    outcome: str = "delivered"
    to: str = "*"
    times: int | None = 1
    seconds: float = 0.2
    copies: int = 1
    reversed: bool = False


class Deliveries:
    """Messages that were taken, and what becomes of them in time.

    Args:
        outcomes: the last words that may be ordered.
        tries: how often a callback that is not answered with 2xx is made, a second and more apart.
    """

    def __init__(self, outcomes: Sequence[str], tries: int) -> None:
        self.messages: deque[dict[str, Any]] = deque(maxlen=REMEMBERED_MESSAGES)
        self._outcomes = outcomes
        self._tries = tries
        self._ordered: list[Outcome] = []
        self._under_way: set[asyncio.Task[None]] = set()
        # Connections are not kept, so that there is none to close.
        self._client = httpx.AsyncClient(
            trust_env=False, timeout=CALLBACK_SECONDS, limits=httpx.Limits(max_keepalive_connections=0)
        )

    def forget(self) -> None:
        """Empties the memory and leaves off what is under way."""
        self.messages.clear()
        self._ordered.clear()
        for task in self._under_way:
            task.cancel()

    def take(self, to: str) -> Outcome:
        """How the delivery to this recipient ends: as first ordered, or well."""
        for place, ordered in enumerate(self._ordered):
            if fnmatchcase(to, ordered.to):
                if ordered.times is not None:
                    left = [replace(ordered, times=ordered.times - 1)] if ordered.times > 1 else []
                    self._ordered[place : place + 1] = left
                return ordered
        return Outcome()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Lets it run beside the requests; more than 10,000 at once are left off."""
        if len(self._under_way) >= MOST_UNDER_WAY:
            work.close()
            return
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def report(
        self, outcome: Outcome, words: Sequence[str], say: Callable[[str], None], tell: Callable[[str], Awaitable[None]]
    ) -> None:
        """Goes through the words of one delivery.

        Args:
            say: makes a word the state of the message.
            tell: reports a word to our customer.
        """
        for word in words:
            await asyncio.sleep(outcome.seconds)
            say(word)
            if not outcome.reversed:
                await self._tell(outcome, word, tell)
        if outcome.reversed:
            for word in reversed(words):
                await self._tell(outcome, word, tell)

    async def call(self, url: str, body: bytes, headers: Callable[[], dict[str, str]]) -> None:
        """Makes a callback until it is answered with 2xx; its headers anew for each try."""
        for past in range(self._tries):
            try:
                answer = await self._client.post(url, content=body, headers=headers())
            except httpx.HTTPError:
                pass
            else:
                if answer.is_success:
                    return
            await asyncio.sleep(min(1.0 + past, 10.0))

    def routes(self, name: str) -> list[BaseRoute]:
        """The control endpoints.

        Args:
            name: of the provider.
        """

        async def outbox(_request: Request) -> Response:
            return self._outbox(name)

        return [
            Route("/_mock/deliveries", self._order, methods=["POST"]),
            Route("/_mock/messages", self._list),
            Route("/_mock/outbox", outbox),
        ]

    async def _order(self, request: Request) -> Response:
        try:
            ordered = self._read(await request.body())
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)
        self._ordered.append(ordered)
        return Response(status_code=201)

    def _read(self, body: bytes) -> Outcome:
        ordered = Outcome(**orjson.loads(body))
        if ordered.outcome not in (*self._outcomes, NOWHERE):
            raise ValueError(f"outcome is one of {', '.join((*self._outcomes, NOWHERE))}")
        if ordered.times is not None and ordered.times < 1:
            raise ValueError("times is at least 1, or null")
        if not (0 <= ordered.seconds <= 3600 and 1 <= ordered.copies <= 10):
            raise ValueError("seconds is 0 to 3600, copies 1 to 10")
        if len(self._ordered) == MOST_ORDERS:
            raise ValueError(f"{MOST_ORDERS} orders wait")
        return ordered

    async def _list(self, _request: Request) -> Response:
        return JSONResponse({"messages": [_without_html(message) for message in self.messages]})

    def _outbox(self, name: str) -> Response:
        newest = list(self.messages)[: -SHOWN_MESSAGES - 1 : -1]
        return HTMLResponse(
            f"<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Mock of {name}</title>"
            "<style>body{font:15px/1.4 sans-serif;margin:1rem;max-width:60rem}"
            "article{border-top:1px solid #bbb;padding:.7rem 0}p{margin:.2rem 0;white-space:pre-wrap}"
            "iframe{width:22.5rem;height:45rem;max-width:100%;border:1px solid #bbb}</style>"
            f"<h1>Outbox of a mock of {name}</h1><p>Nobody received any of this.</p>"
            + "".join(_shown(message) for message in newest)
        )

    async def _tell(self, outcome: Outcome, word: str, tell: Callable[[str], Awaitable[None]]) -> None:
        for _ in range(outcome.copies):
            await tell(word)


def is_loopback(url: str) -> bool:
    """Whether a callback goes to this machine: a mock reports to nobody else."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")


def _without_html(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != "html"}


def _shown(message: dict[str, Any]) -> str:
    words = "".join(
        f"<p><b>{escape(name)}</b> {escape(str(value))}" for name, value in message.items() if name != "html"
    )
    # Sandboxed: whatever was sent may neither run nor reach anything.
    html = f'<iframe sandbox title="As shown" srcdoc="{escape(message["html"])}"></iframe>' if "html" in message else ""
    return f"<article>{words}{html}</article>"
