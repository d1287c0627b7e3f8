"""Runs the tests of graphql-core and Strawberry on this project's executor: ``python -m tests.conformance``.

The tests are fetched for the installed version and not kept in this repository. ``accepted.toml`` lists the tests that
do not apply, each with its reason.
"""
