"""Which executor the tests run on: ``TEST_EXECUTOR=graphql-core`` for the one to compare with."""

import os

from schema.runtime.executors import ExecutorName


def chosen() -> ExecutorName:
    """The executor of this run."""
    return ExecutorName(os.environ.get("TEST_EXECUTOR", ExecutorName.BREADTH_FIRST))
