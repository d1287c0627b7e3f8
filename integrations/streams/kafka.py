"""Apache Kafka, or what speaks its protocol: a topic's records in batches, each committed after it was handled."""

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

# How long a batch may be handled. A rebalance waits for it, and whoever asks to join waits for the rebalance.
HANDLE_SECONDS = 20.0
COMMIT_SECONDS = 5.0
REBALANCE_SECONDS = 30.0
REQUEST_SECONDS = 40.0
OPEN_SECONDS = 50.0
CLOSE_SECONDS = 5.0
WAIT_SECONDS = 0.25
# The client would leave the group where nothing was fetched for so long. Our own deadline ends what hangs, a store may
# be away for hours, and a member without partitions would never come back (aiokafka issue 1187).
NEVER_MS = 2**31 - 1
# What is fetched ahead, and so the memory that a full topic takes: per answer of a broker, and per partition in it. A
# record that is larger comes alone.
ANSWER_BYTES = 16 * 1024 * 1024
PARTITION_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cluster:
    """How a cluster is reached.

    Args:
        servers: some of its brokers, ``host:port``, separated by commas.
        protocol: ``PLAINTEXT``, ``SSL``, ``SASL_PLAINTEXT`` or ``SASL_SSL``.
        mechanism: ``PLAIN``, ``SCRAM-SHA-256`` or ``SCRAM-SHA-512``, for the two with SASL.
        ca_file: authorities to trust, in PEM, besides the machine's.
    """

    servers: str
    protocol: str = "PLAINTEXT"
    mechanism: str = "PLAIN"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None

    def options(self) -> dict[str, Any]:
        """What the client is told of it.

        Raises:
            Refused: the file of authorities cannot be read.
        """
        return {
            "bootstrap_servers": self.servers,
            "security_protocol": self.protocol,
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password,
            "ssl_context": self._trusted() if self.protocol.endswith("SSL") else None,
        }

    def _trusted(self) -> ssl.SSLContext:
        trusted = ssl.create_default_context()
        if self.ca_file is not None:
            try:
                trusted.load_verify_locations(self.ca_file)
            except (OSError, ssl.SSLError) as error:
                raise Refused(KAFKA, f"{self.ca_file} holds no authorities: {error}") from error
        return trusted


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a topic.

    Args:
        at: when it was written, as its producer or broker says; never later than it was read.
        value: the bytes as they were written, empty for a deletion.
    """

    partition: int
    offset: int
    at: datetime
    key: bytes | None
    value: bytes


class Consumer:
    """A member of a group of consumers that share a topic's partitions; it connects when it is first asked for a batch.

    Each record reaches a member of the group at least once: offsets are committed only after their batch was handled.
    Before a partition goes to another member, the batch in hand is handled and committed, or given back.

    Args:
        session_seconds: after which the group does without a member that was killed.
    """

    def __init__(self, cluster: Cluster, topic: str, group: str, *, session_seconds: float = 10.0) -> None:
        self._cluster = cluster
        self._topic = topic
        self._group = group
        self._session_ms = int(session_seconds * 1000)
        self._client: Any = None
        self._in_hand = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    @asynccontextmanager
    async def batch(self, limit: int) -> AsyncIterator[Sequence[Record]]:
        """The next records, in the order of their partitions; none where none came within a quarter of a second.

        They are committed when the block ends, and come again where it raises. The block must end in HANDLE_SECONDS.

        Raises:
            Unavailable: the cluster cannot be reached, or does not answer.
            Refused: it does not let us, or a record cannot be unpacked.
            Conflict: other members have the partitions now: the records were handled, and will be again.
        """
        taken = await self._take(limit)
        # Not held while taking, since the client waits there for a rebalance, which waits for this. Nothing happens
        # between the two: the client hands out records only where no rebalance is under way, and this lock is free.
        async with self._in_hand:
            try:
                yield [_record(one) for records in taken.values() for one in records]
                if taken:
                    await self._commit(taken)
            except BaseException:
                self._give_back(taken)
                raise

    async def _take(self, limit: int) -> Mapping[TopicPartition, Sequence[Any]]:
        if self._client is None:
            await self._open()
        try:
            with _translated():
                taken: Mapping[TopicPartition, Sequence[Any]] = await self._client.getmany(
                    timeout_ms=int(WAIT_SECONDS * 1000), max_records=limit
                )
        except OutsideError:
            await self._close()  # a client is not to be used after that: some of its tasks may have ended
            raise
        return taken

    async def _commit(self, taken: Mapping[TopicPartition, Sequence[Any]]) -> None:
        offsets = {partition: records[-1].offset + 1 for partition, records in taken.items()}
        with _translated():
            async with asyncio.timeout(COMMIT_SECONDS):
                await self._client.commit(offsets)

    def _give_back(self, taken: Mapping[TopicPartition, Sequence[Any]]) -> None:
        for partition, records in taken.items():
            with suppress(IllegalStateError):  # another member has it, and starts from what was committed
                self._client.seek(partition, records[0].offset)

    async def _open(self) -> None:
        """Joins the group.

        Raises:
            Unavailable, Refused: as ``batch`` does.
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
            fetch_max_bytes=ANSWER_BYTES,
            max_partition_fetch_bytes=PARTITION_BYTES,
        )
        self._client.subscribe([self._topic], listener=_Revocation(self._in_hand))
        try:
            with _translated():
                async with asyncio.timeout(OPEN_SECONDS):
                    await self._client.start()
        except BaseException:
            await self._close()
            raise
        logger.info("reading topic %s of Kafka in group %s", self._topic, self._group)

    async def _close(self) -> None:
        """Leaves the group, so that others need not wait until they miss us."""
        client, self._client = self._client, None
        if client is None:
            return
        # While a broker is away, stop() lets out the cancellation of its own tasks (aiokafka issue 647), which is not
        # ours, and leaves the connections open.
        stopping = asyncio.create_task(client.stop())
        await asyncio.wait([stopping], timeout=CLOSE_SECONDS)
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await client._client.close()


class _Revocation(ConsumerRebalanceListener):
    """Holds a rebalance up until the batch in hand is handled and committed, or given back."""

    def __init__(self, in_hand: asyncio.Lock) -> None:
        self._in_hand = in_hand

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        async with self._in_hand:
            logger.info("%d partitions are shared out anew", len(revoked))

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        logger.info("has %d partitions", len(assigned))


@contextmanager
def _translated() -> Iterator[None]:
    """The client's errors as ours."""
    try:
        yield
    except (CommitFailedError, IllegalStateError) as error:
        raise Conflict(KAFKA, "other members of the group have the partitions now") from error
    except KafkaError as error:
        kind = Unavailable if error.retriable else Refused
        raise kind(KAFKA, f"{type(error).__name__}: {error}") from error
    except TimeoutError as error:
        raise Unavailable(KAFKA, "no answer in time") from error


def _record(one: Any) -> Record:
    return Record(one.partition, one.offset, _moment(one.timestamp, datetime.now(UTC)), one.key, one.value or b"")


def _moment(milliseconds: int, now: datetime) -> datetime:
    """A record's timestamp; now where it has none (-1), or one that cannot be: producers write what they like."""
    if 0 < milliseconds < now.timestamp() * 1000:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    return now
