"""Registered operations in PostgreSQL."""

from collections.abc import Sequence

from integrations.records.registered_operations import ClientVersion, NewOperation, RegisteredVersion, RegistryState
from integrations.stores.postgres.manager import PostgresManager, Reader

INSERT_DOCUMENTS = """
INSERT INTO registered_documents (digest, document)
SELECT * FROM unnest($1::bytea[], $2::text[]) ON CONFLICT DO NOTHING
"""

# An id that is registered with another document is left as it is.
INSERT_OPERATIONS = """
INSERT INTO registered_operations (client, version, id, digest, name)
SELECT $1, $2, * FROM unnest($3::text[], $4::bytea[], $5::text[]) ON CONFLICT DO NOTHING
"""

OTHER_DOCUMENTS = """
SELECT given.id
FROM unnest($3::text[], $4::bytea[]) AS given (id, digest)
JOIN registered_operations AS known ON known.client = $1 AND known.version = $2 AND known.id = given.id
WHERE known.digest <> given.digest
ORDER BY given.id
"""

DELETE_OPERATIONS = "DELETE FROM registered_operations WHERE client = $1 AND version = $2"

DELETE_DOCUMENTS = """
DELETE FROM registered_documents AS document
WHERE NOT EXISTS (SELECT FROM registered_operations WHERE digest = document.digest)
"""

VERSIONS = """
SELECT client, version, count(*) AS operations, max(registered_at) AS registered_at
FROM registered_operations GROUP BY client, version ORDER BY client, max(registered_at), version
"""

REGISTRY_STATE = "SELECT count(*) AS operations, max(registered_at) AS registered_at FROM registered_operations"

# Those registered last: an older version of a client is no longer in use.
OPERATIONS = """
SELECT client, version, id, digest FROM registered_operations ORDER BY registered_at DESC, client, version, id LIMIT $1
"""

DOCUMENT = "SELECT document FROM registered_documents WHERE digest = $1"


async def insert(postgres: PostgresManager, of: ClientVersion, operations: Sequence[NewOperation]) -> list[str]:
    """Register operations, all or none.

    Returns:
        The ids that are registered with another document; then nothing has changed.
    """
    ids, digests = [one.id for one in operations], [one.digest for one in operations]
    names, documents = [one.name for one in operations], [one.document for one in operations]
    async with postgres.transaction() as records:
        rows = await records.fetch(OTHER_DOCUMENTS, *of, ids, digests, name="OTHER_DOCUMENTS")
        if not rows:
            await records.execute(INSERT_DOCUMENTS, digests, documents, name="INSERT_DOCUMENTS")
            await records.execute(INSERT_OPERATIONS, *of, ids, digests, names, name="INSERT_OPERATIONS")
    return [row["id"] for row in rows]


async def delete(postgres: PostgresManager, of: ClientVersion) -> int:
    """Remove the operations of a client's version, and documents that no operation has any more.

    Returns:
        The number of removed operations.
    """
    async with postgres.transaction() as records:
        tag = await records.execute(DELETE_OPERATIONS, *of, name="DELETE_OPERATIONS")
        await records.execute(DELETE_DOCUMENTS, name="DELETE_DOCUMENTS")
    return int(tag.split()[1])


async def versions(records: Reader) -> list[RegisteredVersion]:
    """Return all versions of all clients, by client and time of registration."""
    rows = await records.fetch(VERSIONS, name="VERSIONS")
    return [
        RegisteredVersion(ClientVersion(row["client"], row["version"]), row["operations"], row["registered_at"])
        for row in rows
    ]


async def state(records: Reader) -> RegistryState:
    """Return what changes with every registration and removal."""
    row = await records.fetchrow(REGISTRY_STATE, name="REGISTRY_STATE")
    assert row is not None
    return RegistryState(row["operations"], row["registered_at"])


async def digests(records: Reader, limit: int) -> dict[ClientVersion, dict[str, str]]:
    """Return the hexadecimal digest of each operation, by client and id.

    Args:
        limit: most operations; those registered last take precedence.
    """
    found: dict[ClientVersion, dict[str, str]] = {}
    for row in await records.fetch(OPERATIONS, limit, name="OPERATIONS"):
        found.setdefault(ClientVersion(row["client"], row["version"]), {})[row["id"]] = row["digest"].hex()
    return found


async def document(records: Reader, digest: str) -> str | None:
    """Return the document with a hexadecimal digest, None if none is registered."""
    text: str | None = await records.fetchval(DOCUMENT, bytes.fromhex(digest), name="DOCUMENT")
    return text
