"""Uses of operations, counted in the process and added to those in PostgreSQL every minute."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from integrations.errors import OutsideError
from integrations.records.operation_uses import OperationUse
from integrations.records.registered_operations import ClientVersion
from integrations.stores.postgres import operation_uses
from integrations.stores.postgres.manager import PostgresManager

logger = logging.getLogger(__name__)

STORE_SECONDS = 60.0
# Different uses that a process counts between two stores; a document without values is made for each.
MAX_COUNTED = 1_000


class CountedUse(NamedTuple):
    """What is counted: a client's version, and the operation's name and the document as they were sent."""

    of: ClientVersion
    operation: str | None
    document: str


class OperationUses:
    """Counts uses; those of the last minute are lost if the process is killed.

    Args:
        signature: returns the name of an operation and its document without values, for a document and the name in the
            request; None for an invalid one, which does not count.
    """

    def __init__(self, signature: Callable[[str, str | None], tuple[str, str] | None]) -> None:
        self._signature = signature
        self._counted = Counter[CountedUse]()
        self._left_out = 0

    def count(self, use: CountedUse) -> None:
        """Counts a request."""
        if use in self._counted or len(self._counted) < MAX_COUNTED:
            self._counted[use] += 1
        else:
            self._left_out += 1

    async def store(self, postgres: PostgresManager) -> None:
        """Adds what was counted to PostgreSQL; while it is unavailable, counting goes on."""
        counted, self._counted = self._counted, Counter()
        left_out, self._left_out = self._left_out, 0
        uses = []
        for use, number in counted.items():
            if (found := self._signature(use.document, use.operation)) is not None:
                uses.append(OperationUse(use.of, *found, number))
            await asyncio.sleep(0)  # a signature takes up to milliseconds
        if left_out:
            logger.warning("%d uses of operations were not counted: more than %d different ones", left_out, MAX_COUNTED)
        if not uses:
            return
        try:
            await operation_uses.add(postgres, uses)
        except OutsideError:
            for use, number in counted.items():
                self._counted[use] += number

    async def keep_stored(self, postgres: PostgresManager) -> None:
        """Stores again and again, until cancelled."""
        with suppress(OutsideError):
            await operation_uses.delete_old(postgres)
        while True:
            await asyncio.sleep(STORE_SECONDS)
            await self.store(postgres)
