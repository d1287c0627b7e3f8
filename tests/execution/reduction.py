"""Reduces a failing case to a readable size."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from graphql import InlineFragmentNode, SelectionSetNode, parse, print_ast, validate

from tests.execution.comparison import Bench, Case
from tests.execution.documents import Written

MOST_TRIES = 3000


async def explained(bench: Bench, case: Case) -> str:
    """The smallest failing case found, with the differences and both responses."""
    small = await reduced(bench, case)
    return "\n".join([str(small), *await bench.differences(small)])


async def reduced(bench: Bench, case: Case) -> Case:
    """The smallest failing case found by removing one part after the other."""
    document: Any = parse(case.operation.text)
    candidates = smaller(document)
    for _ in range(MOST_TRIES):
        candidate = next(candidates, None)
        if candidate is None:
            break
        candidate = _pruned(candidate)
        if validate(bench.schema, candidate):
            continue
        tried = replace(case, operation=_written(candidate, case.operation))
        if await bench.differences(tried):
            case, document = tried, candidate
            candidates = smaller(document)
    return case


def _pruned(document: Any) -> Any:
    """The document without unused fragments and variables."""
    while True:
        text = print_ast(document)
        unused = {one.name.value for one in document.definitions if one.name and f"fragment {one.name.value} " in text}
        unused = {name for name in unused if not re.search(rf"\.\.\.{name}\b", text)}
        if not unused:
            break
        document = replace(
            document, definitions=tuple(one for one in document.definitions if one.name.value not in unused)
        )
    asked, *others = document.definitions
    used = tuple(
        one for one in asked.variable_definitions or () if len(re.findall(rf"\${one.variable.name.value}\b", text)) > 1
    )
    return replace(document, definitions=(replace(asked, variable_definitions=used), *others))


def _written(document: Any, operation: Written) -> Written:
    text = print_ast(document)
    name = operation.name if text.count("query Other") else None
    return Written(text, {name: one for name, one in operation.variables.items() if f"${name}" in text}, name)


def smaller(node: Any) -> Iterator[Any]:
    """Copies of the node with one part removed, large parts first. Some copies are invalid."""
    if isinstance(node, SelectionSetNode):
        if len(node.selections) > 1:
            yield from _without(node, "selections")
        for index, one in enumerate(node.selections):
            if isinstance(one, InlineFragmentNode):
                yield _with(node, "selections", index, one.selection_set.selections)
        yield from _inside(node, "selections")
        return
    # The first definition is the executed operation.
    yield from _without(node, "definitions", first=1)
    for name in ("directives", "arguments"):
        yield from _without(node, name)
    yield from _inside(node, "definitions")
    if getattr(node, "selection_set", None) is not None:
        for selection_set in smaller(node.selection_set):
            yield replace(node, selection_set=selection_set)


def _without(node: Any, name: str, first: int = 0) -> Iterator[Any]:
    for index in range(first, len(getattr(node, name, None) or ())):
        yield _with(node, name, index, ())


def _inside(node: Any, name: str) -> Iterator[Any]:
    for index, part in enumerate(getattr(node, name, None) or ()):
        for one in smaller(part):
            yield _with(node, name, index, (one,))


def _with(node: Any, name: str, index: int, parts: Any) -> Any:
    """A copy of the node with the part at an index replaced by others."""
    old = tuple(getattr(node, name))
    return replace(node, **{name: (*old[:index], *parts, *old[index + 1 :])})
