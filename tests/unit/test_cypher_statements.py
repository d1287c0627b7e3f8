from pathlib import Path

import pytest

from integrations.stores.neo4j.manager import read_statements, split_statements


def test_several_statements_with_comments() -> None:
    text = """
    // The network; it comes first
    CREATE CONSTRAINT airport IF NOT EXISTS FOR (a:Airport) REQUIRE a.iata IS UNIQUE;

    /* a ; and a
       second line */
    CREATE INDEX bag IF NOT EXISTS // here too; indeed
    FOR (b:Bag) ON (b.airlineId)
    """
    first, second = split_statements(text)
    assert first == "CREATE CONSTRAINT airport IF NOT EXISTS FOR (a:Airport) REQUIRE a.iata IS UNIQUE"
    assert " ".join(second.split()) == "CREATE INDEX bag IF NOT EXISTS FOR (b:Bag) ON (b.airlineId)"


@pytest.mark.parametrize(
    "statement",
    [
        "RETURN 'a;b', \"c;d\"",
        r"RETURN 'it\'s; one'",
        "MATCH (n:`odd;``name`) RETURN n",
        "RETURN 'https://example.com/*' AS link",
        'RETURN "/* no comment; */"',
    ],
)
def test_a_semicolon_or_comment_inside_quotes_ends_nothing(statement: str) -> None:
    assert split_statements(f"{statement};\n{statement}") == [statement, statement]


def test_nothing_but_comments_is_nothing() -> None:
    assert split_statements("// only;\n/* this; */ ;; ") == []


def test_a_folder_is_read_in_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "002_more.cypher").write_text("RETURN 3")
    (tmp_path / "001_first.cypher").write_text("RETURN 1; RETURN 2;")
    (tmp_path / "notes.txt").write_text("RETURN 4")
    assert read_statements(tmp_path) == [
        ("001_first.cypher:1", "RETURN 1"),
        ("001_first.cypher:2", "RETURN 2"),
        ("002_more.cypher:1", "RETURN 3"),
    ]


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_statements(tmp_path / "none.cypher")
