"""Named statements of the product: UPPER_CASE constants in the modules of the stores."""

import importlib
import pkgutil
import re
from types import ModuleType
from typing import NamedTuple

import integrations.stores
import migrations.run
from integrations.records.columns import columns_of
from integrations.records.flights import JoinedFlight
from integrations.records.passengers import JoinedPassenger
from integrations.stores.postgres.bags import with_columns
from migrations.run import VERSIONED

SQL = re.compile(r"\s*(SELECT|WITH|INSERT|UPDATE|DELETE FROM)\b")
SQL_COMMAND = re.compile(r"\s*(TRUNCATE|ANALYZE|CREATE TABLE)\b")
CYPHER = re.compile(r"\s*(UNWIND|MATCH|MERGE|CALL|RETURN)\b")

# Replaces the objects that a statement writes as JSON; see integrations.stores.postgres.events.as_json.
AN_OBJECT = ("{object}", "to_json(place)::text")

# All columns of a bag's joined passenger and flight.
ALL_JOINED = (columns_of(JoinedPassenger), columns_of(JoinedFlight))

# Constants of several words that are not statements.
OTHERS = {
    "RATE_LIMIT": "Lua for Redis",
    "SHOW_INDEXES": "a command of Neo4j, which it does not explain",
    "GENERIC_PLANS": "a setting of the connection",
    "CUSTOM_PLANS": "a setting of the connection",
}


class Statement(NamedTuple):
    """A named statement; its ``str`` is, for example, ``bags.BAGS_BY_ID``."""

    module: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.module.rpartition('.')[2]}.{self.name}"


def modules() -> list[ModuleType]:
    """Modules that define statements."""
    package = integrations.stores
    found = [
        importlib.import_module(one.name) for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    return [*found, migrations.run]


def statements(*kinds: re.Pattern[str]) -> list[Statement]:
    """Statements of the given kinds, or of all kinds."""
    texts = [
        Statement(module.__name__, name, with_columns(value.replace(*AN_OBJECT), *ALL_JOINED))
        for module in modules()
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str) and len(value.split()) > 1 and name not in OTHERS
    ]
    return [one for one in texts if not kinds or any(kind.match(one.text) for kind in kinds)]


def tenant_tables() -> set[str]:
    """Tables with rows of one airline, by an ``airline_id`` column or by their parent row."""
    parts = {"bag_legs", "pir_bags"}
    sql = "".join(path.read_text() for path in VERSIONED.glob("*.sql"))
    tables = dict(re.findall(r"CREATE TABLE (\w+) \((.*?)^\);", sql, re.DOTALL | re.MULTILINE))
    return {name for name, columns in tables.items() if "airline_id" in columns} | (parts & tables.keys())
