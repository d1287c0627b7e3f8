"""Step 1 of a deployment: all faults of settings and stores in one list, without a secret."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from gateway.config import Settings, layers
from gateway.errors import CommandError
from gateway.settings_faults import faults
from gateway.settings_table import HIDDEN, is_secret
from integrations.hosts import hosts_of
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres.manager import PostgresManager
from integrations.stores.redis.cluster import redis_manager
from integrations.stores.redis.manager import RedisManager

PASSWORD = re.compile(r"://[^/@:]*:([^/@]+)@")
# What the drivers say of faults of an address or an account. The other errors need their own words.
FAULTS = {
    r"InvalidPassword|InvalidAuthorization|Unauthorized|AuthenticationError": "it rejects the user or the password",
    r"InvalidCatalogName|DatabaseNotFound|DB index": "it has no such database",
    r"ConnectionRefused|Connect call failed": "nothing listens at this address",
    r"gaierror|Name or service not known|Cannot resolve": "the host's name is not known",
}
Manager = PostgresManager | Neo4jManager | RedisManager
# The address setting of each store, its name, and the oldest version that the product is tested with.
STORES = {
    "NEON_DATABASE_URL": ("PostgreSQL", (16, 0)),
    "POSTGRES_DIRECT_URL": ("PostgreSQL", (16, 0)),
    "POSTGRES_REPLICA_URL": ("PostgreSQL", (16, 0)),
    "NEO4J_URI": ("Neo4j", (5, 26)),
    "REDIS_URL": ("Redis", (6, 2)),
}


async def environment_faults(environment: Mapping[str, str]) -> list[str]:
    """Returns a line for each fault of the settings and of the stores whose own settings have none."""
    found = faults(environment)
    try:
        sources = layers(environment)
    except CommandError:
        return found  # which names the file
    wrong = {line.partition(":")[0] for line in found}
    values = {
        name.upper(): value
        for layer in reversed(sources)
        for name, value in layer.values.items()
        if name in Settings.model_fields
    }
    secrets = [str(values[name]) for name in values if is_secret(Settings.model_fields[name.lower()])]
    checks = [_store_fault(name, manager, str(values[name])) for name, manager in _managers(values, wrong)]
    lines = [line for line in await asyncio.gather(*checks) if line]
    return [*found, *(without_secrets(secrets, line) for line in lines)]


def _managers(values: Mapping[str, Any], wrong: set[str]) -> Iterator[tuple[str, Manager]]:
    """Yields the stores that can be connected: their settings are present and valid."""

    def usable(*names: str) -> bool:
        return all(values.get(name) and name not in wrong for name in names)

    for name in ("NEON_DATABASE_URL", "POSTGRES_DIRECT_URL", "POSTGRES_REPLICA_URL"):
        if usable(name):
            yield name, PostgresManager(values[name], 0, 2, is_replica=name == "POSTGRES_REPLICA_URL")
    if usable("NEO4J_URI", "NEO4J_PASSWORD"):
        user = values.get("NEO4J_USER") or Settings.model_fields["neo4j_user"].default
        yield "NEO4J_URI", Neo4jManager(values["NEO4J_URI"], user, values["NEO4J_PASSWORD"])
    if usable("REDIS_URL"):
        yield "REDIS_URL", redis_manager(values["REDIS_URL"])


async def _store_fault(setting: str, manager: Manager, address: str) -> str | None:
    name, oldest = STORES[setting]
    await manager.connect()
    try:
        health = await manager.health_check()
    finally:
        await manager.disconnect()
    hosts = [f"{host}{f':{port}' if port else ''}" for host, port in hosts_of(address) if host]
    server = f"{name} at {', '.join(hosts) or urlsplit(address).path}"
    if health["status"] == "unhealthy":
        return f"{setting}: {server} does not serve: {_in_words(str(health.get('error', 'no response')))}"
    version = str(health.get("version", ""))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers and numbers < oldest:
        return f"{setting}: {server} has version {version}; {oldest[0]}.{oldest[1]} or later is required"
    return None


def _in_words(error: str) -> str:
    """Returns what is wrong with a store's address or account, or a driver's own words for anything else."""
    return next((words for pattern, words in FAULTS.items() if re.search(pattern, error)), error)


def without_secrets(secrets: Sequence[str], line: str) -> str:
    """Returns a line without secrets, which a driver may quote; of an address, its password is one."""
    passwords = [password for secret in secrets for password in PASSWORD.findall(secret)]
    for secret in [*secrets, *passwords, *map(unquote, passwords)]:
        line = line.replace(secret, HIDDEN)
    return line
