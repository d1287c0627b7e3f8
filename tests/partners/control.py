"""A mock as a test sees it: its address, and what may be ordered of it over the wire."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.types import ASGIApp

from integrations.partners.mocks.server import serving


class Control:
    """The control endpoints of a mock."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.url = url
        self.client = client

    async def order(self, kind: str, **more: Any) -> None:
        """Orders a fault."""
        answer = await self.client.post("/_mock/faults", json={"kind": kind, **more})
        assert answer.status_code == 201, answer.text

    async def counts(self) -> dict[str, Any]:
        """What it counted."""
        found: dict[str, Any] = (await self.client.get("/_mock/faults")).json()
        return found

    async def received(self, since: int = 0) -> list[dict[str, Any]]:
        """The requests that came in."""
        found: list[dict[str, Any]] = (await self.client.get("/_mock/received", params={"since": since})).json()[
            "received"
        ]
        return found

    async def reset(self) -> None:
        """Makes it forget everything."""
        assert (await self.client.delete("/_mock")).status_code == 204


@asynccontextmanager
async def controlled(app: ASGIApp) -> AsyncIterator[Control]:
    """Serves a mock while inside."""
    async with serving(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield Control(url, client)
