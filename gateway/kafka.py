"""Ingestion from Kafka, in a process of its own."""

from collections.abc import Sequence

from opentelemetry.trace import SpanKind

from gateway.config import Settings, plain
from gateway.initialise import operator
from gateway.lifespan import open_stores
from gateway.tracing import open_tracer
from gateway.worker_endpoint import worker_endpoint
from integrations.streams.kafka import KafkaCluster, KafkaConsumer, KafkaRecord
from integrations.tracing import root_span
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
    async with (
        open_tracer(settings) as tracer,
        open_stores(settings) as stores,
        consumer,
        worker_endpoint(settings, stores),
    ):
        context = operator(settings, stores)

        async def ingest(records: Sequence[KafkaRecord]) -> None:
            attributes = {"tenant": settings.copa_airline_id, "records": len(records)}
            with root_span(tracer, "ingest kafka", SpanKind.CONSUMER, None, attributes):
                await ingest_records(context, records)

        await consume_topic(consumer, ingest)
