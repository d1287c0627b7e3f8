"""Redis Cluster behind the same interface as one server."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from integrations.stores.availability import Unusable
from integrations.stores.redis.address import RedisAddress
from integrations.stores.redis.manager import (
    CLIENT_NAME,
    DRIVER_ERRORS,
    PROBE_CONNECTIONS,
    RedisManager,
    WarmSource,
)

Node = tuple[str, int]
# Time for the other nodes to respond after the first one.
CONNECTED_SECONDS = 0.1


class RedisClusterManager(RedisManager):
    """Manager of a cluster. Calls with several keys are split by slot, so that keys may lie anywhere.

    The cluster is up if every primary responds and says that the cluster serves. While it is down, each probe asks all
    known nodes at the same time for the slots, and the first response counts: a node that hangs does not delay the
    others, and the primaries of a failover are found although the former one is silent.

    Args:
        redis_url: a URL with ``cluster=true``, see ``RedisAddress.parse``.
        timeout: as for ``RedisManager``.
        warm_source: as for ``RedisManager``.
        max_connections: connections to each node; probes hold up to three more of each.
    """

    _mget = staticmethod(RedisCluster.mget_nonatomic)
    _delete = staticmethod(RedisCluster.delete)

    def __init__(
        self,
        redis_url: str,
        *,
        timeout: float = 0.25,
        warm_source: WarmSource | None = None,
        max_connections: int = 20,
    ) -> None:
        super().__init__(redis_url, timeout=timeout, warm_source=warm_source, max_connections=max_connections)
        # A call holds at most one connection of a node. The client itself raises where none is free, and does not wait.
        self._free = asyncio.Semaphore(max_connections)
        self._bounded_call = self._bounded_and_queued_call

    def _open_clients(self, max_connections: int) -> tuple[RedisCluster, RedisCluster]:
        self._node_connections = max_connections + PROBE_CONNECTIONS
        client = self._client_of(self._address.nodes)
        return client, client

    def _client_of(self, nodes: Iterable[Node]) -> RedisCluster:
        return RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in nodes],
            max_connections=self._node_connections,
            protocol=2,
            client_name=CLIENT_NAME,
            driver_info=None,
            # As for one server: one deadline around each call, one repetition of a call that lost its connection.
            socket_timeout=None,
            socket_connect_timeout=None,
            retry=Retry(NoBackoff(), 1),
            **self._address.options,
        )

    @asynccontextmanager
    async def _bounded_and_queued_call(self, seconds: float) -> AsyncIterator[None]:
        async with self._availability.bounded_call(seconds), self._free:
            yield

    async def _probe(self) -> dict[str, Any]:
        """Query all primaries; while the cluster is down, find them first.

        Raises:
            Unusable: a primary says that the cluster does not serve.
        """
        if not self._availability.is_up:
            await self._find_nodes()
        client = self._client
        await client.initialize()
        nodes = await asyncio.gather(*(_query(client, node) for node in client.get_primaries()))
        return {
            "version": min((node["redis_version"] for node in nodes), key=_numbers),
            "nodes": len(nodes),
            "memory": {
                "used_bytes": sum(node["used_memory"] for node in nodes),
                "peak_bytes": sum(node["used_memory_peak"] for node in nodes),
                "max_bytes": sum(node["maxmemory"] for node in nodes),
                "fragmentation": max(node["mem_fragmentation_ratio"] for node in nodes),
            },
        }

    async def _find_nodes(self) -> None:
        """Replace the client by one with the slots as the first node to respond knows them."""
        former = self._client
        known = {(node.host, int(node.port)) for node in former.get_nodes()}
        self._client = self._probe_client = await self._first_connected(known.union(self._address.nodes))
        with suppress(*DRIVER_ERRORS):
            await self._close(former)

    async def _first_connected(self, nodes: Iterable[Node]) -> RedisCluster:
        """Return a client of the first node that responds; close those of the others."""
        attempts = [asyncio.ensure_future(self._client_of([node]).initialize()) for node in nodes]
        first: RedisCluster | None = None
        try:
            for attempt in asyncio.as_completed(attempts):
                with suppress(*DRIVER_ERRORS):
                    first = await attempt
                    return first
            return await attempts[0]  # all have failed: raises the error of one
        finally:
            # A client that is cancelled while it connects forgets to close the socket.
            await asyncio.wait(attempts, timeout=CONNECTED_SECONDS)
            for unfinished in attempts:
                unfinished.cancel()
            for client in await asyncio.gather(*attempts, return_exceptions=True):
                if isinstance(client, RedisCluster) and client is not first:
                    await self._close(client)

    async def _close(self, client: RedisCluster) -> None:
        await client.aclose()  # leaves connections open where the client is about to read the slots again
        for nodes in ("nodes_cache", "startup_nodes"):
            await client.nodes_manager.aclose(nodes)


async def _query(client: RedisCluster, node: ClusterNode) -> dict[str, Any]:
    """Return a node's own figures."""
    state = await client.cluster_info(target_nodes=node)
    if state["cluster_state"] != "ok":
        raise Unusable(f"the cluster's state is {state['cluster_state']}")
    figures: dict[str, Any] = await client.info(target_nodes=node)
    return figures


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]


def redis_manager(redis_url: str, *, warm_source: WarmSource | None = None) -> RedisManager:
    """Return the manager for a URL: of a cluster where it says ``cluster=true``, otherwise of one server.

    Raises:
        ValueError: see ``RedisAddress.parse``.
    """
    manager = RedisClusterManager if RedisAddress.parse(redis_url).is_cluster else RedisManager
    return manager(redis_url, warm_source=warm_source)
