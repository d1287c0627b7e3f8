"""Journal by which the state of a mock survives a restart: a file of JSON values, a line each."""

import os
from pathlib import Path
from typing import Any

import orjson

from integrations.private_files import append_to_private_file


def read_journal(path: Path | None) -> list[Any]:
    """Returns the values of a journal; none where there is none.

    Removes what follows the last line end, which was cut off when the mock was killed.
    """
    if path is None or not path.exists():
        return []
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
    return [orjson.loads(line) for line in content[:whole].splitlines()]


def append_to_journal(path: Path | None, value: Any) -> None:
    """Appends a value; does nothing where there is no journal."""
    if path is not None:
        with append_to_private_file(path) as journal:
            journal.write(orjson.dumps(value) + b"\n")
