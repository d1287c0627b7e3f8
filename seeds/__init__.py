"""The demo's world: functions that fill open stores, safe to run twice, and ``python -m seeds``."""

from seeds.reset import reset
from seeds.run import AlreadyInUse, SeedReport, seed

__all__ = ["AlreadyInUse", "SeedReport", "reset", "seed"]
