"""The breadth-first executor against graphql-core's: the same made-up operations on both, answers compared."""
