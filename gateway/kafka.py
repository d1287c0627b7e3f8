"""Ingestion from Kafka, in a process of its own."""

from functools import partial

from gateway.config import Settings, plain
from gateway.initialise import operator
from gateway.lifespan import open_stores
from gateway.worker_endpoint import worker_endpoint
from integrations.streams.kafka import KafkaCluster, KafkaConsumer
from resolvers.ingestion.kafka_loop import consume_topic, ingest_records


async def consume(settings: Settings) -> None:
    """Ingests messages from Kafka until cancelled.

    Raises:
        SettingsError: a setting for Kafka is missing.
    """
    settings.check_kafka()
    cluster = KafkaCluster(
        settings.kafka_bootstrap_servers or "",
        settings.kafka_security_protocol,
        settings.kafka_sasl_mechanism,
        settings.kafka_username,
        plain(settings.kafka_password),
        settings.kafka_ca_file,
    )
    consumer = KafkaConsumer(cluster, settings.kafka_topic or "", settings.kafka_group)
    async with open_stores(settings) as stores, consumer, worker_endpoint(settings, stores):
        await consume_topic(consumer, partial(ingest_records, operator(settings, stores)))
