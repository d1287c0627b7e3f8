"""The schemas of the stores, version by version, and the functions that bring open stores up to date."""

from migrations.run import MigrationError, load_graph_schema, migrate

__all__ = ["MigrationError", "load_graph_schema", "migrate"]
