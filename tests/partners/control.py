"""A mock as a test sees it: its address and its control endpoints."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.types import ASGIApp

from integrations.partners.mocks.server import serving


class Control:
    """Control endpoints of a mock."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.url = url
        self.client = client

    async def order(self, kind: str, **fields: Any) -> None:
        """Orders a fault."""
        response = await self.client.post("/_mock/faults", json={"kind": kind, **fields})
        assert response.status_code == 201, response.text

    async def counts(self) -> dict[str, Any]:
        """Returns the counts."""
        result: dict[str, Any] = (await self.client.get("/_mock/faults")).json()
        return result

    async def received(self, since: int = 0) -> list[dict[str, Any]]:
        """Returns the requests after number ``since``."""
        result: list[dict[str, Any]] = (await self.client.get("/_mock/received", params={"since": since})).json()[
            "received"
        ]
        return result

    async def reset(self) -> None:
        """Clears the mock."""
        assert (await self.client.delete("/_mock")).status_code == 204


@asynccontextmanager
async def controlled(app: ASGIApp) -> AsyncIterator[Control]:
    """Serves a mock inside the block."""
    async with serving(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield Control(url, client)
