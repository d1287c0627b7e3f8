"""One class name, one meaning: two public classes must not share a name, except a GraphQL type and its record."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator

import pytest

from tests.guards.sources import PACKAGES, ROOT, name_of

TYPES = "schema/types/"
# Modules whose classes a GraphQL type may mirror: the type has the name of the record that it shows.
MIRRORED = ("integrations/records/", "integrations/stores/", "resolvers/")


def test_no_two_public_classes_have_one_name() -> None:
    modules = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    found = by_name((name_of(path), name) for path in modules for name in classes_in(path.read_text(encoding="utf-8")))
    assert len(found) > 500
    assert {name: where for name, where in found.items() if is_ambiguous(where)} == {}


def classes_in(source: str) -> Iterator[str]:
    """The names of the public top-level classes of a module."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def by_name(classes: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The modules of each class name."""
    found: dict[str, list[str]] = defaultdict(list)
    for module, name in classes:
        found[name].append(module)
    return found


def is_ambiguous(modules: list[str]) -> bool:
    """Whether the classes of one name in these modules are more than a GraphQL type and what it mirrors."""
    types = [module for module in modules if module.startswith(TYPES)]
    others = [module for module in modules if not module.startswith(TYPES)]
    return len(types) > 1 or len(others) > 1 or bool(types and others and not others[0].startswith(MIRRORED))


@pytest.mark.parametrize(
    ("modules", "ambiguous"),
    [
        (["resolvers/bags.py"], False),
        (["schema/types/bag.py", "integrations/records/bags.py"], False),
        (["schema/types/search.py", "resolvers/search.py"], False),
        (["resolvers/bags.py", "resolvers/flights.py"], True),
        (["seeds/bag_factory.py", "integrations/records/bags.py"], True),
        (["schema/types/bag.py", "schema/types/pir.py"], True),
        (["schema/types/bag.py", "integrations/records/bags.py", "resolvers/bags.py"], True),
        (["schema/types/health.py", "gateway/http/health.py"], True),
    ],
)
def test_a_mirror_is_not_ambiguous(modules: list[str], ambiguous: bool) -> None:
    assert is_ambiguous(modules) == ambiguous


def test_private_and_inner_classes_do_not_count() -> None:
    assert list(classes_in("class A:\n    class B: ...\nclass _C: ...\ndef f():\n    class D: ...")) == ["A"]
