"""The product with its partners: stores, gateway, dispatchers and the partners' mocks, each a process of its own."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from benchmarks.client import HOST
from benchmarks.gates import Gate, gate
from benchmarks.installation import AIRLINE_ID, Say, environment_of, initialise, own, program
from gateway.demo.supervisor import Program, mocks_program
from gateway.http.jwt import issue_token
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.process import StartError
from integrations.embedded.redis import EmbeddedRedis
from integrations.embedded.server import EmbeddedServer, free_port
from integrations.partners.mocks.sendgrid import public_key
from resolvers.actor import Role

DISPATCHERS = ("dispatcher-1", "dispatcher-2")
MOCKED = '{"worldtracer": {"mock": true}, "twilio": {"mock": true}, "sendgrid": {"mock": true}}'
PARTNERS = ("WORLDTRACER", "TWILIO", "SENDGRID")

# Each with its passenger's contacts, on a flight that has arrived: bags that a file can be opened for.
FREE_BAGS = """
SELECT bags.id FROM bags
WHERE airline_id = $1 AND passenger_id IS NOT NULL AND NOT EXISTS (SELECT FROM pir_bags WHERE bag_id = bags.id)
ORDER BY bags.id
LIMIT $2
"""


@dataclass(frozen=True, slots=True)
class Partnered:
    """What runs, and how to reach it.

    Args:
        mocks: addresses by partner: ``WORLDTRACER``, ``TWILIO``, ``SENDGRID``.
        gates: what the dispatchers reach them through.
        keys: of the accounts with them.
    """

    programs: Mapping[str, Program]
    gateway: str
    mocks: Mapping[str, str]
    gates: Mapping[str, Gate]
    token: str
    database_url: str
    keys: Mapping[str, str] = field(repr=False)

    async def free_bags(self, count: int) -> list[int]:
        """Bags without a file.

        Raises:
            StartError: there are fewer.
        """
        rows = await self.rows(FREE_BAGS, AIRLINE_ID, count)
        if len(rows) < count:
            raise StartError(f"Only {len(rows)} bags have no file yet: give --bags a larger number, for a new folder.")
        return [row["id"] for row in rows]

    async def rows(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """What the records say."""
        connection = await asyncpg.connect(self.database_url)
        try:
            return list(await connection.fetch(sql, *values))
        finally:
            await connection.close()


async def control(client: httpx.AsyncClient, mock: str, path: str, body: Any = None) -> Any:
    """A call of a mock's control endpoint."""
    answer = await (
        client.get(f"{mock}/_mock/{path}") if body is None else client.post(f"{mock}/_mock/{path}", json=body)
    )
    answer.raise_for_status()
    return answer.json()


@asynccontextmanager
async def partnered(folder: Path, bags: int, say: Say, **settings: str) -> AsyncIterator[Partnered]:
    """Brings everything up, seeded, and stops it at the end whatever happens.

    Args:
        folder: where all state lies.
        bags: how many are seeded the first time.
        settings: variables of the environment that differ from those of production.
    """
    lock = own(folder)
    if lock is None:
        raise StartError(f"Another run uses {folder}: wait for it or stop it.")
    stores: list[EmbeddedServer] = [
        EmbeddedPostgres(folder / "postgresql"),
        EmbeddedNeo4j(folder / "neo4j"),
        EmbeddedRedis(folder / "redis"),
    ]
    async with AsyncExitStack() as stack:
        stack.enter_context(lock)
        for store in stores:
            stack.push_async_callback(store.stop)
        await asyncio.gather(*(store.start(say) for store in stores))
        yield await stack.enter_async_context(partnered_over(stores, folder, bags, say, **settings))
        say("stopping")


@asynccontextmanager
async def partnered_over(
    stores: Iterable[EmbeddedServer], folder: Path, bags: int, say: Say, **settings: str
) -> AsyncIterator[Partnered]:
    """Initialises stores that run, and brings up the processes over them; arguments as for `partnered`."""
    port = free_port()
    behind, before = ({name: free_port() for name in PARTNERS} for _ in range(2))
    mocks = {name: f"http://{HOST}:{number}" for name, number in behind.items()}
    environment = {**environment_of(stores, port, bags, 1), **_accounts(), **settings}
    environment |= {"EXTERNAL_SERVICES": MOCKED, "PUBLIC_URL": f"http://{HOST}:{port}"}
    environment |= {f"{name}_MOCK_ENDPOINT": address for name, address in mocks.items()}
    callers = environment | {f"{name}_MOCK_ENDPOINT": f"http://{HOST}:{number}" for name, number in before.items()}
    async with AsyncExitStack() as stack:
        gates = {name: await stack.enter_async_context(gate(before[name], behind[name])) for name in PARTNERS}
        await initialise(callers)
        programs = {name: program(name, ("gateway", "dispatch"), folder, callers, None) for name in DISPATCHERS}
        programs["gateway"] = program("gateway", ("gateway", "serve"), folder, callers, port)
        programs["mocks"] = mocks_program(folder, environment)
        for one in programs.values():
            stack.push_async_callback(one.stop)
        await asyncio.gather(*(one.start(say) for one in programs.values()))
        token = issue_token(environment["JWT_SECRET"], Role.SUPERVISOR, AIRLINE_ID, timedelta(hours=6))
        url = f"http://{HOST}:{port}"
        yield Partnered(programs, url, mocks, gates, token, environment["NEON_DATABASE_URL"], environment)


def _accounts() -> dict[str, str]:
    key = secrets.token_urlsafe(24)
    return {
        "WORLDTRACER_API_KEY": secrets.token_urlsafe(24),
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": secrets.token_urlsafe(24),
        "TWILIO_PHONE_NUMBER": "+12025550100",
        "SENDGRID_API_KEY": key,
        "SENDGRID_FROM_EMAIL": "baggage@example.com",
        "SENDGRID_WEBHOOK_PUBLIC_KEY": public_key(key),
        "SMS_PER_MINUTE": "100000",
        "SMS_PER_PASSENGER_DAY": "100000",
        # No night: the same beginning and end.
        "QUIET_FROM": "00:00",
        "QUIET_UNTIL": "00:00",
    }
