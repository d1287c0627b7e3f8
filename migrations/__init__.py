"""Schemas of the stores, version by version, and functions that migrate open stores."""

from migrations.run import MigrationError, load_graph_schema, migrate

__all__ = ["MigrationError", "load_graph_schema", "migrate"]
