"""Disabled accounts, whose tokens are rejected although they have not expired."""

import asyncio

from integrations.errors import OutsideError
from integrations.stores.postgres import users
from integrations.stores.postgres.manager import PostgresManager
from resolvers.actor import Actor

# A disabled account is rejected after this time at the latest, while PostgreSQL is available.
FRESH_SECONDS = 5.0
MAX_ACCOUNTS = 10_000


class DisabledAccounts:
    """The disabled accounts, as they were at most ``FRESH_SECONDS`` ago.

    A request only looks into a set: one statement of the process keeps it current. While PostgreSQL is unavailable the
    last known accounts stay disabled.
    """

    def __init__(self) -> None:
        self._disabled: frozenset[tuple[int | None, str]] = frozenset()

    def __contains__(self, actor: object) -> bool:
        return isinstance(actor, Actor) and (actor.airline_id, actor.id) in self._disabled

    async def refresh(self, postgres: PostgresManager) -> None:
        """Read the disabled accounts once; keeps the last known ones if PostgreSQL is unavailable."""
        try:
            self._disabled = await users.disabled(postgres, MAX_ACCOUNTS)
        except OutsideError:
            return

    async def keep_current(self, postgres: PostgresManager) -> None:
        """Read the disabled accounts again and again, until cancelled."""
        while True:
            await asyncio.sleep(FRESH_SECONDS)
            await self.refresh(postgres)
