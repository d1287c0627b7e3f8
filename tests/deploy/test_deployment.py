"""A deployment on this machine: all seven steps, twice, against stores that are named by address, and its faults."""

import asyncio
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest
from redis.asyncio import Redis

from gateway.config import Settings
from gateway.deploy.processes import local_url, running, stop
from gateway.deploy.verification import verify
from gateway.errors import CommandError
from integrations.embedded.server import free_port
from tests.conftest import Neo4jCredentials
from tests.deploy.test_manifests import of_kind
from tests.gateway import NO_PARTNERS

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
STEPS = ("validate", "migrate", "initialise", "seed", "health", "rollout", "verify")
SECRETS = {"JWT_SECRET": "deployment-jwt-secret-0123456789ab", "SECRET_KEY": "deployment-secret-key-0123456789ab"}


@dataclass
class Run:
    """A finished command: its exit code and everything that it printed."""

    code: int
    output: str

    def line(self, step: str) -> str:
        """The last line about a step, behind its name."""
        lines = [line for line in self.output.splitlines() if f"/7 {step}" in line]
        return lines[-1].partition(f"/7 {step}")[2].removeprefix(": ")


@dataclass
class Machine:
    """A machine on which the product is deployed: the variables, and the folder of its processes."""

    environment: Mapping[str, str]
    folder: Path

    async def run(self, *arguments: str, **changed: str | None) -> Run:
        """Runs ``python -m gateway`` with changed variables; None removes one."""
        environment = {name: value for name, value in {**self.environment, **changed}.items() if value is not None}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", *arguments),
            cwd=ROOT,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 240)
        return Run(process.returncode or 0, output.decode())

    async def deploy(self, *arguments: str, **changed: str | None) -> Run:
        """Runs a deployment."""
        return await self.run("deploy", "--folder", str(self.folder), *arguments, **changed)


@pytest.fixture(scope="module")
async def machine(
    postgres_url: str, redis_url: str, neo4j_credentials: Neo4jCredentials, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Machine]:
    """A machine with empty stores; its processes are stopped at the end."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        **SECRETS,
        "NEON_DATABASE_URL": postgres_url,
        "REDIS_URL": redis_url,
        "NEO4J_URI": neo4j_credentials.uri,
        "NEO4J_USER": neo4j_credentials.user,
        "NEO4J_PASSWORD": neo4j_credentials.password,
        "EXTERNAL_SERVICES": NO_PARTNERS,
        "HOST": "127.0.0.1",
        "PORT": str(free_port()),
        "PUBLIC_URL": "https://baggage.example.com",
    }
    made = Machine(environment, tmp_path_factory.mktemp("machine") / "production")
    yield made
    if state := running(made.folder):
        await stop(made.folder, state)


async def test_a_dry_run_says_what_would_happen_and_changes_nothing(machine: Machine) -> None:
    run = await machine.deploy("--dry-run")
    assert run.code == 0, run.output
    assert run.line("validate") == "settings are complete for production, and all stores respond"
    assert run.line("migrate").startswith("would apply 001_initial_schema.sql, 002_auth_tables.sql, ")
    assert [run.line(step).startswith("would ") for step in STEPS[2:]] == [True] * 5
    assert running(machine.folder) is None
    again = await machine.deploy("--dry-run")
    assert again.line("migrate") == run.line("migrate")


async def test_all_seven_steps_pass_twice(machine: Machine) -> None:
    first = await machine.deploy()
    assert first.code == 0, first.output
    assert first.line("verify").startswith("7 questions to http://127.0.0.1:")
    state = running(machine.folder)
    assert state is not None

    second = await machine.deploy()
    assert second.code == 0, second.output
    assert [step for step in STEPS if "done before" in second.line(step)] == [
        "migrate",
        "initialise",
        "seed",
        "rollout",
    ]
    assert running(machine.folder) == state
    assert not any(value in first.output + second.output for value in secrets_of(machine))


async def test_killed_processes_are_started_again(machine: Machine) -> None:
    state = running(machine.folder)
    assert state is not None
    supervisor = psutil.Process(state["pid"])
    children = supervisor.children(recursive=True)
    supervisor.kill()
    psutil.wait_procs([supervisor, *children], timeout=30)

    run = await machine.deploy("--from", "rollout")
    assert run.code == 0, run.output
    assert run.line("seed") == "left out"
    assert "run, supervised by process" in run.line("rollout")
    assert running(machine.folder) != state


async def test_changed_settings_restart_the_processes(machine: Machine) -> None:
    before = running(machine.folder)
    dry = await machine.deploy("--dry-run", BRAND="Copa Airlines")
    assert dry.line("rollout").startswith("would restart serve, project and dispatch, since code or settings are not")
    assert running(machine.folder) == before

    run = await machine.deploy(BRAND="Copa Airlines")
    assert run.code == 0, run.output
    after = running(machine.folder)
    assert before is not None
    assert after is not None
    assert after["pid"] != before["pid"]


async def test_a_flushed_cache_is_found_and_warmed(machine: Machine) -> None:
    async with Redis.from_url(machine.environment["REDIS_URL"], protocol=2) as client:
        await client.flushall()
    run = await machine.deploy("--dry-run", BRAND="Copa Airlines")
    assert run.line("initialise") == "would warm the route cache"
    assert (await machine.deploy(BRAND="Copa Airlines")).code == 0
    run = await machine.deploy("--dry-run", BRAND="Copa Airlines")
    assert run.line("initialise").startswith("done before")


async def test_the_verification_finds_a_wrong_secret_and_an_absent_service(machine: Machine) -> None:
    settings = Settings.read({**machine.environment, "JWT_SECRET": "x" * 32})
    with pytest.raises(CommandError) as error:
        await verify(settings, local_url(settings), patience=0)
    faults = [line.strip().partition(":")[0] for line in str(error.value).splitlines()[1:]]
    assert faults == ["the network", "records", "search", "stores and workers"]

    with pytest.raises(CommandError) as error:
        await verify(settings, "http://127.0.0.1:9", patience=0)
    assert len(str(error.value).splitlines()) == 8


async def test_all_faults_stand_in_one_list(machine: Machine) -> None:
    """Settings, stores and the port; nothing was changed, and no secret is shown."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        run = await Machine(machine.environment, machine.folder.parent / "other").deploy(
            REDIS_URL="redis://:hidden-password@127.0.0.1:9/0",
            NEO4J_PASSWORD="wrong-password",
            POSTGRES_REPLICA_URL="postgresql://app:hidden-password@127.0.0.1:9/bags",
            PORT=str(other.getsockname()[1]),
        )
    assert run.code == 1
    assert "Step 1/7 validate failed. 4 faults:" in run.output
    for store in ("REDIS_URL: Redis", "POSTGRES_REPLICA_URL: PostgreSQL"):
        assert f"{store} at 127.0.0.1:9 does not serve: nothing listens at this address" in run.output
    assert re.search(r"NEO4J_URI: Neo4j at \S+ does not serve: it rejects the user or the password", run.output)
    assert "PORT: another program listens on port " in run.output
    assert "hidden-password" not in run.output
    assert "wrong-password" not in run.output


async def test_faults_of_accounts_and_addresses_are_in_plain_words(machine: Machine) -> None:
    url = urlsplit(machine.environment["NEON_DATABASE_URL"])
    cache = machine.environment["REDIS_URL"]
    run = await machine.deploy(
        NEON_DATABASE_URL=url._replace(path="/none").geturl(),
        POSTGRES_DIRECT_URL=url._replace(
            netloc=f"{url.username}:wrong-password@{url.netloc.partition('@')[2]}"
        ).geturl(),
        POSTGRES_REPLICA_URL="postgresql://app@host.invalid/bags",
        REDIS_URL=re.sub(r"//.*@", "//:wrong-password@", cache),
    )
    servers = re.findall(r"^  (\w+): .* does not serve: (.*)$", run.output, re.MULTILINE)
    assert servers == [
        ("NEON_DATABASE_URL", "it has no such database"),
        ("POSTGRES_DIRECT_URL", "it rejects the user or the password"),
        ("POSTGRES_REPLICA_URL", "the host's name is not known"),
        ("REDIS_URL", "it rejects the user or the password"),
    ]


async def test_missing_settings_and_an_unreachable_store_stand_in_one_list(machine: Machine) -> None:
    run = await machine.deploy(
        NEO4J_URI=None,
        NEO4J_URL="bolt://127.0.0.1:7687",
        SECRET_KEY=SECRETS["JWT_SECRET"],
        EXTERNAL_SERVICES=None,
        PUBLIC_URL=None,
        REDIS_URL="redis://127.0.0.1:9/0",
    )
    assert run.code == 1
    for fault in (
        "NEO4J_URI: set it (NEO4J_URL is set, which is not a setting)",
        "SECRET_KEY: must differ from JWT_SECRET",
        "TWILIO_AUTH_TOKEN: set it, or disable twilio in EXTERNAL_SERVICES",
        "PUBLIC_URL: must be the address that passengers and providers reach",
        "REDIS_URL: Redis at 127.0.0.1:9 does not serve",
    ):
        assert fault in run.output


async def test_an_unknown_airline_is_named(machine: Machine) -> None:
    run = await machine.deploy(COPA_AIRLINE_ID="77")
    assert run.code == 1
    assert "Step 4/7 seed failed. COPA_AIRLINE_ID: the database has no airline 77." in run.output


@pytest.mark.parametrize("environment", ["production", "demo"])
async def test_init_runs_the_first_five_steps(machine: Machine, environment: str) -> None:
    run = await machine.run("init", "--environment", environment)
    assert run.code == 0, run.output
    assert f"1/5 validate: settings are complete for {environment}, and all stores respond" in run.output
    assert "2/5 migrate: done before: every migration is applied" in run.output
    assert "5/5 health: healthy" in run.output


async def test_config_names_faults_and_no_secret(machine: Machine) -> None:
    complete = await machine.run("config")
    assert complete.code == 0, complete.output
    assert not any(value in complete.output for value in secrets_of(machine))
    wrong = await machine.run("config", NEO4J_URI=None, NEO4J_URL="bolt://x")
    assert wrong.code == 1
    assert "warning: NEO4J_URL is not a setting; did you mean NEO4J_URI?" in wrong.output
    assert "NEO4J_URI: set it (NEO4J_URL is set, which is not a setting)" in wrong.output


async def test_the_queries_of_the_autoscaling_run(machine: Machine) -> None:
    """KEDA reads one number; nothing waits in this installation."""
    scaled = of_kind("production-keda", "ScaledObject").values()
    triggers = [trigger["metadata"] for one in scaled for trigger in one["spec"]["triggers"]]
    queries = [trigger["query"] for trigger in triggers if "query" in trigger]
    connection = await asyncpg.connect(machine.environment["NEON_DATABASE_URL"])
    try:
        assert [await connection.fetchval(query) for query in queries] == [0, 0]
    finally:
        await connection.close()


def secrets_of(machine: Machine) -> list[str]:
    """Secrets of the machine, addresses included."""
    names = ("NEON_DATABASE_URL", "REDIS_URL", "NEO4J_PASSWORD", "JWT_SECRET", "SECRET_KEY")
    return [machine.environment[name] for name in names]
