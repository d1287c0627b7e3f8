"""Uses of operations by clients."""

from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from integrations.records.registered_operations import ClientVersion


@dataclass(frozen=True, slots=True)
class OperationUse:
    """How often a client's version ran an operation, since the last time or on the days asked for.

    Args:
        of: as the client names itself; empty texts where it does not.
        operation: name of the operation; empty for one without a name.
        document: its document without values.
        uses: number of requests.
        last_day: day of the last one, UTC; None where it is today.
    """

    of: ClientVersion
    operation: str
    document: str
    uses: int
    last_day: date | None = None

    @property
    def digest(self) -> bytes:
        """SHA-256 of the document in UTF-8."""
        return sha256(self.document.encode()).digest()
