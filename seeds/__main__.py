"""Command ``python -m seeds``: fills the database that the settings name."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.config import Settings, SettingsError, plain
from integrations.errors import OutsideError
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres.manager import PostgresManager
from integrations.stores.redis.cluster import redis_manager
from integrations.timestamps import EXAMPLE, read_timestamp
from resolvers.actor import Actor, Role
from resolvers.context import Context
from resolvers.installation import Installation, Stores
from seeds.run import AlreadyInUse, SeedReport, seed


def main(arguments: Sequence[str]) -> int:
    """Seeds the database and prints a summary; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        report = asyncio.run(_seed(Settings.read(os.environ), options))
    except (SettingsError, AlreadyInUse, OutsideError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(report.summary)
    for bag in report.guide:
        print(f"  {bag.tag} ({bag.printed_tag}) {bag.scenario}", *filter(None, (bag.pir, bag.rush_tag)), sep=", ")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m seeds", description="Fill an empty database with demo data.")
    parser.add_argument("--bags", type=int, default=50, help="number of bags, up to 1,000,000 (default: 50)")
    parser.add_argument("--exceptions", type=int, default=10, help="number of exceptions among them (default: 10)")
    parser.add_argument("--seed", type=int, default=230, help="seed of the random numbers (default: 230)")
    parser.add_argument(
        "--now", type=_timestamp, help="timestamp up to which the scenarios run, such as 2026-11-23T15:30:00Z"
    )
    return parser


def _timestamp(text: str) -> datetime:
    try:
        return read_timestamp(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a timestamp with a zone, such as {EXAMPLE}") from None


async def _seed(settings: Settings, options: argparse.Namespace) -> SeedReport:
    postgres = PostgresManager(
        settings.neon_database_url.get_secret_value(),
        direct_url=plain(settings.postgres_direct_url),
        application_name="baggage-seeds",
    )
    # Graph and cache are not used: the graph follows from the outbox.
    graph = Neo4jManager(settings.neo4j_uri, settings.neo4j_user, settings.neo4j_password.get_secret_value())
    cache = redis_manager(settings.redis_url.get_secret_value())
    context = Context(
        actor=Actor("seeds", Role.SERVICE, settings.copa_airline_id),
        request_id="command",
        now=lambda: datetime.now(UTC),
        stores=Stores(postgres, graph, cache),
        installation=Installation(settings.copa_airline_id, settings.brand, settings.designator, settings.public_url),
        signing_key=settings.secret_key.get_secret_value().encode(),
    )
    await postgres.connect()
    try:
        return await seed(
            context,
            bags=options.bags,
            exceptions=options.exceptions,
            seed=options.seed,
            now=options.now,
            progress=print,
        )
    finally:
        await postgres.disconnect()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
