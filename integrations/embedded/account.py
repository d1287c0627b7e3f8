"""The unprivileged user that PostgreSQL needs where the process is root, and whether that user can reach a file."""

import os
import pwd
from pathlib import Path
from typing import NamedTuple


class Account(NamedTuple):
    """A system user by its numbers."""

    uid: int
    gid: int


def ordinary_account() -> Account | None:
    """Unprivileged account for a server: None for an ordinary user, the user ``nobody`` for root.

    No user is added to the machine.

    Raises:
        KeyError: the machine has no user ``nobody``.
    """
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


def reachable(path: Path) -> bool:
    """Whether any user can reach the path: every folder above it can be entered by others."""
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)
