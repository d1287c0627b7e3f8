"""Migration of PostgreSQL and Neo4j to the schema of this version."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from integrations.errors import Conflict, Refused
from integrations.progress import Progress
from integrations.stores.neo4j.manager import Neo4jManager
from integrations.stores.postgres.manager import PostgresManager, Session

VERSIONED = Path(__file__).parent / "versioned"
GRAPH = Path(__file__).parent / "neo4j"

# Several processes may start at once: one migrates, and the others wait for it and find nothing to do.
LOCK_KEY = 7_533_230
LOCK_SECONDS = 300.0
FILE_SECONDS = 600.0

# A graph database that has just started needs seconds for its first statement.
SHOW_SECONDS = 30.0
SHOW_INDEXES = "SHOW INDEXES YIELD name"
# The names that the files give to constraints and indexes.
NAMED = re.compile(r"^CREATE (?:CONSTRAINT|INDEX) (\w+) IF NOT EXISTS", re.MULTILINE)

LOCK_MIGRATIONS = "SELECT pg_advisory_lock($1)"

CREATE_SCHEMA_MIGRATIONS = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text PRIMARY KEY,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""

HAS_HISTORY = "SELECT to_regclass('schema_migrations') IS NOT NULL"

APPLIED_MIGRATIONS = "SELECT name, sha256 FROM schema_migrations ORDER BY name"

INSERT_MIGRATION = "INSERT INTO schema_migrations (name, sha256) VALUES ($1, $2)"


class MigrationError(Exception):
    """The database's history does not match the files, or a file failed; the message names the file."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of a folder of migrations."""

    name: str
    sql: str = field(repr=False)

    @property
    def sha256(self) -> str:
        """Digest of the text, by which a change after the file was applied is detected."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


async def migrate(records: PostgresManager, report: Progress, folder: Path = VERSIONED) -> list[str]:
    """Apply the missing files in order of their names, each in a transaction of its own.

    Safe to repeat, and to run in several processes at the same time. Uses a direct connection, since a pooler does not
    keep the lock.

    Args:
        report: is called with a line of progress for each file.
        folder: folder of the ``.sql`` files.

    Returns:
        The names of the files that this call applied.

    Raises:
        MigrationError: an applied file was changed or is missing, a new file comes before applied ones, or a file
            failed; files before it stay applied.
        Unavailable: PostgreSQL does not respond.
    """
    migrations = read_migrations(folder)
    async with records.direct() as session:
        await session.execute(LOCK_MIGRATIONS, LOCK_KEY, name="LOCK_MIGRATIONS", timeout=LOCK_SECONDS)
        await session.execute(CREATE_SCHEMA_MIGRATIONS, name="CREATE_SCHEMA_MIGRATIONS")
        rows = await session.fetch(APPLIED_MIGRATIONS, name="APPLIED_MIGRATIONS")
        pending = unapplied(migrations, {row["name"]: row["sha256"] for row in rows})
        for migration in pending:
            report(f"applying {migration.name}")
            await _apply(session, migration)
    return [migration.name for migration in pending]


async def pending_migrations(records: PostgresManager, folder: Path = VERSIONED) -> list[str]:
    """Return the names of the files that ``migrate`` would apply, without a change.

    Raises:
        MigrationError: as in ``migrate``.
        Unavailable: PostgreSQL does not respond.
    """
    async with records.direct() as session:
        history = await session.fetchval(HAS_HISTORY, name="HAS_HISTORY")
        rows = await session.fetch(APPLIED_MIGRATIONS, name="APPLIED_MIGRATIONS") if history else []
    return [one.name for one in unapplied(read_migrations(folder), {row["name"]: row["sha256"] for row in rows})]


async def missing_graph_schema(graph: Neo4jManager, folder: Path = GRAPH) -> list[str]:
    """Return the names of the constraints and indexes that ``load_graph_schema`` would create.

    Raises:
        Unavailable: Neo4j does not respond.
    """
    wanted = graph_schema_names(folder)
    # A constraint has an index of its name.
    rows = await graph.execute_read(SHOW_INDEXES, name="SHOW_INDEXES", timeout=SHOW_SECONDS)
    existing = {row["name"] for row in rows}
    return [name for name in wanted if name not in existing]


async def load_graph_schema(graph: Neo4jManager, folder: Path = GRAPH) -> int:
    """Create the graph's constraints and indexes and return the number of statements; safe to repeat."""
    return await graph.load_schema(folder)


def graph_schema_names(folder: Path = GRAPH) -> list[str]:
    """Return the names that the files of a folder give to constraints and indexes."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.cypher"))]
    return [name for text in texts for name in NAMED.findall(text)]


def read_migrations(folder: Path) -> list[Migration]:
    """Return the files of a folder in order of their names."""
    return [Migration(path.name, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql"))]


def unapplied(migrations: Sequence[Migration], applied: Mapping[str, str]) -> list[Migration]:
    """Return the files that a database still needs.

    Args:
        migrations: all files, in order of their names.
        applied: history of the database: name -> sha256.

    Raises:
        MigrationError: the history is not the beginning of the files.
    """
    known = {migration.name: migration.sha256 for migration in migrations}
    for name, sha256 in applied.items():
        if name not in known:
            raise MigrationError(
                f"{name} was applied to this database and is not among the files; this version may be too old for it"
            )
        if known[name] != sha256:
            raise MigrationError(
                f"{name} was changed after it was applied; restore it, and put the change into a new file"
            )
    pending = [migration for migration in migrations if migration.name not in applied]
    if pending and applied and pending[0].name < max(applied):
        raise MigrationError(f"{pending[0].name} comes before {max(applied)}, which is applied; give it a later name")
    return pending


async def _apply(session: Session, migration: Migration) -> None:
    try:
        async with session.transaction() as transaction:
            await transaction.execute(migration.sql, name=migration.name, timeout=FILE_SECONDS)
            await transaction.execute(INSERT_MIGRATION, migration.name, migration.sha256, name="INSERT_MIGRATION")
    except (Refused, Conflict) as error:
        raise MigrationError(f"{migration.name} failed and was rolled back: {error.reason}") from error
