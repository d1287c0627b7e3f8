"""The setting ``SAFELIST``."""

from enum import StrEnum


class Safelist(StrEnum):
    """What happens to an operation that its client has not registered."""

    OFF = "off"
    """It runs."""
    LOG = "log"
    """It runs, and is logged."""
    ON = "on"
    """It is rejected."""
