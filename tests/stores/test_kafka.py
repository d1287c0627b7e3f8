"""Kafka's records, through a real broker: each is handled at least once, and committed only after that."""

import asyncio
import os
import secrets
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError

from integrations.embedded.kafka import EmbeddedKafka
from integrations.errors import Refused, Unavailable
from integrations.streams.kafka import KafkaCluster, KafkaConsumer, KafkaRecord
from resolvers.ingestion.kafka_loop import Handle, consume_topic
from tests.faults.processes import eventually
from tests.world import INSERT_AIRPORT

AIRPORTS = [
    ("MIA", "Miami", "United States", "US", "America/New_York"),
    ("PTY", "Panama City", "Panama", "PA", "America/Panama"),
    ("GRU", "São Paulo", "Brazil", "BR", "America/Sao_Paulo"),
]
CHECKOUT = Path(__file__).parents[2]
PARTITIONS = 4


@pytest.fixture
def cluster(embedded_kafka: EmbeddedKafka) -> KafkaCluster:
    server = embedded_kafka
    return KafkaCluster(server.servers, "SASL_PLAINTEXT", username=server.user, password=server.password)


@pytest.fixture
async def topic(embedded_kafka: EmbeddedKafka) -> AsyncIterator[str]:
    """The name of an empty topic."""
    name = f"messages-{secrets.token_hex(4)}"
    admin = embedded_kafka.admin()
    await admin.start()
    await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
    yield name
    await admin.delete_topics([name])
    await admin.close()


@asynccontextmanager
async def writing(cluster: KafkaCluster, compression: str | None = None) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(**cluster.options(), compression_type=compression, linger_ms=5)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def write(cluster: KafkaCluster, topic: str, values: Iterable[bytes], at: datetime | None = None) -> None:
    """Writes values, each with one of 20 tags as key."""
    milliseconds = int(at.timestamp() * 1000) if at else None
    async with writing(cluster) as producer:
        for number, value in enumerate(values):
            await producer.send(topic, value, key=b"%010d" % (number % 20), timestamp_ms=milliseconds)


class Intake:
    """Consumers in tasks, and what they handled."""

    def __init__(self, cluster: KafkaCluster, topic: str) -> None:
        self.handled: Counter[bytes] = Counter()
        self._consumers = (cluster, topic, topic)
        self._news = asyncio.Event()

    @asynccontextmanager
    async def running(self, handle: Handle | None = None) -> AsyncIterator[KafkaConsumer]:
        async with KafkaConsumer(*self._consumers, session_seconds=2) as consumer:
            task = asyncio.create_task(consume_topic(consumer, handle or self.handle))
            try:
                yield consumer
            finally:
                task.cancel()
                await asyncio.wait([task])

    async def handle(self, records: Sequence[KafkaRecord]) -> None:
        self.handled.update(record.value for record in records)
        self._news.set()

    async def until(self, values: Iterable[bytes]) -> None:
        """Waits until all of these were handled."""
        wanted = set(values)
        async with asyncio.timeout(20):
            while not wanted <= self.handled.keys():
                self._news.clear()
                await self._news.wait()


def messages(count: int) -> list[bytes]:
    return [b"message %d" % number for number in range(count)]


async def committed(server: EmbeddedKafka, topic: str) -> int:
    """The number of records that the topic's group has committed."""
    admin = server.admin()
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(topic)
    except GroupCoordinatorNotAvailableError:
        return 0  # a broker that has just started has no group yet
    finally:
        await admin.close()
    return sum(one.offset for one in offsets.values() if one.offset > 0)


async def test_records_arrive_once_and_in_the_order_of_their_tag(
    embedded_kafka: EmbeddedKafka, cluster: KafkaCluster, topic: str
) -> None:
    began = datetime.now(UTC)
    await write(cluster, topic, messages(2_000))
    intake, arrived = Intake(cluster, topic), list[KafkaRecord]()

    async def handle(records: Sequence[KafkaRecord]) -> None:
        arrived.extend(records)
        await intake.handle(records)

    async with intake.running(handle):
        await intake.until(messages(2_000))
    assert max(intake.handled.values()) == 1
    by_tag: dict[bytes | None, list[int]] = {}
    for record in arrived:
        by_tag.setdefault(record.key, []).append(int(record.value.split()[1]))
    assert len(by_tag) == 20
    assert all(numbers == sorted(numbers) for numbers in by_tag.values())
    assert all(began.replace(microsecond=0) <= record.at <= datetime.now(UTC) for record in arrived)

    assert await committed(embedded_kafka, topic) == 2_000
    await write(cluster, topic, [b"one more"])
    async with intake.running():
        await intake.until([b"one more"])
    assert max(intake.handled.values()) == 1


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_every_compression_is_read(cluster: KafkaCluster, topic: str, compression: str) -> None:
    async with writing(cluster, compression) as producer:
        await producer.send_and_wait(topic, b"packed" * 1000)
    intake = Intake(cluster, topic)
    async with intake.running():
        await intake.until([b"packed" * 1000])


async def test_any_bytes_of_any_time_reach_the_handler(cluster: KafkaCluster, topic: str) -> None:
    junk = [b"\x00\xff\xfe", b"", None, b"\x80" * 900_000]
    soon = int((datetime.now(UTC) + timedelta(minutes=30)).timestamp() * 1000)
    async with writing(cluster) as producer:
        for at, value in zip([0, 1, soon, soon], junk, strict=True):
            await producer.send(topic, value, key=b"0230123456", timestamp_ms=at)
    intake, times = Intake(cluster, topic), list[datetime]()

    async def handle(records: Sequence[KafkaRecord]) -> None:
        times.extend(record.at for record in records)
        await intake.handle(records)

    async with intake.running(handle):
        await intake.until({value or b"" for value in junk})
    assert intake.handled.total() == len(junk)
    assert times[1] == datetime.fromtimestamp(0.001, UTC)
    assert all(at <= datetime.now(UTC) for at in times)


DIES = """
import asyncio, sys
from integrations.streams.kafka import KafkaCluster, KafkaConsumer
from resolvers.ingestion.kafka_loop import consume_topic

async def main():
    servers, username, password, topic = sys.argv[1:]
    cluster = KafkaCluster(servers, "SASL_PLAINTEXT", username=username, password=password)
    batches = 0

    async def handle(records):
        nonlocal batches
        batches += 1
        print(*(record.value.decode().split()[1] for record in records), flush=True)
        if batches == 2:
            await asyncio.Event().wait()

    async with KafkaConsumer(cluster, topic, topic, session_seconds=2) as consumer:
        await consume_topic(consumer, handle)

asyncio.run(main())
"""


async def test_uncommitted_records_of_a_killed_consumer_come_again(
    embedded_kafka: EmbeddedKafka, cluster: KafkaCluster, topic: str
) -> None:
    await write(cluster, topic, messages(2_000))
    arguments = [cluster.servers, cluster.username or "", cluster.password or "", topic]
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DIES, *arguments, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE
    )
    assert victim.stdout is not None
    committed_ones, in_hand = [set((await victim.stdout.readline()).split()) for _ in range(2)]
    victim.kill()
    await victim.wait()

    assert in_hand
    assert await committed(embedded_kafka, topic) == len(committed_ones)
    rest = set(messages(2_000)) - {b"message " + number for number in committed_ones}
    intake = Intake(cluster, topic)
    async with intake.running():
        await intake.until(rest)
    assert intake.handled == Counter(rest)


async def test_while_a_store_is_away_nothing_is_committed(
    embedded_kafka: EmbeddedKafka, cluster: KafkaCluster, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.ingestion.kafka_loop.MAX_PAUSE_SECONDS", 0.5)
    await write(cluster, topic, messages(300))
    intake, is_away, tries = Intake(cluster, topic), True, 0

    async def handle(records: Sequence[KafkaRecord]) -> None:
        nonlocal tries
        tries += 1
        if is_away:
            raise Unavailable("records", "away")
        await intake.handle(records)

    async with intake.running(handle), intake.running(handle):
        await asyncio.sleep(3.5)  # longer than a session
        assert tries > 6
        assert await committed(embedded_kafka, topic) == 0
        is_away = False
        await intake.until(messages(300))
    assert max(intake.handled.values()) == 1
    assert await committed(embedded_kafka, topic) == 300


async def test_members_come_and_go_and_each_record_is_handled_once(cluster: KafkaCluster, topic: str) -> None:
    intake = Intake(cluster, topic)
    by_member: list[set[int]] = []

    @asynccontextmanager
    async def member() -> AsyncIterator[None]:
        mine: set[int] = set()
        by_member.append(mine)

        async def handle(records: Sequence[KafkaRecord]) -> None:
            await asyncio.sleep(0.3)  # so that a rebalance meets a batch in hand
            mine.update(record.partition for record in records)
            await intake.handle(records)

        async with intake.running(handle):
            yield

    async def write_on() -> None:
        async with writing(cluster) as producer:
            for number, value in enumerate(messages(500)):
                await producer.send(topic, value, key=b"%010d" % (number % 20))
                await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        group.create_task(write_on())
        async with member():
            await asyncio.sleep(1)
            async with member():
                await asyncio.sleep(2)
            await asyncio.sleep(1)
            async with member():
                await intake.until(messages(500))
    assert all(by_member)
    assert max(intake.handled.values()) == 1


async def test_a_broker_that_is_killed_and_comes_back_costs_no_record(
    embedded_kafka: EmbeddedKafka, cluster: KafkaCluster, topic: str
) -> None:
    await write(cluster, topic, messages(100))
    intake = Intake(cluster, topic)
    async with intake.running():
        async with intake.running():
            await intake.until(messages(100))
            await embedded_kafka.kill()
            await asyncio.sleep(1)
        # The second has left while the broker was away.
        await embedded_kafka.start()
        await write(cluster, topic, messages(200)[100:])
        await intake.until(messages(200))


async def test_a_cluster_that_rejects_the_password_is_unavailable(cluster: KafkaCluster, topic: str) -> None:
    stranger = KafkaCluster(cluster.servers, cluster.protocol, username="gateway", password="wrong")
    async with KafkaConsumer(stranger, topic, topic) as consumer:
        with pytest.raises(Unavailable, match="kafka: KafkaConnectionError"):
            async with consumer.batch(1):
                pass
    assert str(cluster.password) not in repr(cluster)


def test_a_file_without_authorities_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    for name in ("ca.pem", "absent.pem"):
        with pytest.raises(Refused, match="holds no certificate authorities"):
            KafkaCluster("127.0.0.1:9", "SASL_SSL", ca_file=tmp_path / name).options()


async def test_the_broker_listens_on_loopback_only(embedded_kafka: EmbeddedKafka) -> None:
    connections = psutil.Process(embedded_kafka.pid).net_connections("tcp")
    listening = [connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN]
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    assert len(listening) == 2  # for clients, and for its own controller


LOCAL = b""".MIAKMCM 231205
BSM
.V/1LMIA
.F/CM335/23NOV/PTY/Y
.N/0230456781002
.S/Y/21C/C/045/045//Y/A
.P/1GONZALEZ/MARIAMRS
ENDBSM
"""
LOADED = b"""BPM
.V/1TPTY
.J/R/AG0417/HHT112/23NOV/141205L/STAND208/CM758
.F/CM758/23NOV/GRU/Y
.N/0230456781001
ENDBPM
"""
SCAN = b'{"tag": "0230456781", "kind": "SORTED", "at": "2025-11-23T18:40:00Z", "airport": "PTY", "place": "T2"}'
BROKEN = b"BSM\n.V/1LMIA\n.N/0230"
# Without its destination the flight cannot be created; what follows must come in all the same.
UNKNOWN_CLOSED = b""".PTYKPCM 231900
BCM
FCM
.V/1LPTY
.F/CM999/23NOV
ENDBCM
"""
SENT = datetime(2025, 11, 23, 20, 0, tzinfo=UTC)
NOWHERE = "127.0.0.1:9"


async def with_airports(url: str) -> asyncpg.Connection:
    """A connection to a database that knows the airports."""
    records: asyncpg.Connection = await asyncpg.connect(url)
    for iata, city, country, code, zone in AIRPORTS:
        values = (iata, f"X{iata}", city, city, country, code, 9.0, -79.5, zone)
        if not await records.fetchval("SELECT count(*) FROM airports WHERE iata = $1", iata):
            await records.execute(INSERT_AIRPORT, *values)
    return records


async def consuming(server: EmbeddedKafka, topic: str, database: str) -> asyncio.subprocess.Process:
    """A process of the product's command in the topic's group."""
    environment = {
        **{name: value for name, value in os.environ.items() if name == "PATH"},
        **server.addresses(),
        "KAFKA_TOPIC": topic,
        "KAFKA_GROUP": topic,
        "NEON_DATABASE_URL": database,
        "NEO4J_URI": f"bolt://{NOWHERE}",
        "NEO4J_PASSWORD": "-",
        "REDIS_URL": f"redis://{NOWHERE}",
        "JWT_SECRET": "s" * 32,
        "SECRET_KEY": "s" * 32,
    }
    command = [sys.executable, "-m", "gateway", "consume"]
    return await asyncio.create_subprocess_exec(*command, cwd=CHECKOUT, env=environment)


async def members_with_partitions(server: EmbeddedKafka, topic: str) -> int:
    """The number of members that have partitions; 0 while partitions move."""
    admin = server.admin()
    await admin.start()
    try:
        described: Any = (await admin.describe_consumer_groups([topic]))[0]
    except GroupCoordinatorNotAvailableError:
        return 0
    finally:
        await admin.close()
    [(_, _, state, _, _, members, *_)] = described.groups
    return sum(bool(assigned) for *_, assigned in members) if state == "Stable" else 0


async def test_the_command_stores_each_message_once_and_keeps_dead_letters(
    embedded_kafka: EmbeddedKafka, cluster: KafkaCluster, topic: str, migrated_url: str
) -> None:
    records = await with_airports(migrated_url)
    await write(cluster, topic, [UNKNOWN_CLOSED + LOCAL + LOADED, SCAN, BROKEN, LOCAL, b"\x00\xff"], SENT)
    process = await consuming(embedded_kafka, topic, migrated_url)

    async def all_committed() -> bool:
        return await committed(embedded_kafka, topic) == 5

    await eventually(all_committed)
    process.terminate()
    assert await process.wait() == 0
    kept = await records.fetch("SELECT DISTINCT source, received_at FROM messages")
    kinds = await records.fetch("SELECT kind FROM messages")
    aside = await records.fetch("SELECT source, body FROM dead_letters")
    letters = {one["body"] for one in aside}
    scanned = await records.fetch("SELECT kind, at FROM events WHERE kind IN ('SORTED', 'LOADED') ORDER BY at")
    await records.close()
    assert [tuple(one) for one in kept] == [("KAFKA", SENT)]
    assert len(kinds) == 4
    assert {"BSM", "BPM", "OTHER"} < {one["kind"] for one in kinds}
    assert {one["source"] for one in aside} == {"KAFKA"}
    assert letters == {BROKEN.decode(), UNKNOWN_CLOSED.decode().rstrip()}
    # The year of a Type B message is that of the record.
    loaded_at = datetime(2025, 11, 23, 19, 12, 5, tzinfo=UTC)
    assert [tuple(one) for one in scanned] == [("SORTED", SENT - timedelta(minutes=80)), ("LOADED", loaded_at)]


BAGS, SCANS = 40, 12
BAGS_OF_TAGS = """
SELECT bags.state, count(events.id), count(DISTINCT events.at)
FROM bags
JOIN bag_tags ON bag_tags.bag_id = bags.id
JOIN events ON events.bag_id = bags.id
WHERE number = ANY($1)
GROUP BY bags.id
"""
KINDS = ["ACCEPTED", "SCREENED", *["SORTED"] * (SCANS - 3), "TRANSFER_IN"]


def scans_of_bags(first_tag: int) -> list[tuple[bytes, bytes]]:
    """Tag and message of each scan, in order of time; each bag ends in the state of its last scan."""
    begin = datetime(2025, 11, 23, 12, 0, tzinfo=UTC)
    return [
        (
            b"%010d" % tag,
            b'{"tag": "%010d", "kind": "%s", "at": "%s", "airport": "PTY", "place": "BELT%d"}'
            % (tag, kind.encode(), (begin + timedelta(minutes=number)).isoformat().encode(), number),
        )
        for number, kind in enumerate(KINDS)
        for tag in range(first_tag, first_tag + BAGS)
    ]


@pytest.mark.parametrize(
    ("by_tag", "end", "first_tag"), [(True, signal.SIGTERM, 230_700_000), (False, signal.SIGKILL, 230_800_000)]
)
async def test_partitions_of_a_consumer_that_ends_move_and_each_scan_counts_once(
    embedded_kafka: EmbeddedKafka,
    cluster: KafkaCluster,
    topic: str,
    migrated_url: str,
    *,
    by_tag: bool,
    end: int,
    first_tag: int,
) -> None:
    """Given two processes in a group of which one ends in mid-run, then the other stores what is left, each scan once.

    A killed process has no time to commit, so that its batch comes again. Without the tag as key the scans of a bag are
    in all partitions, and the bag has the state of its last scan nevertheless.
    """
    records = await with_airports(migrated_url)
    scans = scans_of_bags(first_tag)
    processes = [await consuming(embedded_kafka, topic, migrated_url) for _ in range(2)]

    async def members_are(number: int) -> bool:
        return await members_with_partitions(embedded_kafka, topic) == number

    async def all_committed() -> bool:
        return await committed(embedded_kafka, topic) == len(scans)

    try:
        await eventually(lambda: members_are(2))
        async with writing(cluster) as producer:
            for number, (tag, value) in enumerate(scans):
                where = {"key": tag} if by_tag else {"partition": number % PARTITIONS}
                await producer.send(topic, value, **where)
                if number == len(scans) // 2:
                    await producer.flush()
                    processes[0].send_signal(end)
                await asyncio.sleep(0.002)
        await eventually(all_committed, 60)
        assert await processes[0].wait() == (0 if end == signal.SIGTERM else -end)
        assert await members_are(1)
    finally:
        for process in processes:
            if process.returncode is None:
                process.terminate()
            await process.wait()
    bags = await records.fetch(BAGS_OF_TAGS, [str(tag).zfill(10) for tag in range(first_tag, first_tag + BAGS)])
    await records.close()
    assert len(bags) == BAGS
    assert {tuple(bag) for bag in bags} == {("TRANSFER_IN", SCANS, SCANS)}
