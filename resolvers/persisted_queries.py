"""Persisted queries: a client sends the hash of a document, and the document only where it is not known.

The protocol is Apollo's (https://www.apollographql.com/docs/apollo-server/performance/apq/). Redis holds the documents
for all processes; each process keeps those that it used last. PostgreSQL holds those of registered operations.
"""

from collections import OrderedDict
from contextlib import suppress
from hashlib import sha256

from integrations.errors import OutsideError
from integrations.stores.postgres import registered_operations
from integrations.stores.redis import persisted_queries
from resolvers.installation import Stores
from resolvers.registered_operations import RegisteredOperations


def digest_of(document: str) -> str:
    """Returns the SHA-256 hash of a document in UTF-8, 64 lower-case hexadecimal digits."""
    return sha256(document.encode()).hexdigest()


class PersistedQueries:
    """Documents by their hash; those used last are kept in memory.

    Args:
        registered: the registered operations.
        entries: most documents in memory. The limits on documents bound the size of each.
    """

    def __init__(self, registered: RegisteredOperations, entries: int = 1_000) -> None:
        self._registered = registered
        self._entries = entries
        self._documents: OrderedDict[str, str] = OrderedDict()

    async def find(self, stores: Stores, digest: str) -> str | None:
        """Returns the document with a hash; None if it is not known.

        Raises:
            OutsideError: it is registered, and PostgreSQL is unavailable.
        """
        document = self._documents.get(digest)
        if document is not None:
            self._documents.move_to_end(digest)
            return document
        if self._registered.has_document(digest):
            document = await registered_operations.document(stores.postgres, digest)
        else:
            with suppress(OutsideError):
                document = await persisted_queries.read(stores.redis, digest)
        if document is not None:
            self._keep(digest, document)
        return document

    async def add(self, stores: Stores, digest: str, document: str) -> None:
        """Makes a valid document known under its hash. Redis may be unavailable: another request then adds it again."""
        if self._documents.get(digest) is not None:
            return
        with suppress(OutsideError):
            await persisted_queries.write(stores.redis, digest, document)
            self._keep(digest, document)

    def _keep(self, digest: str, document: str) -> None:
        self._documents[digest] = document
        if len(self._documents) > self._entries:
            self._documents.popitem(last=False)
