"""Citations of documents: each cited file and anchor exists, and rules are cited by their path."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.guards.sources import ROOT, files, name_of

CITATION = re.compile(r"(?<![\w/])(docs/[\w/.-]*?\.md)(?:#([\w-]+))?")
LINK = re.compile(r"\]\((?!\w+:)((?:[^)\s#]*\.md)?)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# Books that are not in the repository, and rules without a path.
UNREACHABLE = re.compile(
    r"\b(domain reference|design section|section \d+ of the design|(?<![#-])rules? \d+)\b", re.IGNORECASE
)


@cache
def anchors(document: Path) -> frozenset[str]:
    """The anchors of the headings of a document, as GitHub makes them."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCED.sub("", document.read_text(encoding="utf-8"))):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        repeats = sum(1 for one in found if re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", one))
        found.add(f"{anchor}-{repeats}" if repeats else anchor)
    return frozenset(found)


def leads_nowhere(document: Path, anchor: str | None) -> bool:
    """Whether a cited document, or the anchor in it, does not exist."""
    return not document.exists() or (bool(anchor) and anchor not in anchors(document))


def broken_citations(text: str) -> list[str]:
    """Citations such as ``docs/NAME.md#anchor`` in a text that lead nowhere."""
    return [match[0] for match in CITATION.finditer(text) if leads_nowhere(ROOT / match[1], match[2])]


def broken_links(path: Path) -> list[str]:
    """Links to Markdown files and anchors in a Markdown file that lead nowhere."""
    text = FENCED.sub("", path.read_text(encoding="utf-8"))
    return [
        match[0]
        for match in LINK.finditer(text)
        if leads_nowhere(path.parent / match[1] if match[1] else path, match[2])
    ]


def test_cited_documents_and_anchors_exist() -> None:
    sources = files(".py", ".sql", ".ts", ".tsx", ".md", ".graphql", ".yaml", ".sh")
    broken = {name_of(path): broken_citations(read(path)) for path in sources}
    assert len(broken) > 500
    assert {name: found for name, found in broken.items() if found} == {}


def test_links_between_documents_lead_somewhere() -> None:
    broken = {name_of(path): broken_links(path) for path in files(".md")}
    assert {name: found for name, found in broken.items() if found} == {}


def test_sources_cite_what_a_reader_can_open() -> None:
    sources = files(".py", ".sql", ".ts", ".tsx", ".graphql")
    unreachable = {name_of(path): [match[0] for match in UNREACHABLE.finditer(read(path))] for path in sources}
    assert {name: found for name, found in unreachable.items() if found} == {}


def read(path: Path) -> str:
    """The text of a source; of this file nothing, since it holds examples of what is rejected."""
    return "" if path == Path(__file__) else path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "citation", ["docs/DOMAIN.md#rule-13", "``docs/DOMAIN.md#custody-points``", "docs/DELIVERY.md", "(docs/ROLES.md)"]
)
def test_a_citation_that_exists(citation: str) -> None:
    assert CITATION.search(citation)
    assert broken_citations(citation) == []


@pytest.mark.parametrize("citation", ["docs/DOMAIN.md#rule-0", "docs/NOTHING.md", "docs/NOTHING.md#rule-1"])
def test_a_citation_that_leads_nowhere_is_seen(citation: str) -> None:
    assert broken_citations(f"# {citation}: why") == [citation]


@pytest.mark.parametrize("text", ["(rule 13)", "# Rule 9: loaded beats not seen", "the domain reference, section 12"])
def test_a_rule_without_a_path_is_seen(text: str) -> None:
    assert UNREACHABLE.search(text)


def test_anchors_follow_githubs_rules(tmp_path: Path) -> None:
    document = tmp_path / "example.md"
    document.write_text("# GSM-7\n## `Bag` of a PIR, in *short*\n```\n# no heading\n```\n## Rule 1\n## Rule 1\n")
    assert anchors(document) == {"gsm-7", "bag-of-a-pir-in-short", "rule-1", "rule-1-1"}
