"""Chance that comes out the same every time."""

from random import Random


def chance(*what: object) -> Random:
    """A source of numbers that depends on nothing but ``what``: the seed, and the thing the numbers are for."""
    return Random("/".join(map(str, what)))  # noqa: S311 - tells stories, keeps no secrets
