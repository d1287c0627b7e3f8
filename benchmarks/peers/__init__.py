"""Other GraphQL servers on the same data, measured in turn with the gateway: ``python -m benchmarks.peers``."""
