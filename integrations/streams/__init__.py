"""Streams that other systems write and the product reads: Kafka."""
