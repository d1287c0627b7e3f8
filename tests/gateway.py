"""The application in this process, and a client that sends requests with a role."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
from asgi_lifespan import LifespanManager

from gateway.app import Background, create_app
from gateway.config import Settings
from gateway.http.graphql_request import GRAPHQL_JSON
from gateway.http.jwt import issue_token
from resolvers.actor import Role
from tests.conftest import Neo4jCredentials
from tests.executor import product_schema
from tests.world import OURS, SIGNING_KEY

SECRET = "s" * 32
# Partners are enabled only where a test starts their mocks.
NO_PARTNERS = '{"worldtracer": {"enabled": false}, "twilio": {"enabled": false}, "sendgrid": {"enabled": false}}'


class Api:
    """A client of ``/graphql``; each request names its role and airline."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def send(
        self, query: str, role: Role | None = Role.AGENT, airline_id: int = OURS, **variables: Any
    ) -> httpx.Response:
        """Sends an operation; returns the HTTP response."""
        return await self.client.post(
            "/graphql", json={"query": query, "variables": variables}, headers=credential(role, airline_id)
        )

    async def ask(
        self, query: str, role: Role | None = Role.AGENT, airline_id: int = OURS, **variables: Any
    ) -> dict[str, Any]:
        """Sends an operation that has no errors; returns its data."""
        response = await self.send(query, role, airline_id, **variables)
        result = response.json()
        assert "errors" not in result, result["errors"]
        assert response.status_code == 200
        data: dict[str, Any] = result["data"]
        return data

    async def codes(
        self, query: str, role: Role | None = Role.AGENT, airline_id: int = OURS, **variables: Any
    ) -> list[str]:
        """Sends an operation; returns the codes of its errors."""
        result = (await self.send(query, role, airline_id, **variables)).json()
        return [error["extensions"]["code"] for error in result.get("errors", ())]


def credential(role: Role | None, airline_id: int = OURS) -> dict[str, str]:
    """The header with a bearer token; no header for None as role."""
    if role is None:
        return {}
    return {"Authorization": f"Bearer {issue_token(SECRET, role, airline_id, timedelta(hours=1))}"}


def settings_for(postgres_url: str, redis_url: str, neo4j: Neo4jCredentials) -> Settings:
    """Settings of a gateway over the stores of the tests."""
    return Settings.read(
        {
            "NEON_DATABASE_URL": postgres_url,
            "REDIS_URL": redis_url,
            "NEO4J_URI": neo4j.uri,
            "NEO4J_USER": neo4j.user,
            "NEO4J_PASSWORD": neo4j.password,
            "JWT_SECRET": SECRET,
            "SECRET_KEY": SIGNING_KEY.decode(),
            "EXTERNAL_SERVICES": NO_PARTNERS,
        }
    )


@asynccontextmanager
async def serving(settings: Settings, background: Background | None = None) -> AsyncIterator[Api]:
    """The application as ``create_app`` makes it, started; closed with the block."""
    async with LifespanManager(create_app(settings, background=background, build_schema=product_schema)) as manager:
        transport = httpx.ASGITransport(app=manager.app)
        accept = {"Accept": GRAPHQL_JSON}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://gateway", headers=accept, timeout=30.0
        ) as client:
            yield Api(client)
