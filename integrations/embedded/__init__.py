"""Servers that this machine starts itself: PostgreSQL, Redis and Neo4j for demo and tests, Kafka for tests alone."""
