"""Common part of the mocks of message providers: what happens to a message after it was taken, and its callbacks.

Control endpoints, beside those of every mock:

- ``POST /_mock/deliveries`` decides how the next deliveries end (``DeliveryOutcome`` describes the fields);
- ``GET /_mock/messages`` lists all messages that were taken, at most the newest 10,000, for assertions in tests;
- ``GET /_mock/outbox`` shows the newest of them as a page.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from integrations.partners.mocks.journal import append_to_journal, read_journal

KEPT_MESSAGES = 10_000
SHOWN_MESSAGES = 200
MOST_TASKS = 10_000
MOST_ORDERS = 100
CALLBACK_SECONDS = 10.0

NO_REPORT = "none"


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """How a delivery ends.

    Args:
        outcome: the provider's last status, such as ``delivered``; ``none`` for no report at all.
        to: recipients to which it applies, as a pattern with ``*``.
        times: number of deliveries; None until it is cleared.
        seconds: seconds between two statuses.
        copies: how often each status is reported.
        reversed: whether the statuses are reported last first, once all are known.
    """

    outcome: str = "delivered"
    to: str = "*"
    times: int | None = 1
    seconds: float = 0.2
    copies: int = 1
    reversed: bool = False


class DeliverySimulator:
    """Messages that a mock has taken, and their deliveries over time.

    Args:
        outcomes: last statuses that may be ordered.
        tries: number of attempts for a callback without a 2xx response, a second and more apart.
        journal: file in which messages survive a restart, a line each; None keeps none. A delivery that a restart
            interrupts is not continued.
    """

    def __init__(self, outcomes: Sequence[str], tries: int, journal: Path | None = None) -> None:
        self.messages: deque[dict[str, Any]] = deque(read_journal(journal), maxlen=KEPT_MESSAGES)
        self._outcomes = outcomes
        self._tries = tries
        self._journal = journal
        self._orders: list[DeliveryOutcome] = []
        self._tasks: set[asyncio.Task[None]] = set()
        # Connections are not kept alive, so that there is none to close.
        self._client = httpx.AsyncClient(
            trust_env=False, timeout=CALLBACK_SECONDS, limits=httpx.Limits(max_keepalive_connections=0)
        )

    def clear(self) -> None:
        """Clears the messages and the orders, and cancels running deliveries."""
        self.messages.clear()
        if self._journal is not None:
            self._journal.unlink(missing_ok=True)
        self._orders.clear()
        for task in self._tasks:
            task.cancel()

    def take(self, message: dict[str, Any]) -> None:
        """Takes a message."""
        append_to_journal(self._journal, message)
        self.messages.append(message)

    def outcome_for(self, to: str) -> DeliveryOutcome:
        """Outcome of a delivery to this recipient: the first order that matches, else delivered."""
        for place, order in enumerate(self._orders):
            if fnmatchcase(to, order.to):
                if order.times is not None:
                    left = [replace(order, times=order.times - 1)] if order.times > 1 else []
                    self._orders[place : place + 1] = left
                return order
        return DeliveryOutcome()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs work beside the requests. Work beyond 10,000 running tasks is dropped."""
        if len(self._tasks) >= MOST_TASKS:
            work.close()
            return
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(
        self,
        outcome: DeliveryOutcome,
        statuses: Sequence[str],
        set_status: Callable[[str], None],
        send: Callable[[str], Awaitable[None]],
    ) -> None:
        """Goes through the statuses of one delivery.

        Args:
            outcome: how the delivery ends.
            statuses: statuses in order, the last one included.
            set_status: makes a status that of the message.
            send: reports a status to the customer.
        """
        for status in statuses:
            await asyncio.sleep(outcome.seconds)
            set_status(status)
            if not outcome.reversed:
                await self._send_copies(outcome, status, send)
        if outcome.reversed:
            for status in reversed(statuses):
                await self._send_copies(outcome, status, send)

    async def call(self, url: str, body: bytes, headers: Callable[[], dict[str, str]]) -> None:
        """Sends a callback until the response is 2xx. Each attempt has fresh headers."""
        for attempt in range(self._tries):
            try:
                response = await self._client.post(url, content=body, headers=headers())
            except httpx.HTTPError:
                pass
            else:
                if response.is_success:
                    return
            await asyncio.sleep(min(1.0 + attempt, 10.0))

    def routes(self, name: str) -> list[BaseRoute]:
        """Routes of the control endpoints.

        Args:
            name: name of the provider.
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
            order = self._read(await request.body())
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)
        self._orders.append(order)
        return Response(status_code=201)

    def _read(self, body: bytes) -> DeliveryOutcome:
        order = DeliveryOutcome(**orjson.loads(body))
        if order.outcome not in (*self._outcomes, NO_REPORT):
            raise ValueError(f"outcome must be one of {', '.join((*self._outcomes, NO_REPORT))}")
        if order.times is not None and order.times < 1:
            raise ValueError("times must be at least 1, or null")
        if not (0 <= order.seconds <= 3600 and 1 <= order.copies <= 10):
            raise ValueError("seconds must be 0 to 3600, copies 1 to 10")
        if len(self._orders) == MOST_ORDERS:
            raise ValueError(f"at most {MOST_ORDERS} orders may be pending")
        return order

    async def _list(self, _request: Request) -> Response:
        return JSONResponse({"messages": [_without_html(message) for message in self.messages]})

    def _outbox(self, name: str) -> Response:
        newest = list(self.messages)[: -SHOWN_MESSAGES - 1 : -1]
        return HTMLResponse(
            f"<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Mock of {name}</title>"
            "<style>body{font:15px/1.4 sans-serif;margin:1rem;max-width:60rem}"
            "article{border-top:1px solid #bbb;padding:.7rem 0}p{margin:.2rem 0;white-space:pre-wrap}"
            "iframe{width:22.5rem;height:45rem;max-width:100%;border:1px solid #bbb}</style>"
            f"<h1>Outbox of a mock of {name}</h1><p>None of these messages left this machine.</p>"
            + "".join(_shown(message) for message in newest)
        )

    async def _send_copies(self, outcome: DeliveryOutcome, status: str, send: Callable[[str], Awaitable[None]]) -> None:
        for _ in range(outcome.copies):
            await send(status)


def is_loopback(url: str) -> bool:
    """Whether a callback goes to this machine. A mock sends callbacks to no other."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")


def _without_html(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != "html"}


def _shown(message: dict[str, Any]) -> str:
    fields = "".join(
        f"<p><b>{escape(name)}</b> {escape(str(value))}" for name, value in message.items() if name != "html"
    )
    # Sandboxed: the message may neither run scripts nor reach anything.
    html = f'<iframe sandbox title="As shown" srcdoc="{escape(message["html"])}"></iframe>' if "html" in message else ""
    return f"<article>{fields}{html}</article>"
