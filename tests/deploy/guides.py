"""Steps of the guides: the commands, queries and statements in their code blocks, each with the output that is shown.

In output, ``...`` stands for any text of a line, and a line of ``...`` alone for any number of lines. In JSON,
``"..."`` stands for any value.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# In the order in which one installation runs them: the last one empties the graph.
GUIDES = (
    *("docs/COPA_DEMO_GUIDE.md", "README.md", "docs/TROUBLESHOOTING.md", "docs/EXTERNAL_SERVICES.md"),
    *("docs/RUNBOOK.md", "docs/SCALING.md", "docs/PRODUCTION_SETUP.md"),
)
RUNNABLE = ("console", "graphql", "sql", "cypher")
SHOWN = ("json", "ini", "text")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(query \{[^`]+\})`")
ANY = "..."


@dataclass(frozen=True, slots=True)
class Step:
    """A command, query or statement of a guide.

    Args:
        line: its line in the guide.
        output: what the guide shows; empty if it shows nothing.
        is_json: whether the output stands in a block of JSON, whose layout does not matter.
    """

    guide: str
    line: int
    language: str
    text: str
    output: str = ""
    is_json: bool = False

    def __str__(self) -> str:
        return f"{self.guide}:{self.line}: {self.text}"


def steps_of(guide: str) -> list[Step]:
    """Returns the steps of a guide in their order; a block of JSON right behind a step is its output."""
    text = (ROOT / guide).read_text()
    found: list[tuple[int, Step]] = []
    end = 0
    for block in BLOCK.finditer(text):
        language, body = block.groups()
        line = text.count("\n", 0, block.start()) + 2
        if language == "console":
            found += [(block.start(), step) for step in _commands(guide, line, body)]
        elif language in RUNNABLE:
            found.append((block.start(), Step(guide, line, language, body.rstrip())))
        elif language == "json" and found and not text[end : block.start()].strip():
            place, step = found[-1]
            found[-1] = (place, replace(step, output=body, is_json=True))
        end = block.end()
    for query in INLINE.finditer(BLOCK.sub(lambda block: " " * len(block.group()), text)):
        line = text.count("\n", 0, query.start()) + 1
        found.append((query.start(), Step(guide, line, "graphql", query.group(1))))
    return [step for _, step in sorted(found, key=lambda one: one[0])]


def _commands(guide: str, line: int, body: str) -> Iterator[Step]:
    """The commands of a console: ``$`` begins one, ``>`` or a backslash continues it, other lines are its output."""
    command, output, began = "", "", line
    for number, text in enumerate(body.splitlines(), line):
        if text.startswith("$ "):
            if command:
                yield Step(guide, began, "console", command, output)
            command, output, began = text.removeprefix("$ "), "", number
        elif not output and text.startswith("> "):
            command += "\n" + text.removeprefix("> ")
        elif not output and command.endswith("\\"):
            command += "\n" + text
        else:
            assert command, f"{guide}:{number}: output without a command"
            output += text + "\n"
    if command:
        yield Step(guide, began, "console", command, output)


def blocks_of(guide: str) -> list[tuple[int, str]]:
    """Returns the line and the language of each code block."""
    text = (ROOT / guide).read_text()
    return [(text.count("\n", 0, block.start()) + 1, block.group(1)) for block in BLOCK.finditer(text)]


def shows(step: Step, actual: str) -> bool:
    """Returns whether an output is what the guide shows."""
    if step.is_json:
        return fits(json.loads(step.output), json.loads(actual))
    pattern = "".join(
        r"(?:.*\n)*?" if line == ANY else ".*".join(map(re.escape, line.split(ANY))) + r" *\n"
        for line in step.output.splitlines()
    )
    return re.fullmatch(pattern, actual.rstrip("\n") + "\n") is not None


def fits(expected: Any, actual: Any) -> bool:
    """Returns whether a JSON value equals the expected one."""
    if expected == ANY:
        return True
    if isinstance(expected, dict) and isinstance(actual, dict):
        return expected.keys() == actual.keys() and all(fits(one, actual[name]) for name, one in expected.items())
    if isinstance(expected, list) and isinstance(actual, list):
        return expected == [ANY] or (len(expected) == len(actual) and all(map(fits, expected, actual)))
    return bool(expected == actual)
