"""Brings PostgreSQL and Neo4j to the schema that this version of the product expects."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from integrations.errors import Conflict, Refused
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres.manager import PostgresManager, Session

VERSIONED = Path(__file__).parent / "versioned"
GRAPH = Path(__file__).parent / "neo4j"

# Several processes may start at once: one migrates, the others wait for it and find nothing left to do.
LOCK_KEY = 7_533_230
LOCK_SECONDS = 300.0
FILE_SECONDS = 600.0

LOCK_MIGRATIONS = "SELECT pg_advisory_lock($1)"

CREATE_SCHEMA_MIGRATIONS = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text PRIMARY KEY,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""

APPLIED_MIGRATIONS = "SELECT name, sha256 FROM schema_migrations ORDER BY name"

INSERT_MIGRATION = "INSERT INTO schema_migrations (name, sha256) VALUES ($1, $2)"


class MigrationError(Exception):
    """The database's history and the files do not fit, or a file failed; the message names the file."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of the history."""

    name: str
    sql: str = field(repr=False)

    @property
    def sha256(self) -> str:
        """Digest of the text: what was applied must not change afterwards."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


async def migrate(records: PostgresManager, say: Callable[[str], None], folder: Path = VERSIONED) -> list[str]:
    """Applies what is missing, file by file in the order of their names, each in a transaction of its own.

    Safe to repeat, and to run in several processes at the same time. Uses a direct connection, since a pooler does not
    keep the lock.

    Args:
        say: takes a line for the person at the console.
        folder: holds the ``.sql`` files.

    Returns:
        The names of the files that were applied now.

    Raises:
        MigrationError: an applied file was changed or is missing, a new one comes before applied ones, or one failed;
            what came before it stays applied.
        Unavailable: PostgreSQL does not answer.
    """
    migrations = read_migrations(folder)
    async with records.direct() as session:
        await session.execute(LOCK_MIGRATIONS, LOCK_KEY, name="LOCK_MIGRATIONS", timeout=LOCK_SECONDS)
        await session.execute(CREATE_SCHEMA_MIGRATIONS, name="CREATE_SCHEMA_MIGRATIONS")
        rows = await session.fetch(APPLIED_MIGRATIONS, name="APPLIED_MIGRATIONS")
        waiting = unapplied(migrations, {row["name"]: row["sha256"] for row in rows})
        for migration in waiting:
            say(f"applying {migration.name}")
            await _apply(session, migration)
    return [migration.name for migration in waiting]


async def load_graph_schema(graph: Neo4jManager, folder: Path = GRAPH) -> int:
    """Makes the graph's constraints and indexes; safe to repeat. Returns the number of statements."""
    return await graph.load_schema(folder)


def read_migrations(folder: Path) -> list[Migration]:
    """The files of a folder in order of their names."""
    return [Migration(path.name, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql"))]


def unapplied(migrations: Sequence[Migration], applied: Mapping[str, str]) -> list[Migration]:
    """The files that a database with this history (name -> sha256) still needs.

    Raises:
        MigrationError: the history is not how the files begin.
    """
    known = {migration.name: migration.sha256 for migration in migrations}
    for name, sha256 in applied.items():
        if name not in known:
            raise MigrationError(
                f"{name} was applied to this database and is not among the files: is this an older version?"
            )
        if known[name] != sha256:
            raise MigrationError(
                f"{name} was changed after it was applied: restore it, and put the change into a new file."
            )
    waiting = [migration for migration in migrations if migration.name not in applied]
    if waiting and applied and waiting[0].name < max(applied):
        raise MigrationError(f"{waiting[0].name} comes before {max(applied)}, which is applied: give it a later name.")
    return waiting


async def _apply(session: Session, migration: Migration) -> None:
    try:
        async with session.transaction() as transaction:
            await transaction.execute(migration.sql, name=migration.name, timeout=FILE_SECONDS)
            await transaction.execute(INSERT_MIGRATION, migration.name, migration.sha256, name="INSERT_MIGRATION")
    except (Refused, Conflict) as error:
        raise MigrationError(f"{migration.name} failed and left nothing behind: {error.reason}") from error
