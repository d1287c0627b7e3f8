"""The product with its partners: stores, gateway, workers and the partners' mocks, each a process of its own."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from benchmarks.client import HOST
from benchmarks.installation import AIRLINE_ID, PROJECT, SERVE, environment_of, initialise, lock_folder, program
from benchmarks.proxy import FaultProxy
from gateway.http.jwt import issue_token
from gateway.partners import INBOUND_CALLBACK, MAIL_CALLBACK
from gateway.supervisor import Program
from integrations.embedded.neo4j import EmbeddedNeo4j
from integrations.embedded.postgres import EmbeddedPostgres
from integrations.embedded.process import StartError
from integrations.embedded.redis import EmbeddedRedis
from integrations.embedded.server import EmbeddedServer, free_port, is_free
from integrations.partners.mocks.sendgrid import public_key
from integrations.progress import Progress
from resolvers.actor import Role

DISPATCH = ("gateway", "dispatch")
DISPATCHERS = ("dispatcher-1", "dispatcher-2")
MOCKED = '{"worldtracer": {"mock": true}, "twilio": {"mock": true}, "sendgrid": {"mock": true}}'
PARTNERS = ("WORLDTRACER", "TWILIO", "SENDGRID")

# Bags with a passenger that have no PIR yet.
FREE_BAGS = """
SELECT bags.id FROM bags
WHERE airline_id = $1 AND passenger_id IS NOT NULL AND NOT EXISTS (SELECT FROM pir_bags WHERE bag_id = bags.id)
ORDER BY bags.id
LIMIT $2
"""


@dataclass(frozen=True, slots=True)
class PartnerInstallation:
    """Running processes and their addresses.

    Args:
        mocks: addresses by partner: ``WORLDTRACER``, ``TWILIO``, ``SENDGRID``.
        proxies: proxies through which the dispatchers reach the mocks.
        keys: keys of the accounts.
    """

    programs: Mapping[str, Program]
    gateway: str
    mocks: Mapping[str, str]
    proxies: Mapping[str, FaultProxy]
    token: str
    database_url: str
    keys: Mapping[str, str] = field(repr=False)

    async def free_bags(self, count: int) -> list[int]:
        """Bags without a PIR.

        Raises:
            StartError: there are fewer.
        """
        rows = await self.rows(FREE_BAGS, AIRLINE_ID, count)
        if len(rows) < count:
            raise StartError(f"Only {len(rows)} bags have no PIR yet: choose a new folder or more bags.")
        return [row["id"] for row in rows]

    async def rows(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        """Rows of a statement."""
        connection = await asyncpg.connect(self.database_url)
        try:
            return list(await connection.fetch(sql, *values))
        finally:
            await connection.close()


async def control(client: httpx.AsyncClient, mock: str, path: str, body: Any = None) -> Any:
    """Calls a control endpoint of a mock."""
    response = await (
        client.get(f"{mock}/_mock/{path}") if body is None else client.post(f"{mock}/_mock/{path}", json=body)
    )
    response.raise_for_status()
    return response.json()


@asynccontextmanager
async def partner_installation(
    folder: Path, bags: int, progress: Progress, **settings: str
) -> AsyncIterator[PartnerInstallation]:
    """Starts everything, seeded, and stops it at the end in every case.

    Args:
        folder: folder of all state.
        bags: number of bags that the first run seeds.
        progress: receives one line of text for each step.
        settings: environment variables that differ from production.
    """
    lock = lock_folder(folder)
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
        await asyncio.gather(*(store.start(progress) for store in stores))
        yield await stack.enter_async_context(started_partner_programs(stores, folder, bags, progress, **settings))
        progress("stopping")


@asynccontextmanager
async def started_partner_programs(
    stores: Iterable[EmbeddedServer], folder: Path, bags: int, progress: Progress, **settings: str
) -> AsyncIterator[PartnerInstallation]:
    """Initialises running stores, and starts the processes on them; arguments as for `partner_installation`."""
    port = free_port()
    mock_ports, proxy_ports = ({name: free_port() for name in PARTNERS} for _ in range(2))
    mocks = {name: f"http://{HOST}:{number}" for name, number in mock_ports.items()}
    environment = {**environment_of(stores, port, bags, 1), **_accounts(), **settings}
    environment |= {"EXTERNAL_SERVICES": MOCKED, "PUBLIC_URL": f"http://{HOST}:{port}"}
    environment |= {f"{name}_MOCK_ENDPOINT": address for name, address in mocks.items()}
    dispatcher_environment = environment | {
        f"{name}_MOCK_ENDPOINT": f"http://{HOST}:{number}" for name, number in proxy_ports.items()
    }
    async with AsyncExitStack() as stack:
        proxies = {
            name: await stack.enter_async_context(FaultProxy(mock_ports[name], proxy_ports[name]).running())
            for name in PARTNERS
        }
        await initialise(dispatcher_environment)
        programs = {name: program(name, DISPATCH, folder, dispatcher_environment, None) for name in DISPATCHERS}
        programs["projector"] = program("projector", PROJECT, folder, dispatcher_environment, None)
        programs["gateway"] = program("gateway", SERVE, folder, dispatcher_environment, port)
        programs |= {name: _mock_program(name, folder, environment, mock_ports[name]) for name in PARTNERS}
        for one in programs.values():
            stack.push_async_callback(one.stop)
        await asyncio.gather(*(one.start(progress) for one in programs.values()))
        token = issue_token(environment["JWT_SECRET"], Role.SUPERVISOR, AIRLINE_ID, timedelta(hours=6))
        url = f"http://{HOST}:{port}"
        yield PartnerInstallation(programs, url, mocks, proxies, token, environment["NEON_DATABASE_URL"], environment)


def _mock_program(name: str, folder: Path, environment: Mapping[str, str], port: int) -> Program:
    """The mock of one partner. What it has taken survives a restart."""

    async def is_listening() -> bool:
        return not is_free(port)

    keys = {
        "WORLDTRACER": environment["WORLDTRACER_API_KEY"],
        "TWILIO": f"{environment['TWILIO_ACCOUNT_SID']}:{environment['TWILIO_AUTH_TOKEN']}",
        "SENDGRID": environment["SENDGRID_API_KEY"],
    }
    callbacks = {"WORLDTRACER": "", "TWILIO": INBOUND_CALLBACK, "SENDGRID": MAIL_CALLBACK}
    command = [
        *(sys.executable, "-m", "integrations.partners.mocks", name.lower(), "--port", str(port)),
        *("--key", keys[name], "--callback", f"{environment['PUBLIC_URL']}{callbacks[name]}"),
        *("--journal", str(folder / f"{name}.journal")),
    ]
    # Nothing of the product's own environment, such as its clock.
    plain = {name: environment[name] for name in ("PATH", "HOME", "LANG") if name in environment}
    return Program(name, command, folder=folder, environment=plain, ready=is_listening)


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
        # No quiet hours: beginning and end are equal.
        "QUIET_FROM": "00:00",
        "QUIET_UNTIL": "00:00",
    }
