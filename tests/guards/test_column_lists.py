"""Column lists in SQL equal the columns of their record class, and only two functions build a statement's text.

Statements are static text, so that each one can be read, searched and planned as it stands. The price is that many of
them repeat a record's columns; this guard holds the copies equal.
"""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

import pytest

import integrations.stores.postgres
from integrations.records.bags import Bag, BagOf
from integrations.records.columns import columns_of
from tests.statements import SQL, SQL_COMMAND, statements

# Methods of a Reader that send a statement.
SENDING = {"execute", "fetch", "fetchrow", "fetchval"}
# Functions that build a statement's text from a constant.
BUILDERS = {"as_json", "with_columns"}
# Statements that return only some columns of their record class.
PARTIAL = {
    "SIGHTINGS_OF_BAGS": "the columns that a bag's status is computed from",
    "STATIONS_OF_BAGS": "the columns that a bag's status is computed from",
    "DEPARTURES": "the column that a bag's status is computed from",
    "LAST_CHANGE": "the end of the log",
}
# Columns that a statement returns beside those of its record class.
BESIDE = {"CHANGES_AFTER": {"horizon", "now"}, "LAST_CHANGE": {"now"}}


class Sent(NamedTuple):
    """A statement as one call sends it.

    Args:
        place: module and function of the call.
        sources: origin of the text: names of constants, names of functions with ``()``, ``?`` for anything else.
        record_class: class of the rows, if the call names one.
    """

    place: str
    sources: frozenset[str]
    record_class: type | None


class Functions:
    """Functions of a module's source, in which a statement's text is traced back to its sources."""

    def __init__(self, tree: ast.Module) -> None:
        self._by_name = {
            node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Calls, each with the name of the function that makes it."""
        for name, function in self._by_name.items():
            yield from ((name, node) for node in ast.walk(function) if isinstance(node, ast.Call))

    def sources(self, function: str, text: ast.expr) -> frozenset[str]:
        """Sources of a statement's text in a function."""
        if isinstance(text, ast.IfExp):
            return self.sources(function, text.body) | self.sources(function, text.orelse)
        if isinstance(text, ast.Call) and isinstance(text.func, ast.Name) and text.args:
            return self.sources(function, text.args[0]) | {f"{text.func.id}()"}
        if not isinstance(text, ast.Name):
            return frozenset("?")
        if text.id.isupper():
            return frozenset({text.id})
        values = [*self._assigned(function, text.id), *self._passed(function, text.id)]
        return frozenset(source for value in values for source in self.sources(*value)) or frozenset("?")

    def _assigned(self, function: str, name: str) -> Iterator[tuple[str, ast.expr]]:
        """Values that a function assigns to a variable, alone or in a tuple."""
        for node in ast.walk(self._by_name[function]):
            if isinstance(node, ast.Assign):
                targets = getattr(node.targets[0], "elts", node.targets)
                names = [target.id if isinstance(target, ast.Name) else "" for target in targets]
                if name in names:
                    yield from ((function, value) for value in _elements(node.value, names.index(name)))

    def _passed(self, function: str, name: str) -> Iterator[tuple[str, ast.expr]]:
        """Arguments that other functions of the module pass for a parameter."""
        parameters = [parameter.arg for parameter in self._by_name[function].args.args]
        if name in parameters:
            index = parameters.index(name)
            for caller, call in self.calls():
                if isinstance(call.func, ast.Name) and call.func.id == function and len(call.args) > index:
                    yield caller, call.args[index]


def _elements(value: ast.expr, index: int) -> list[ast.expr]:
    """Expressions that an assignment may give to the target of that index."""
    if isinstance(value, ast.IfExp):
        return [*_elements(value.body, index), *_elements(value.orelse, index)]
    return [value.elts[index]] if isinstance(value, ast.Tuple) else [value]


def store_modules() -> list[ModuleType]:
    """Modules of one noun each; manager, pool and address send what they are given."""
    package = integrations.stores.postgres
    names = {one.name for one in pkgutil.iter_modules(package.__path__)} - {"manager", "pool", "address"}
    return [importlib.import_module(f"{package.__name__}.{name}") for name in sorted(names)]


def sent_by(source: str, names: dict[str, object], module: str = "module") -> list[Sent]:
    """Statements that a module sends.

    Args:
        source: text of the module.
        names: its global names, for the record classes.
    """
    functions = Functions(ast.parse(source))
    found = []
    for function, call in functions.calls():
        if isinstance(call.func, ast.Attribute) and call.func.attr in SENDING and call.args:
            classes = [names[ast.unparse(one.value)] for one in call.keywords if one.arg == "record_class"]
            record_class = classes[0] if classes and isinstance(classes[0], type) else None
            found.append(Sent(f"{module}.{function}", functions.sources(function, call.args[0]), record_class))
    return found


def all_sent() -> list[Sent]:
    """Statements that the stores send to PostgreSQL."""
    return [
        sent
        for module in store_modules()
        for sent in sent_by(inspect.getsource(module), vars(module), module.__name__.rpartition(".")[2])
    ]


def columns(sql: str) -> list[str]:
    """Names of the columns that a statement returns, without those of joined records (``passenger.id``)."""
    names = [name for part in _parts(_select_list(sql)) for name in _names(part, sql)]
    return [name for name in names if "." not in name]


def _names(part: str, sql: str) -> list[str]:
    if part.endswith(".*"):
        return columns(_subquery(sql, part.removesuffix(".*")))
    named = re.search(r'\bAS "?([\w.]+)"?$', part) or re.search(r"(\w+)$", part)
    assert named is not None, part
    return [named[1]]


def _select_list(sql: str) -> str:
    """Text between SELECT and FROM, or behind RETURNING, outside all parentheses."""
    words = [(word[0], word.start(), word.end()) for word in re.finditer(r"\b(SELECT|FROM|RETURNING)\b", sql)]
    outer = [word for word in words if sql.count("(", 0, word[1]) == sql.count(")", 0, word[1])]
    start = next((word for word in outer if word[0] == "RETURNING"), None) or next(
        word for word in outer if word[0] == "SELECT"
    )
    end = next((word[1] for word in outer if word[1] > start[1]), len(sql))
    return re.sub(r"^\s*DISTINCT ON \([^)]*\)", "", sql[start[2] : end])


def _parts(text: str) -> list[str]:
    """A list's parts, split at commas outside parentheses."""
    parts, depth = [""], 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _subquery(sql: str, alias: str) -> str:
    """Text of the subquery with that alias."""
    end = re.search(rf"\) AS {alias}\b", sql)
    assert end is not None, alias
    depth, start = 1, end.start()
    while depth:
        start -= 1
        depth += {")": 1, "(": -1}.get(sql[start], 0)
    return sql[start + 1 : end.start()]


TEXTS = {one.name: one.text for one in statements(SQL, SQL_COMMAND)}
READS = sorted(
    {
        (name, sent.record_class)
        for sent in all_sent()
        if sent.record_class is not None
        for name in sent.sources
        if name.isupper()
    },
    key=str,
)


def declared(record_class: type) -> set[str]:
    """Names of the columns that a record class reads."""
    return {getattr(record_class, name).name for name in columns_of(record_class)}


@pytest.mark.parametrize(("name", "record_class"), READS)
def test_a_statement_returns_the_columns_of_its_record_class(name: str, record_class: type) -> None:
    found = columns(TEXTS[name])
    own = set(found) - BESIDE.get(name, set())

    assert own < declared(record_class) if name in PARTIAL else own == declared(record_class)
    assert BESIDE.get(name, set()) <= set(found)
    assert len(found) == len(set(found)), "a row silently takes the last of two columns with one name"


def test_most_statements_with_rows_are_checked() -> None:
    classes = [record_class for _, record_class in READS]
    assert len(READS) > 80
    assert classes.count(Bag) >= 5
    assert classes.count(BagOf) >= 4
    assert {name for name, _ in READS} >= PARTIAL.keys() | BESIDE.keys()


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT id, bags.tag, count(*)::integer AS bags, extract(epoch FROM now()) AS at FROM bags", "id tag bags at"),
        ("WITH a AS (SELECT 1 AS no) SELECT DISTINCT ON (a, b) a, b.c AS d FROM a", "a d"),
        ("SELECT p.id AS parent_id, one.* FROM p, LATERAL (SELECT x, (SELECT 1) AS y FROM q) AS one", "parent_id x y"),
        ("INSERT INTO a (b) SELECT c FROM d RETURNING id, b", "id b"),
        ('SELECT id, passengers.id AS "passenger.id" FROM bags', "id"),
    ],
)
def test_column_lists_are_read(sql: str, found: str) -> None:
    assert columns(sql) == found.split()


def test_two_functions_build_a_statements_text() -> None:
    """All other texts are constants, and the two functions fill the placeholders of a constant."""
    templates = {name for name, value in _constants() if re.search(r"\{\w+\}", ast.unparse(value))}
    built = {name for sent in all_sent() for name in sent.sources if name.endswith("()")}
    unknown = {sent.place for sent in all_sent() if "?" in sent.sources}
    unfilled = {sent.place for sent in all_sent() if sent.sources & templates and "as_json()" not in sent.sources}

    assert built == {f"{name}()" for name in BUILDERS}
    assert (unknown, unfilled) == (set(), set())
    assert len(templates) == 4


def _constants() -> list[tuple[str, ast.expr]]:
    """Names and values of the constants of the stores' modules that are statements."""
    return [
        (target.id, node.value)
        for module in store_modules()
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in TEXTS
    ]


def test_statements_are_literals() -> None:
    """None is computed at import."""
    assert [name for name, value in _constants() if not isinstance(value, ast.Constant)] == []
    assert len(_constants()) > 200


@pytest.mark.parametrize(
    ("source", "sources"),
    [
        ("async def f(r): await r.fetch(TEXT)", {"TEXT"}),
        ("async def f(r, back): await r.fetch(ONE if back else OTHER)", {"ONE", "OTHER"}),
        ("async def f(r, back):\n s, n = (ONE, 'ONE') if back else (OTHER, 'O')\n await r.fetch(s)", {"ONE", "OTHER"}),
        ("async def _g(r, sql): await r.fetch(sql)\nasync def f(r): await _g(r, TEXT)", {"TEXT"}),
        ("async def f(r): await r.fetch(filled(TEXT, 1))", {"TEXT", "filled()"}),
        ("async def f(r, sql): await r.fetch(sql)", {"?"}),
        ("async def f(r): await r.fetch(TEXT + ' LIMIT 1')", {"?"}),
        ("async def f(r): await r.fetch(TEXT.replace('a', 'b'))", {"?"}),
        ("async def f(r, t): await r.fetch(f'SELECT * FROM {t}')", {"?"}),
    ],
)
def test_a_text_is_traced_to_its_sources(source: str, sources: set[str]) -> None:
    assert [sent.sources for sent in sent_by(source, {})] == [sources]
