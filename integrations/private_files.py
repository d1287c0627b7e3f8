"""Folders and files that other users of the machine cannot read: logs and journals hold personal data."""

import os
from pathlib import Path
from typing import BinaryIO

FILE_MODE = 0o600
UMASK = 0o077
# root runs PostgreSQL under another account, which has to enter the folders above its data.
FOLDER_MODE = 0o711 if hasattr(os, "geteuid") and os.geteuid() == 0 else 0o700


def make_private_folder(folder: Path) -> None:
    """Creates a folder that others cannot list, or makes an existing one such a folder."""
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    folder.chmod(FOLDER_MODE)


def append_to_private_file(path: Path) -> BinaryIO:
    """Opens a file to append to; it is readable by its owner alone, also if it was readable by others before."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, FILE_MODE)
    os.fchmod(descriptor, FILE_MODE)
    return os.fdopen(descriptor, "ab")
