"""Step 7 of a deployment: real questions to the running service."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import httpx

from gateway.config import Settings
from gateway.errors import CommandError
from gateway.http.jwt import issue_token
from resolvers.actor import Role
from resolvers.health import VERSION

LIFETIME = timedelta(minutes=10)
REQUEST_SECONDS = 15.0
# A dispatcher reports its partners every 10 seconds, and a projector has to catch up with the seeding.
PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 1.0
MAX_LAG_SECONDS = 60.0

NETWORK = "{ airports(first: 2) { nodes { iata } } }"
ROUTES = "query($from: String!, $to: String!) { routes(from: $from, to: $to) { options { minutes } } }"
RECORDS = "{ bags(first: 1) { nodes { printedTag state } } pirs(first: 1) { nodes { reference status } } }"
SEARCH = '{ search(text: "CM758", first: 1) { readAs } }'
HEALTH = """{ health { version services { name healthy } external { name breaker }
                       graphLag { lagSeconds pendingChanges } } }"""
QUERIES = (NETWORK, ROUTES, RECORDS, SEARCH, HEALTH)
STORES = {"database", "graph", "cache"}


class WrongAnswer(Exception):
    """A response is not what a working service returns; the message says how."""


class Verification:
    """Questions to a running service, and what is wrong with its responses.

    Args:
        client: without a credential.
        url: base URL of the service.
        token: of an administrator of the installation's airline.
    """

    def __init__(self, client: httpx.AsyncClient, url: str, token: str) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._authorization = {"Authorization": f"Bearer {token}"}
        self._questions: dict[str, Callable[[], Awaitable[None]]] = {
            "liveness": self._live,
            "readiness": self._ready,
            "a request without a token is rejected": self._rejected,
            "the network": self._network,
            "records": self._records,
            "search": self._search,
            "stores and workers": self._health,
        }

    async def faults(self) -> list[str]:
        """Asks all questions; returns a line for each that failed."""
        found = []
        for name, ask in self._questions.items():
            try:
                await ask()
            except (WrongAnswer, httpx.HTTPError, ValueError) as error:
                found.append(f"{name}: {error or type(error).__name__}")
        return found

    @property
    def count(self) -> int:
        """Number of questions."""
        return len(self._questions)

    async def _live(self) -> None:
        response = await self._client.get(f"{self._url}/health/live")
        _require(response.is_success, f"/health/live returned {response.status_code}")
        version = response.json().get("version")
        _require(version == VERSION, f"version {version} is running, and {VERSION} was deployed")

    async def _ready(self) -> None:
        response = await self._client.get(f"{self._url}/health/ready")
        _require(response.is_success, f"/health/ready returned {response.status_code}: {response.text[:200]}")

    async def _rejected(self) -> None:
        response = await self._client.post(f"{self._url}/graphql", json={"query": NETWORK})
        codes = [error["extensions"]["code"] for error in response.json().get("errors", ())]
        _require(codes == ["UNAUTHENTICATED"], f"the codes of its errors are {codes}, not UNAUTHENTICATED")

    async def _network(self) -> None:
        airports = [node["iata"] for node in (await self._ask(NETWORK))["airports"]["nodes"]]
        _require(len(airports) == 2, "the airline's network has fewer than two airports")
        routes = (await self._ask(ROUTES, **dict(zip(("from", "to"), airports, strict=True))))["routes"]
        _require(bool(routes["options"]), f"there is no route from {airports[0]} to {airports[1]}")

    async def _records(self) -> None:
        await self._ask(RECORDS)

    async def _search(self) -> None:
        await self._ask(SEARCH)

    async def _health(self) -> None:
        health = (await self._ask(HEALTH))["health"]
        down = sorted(STORES - {one["name"] for one in health["services"] if one["healthy"]})
        _require(not down, f"{', '.join(down)} is not healthy")
        lag = health["graphLag"]
        _require(lag is not None, "the lag of the graph is unknown")
        _require(
            lag["lagSeconds"] < MAX_LAG_SECONDS,
            f"the graph is {lag['lagSeconds']:.0f} s behind, by {lag['pendingChanges']} changes: no projector works",
        )
        silent = [one["name"] for one in health["external"] if one["breaker"] is None]
        _require(not silent, f"no dispatcher reports on {', '.join(silent)}")

    async def _ask(self, query: str, **variables: str) -> Mapping[str, Any]:
        body = {"query": query, "variables": variables}
        response = await self._client.post(f"{self._url}/graphql", json=body, headers=self._authorization)
        result: dict[str, Any] = response.json()
        if errors := result.get("errors"):
            raise WrongAnswer(f"{errors[0]['message']} ({errors[0].get('extensions', {}).get('code')})")
        data: Mapping[str, Any] = result["data"]
        return data


async def verify(settings: Settings, url: str, patience: float = PATIENCE_SECONDS) -> str:
    """Asks questions until all responses are right, and returns a summary.

    Args:
        url: base URL of the service.
        patience: seconds until a wrong response counts.

    Raises:
        CommandError: a response stayed wrong; the message lists all of them.
    """
    token = issue_token(
        settings.jwt_secret.get_secret_value(), Role.ADMIN, settings.copa_airline_id, LIFETIME, subject="deployment"
    )
    deadline = time.monotonic() + patience
    async with httpx.AsyncClient(timeout=REQUEST_SECONDS, trust_env=False) as client:
        verification = Verification(client, url, token)
        while found := await verification.faults():
            if time.monotonic() > deadline:
                raise CommandError(f"At {url}:\n  " + "\n  ".join(found))
            await asyncio.sleep(PAUSE_SECONDS)
    return f"{verification.count} questions to {url} have the right answers"


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise WrongAnswer(otherwise)
