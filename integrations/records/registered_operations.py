"""Operations that a client registers at its build, to send their ids in place of their documents."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple


class ClientVersion(NamedTuple):
    """A build of a client, as it names itself in the headers of its requests.

    Args:
        client: name of the client.
        version: its version.
    """

    client: str
    version: str


@dataclass(frozen=True, slots=True)
class NewOperation:
    """An operation of a manifest.

    Args:
        id: what the client sends in place of the document.
        name: name of the operation.
        document: the operation with its fragments.
    """

    id: str
    name: str
    document: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the document in UTF-8."""
        return sha256(self.document.encode()).digest()


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """A client's version with its number of operations.

    Args:
        of: the client and its version.
        operations: number of operations.
        registered_at: when the last of them was registered.
    """

    of: ClientVersion
    operations: int
    registered_at: datetime


class RegistryState(NamedTuple):
    """What changes with every registration and removal: the number of operations, and the time of the last one."""

    operations: int
    registered_at: datetime | None
