"""Streams that others write and we read: Kafka."""
