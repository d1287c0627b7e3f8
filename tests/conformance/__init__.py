"""The tests of graphql-core and Strawberry, run on this project's executor: ``python -m tests.conformance``.

They are fetched for the installed version and not kept in this repository; ``accepted.toml`` lists those that cannot
apply, each with its reason.
"""
