"""Words: no private words and no replaced names in any text of the repository."""

import io
import re
import tokenize
from pathlib import Path

import pytest

from tests.guards.sources import files, name_of

EXEMPT = {
    "CHANGELOG.md": "quotes earlier releases",
    "resolvers/notifications/wording/": "texts for passengers",
    "integrations/embedded/account.py": "`nobody` is a user of the operating system",
    "integrations/embedded/postgres.py": "likewise",
    "tests/stores/test_embedded.py": "likewise",
    "tests/guards/test_words.py": "lists the words",
}
WORDS = (
    "nobody",
    "somebody",
    "anew",
    "whoever",
    "whose it is",
    "is told",
    "are told",
    "leaves word",
    "goes on being",
    "so long as",
    "holds up",
    "what it came to",
)
# Names that the glossary's words have replaced.
NAMES = frozenset(
    [
        "Desk",
        "Dossier",
        "IncidentKeeper",
        "NoSeat",
        "NobodyWaits",
        "Overdue",
        "Seats",
        "Told",
        "TooLate",
        "Watcher",
        "at_hand",
        "brought",
        "dossier",
        "dossiers",
        "giver",
        "look_again",
        "tell_of_bags",
        "tell_of_flights",
        "told_to_end",
        "untold",
        "_bury",
        "_say_goodbye",
    ]
)
# A word counts within a snake_case name as well.
WORD = re.compile(rf"(?<![A-Za-z])({'|'.join(WORDS)})(?![A-Za-z])".replace(" ", r"[\s_]+"), re.IGNORECASE)


def words_in(text: str) -> list[str]:
    """The private words of a text, each as it is written."""
    return [match[0] for match in WORD.finditer(text)]


def names_in(source: str) -> list[str]:
    """The replaced names among the identifiers of a Python module."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [token.string for token in tokens if token.type == tokenize.NAME and token.string in NAMES]


def found_in(path: Path) -> list[str]:
    """The private words and replaced names of a file."""
    text = path.read_text(encoding="utf-8")
    return words_in(text) + (names_in(text) if path.suffix == ".py" else [])


def test_no_text_has_private_words() -> None:
    sources = {name_of(path): path for path in files(".py", ".sql", ".cypher", ".md", ".graphql", ".ts", ".tsx")}
    checked = [name for name in sources if not name.startswith(tuple(EXEMPT))]
    assert len(checked) > 400
    assert {name: found for name in checked if (found := found_in(sources[name]))} == {}


@pytest.mark.parametrize("part", EXEMPT)
def test_listed_files_exist(part: str) -> None:
    assert any(name_of(path).startswith(part) for path in files(".py", ".md"))


@pytest.mark.parametrize(
    "text", ["# Nobody waits", "def test_nobody_is_woken()", "the bag and whose\nit is", "A client is told of it."]
)
def test_a_private_word_is_seen(text: str) -> None:
    assert words_in(text)


@pytest.mark.parametrize("text", ["class LaneWorker", "untold", "told twice", "whose bag it is"])
def test_other_words_are_not(text: str) -> None:
    assert not words_in(text)


def test_a_replaced_name_counts_as_an_identifier_only() -> None:
    assert names_in("dossier = load(Told)\ntext = 'untold Desk'  # Desk") == ["dossier", "Told"]
