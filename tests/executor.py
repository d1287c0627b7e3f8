"""The executor that the tests run on: the product's, or graphql-core's with ``TEST_EXECUTOR=graphql-core``."""

import os

from schema.build import build_schema
from schema.gateway_schema import GatewaySchema
from schema.runtime.executors import ExecutorName


def chosen() -> ExecutorName:
    """The executor of this test run."""
    return ExecutorName(os.environ.get("TEST_EXECUTOR", ExecutorName.BREADTH_FIRST))


def product_schema() -> GatewaySchema:
    """The product's schema on that executor."""
    return build_schema(executor=chosen())
