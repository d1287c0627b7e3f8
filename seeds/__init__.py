"""The demo's data: functions that fill and empty open stores and may be repeated, and ``python -m seeds``."""

from seeds.reset import reset
from seeds.run import AlreadyInUse, SeedReport, seed

__all__ = ["AlreadyInUse", "SeedReport", "reset", "seed"]
