"""The files of the repository that guards of texts and names read."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "schema", "resolvers", "integrations", "seeds", "migrations")
FOLDERS = (*PACKAGES, "benchmarks", "config", "console/src", "docs", "scripts", "tests")
GENERATED = frozenset({"node_modules", "static", "__pycache__"})
# Released migrations keep their texts, since their checksums are stored in databases.
LAST_RELEASED = "011"


def files(*suffixes: str) -> Iterator[Path]:
    """Text files with one of these suffixes, except generated files and released migrations."""
    inside = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    for path in sorted({*ROOT.glob("*"), *inside}):
        parts = path.relative_to(ROOT).parts
        released = parts[:2] == ("migrations", "versioned") and path.name[:3] <= LAST_RELEASED
        if path.suffix in suffixes and path.is_file() and GENERATED.isdisjoint(parts) and not released:
            yield path


def name_of(path: Path) -> str:
    """The path of a file within the repository."""
    return path.relative_to(ROOT).as_posix()
