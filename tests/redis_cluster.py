"""A real Redis Cluster on this machine: its servers, and its formation."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisError

from integrations.embedded.redis import EmbeddedRedis
from integrations.embedded.server import free_port, is_free, write_secret
from integrations.progress import Progress
from tests.faults.processes import eventually

PASSWORD = "cluster-test"
SLOTS = 16_384
BUS = 10_000  # a node's bus listens on its port plus this
OPTIONS = f"""\
cluster-enabled yes
cluster-node-timeout 1000
cluster-replica-validity-factor 0
masterauth {PASSWORD}
"""


class ClusterNode(EmbeddedRedis):
    """One server of the cluster."""

    @property
    def password(self) -> str:
        """The password that all nodes share."""
        return PASSWORD

    async def run(self, *command: str | int | bytes) -> Any:
        """Runs a command on this node alone."""
        client: Any = Redis(port=self.port, password=PASSWORD, protocol=2)
        async with client:
            return await client.execute_command(*command)

    def _choose_port(self) -> None:
        while not self._state.get("port"):
            port = free_port()
            if is_free(port + BUS):
                self._save_state(port=port)

    async def _prepare(self, progress: Progress) -> None:
        await super()._prepare(progress)
        configuration = self.folder / "redis.conf"
        write_secret(configuration, configuration.read_text() + OPTIONS)


class Cluster:
    """Primaries that share all slots, and replicas, each of the primary at the same place."""

    def __init__(self, primaries: list[ClusterNode], replicas: list[ClusterNode]) -> None:
        self.primaries = primaries
        self.replicas = replicas

    @property
    def url(self) -> str:
        """The URL with all nodes."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in (*self.primaries, *self.replicas))
        return f"redis://:{PASSWORD}@{hosts}/0?cluster=true"

    def client(self) -> RedisCluster:
        """Another client, to see what the cluster holds."""
        return RedisCluster(host="127.0.0.1", port=self.primaries[0].port, password=PASSWORD, protocol=2)

    async def serves(self) -> bool:
        """Whether all nodes know each other, and that every slot is served."""
        nodes = (*self.primaries, *self.replicas)
        with suppress(RedisError, OSError):
            states = [await node.run("CLUSTER", "INFO") for node in nodes]
            known = b"cluster_known_nodes:%d" % len(nodes)
            return all(b"cluster_state:ok" in state and known in state for state in states)
        return False

    async def form(self) -> None:
        """Makes the servers one cluster."""
        first, count = self.primaries[0], len(self.primaries)
        for number, node in enumerate(self.primaries):
            await node.run("CLUSTER", "ADDSLOTS", *range(number * SLOTS // count, (number + 1) * SLOTS // count))
            # Nodes that begin with the same epoch agree on one only after a collision.
            await node.run("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in (*self.primaries[1:], *self.replicas):
            await node.run("CLUSTER", "MEET", "127.0.0.1", first.port)
        await eventually(self.serves)
        for primary, replica in zip(self.primaries, self.replicas, strict=False):
            await replica.run("CLUSTER", "REPLICATE", await primary.run("CLUSTER", "MYID"))
        await eventually(self._in_sync)

    async def _in_sync(self) -> bool:
        states = [await replica.run("INFO", "replication") for replica in self.replicas]
        return all(state.get("master_link_status") == "up" for state in states)


@asynccontextmanager
async def running_cluster(folder: Path, replicas: int = 0) -> AsyncIterator[Cluster]:
    """Three primaries, and as many replicas as asked for, in new folders."""
    nodes = [ClusterNode(folder / str(number), megabytes=32) for number in range(3 + replicas)]
    async with AsyncExitStack() as stack:
        for node in nodes:
            stack.push_async_callback(node.stop)
        await asyncio.gather(*(node.start() for node in nodes))
        cluster = Cluster(nodes[:3], nodes[3:])
        await cluster.form()
        yield cluster
