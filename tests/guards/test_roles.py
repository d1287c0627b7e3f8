"""``docs/ROLES.md`` shows the roles of the schema: by root field, and by masked field."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType

from resolvers.actor import Actor, Role
from schema.build import build_schema
from schema.execution import ReadField
from schema.runtime.permissions import DEFINITION, MONITORS, SENDERS, roles_of

ROOT = Path(__file__).parents[2]
# | `bag` (query) | yes | ... |: a column for each role.
ROW = re.compile(r"^\| `([\w.]+)`(?: \((\w+)\))? \|(.*)\|$", re.MULTILINE)
# Fields that check the role themselves. The last test holds the list complete.
CHECKED_BY_RESOLVER = {"Passenger.contact", "Pir.printable", "Send.recipient"}


def section(title: str) -> str:
    text = (ROOT / "docs" / "ROLES.md").read_text(encoding="utf-8")
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def table(title: str) -> dict[str, set[Role]]:
    """Rows of a table: the roles with ``yes``, by the field, with its kind where it has one."""
    rows = {}
    for name, kind, cells in ROW.findall(section(title)):
        marks = [cell.strip() for cell in cells.split("|")][-len(Role) :]
        assert set(marks) <= {"yes", ""}, name
        rows[f"{name} ({kind})" if kind else name] = {
            role for role, mark in zip(Role, marks, strict=True) if mark == "yes"
        }
    return rows


def root_fields() -> Iterator[tuple[str, set[Role]]]:
    schema = build_schema()._schema
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        assert root is not None
        for name, field in root.fields.items():
            yield f"{name} ({root.name.lower()})", set(roles_of(field) or Role)


def test_the_table_of_root_fields_is_the_schemas() -> None:
    assert table("Root fields") == dict(root_fields())


class Request:
    """As much of a context as a reader of a field asks for."""

    def __init__(self, role: Role) -> None:
        self.actor = Actor("user", role, 1)

    def now(self) -> datetime:
        return datetime.now(UTC)


def reading(field: Any, role: Role) -> Any:
    """How a role reads a field: None for the attribute itself, else the code of the function that reads it."""
    reader = field.reader(Request(role))
    return getattr(reader, "__code__", reader)


def masked_fields() -> dict[str, set[Role]]:
    """Roles that read a field as an administrator does, for each field that some role reads otherwise."""
    found = {}
    for name, graphql_type in build_schema()._schema.type_map.items():
        for field_name, field in graphql_type.fields.items() if isinstance(graphql_type, GraphQLObjectType) else ():
            declared = field.extensions.get(DEFINITION)
            if isinstance(declared, ReadField):
                readings = {role: reading(declared, role) for role in Role}
                seeing = {role for role in Role if readings[role] == readings[Role.ADMIN]}
                if seeing != set(Role):
                    found[f"{name}.{field_name}"] = seeing
    return found


def test_the_table_of_masked_fields_equals_the_schema() -> None:
    masked = masked_fields()
    seeing = {role for role in Role if Actor("user", role, 1).sees_personal_data}
    assert masked.keys().isdisjoint(CHECKED_BY_RESOLVER)
    assert table("Masked fields") == masked | dict.fromkeys(CHECKED_BY_RESOLVER, seeing)


def test_no_other_module_decides_who_sees_personal_data() -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for folder in ("gateway", "schema", "resolvers")
        for path in (ROOT / folder).rglob("*.py")
        if "sees_personal_data" in path.read_text(encoding="utf-8")
    }
    assert users == {"resolvers/actor.py", "resolvers/passengers.py", "resolvers/matches.py", "schema/types/pir.py"}


@pytest.mark.parametrize(("path", "roles"), [("/metrics", MONITORS), ("POST /ingest/typeb", SENDERS)])
def test_the_table_of_paths_is_the_gateways(path: str, roles: frozenset[Role]) -> None:
    row = re.search(rf"^\| `{path}` \| (.*) \|$", section("HTTP"), re.MULTILINE)
    assert row is not None
    assert set(row[1].split(", ")) == roles


def test_role_sets_are_named_in_one_table() -> None:
    naming = {
        path.relative_to(ROOT).as_posix()
        for folder in ("gateway", "schema", "resolvers")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"\bRole\.\w+,\s*Role\.", path.read_text(encoding="utf-8"))
    }
    assert naming == {"resolvers/actor.py", "schema/runtime/permissions.py"}
