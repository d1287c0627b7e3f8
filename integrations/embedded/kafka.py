"""Apache Kafka with its jars from Maven Central: one broker, which is its own controller, in one folder."""

import contextlib
import secrets
from pathlib import Path
from typing import ClassVar

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from integrations.embedded.java import JavaServer
from integrations.embedded.process import run
from integrations.embedded.server import free_port, is_free, write_secret
from integrations.progress import Progress

SERVER_CLASS = "kafka.Kafka"
STORAGE_CLASS = "kafka.tools.StorageTool"
SET_UP_SECONDS = 60.0
QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"

# One broker cannot replicate, groups need not wait for members of a large deployment, and the log cleaner would take
# 128 MiB of heap for its table. Sessions may be short for tests in which consumers die; records may have old
# timestamps.
CONFIGURATION = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=CLIENTS://127.0.0.1:{port}
listener.security.protocol.map=CLIENTS:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENTS
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.clients.plain.sasl.jaas.config={login}
listener.name.controller.plain.sasl.jaas.config={login}
log.dirs={folder}/data
num.network.threads=2
num.io.threads=2
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=2097152
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
log.retention.ms=-1
auto.create.topics.enable=false
"""
LOGIN = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    'username="{user}" password="{password}" user_{user}="{password}";'
)


class EmbeddedKafka(JavaServer):
    """A Kafka broker in KRaft mode that authenticates its clients by name and password (SASL PLAIN, without TLS)."""

    name: ClassVar[str] = "Kafka"
    user: ClassVar[str] = "gateway"
    starts_within_seconds: ClassVar[float] = 60.0
    stops_within_seconds: ClassVar[float] = 20.0
    lock: ClassVar[Path] = Path(__file__).with_name("kafka-jars.lock")
    default_heap_mb: ClassVar[int] = 256

    @property
    def servers(self) -> str:
        """Bootstrap address for clients."""
        return f"127.0.0.1:{self.port}"

    def addresses(self) -> dict[str, str]:
        """Settings by which the gateway finds the server."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.servers,
            "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "KAFKA_SASL_MECHANISM": "PLAIN",
            "KAFKA_USERNAME": self.user,
            "KAFKA_PASSWORD": self.password,
        }

    def admin(self) -> AIOKafkaAdminClient:
        """A client that creates topics. The caller starts and closes it."""
        return AIOKafkaAdminClient(
            bootstrap_servers=self.servers,
            security_protocol="SASL_PLAINTEXT",
            sasl_plain_username=self.user,
            sasl_plain_password=self.password,
            request_timeout_ms=5_000,
        )

    async def _prepare(self, progress: Progress) -> None:
        """Fetches the jars, writes the configuration and formats the storage before the first start."""
        await self._ensure_jars(progress)
        text = CONFIGURATION.format(
            port=self.port,
            controller_port=free_port(),  # no other process needs it
            folder=self.folder,
            login=LOGIN.format(user=self.user, password=self.password),
        )
        write_secret(self._configuration, text)
        if not self._state.get("initialised"):
            cluster = ["--cluster-id", secrets.token_hex(8), "--ignore-formatted"]
            command = [
                *self._java_command(QUIET),
                STORAGE_CLASS,
                "format",
                "--config",
                str(self._configuration),
                *cluster,
            ]
            await run(command, seconds=SET_UP_SECONDS)
            self._save_state(initialised=True)

    @property
    def _configuration(self) -> Path:
        return self.folder / "server.properties"

    def _command(self) -> list[str]:
        return [*self._server_command(QUIET), SERVER_CLASS, str(self._configuration)]

    async def _ready(self) -> bool:
        """Whether the broker describes its cluster."""
        if is_free(self.port):  # the client would log that it cannot connect
            return False
        admin = self.admin()
        with contextlib.suppress(KafkaError, OSError):
            try:
                await admin.start()
                return bool((await admin.describe_cluster())["brokers"])
            finally:
                await admin.close()
        return False
