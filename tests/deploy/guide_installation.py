"""The installation on which the guides' commands run: a checkout of its own, the demo in it, and a shell."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import asyncpg
import httpx
from neo4j import AsyncGraphDatabase

from gateway.http.jwt import issue_token
from integrations.embedded.server import free_port
from resolvers.actor import Role
from tests.conftest import Neo4jCredentials
from tests.faults.processes import eventually

ROOT = Path(__file__).parents[2]
# Of a checkout, what a test run or an installation writes.
OWN = {".git", ".demo", ".production", ".env", ".venv", ".tools"}
START_SECONDS = 240
COMMAND_SECONDS = 60
# The ports that the guides name.
GUIDE_PORTS = (8000, 8101, 8102, 8103)


def make_checkout(folder: Path) -> None:
    """Fills a folder with links to this checkout; what commands write there stays in it.

    The marks of ``scripts/bootstrap.sh`` say that everything is installed: a test never installs.
    """
    for entry in ROOT.iterdir():
        if entry.name not in OWN:
            (folder / entry.name).symlink_to(entry)
    for source, name, lock in (
        (Path(sys.prefix), ".venv", "requirements-dev.lock"),
        (ROOT / ".tools", ".tools", None),
        (ROOT / ".tools" / "servers", ".tools/servers", "requirements-servers.lock"),
    ):
        (folder / name).mkdir()
        for entry in source.iterdir():
            if entry.name not in ("lock", ".lock", "servers"):
                (folder / name / entry.name).symlink_to(entry)
        if lock:
            mark = subprocess.run(["cksum"], input=(ROOT / lock).read_bytes(), capture_output=True, check=True)
            (folder / name / "lock").write_bytes(mark.stdout)


@dataclass(frozen=True)
class Stores:
    """Addresses of the stores: a database for each purpose, one graph and one cache.

    Args:
        neo4j_folder: the folder of the Neo4j server.
    """

    demo_url: str
    production_url: str
    statements_url: str
    redis_url: str
    neo4j: Neo4jCredentials
    neo4j_folder: Path

    def addresses(self, postgres_url: str) -> dict[str, str]:
        """The variables that name the stores."""
        return {
            "NEON_DATABASE_URL": postgres_url,
            "REDIS_URL": self.redis_url,
            "NEO4J_URI": self.neo4j.uri,
            "NEO4J_USER": self.neo4j.user,
            "NEO4J_PASSWORD": self.neo4j.password,
        }


class Installation:
    """The running demo of a checkout, on ports of its own in the place of those that the guides name."""

    def __init__(self, folder: Path, stores: Stores) -> None:
        self.folder = folder
        self.stores = stores
        self.ports = {port: free_port() for port in GUIDE_PORTS}
        self.environment = {
            "PATH": f"{folder / '.venv' / 'bin'}:{os.environ['PATH']}",
            "HOME": os.environ.get("HOME", str(folder)),
            "UV_OFFLINE": "1",
        }

    def here(self, text: str) -> str:
        """A text of a guide with the ports of this installation."""
        for port, own in self.ports.items():
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{own}").replace(f"PORT={port}", f"PORT={own}")
        return text

    def as_in_guide(self, text: str) -> str:
        """A text of this installation with the ports of the guides."""
        for port, own in self.ports.items():
            text = text.replace(f"127.0.0.1:{own}", f"127.0.0.1:{port}").replace(f"Port {own} ", f"Port {port} ")
        return text

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Runs the demo; its stores are those of the tests, named to its commands as if it had started them."""
        mocks = zip(("WORLDTRACER", "TWILIO", "SENDGRID"), GUIDE_PORTS[1:], strict=True)
        addresses = self.stores.addresses(self.stores.demo_url)
        environment = {
            **self.environment,
            **addresses,
            "PORT": str(self.ports[8000]),
            **{f"{name}_MOCK_ENDPOINT": f"http://127.0.0.1:{self.ports[port]}" for name, port in mocks},
        }
        log = self.folder / "demo.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(str(self.folder / ".venv" / "bin" / "python"), "-m", "gateway", "demo"),
                cwd=self.folder,
                env=environment,
                stdout=output,
                stderr=output,
            )
        published = self.folder / ".demo" / "addresses.json"
        try:
            async with asyncio.timeout(START_SECONDS):
                while not published.exists():
                    assert process.returncode is None, log.read_text()
                    await asyncio.sleep(0.1)
            published.write_text(json.dumps({**addresses, **json.loads(published.read_text())}))
            (self.folder / ".demo" / "neo4j").symlink_to(self.stores.neo4j_folder)
            yield
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
                await process.wait()

    async def until_healthy(self) -> None:
        """Waits until all stores and partners are healthy, as a reader begins a guide."""
        url = f"http://127.0.0.1:{self.ports[8000]}/health"
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:

            async def healthy() -> bool:
                return bool((await client.get(url)).json()["status"] == "healthy")

            await eventually(healthy, START_SECONDS)

    def fill_in_settings(self) -> None:
        """Replaces the placeholders of ``.env``, as the guide asks the reader to."""
        values = {
            **self.stores.addresses(self.stores.production_url),
            "JWT_SECRET": "guide-jwt-secret-0123456789abcdef",
            "SECRET_KEY": "guide-secret-key-0123456789abcdef",
            "PUBLIC_URL": "https://baggage.example.com",
            "WORLDTRACER_ENDPOINT": "https://worldtracer.example.com",
            "WORLDTRACER_API_KEY": "key",
            "TWILIO_ACCOUNT_SID": "AC00000000000000000000000000000000",
            "TWILIO_AUTH_TOKEN": "token",
            "TWILIO_PHONE_NUMBER": "+12025550100",
            "SENDGRID_API_KEY": "key",
            "SENDGRID_FROM_EMAIL": "baggage@example.com",
            "POSTGRES_PASSWORD": "password",
            "REDIS_PASSWORD": "password",
        }
        file = self.folder / ".env"
        lines = [line.partition("=") for line in file.read_text().splitlines()]
        filled = [f"{name}={values[name]}" if "<" in value else f"{name}{sign}{value}" for name, sign, value in lines]
        file.write_text("\n".join([*filled, f"PORT={free_port()}", ""]))

    async def execute(self, document: str) -> str:
        """Runs an operation as a supervisor; returns the response, or the first message of a subscription."""
        secret = json.loads((self.folder / ".demo" / "secrets.json").read_text())["JWT_SECRET"]
        headers = {"Authorization": f"Bearer {issue_token(secret, Role.SUPERVISOR, 1, timedelta(hours=1))}"}
        url = f"http://127.0.0.1:{self.ports[8000]}/graphql"
        async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=30) as client:
            if not document.startswith("subscription"):
                return (await client.post(url, json={"query": document})).text
            accept = {"Accept": "text/event-stream"}
            async with client.stream("POST", url, json={"query": document}, headers=accept) as response:
                async for line in response.aiter_lines():
                    if line.startswith("data: "):
                        return line.removeprefix("data: ")
        raise AssertionError("The subscription ended without a message.")

    async def execute_sql(self, statements: str) -> None:
        """Runs statements on a database with the product's tables and no rows."""
        connection = await asyncpg.connect(self.stores.statements_url)
        try:
            await connection.execute("SELECT ensure_event_partitions('{2025-01-01}')")
            for statement in filter(str.strip, statements.split(";\n")):
                await connection.execute(statement)
        finally:
            await connection.close()

    async def execute_cypher(self, statement: str) -> None:
        """Runs a statement in the graph."""
        access = self.stores.neo4j
        driver = AsyncGraphDatabase.driver(access.uri, auth=(access.user, access.password))
        async with driver, driver.session() as session:
            await (await session.run(statement)).consume()


class Shell:
    """A shell that keeps its variables from one command to the next, as the terminal of a reader does."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *("bash", "--noprofile", "--norc"),
            cwd=self._folder,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def run(self, command: str) -> tuple[int, str]:
        """Runs a command; returns its exit code and what it printed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        mark = uuid4().hex
        self._process.stdin.write(f"{{ {command}\n}} </dev/null\nprintf '\\n{mark} %d\\n' $?\n".encode())
        output = ""
        async with asyncio.timeout(COMMAND_SECONDS):
            while f"\n{mark} " not in output or not output.endswith("\n"):
                read = await self._process.stdout.read(65536)
                assert read, f"The shell ended: {output}"
                output += read.decode(errors="replace")
        printed, _, code = output.rpartition(f"\n{mark} ")
        return int(code), printed
