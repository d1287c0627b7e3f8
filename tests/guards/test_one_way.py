"""There is one way for each thing: the modules that may use a store's function, and no others."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    path.relative_to(ROOT)
    for folder in ("gateway", "schema", "resolvers", "migrations", "seeds", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
]

# Functions of ``integrations.stores.postgres``, and the only modules that may call them.
ONLY = {
    ("outbox", "enqueue_bag_changes"): {"resolvers/publish.py"},
    ("outbox", "enqueue_flight_changes"): {"resolvers/publish.py"},
    ("outbox", "enqueue_network_change"): {"resolvers/publish.py"},
    ("outbox", "wake"): {"resolvers/publish.py"},
    ("changes", "insert_change"): {"resolvers/publish.py"},
    ("changes", "insert_bag_changes"): {"resolvers/publish.py"},
    ("audit", "write"): {"resolvers/audit.py"},
}
STORES = "integrations.stores.postgres"


def used(tree: ast.Module) -> set[tuple[str, str]]:
    """Functions of stores that a module names: ``outbox.wake``, under whatever name the store is imported."""
    names: dict[str, str] = {}
    found: set[tuple[str, str]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == STORES:
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"{STORES}."):
            found |= {(node.module.removeprefix(f"{STORES}."), alias.name) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
            found.add((names[node.value.id], node.attr))
    return found


def test_announcements_and_audit_rows_have_one_writer() -> None:
    users: dict[tuple[str, str], set[str]] = {function: set() for function in ONLY}
    for path in SOURCES:
        for function in used(ast.parse((ROOT / path).read_text(encoding="utf-8"))) & ONLY.keys():
            users[function].add(path.as_posix())
    assert users == ONLY


@pytest.mark.parametrize(
    "source",
    [
        "from integrations.stores.postgres import outbox\nasync def f(r): await outbox.wake(r, [])",
        "from integrations.stores.postgres import outbox as queue\nasync def f(r): await queue.wake(r, [])",
        "from integrations.stores.postgres.outbox import wake",
    ],
)
def test_a_use_is_seen_under_any_name(source: str) -> None:
    assert ("outbox", "wake") in used(ast.parse(source))
