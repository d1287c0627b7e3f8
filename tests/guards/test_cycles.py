"""No import cycle, type-checking imports included; GraphQL types refer to each other and count as one module."""

import ast
from collections.abc import Iterator, Set
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "schema", "resolvers", "integrations", "migrations", "seeds")
ONE_MODULE = "schema.types"


def test_no_module_imports_itself_through_others() -> None:
    imports = import_graph()
    assert len(imports) > 200
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def import_graph() -> dict[str, set[str]]:
    """The modules that each module imports."""
    files = {name_of(file): file for package in PACKAGES for file in (ROOT / package).rglob("*.py")}
    graph: dict[str, set[str]] = {}
    for name, file in files.items():
        importer = node_of(name)
        imported = {node_of(one) for one in imports_in(file.read_text(), files.keys()) if one in files}
        graph.setdefault(importer, set()).update(imported - {importer})
    return graph


def name_of(file: Path) -> str:
    """The dotted name of a module; a package is named after its folder."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def node_of(module: str) -> str:
    """A module's node in the graph."""
    return ONE_MODULE if module.startswith(f"{ONE_MODULE}.") else module


def imports_in(source: str, modules: Set[str]) -> Iterator[str]:
    """The modules that a module imports; ``from a import b`` imports ``a.b`` if that is a module, else ``a``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in modules else node.module for name in names)
