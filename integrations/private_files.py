"""Folders and files that other users of the machine cannot read: logs and journals hold personal data."""

import os
from pathlib import Path
from typing import BinaryIO

FILE_MODE = 0o600
UMASK = 0o077
FOLDER_MODE = 0o700
# Others cannot list the folder, and can enter a folder inside it that lets them.
PASSAGE_MODE = 0o711


def make_private_folder(folder: Path, *, passage: bool = False) -> None:
    """Creates a folder for its owner alone, or makes an existing one such a folder.

    Args:
        passage: whether another account has to reach a folder inside it, as PostgreSQL's if root starts it.
    """
    mode = PASSAGE_MODE if passage else FOLDER_MODE
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    folder.chmod(mode)


def append_to_private_file(path: Path) -> BinaryIO:
    """Opens a file to append to; it is readable by its owner alone, also if it was readable by others before."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, FILE_MODE)
    os.fchmod(descriptor, FILE_MODE)
    return os.fdopen(descriptor, "ab")
