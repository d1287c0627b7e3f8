"""Texts of statements: each is sent under its constant's name and limited to one airline."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from integrations.records.outbox import LANES
from tests.statements import CYPHER, SQL, SQL_COMMAND, Statement, modules, statements, tenant_tables

ROOT = Path(__file__).parents[2]
# Statements over tenants' tables that name no airline, with the reason.
OF_ALL_AIRLINES = {
    "COUNT_OUTDATED_AIRPORTS": "airports belong to all airlines, and any airline's routes protect theirs",
    "DISABLED_ACCOUNTS": "a process accepts the tokens of all airlines",
    "WAITING_MESSAGES": "a worker projects the changes of all airlines, each under its own airline",
    "MARK_DONE": "by ids of messages that the worker has read",
    "DELETE_DONE": "deletes messages of all airlines that were processed long ago",
    "UPSERT_WORLD_AIRPORTS": "airports belong to all airlines; those of any route stay as they are",
    "LAG": "the lag of the graph as a whole",
    "DELETE_OLD_CHANGES": "deletes rows of all airlines that no cursor can reach any more",
    "IDS_ARE_TAKEN": "all airlines share the ids of a table",
    "CHANGED_BAGS_OF_INCIDENTS": "a worker keeps the incidents of all airlines, each under its own airline",
    "CHANGED_BOARDS": "likewise",
    "FLIGHTS_TO_ASSESS": "likewise",
    "OTHERS_HAVE_RECORDS": "checks for rows of other airlines, which a reset must not delete",
}
# Cypher that deletes nodes of all airlines.
CYPHER_OF_ALL_AIRLINES = {
    "DELETE_EVENTS": "resets the graph of a demo",
    "DELETE_BAGS": "resets the graph of a demo",
}
ONE_AIRLINE = re.compile(r"airline_id = \$1\b")
NEW_ROWS = re.compile(r"INSERT INTO \w+ \(([^)]*)\)\s+(SELECT|VALUES \()", re.DOTALL)


def touched(statement: Statement) -> set[str]:
    """Tenants' tables that a statement names."""
    return {table for table in tenant_tables() if re.search(rf"(?<!')\b{table}\b", statement.text)}


def keeps_to_one_airline(sql: str) -> bool:
    """Whether rows are selected by the first argument's airline, or inserted for it."""
    made = NEW_ROWS.search(sql)
    makes_own = made is not None and "airline_id" in made[1] and "$1" in sql
    return makes_own or ONE_AIRLINE.search(sql) is not None


def test_the_tables_of_tenants_are_known() -> None:
    assert {"bags", "bag_tags", "bag_legs", "events", "flights", "passengers", "pirs", "pir_bags", "outbox"} <= (
        tenant_tables()
    )
    assert "airports" not in tenant_tables()


@pytest.mark.parametrize("statement", [one for one in statements(SQL) if touched(one)], ids=str)
def test_statements_over_tenants_tables_name_the_airline(statement: Statement) -> None:
    assert keeps_to_one_airline(statement.text) != (statement.name in OF_ALL_AIRLINES)


@pytest.mark.parametrize("statement", statements(CYPHER), ids=str)
def test_cypher_over_bags_flights_and_routes_names_the_airline(statement: Statement) -> None:
    reads = re.search(r"MATCH[^\n]*:(Bag|Passenger|Flight|ROUTE)\b", statement.text) and "MERGE" not in statement.text
    if reads and statement.name not in CYPHER_OF_ALL_AIRLINES:
        assert "airlineId: $airlineId" in statement.text or "airlineId = $airlineId" in statement.text


@pytest.mark.parametrize("statement", statements(SQL), ids=str)
def test_nothing_selected_is_an_exists(statement: Statement) -> None:
    """For an EXISTS in the select list PostgreSQL may read a whole table into a hash."""
    assert not re.search(r"\bEXISTS \((?:[^()]|\([^()]*\))*\)\s+AS\b", statement.text)


def test_sql_and_migrations_know_the_number_of_lanes() -> None:
    """Texts of statements are static and repeat the number, which ``integrations.records.outbox`` states."""
    moduli = {one.name: re.findall(r"% ([0-9]+)", one.text) for one in statements(SQL) if "lane" in one.text}
    repeated = [int(number) for numbers in moduli.values() for number in numbers]
    migrations = "".join(path.read_text() for path in (ROOT / "migrations" / "versioned").glob("*.sql"))
    last_lanes = re.findall(r"generate_series\(0, ([0-9]+)\) AS lane", migrations)

    assert len(repeated) >= 5
    assert set(repeated) == {LANES}
    assert len(last_lanes) >= 3
    assert {int(last) + 1 for last in last_lanes} == {LANES}


def test_no_statement_is_concatenated() -> None:
    """Values are arguments; an f-string would put one into the text."""
    concatenated = []
    for module in modules():
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.JoinedStr):
                text = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
                if any(kind.match(text) for kind in (SQL, SQL_COMMAND, CYPHER)):
                    concatenated.append(f"{module.__name__}:{node.lineno}")
    assert concatenated == []


def test_a_statement_is_sent_under_its_constants_name() -> None:
    wrong = []
    sent = set()
    for module in modules():
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            pair = _constant_and_name(node)
            if pair is not None:
                sent.add(pair[0])
                if pair[0] != pair[1]:
                    wrong.append(f"{module.__name__}:{getattr(node, 'lineno', 0)}: {pair}")
    assert wrong == []
    assert len(sent) > 80


def _constant_and_name(node: ast.AST) -> tuple[str, object] | None:
    """The constant and the name of ``f(CONSTANT, ..., name="NAME")`` or ``(CONSTANT, ..., "NAME")``."""
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Name) and node.args[0].id.isupper():
        given = [one.value.value for one in node.keywords if one.arg == "name" and isinstance(one.value, ast.Constant)]
        return (node.args[0].id, given[0]) if given else None
    if isinstance(node, ast.Tuple) and len(node.elts) > 1:
        first, last = node.elts[0], node.elts[-1]
        if isinstance(first, ast.Name) and first.id.isupper() and isinstance(last, ast.Constant):
            return first.id, last.value
    return None


def test_names_of_statements_are_unique() -> None:
    names = [one.name for one in statements()]
    assert sorted(names) == sorted(set(names))
