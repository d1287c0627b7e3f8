"""Consumer of Apache Kafka and compatible brokers: batches of records, each committed after it was handled."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import TopicPartition

from integrations.errors import Conflict, OutsideError, Refused, Unavailable

logger = logging.getLogger(__name__)

KAFKA = "kafka"

# Limit for handling a batch. A rebalance waits for it, and a member that joins waits for the rebalance.
HANDLE_SECONDS = 20.0
COMMIT_SECONDS = 5.0
REBALANCE_SECONDS = 30.0
REQUEST_SECONDS = 40.0
OPEN_SECONDS = 50.0
CLOSE_SECONDS = 5.0
WAIT_SECONDS = 0.25
# The client would leave the group if it fetched nothing for so long. Our own deadline ends what hangs, a store may be
# unavailable for hours, and a member without partitions would never return (aiokafka issue 1187).
NEVER_MS = 2**31 - 1
# Limits of prefetching, and so of the memory for a full topic: for each response of a broker, and for each partition in
# it. A record that is larger comes alone.
RESPONSE_BYTES = 16 * 1024 * 1024
PARTITION_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class KafkaCluster:
    """Connection settings of a cluster.

    Args:
        servers: some of its brokers, ``host:port``, separated by commas.
        protocol: ``PLAINTEXT``, ``SSL``, ``SASL_PLAINTEXT`` or ``SASL_SSL``.
        mechanism: ``PLAIN``, ``SCRAM-SHA-256`` or ``SCRAM-SHA-512``, for the two protocols with SASL.
        username: name for SASL.
        password: password for SASL.
        ca_file: certificate authorities to trust beside the machine's, in PEM.
    """

    servers: str
    protocol: str = "PLAINTEXT"
    mechanism: str = "PLAIN"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None

    def options(self) -> dict[str, Any]:
        """Options of the client.

        Raises:
            Refused: the file of certificate authorities cannot be read.
        """
        return {
            "bootstrap_servers": self.servers,
            "security_protocol": self.protocol,
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password,
            "ssl_context": self._ssl_context() if self.protocol.endswith("SSL") else None,
        }

    def _ssl_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self.ca_file is not None:
            try:
                context.load_verify_locations(self.ca_file)
            except (OSError, ssl.SSLError) as error:
                raise Refused(KAFKA, f"{self.ca_file} holds no certificate authorities: {error}") from error
        return context


@dataclass(frozen=True, slots=True)
class KafkaRecord:
    """One record of a topic.

    Args:
        at: timestamp of its producer or broker, UTC; never later than the read.
        value: the bytes as written; empty for a deletion.
    """

    partition: int
    offset: int
    at: datetime
    key: bytes | None
    value: bytes


class KafkaConsumer:
    """A member of a consumer group that shares a topic's partitions. It connects on the first call of ``batch``.

    Each record reaches a member of the group at least once: offsets are committed only after their batch was handled.
    Before a partition goes to another member, the current batch is handled and committed, or released.

    Args:
        cluster: connection settings.
        topic: topic to read.
        group: name of the consumer group.
        session_seconds: seconds after which the group drops a killed member.
    """

    def __init__(self, cluster: KafkaCluster, topic: str, group: str, *, session_seconds: float = 10.0) -> None:
        self._cluster = cluster
        self._topic = topic
        self._group = group
        self._session_ms = int(session_seconds * 1000)
        self._client: Any = None
        self._batch_lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    @asynccontextmanager
    async def batch(self, limit: int) -> AsyncIterator[Sequence[KafkaRecord]]:
        """Yields the next records in the order of their partitions; none if none arrive within a quarter of a second.

        The records are committed when the block ends, and are delivered again if it raises. The block must end within
        ``HANDLE_SECONDS``.

        Raises:
            Unavailable: the cluster cannot be reached or does not respond.
            Refused: the cluster rejects the client, or a record cannot be decompressed.
            Conflict: other members own the partitions now; the records were handled and will be delivered again.
        """
        taken = await self._take(limit)
        # The lock is not held while taking, since the client waits there for a rebalance, which waits for the lock.
        # Nothing happens between the two: the client returns records only while no rebalance is under way and the lock
        # is free.
        async with self._batch_lock:
            try:
                yield [_record(record) for records in taken.values() for record in records]
                if taken:
                    await self._commit(taken)
            except BaseException:
                self._release(taken)
                raise

    async def _take(self, limit: int) -> Mapping[TopicPartition, Sequence[Any]]:
        if self._client is None:
            await self._open()
        try:
            with _translated_errors():
                taken: Mapping[TopicPartition, Sequence[Any]] = await self._client.getmany(
                    timeout_ms=int(WAIT_SECONDS * 1000), max_records=limit
                )
        except OutsideError:
            await self._close()  # the client must not be used after that, since some of its tasks may have ended
            raise
        return taken

    async def _commit(self, taken: Mapping[TopicPartition, Sequence[Any]]) -> None:
        offsets = {partition: records[-1].offset + 1 for partition, records in taken.items()}
        with _translated_errors():
            async with asyncio.timeout(COMMIT_SECONDS):
                await self._client.commit(offsets)

    def _release(self, taken: Mapping[TopicPartition, Sequence[Any]]) -> None:
        for partition, records in taken.items():
            with suppress(IllegalStateError):  # another member owns it, and starts from the committed offset
                self._client.seek(partition, records[0].offset)

    async def _open(self) -> None:
        """Joins the group.

        Raises:
            Unavailable, Refused: as in ``batch``.
        """
        self._client = AIOKafkaConsumer(
            **self._cluster.options(),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=self._session_ms,
            heartbeat_interval_ms=self._session_ms // 3,
            rebalance_timeout_ms=int(REBALANCE_SECONDS * 1000),
            request_timeout_ms=int(REQUEST_SECONDS * 1000),
            retry_backoff_ms=500,
            max_poll_interval_ms=NEVER_MS,
            fetch_max_bytes=RESPONSE_BYTES,
            max_partition_fetch_bytes=PARTITION_BYTES,
        )
        self._client.subscribe([self._topic], listener=_Revocation(self._batch_lock))
        try:
            with _translated_errors():
                async with asyncio.timeout(OPEN_SECONDS):
                    await self._client.start()
        except BaseException:
            await self._close()
            raise
        logger.info("reading topic %s of Kafka in group %s", self._topic, self._group)

    async def _close(self) -> None:
        """Leaves the group, so that the others need not wait for the session to expire."""
        client, self._client = self._client, None
        if client is None:
            return
        # While a broker is unavailable, stop() raises the cancellation of its own tasks (aiokafka issue 647), which is
        # not ours, and leaves the connections open.
        stopping = asyncio.create_task(client.stop())
        await asyncio.wait([stopping], timeout=CLOSE_SECONDS)
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await client._client.close()


class _Revocation(ConsumerRebalanceListener):
    """Delays a rebalance until the current batch is handled and committed, or released."""

    def __init__(self, batch_lock: asyncio.Lock) -> None:
        self._batch_lock = batch_lock

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        async with self._batch_lock:
            logger.info("%d partitions were revoked by a rebalance", len(revoked))

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        logger.info("%d partitions are assigned", len(assigned))


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Translates the client's errors into ours."""
    try:
        yield
    except (CommitFailedError, IllegalStateError) as error:
        raise Conflict(KAFKA, "other members of the group own the partitions now") from error
    except KafkaError as error:
        kind = Unavailable if error.retriable else Refused
        raise kind(KAFKA, f"{type(error).__name__}: {error}") from error
    except TimeoutError as error:
        raise Unavailable(KAFKA, "no response in time") from error


def _record(record: Any) -> KafkaRecord:
    return KafkaRecord(
        record.partition,
        record.offset,
        _timestamp(record.timestamp, datetime.now(UTC)),
        record.key,
        record.value or b"",
    )


def _timestamp(milliseconds: int, now: datetime) -> datetime:
    """Timestamp of a record; now if it has none (-1) or an impossible one, since producers may write any value."""
    if 0 < milliseconds < now.timestamp() * 1000:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    return now
