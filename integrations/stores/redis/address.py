"""Address of Redis: one server, or the nodes by which the client finds a cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from redis.asyncio.connection import SSLConnection, parse_url

from integrations.hosts import hosts_of

DEFAULT_PORT = 6379
PARAMETER = "cluster"


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is, and how to sign in.

    Attributes:
        url: the URL for the client of one server; holds the password.
        nodes: host and port of the nodes that the URL names; empty for a socket.
        is_cluster: whether the servers are a cluster.
        options: the client's options of the URL without host and port; hold the password.
    """

    url: str = field(repr=False)
    nodes: tuple[tuple[str, int], ...]
    is_cluster: bool
    options: Mapping[str, Any] = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parses a ``redis://``, ``rediss://`` or ``unix://`` URL.

        ``cluster=true`` says that the servers are a cluster. Its URL may name several nodes, separated by commas, of
        which one must respond.

        Raises:
            ValueError: several hosts that are no cluster, or a cluster with a database or a socket. The message holds
                no part of the URL.
        """
        parts = urlsplit(url)
        parameters = dict(parse_qsl(parts.query))
        is_cluster = parameters.pop(PARAMETER, "").lower() in {"true", "1", "yes", "on"}
        hosts = [] if parts.scheme == "unix" else hosts_of(url)
        if len(hosts) > 1 and not is_cluster:
            raise ValueError("several hosts are a cluster, whose URL ends with ?cluster=true")
        rest = parts._replace(query=urlencode(parameters))
        account, at, _ = parts.netloc.rpartition("@")
        options = dict(parse_url(urlunsplit(rest._replace(netloc=f"{account}{at}") if hosts else rest)))
        if is_cluster and (options.pop("db", 0) or not hosts):
            raise ValueError("a cluster has no databases beside 0, and no socket")
        if options.pop("connection_class", None) is SSLConnection:
            options["ssl"] = True
        nodes = tuple((host or "localhost", port or DEFAULT_PORT) for host, port in hosts)
        return cls(urlunsplit(rest), nodes, is_cluster, options)
