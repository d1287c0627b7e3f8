"""Contenders: how each is started, its requests, and how its responses are read."""

import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from benchmarks.client import HOST, Client, get, post
from benchmarks.installation import BASELINE_SERVER, SERVE
from benchmarks.operations import MeasuredOperation
from benchmarks.peers import postgraphile
from benchmarks.peers.packages import NODE_FOLDER, node
from gateway.supervisor import Program
from integrations.embedded.server import free_port

GATEWAY, POSTGRAPHILE, APOLLO, MERCURIUS, PLAIN, BASELINE = CONTENDERS = (
    *("gateway", "PostGraphile", "Apollo Server", "mercurius", "plain Strawberry"),
    "baseline",
)

PLAIN_SERVER = (
    *("uvicorn", "benchmarks.peers.plain:application", "--factory", "--host", HOST, "--lifespan", "on"),
    *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"),
)
OK = 200

Read = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class PeerRequest:
    """A request to one contender, and the conversion of its data into the gateway's shape.

    Args:
        request: HTTP request as bytes.
        read: converts the ``data`` of the response.
    """

    request: bytes
    read: Read


@dataclass(frozen=True, slots=True)
class Contender:
    """A server and its dialect.

    Args:
        name: one of ``CONTENDERS``.
        command: returns the program and its arguments for a port.
        environment: returns its environment for the address of a database and a port.
        alive: a request with a response of status 200 as soon as it serves.
        ask: returns the request for an operation's key, the operation, and variables.
    """

    name: str
    command: Callable[[int], Sequence[str]]
    environment: Callable[[str, int], Mapping[str, str]]
    alive: bytes
    request_for: Callable[[str, MeasuredOperation, Mapping[str, Any]], PeerRequest]

    def program(self, folder: Path, database_url: str) -> "Serving":
        """The server on a free port, not started."""
        port = free_port()

        async def responds() -> bool:
            with contextlib.suppress(OSError):
                async with Client(port) as client:
                    return (await client.send(self.alive)).status == OK
            return False

        environment = self.environment(database_url, port)
        name = self.name.lower().replace(" ", "-")
        return Serving(port, Program(name, self.command(port), folder=folder, environment=environment, ready=responds))

    def requests(self, key: str, operation: MeasuredOperation) -> list[PeerRequest]:
        """Requests of an operation, in turn."""
        return [self.request_for(key, operation, variables) for variables in operation.variables]


@dataclass(frozen=True, slots=True)
class Serving:
    """Process and port of a contender."""

    port: int
    program: Program


def contenders(environment: Mapping[str, str], token: str) -> dict[str, Contender]:
    """All contenders by name.

    Args:
        environment: environment of the product's programs.
        token: token of a user of the gateway.
    """
    credentials = {"Authorization": f"Bearer {token}"}
    live = get("/health/live")
    return {
        GATEWAY: Contender(GATEWAY, _python(*SERVE), _product(environment), live, _gateway_request(credentials)),
        POSTGRAPHILE: Contender(POSTGRAPHILE, _node("postgraphile"), _peer, _graphql_alive(), _postgraphile_request),
        APOLLO: Contender(APOLLO, _node("apollo"), _peer, _graphql_alive(), _gateway_request({})),
        MERCURIUS: Contender(MERCURIUS, _node("mercurius"), _peer, _graphql_alive(), _gateway_request({})),
        PLAIN: Contender(PLAIN, _listening(PLAIN_SERVER), _peer, _graphql_alive(), _gateway_request({})),
        BASELINE: Contender(BASELINE, _listening(BASELINE_SERVER), _product(environment), live, _baseline_request),
    }


def _python(*module: str) -> Callable[[int], Sequence[str]]:
    return lambda _port: [sys.executable, "-m", *module]


def _listening(module: Sequence[str]) -> Callable[[int], Sequence[str]]:
    return lambda port: [sys.executable, "-m", *module, "--port", str(port)]


def _node(name: str) -> Callable[[int], Sequence[str]]:
    return lambda _port: [str(node()), str(NODE_FOLDER / f"{name}.mjs")]


def _product(environment: Mapping[str, str]) -> Callable[[str, int], Mapping[str, str]]:
    return lambda database_url, port: {**environment, "NEON_DATABASE_URL": database_url, "PORT": str(port)}


def _peer(database_url: str, port: int) -> Mapping[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    production = {"NODE_ENV": "production", "GRAPHILE_ENV": "production"}
    return {**kept, **production, "DATABASE_URL": database_url, "PORT": str(port)}


def _graphql_alive() -> bytes:
    return post("/graphql", {"query": "{ __typename }"}, {})


def _gateway_request(headers: Mapping[str, str]) -> Callable[[str, MeasuredOperation, Mapping[str, Any]], PeerRequest]:
    """Uses the gateway's own documents, which servers with hand-written schemas understand too."""

    def request_for(_key: str, operation: MeasuredOperation, variables: Mapping[str, Any]) -> PeerRequest:
        body = {"query": operation.document, "variables": variables}
        return PeerRequest(post("/graphql", body, headers), lambda data: data)

    return request_for


def _postgraphile_request(key: str, _operation: MeasuredOperation, variables: Mapping[str, Any]) -> PeerRequest:
    dialect = postgraphile.DIALECTS[key]
    body = {"query": dialect.document, "variables": dialect.variables(variables)}
    return PeerRequest(post("/graphql", body, {}), dialect.read)


def _baseline_request(_key: str, operation: MeasuredOperation, variables: Mapping[str, Any]) -> PeerRequest:
    assert operation.baseline is not None
    return PeerRequest(post(operation.baseline, {"variables": variables}, {}), lambda data: data)


def data_of(body: bytes) -> Any:
    """``data`` of a response."""
    return orjson.loads(body)["data"]
