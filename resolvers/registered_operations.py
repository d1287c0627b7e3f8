"""The operations that clients have registered, as this process knows them."""

import asyncio
import logging
from collections.abc import Mapping, Set

from integrations.errors import OutsideError
from integrations.records.registered_operations import ClientVersion, RegistryState
from integrations.stores.postgres import registered_operations
from integrations.stores.postgres.manager import PostgresManager

logger = logging.getLogger(__name__)

# A registration counts after this time at the latest, while PostgreSQL is available.
FRESH_SECONDS = 5.0
# Some 10 MB. A client has hundreds of operations.
MAX_OPERATIONS = 50_000


class RegisteredOperations:
    """The digests of all registered operations, as they were at most ``FRESH_SECONDS`` ago.

    A request only looks into dictionaries: one statement of the process keeps them current, and a second one reads all
    again after a change. While PostgreSQL is unavailable the last known operations stay registered.
    """

    def __init__(self) -> None:
        self._state: RegistryState | None = None
        self._by_client: Mapping[ClientVersion, Mapping[str, str]] = {}
        self._allowed: Mapping[ClientVersion, Set[str]] = {}
        self._by_id: Mapping[str, str] = {}
        self._digests: Set[str] = frozenset()

    @property
    def is_known(self) -> bool:
        """Whether the operations were read at least once."""
        return self._state is not None

    def digest_of(self, of: ClientVersion, operation_id: str) -> str | None:
        """Returns the hexadecimal digest of an operation; that of any client if this version has none of this id."""
        return self._by_client.get(of, {}).get(operation_id) or self._by_id.get(operation_id)

    def is_registered(self, of: ClientVersion, digest: str) -> bool:
        """Returns whether a client's version has an operation with this hexadecimal digest."""
        return digest in self._allowed.get(of, frozenset())

    def has_document(self, digest: str) -> bool:
        """Returns whether any operation has the document with this hexadecimal digest."""
        return digest in self._digests

    async def refresh(self, postgres: PostgresManager) -> None:
        """Reads the operations if they have changed; keeps the last known ones if PostgreSQL is unavailable."""
        try:
            state = await registered_operations.state(postgres)
            if state == self._state:
                return
            by_client = await registered_operations.digests(postgres, MAX_OPERATIONS)
        except OutsideError:
            return
        if state.operations > MAX_OPERATIONS:
            logger.warning("%d operations are registered; the latest %d count", state.operations, MAX_OPERATIONS)
        self._by_client = by_client
        self._allowed = {client: frozenset(digests.values()) for client, digests in by_client.items()}
        self._by_id = {id_: digest for digests in reversed(by_client.values()) for id_, digest in digests.items()}
        self._digests = frozenset(self._by_id.values()).union(*self._allowed.values())
        self._state = state

    async def keep_current(self, postgres: PostgresManager) -> None:
        """Reads the operations again and again, until cancelled."""
        while True:
            await asyncio.sleep(FRESH_SECONDS)
            await self.refresh(postgres)
