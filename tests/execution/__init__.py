"""Differential tests: generated operations run on the breadth-first executor and on graphql-core's executor."""
