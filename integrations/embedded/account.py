"""The ordinary user that PostgreSQL needs where we are root, and where that user can reach its files."""

import os
import pwd
from pathlib import Path
from typing import NamedTuple


class Account(NamedTuple):
    """A system user by number."""

    uid: int
    gid: int


def ordinary_account() -> Account | None:
    """None where we are an ordinary user ourselves; as root the user ``nobody``.

    No user is added to the machine. Raises KeyError where there is no ``nobody``.
    """
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_uid, entry.pw_gid)


def reachable(path: Path) -> bool:
    """Whether any user can walk to path: every folder above it lets others through."""
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)
