"""Webhook on this machine that keeps the callbacks it receives."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from integrations.partners.mocks.server import serving


@dataclass(frozen=True)
class Call:
    """One callback as received."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class Hook:
    """Callbacks in the order of arrival.

    ``statuses`` are the statuses of the first responses; all later ones are 204.
    """

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[Call] = []
        self.statuses: list[int] = []

    async def take(self, request: Request) -> Response:
        """Keeps one callback."""
        self.calls.append(Call(str(request.url), request.headers, await request.body()))
        return Response(status_code=self.statuses.pop(0) if self.statuses else 204)

    async def wait(self, count: int) -> list[Call]:
        """Returns the first ``count`` callbacks once they have arrived."""
        async with asyncio.timeout(5):
            while len(self.calls) < count:  # noqa: ASYNC110 - a callback over the wire sets no event
                await asyncio.sleep(0.01)
        return self.calls[:count]


@asynccontextmanager
async def hooked() -> AsyncIterator[Hook]:
    """Serves the webhook inside the block."""
    hook = Hook()
    async with serving(Starlette(routes=[Route("/hook", hook.take, methods=["POST"])])) as url:
        hook.url = f"{url}/hook"
        yield hook
