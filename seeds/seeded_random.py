"""Random numbers that are the same in every run."""

from random import Random


def random_for(*key: object) -> Random:
    """Random generator that depends only on the key: the seed, and what the numbers are for."""
    return Random("/".join(map(str, key)))  # noqa: S311 - reproducible data, no secrets
