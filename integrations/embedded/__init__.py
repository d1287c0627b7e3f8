"""Servers that the product starts on this machine: PostgreSQL, Redis and Neo4j for demo and tests, Kafka for tests."""
