"""Stores that this machine starts itself: PostgreSQL, Redis and Neo4j for the demo and the tests."""
