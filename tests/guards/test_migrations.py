"""Texts of migrations: what a version that still runs must survive (docs/PRODUCTION_SETUP.md)."""

import re
from pathlib import Path

FILES = sorted((Path(__file__).parents[2] / "migrations" / "versioned").glob("*.sql"))
# The rule is younger than the migrations before.
FIRST = "018"

CREATED = re.compile(r"CREATE TABLE (\w+) \((.*?)\n\)", re.DOTALL)
COLUMN = re.compile(r"^ {4}([a-z_]+)\s+[a-z]", re.MULTILINE)
ALTERED = re.compile(r"ALTER TABLE (\w+)(.*?);", re.DOTALL)
ADDED = re.compile(r"ADD COLUMN (?:IF NOT EXISTS )?(\w+)")


def columns_of(text: str) -> set[tuple[str, str]]:
    """The table and name of each column that a migration makes."""
    made = {(table, name) for table, body in CREATED.findall(text) for name in COLUMN.findall(body)}
    return made | added_columns(text)


def added_columns(text: str) -> set[tuple[str, str]]:
    """The table and name of each column that a migration adds to a table of an earlier version."""
    return {(table, name) for table, body in ALTERED.findall(text) for name in ADDED.findall(body)}


def test_a_new_column_makes_no_running_statement_ambiguous() -> None:
    known: set[tuple[str, str]] = set()
    ambiguous = []
    for file in FILES:
        text = file.read_text()
        ambiguous += [
            f"{file.name}: {table}.{name} is also {other}.{name}"
            for table, name in added_columns(text)
            for other, taken in known
            if taken == name and other != table and file.name >= FIRST
        ]
        known |= columns_of(text)
    assert ambiguous == []
    assert {("flights", "destination"), ("bag_legs", "off_point"), ("outbox", "replanned")} <= known
