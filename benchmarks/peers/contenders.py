"""Who takes part: how each is started, what it is asked, and how its answers are read."""

import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from benchmarks.client import HOST, Client, get, post
from benchmarks.installation import REFERENCE, SERVE
from benchmarks.operations import Operation
from benchmarks.peers import postgraphile
from benchmarks.peers.packages import NODE_FOLDER, node
from gateway.demo.supervisor import Program
from integrations.embedded.server import free_port

GATEWAY, POSTGRAPHILE, APOLLO, MERCURIUS, PLAIN, LIMIT = CONTENDERS = (
    *("gateway", "PostGraphile", "Apollo Server", "mercurius", "plain Strawberry"),
    "limit",
)

PLAIN_SERVER = (
    *("uvicorn", "benchmarks.peers.plain:application", "--factory", "--host", HOST, "--lifespan", "on"),
    *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"),
)
OK = 200

Read = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class PeerRequest:
    """What one contender is sent, and how its data becomes what the gateway answers.

    Args:
        request: HTTP, as bytes.
        read: takes the answer's ``data``.
    """

    request: bytes
    read: Read


@dataclass(frozen=True, slots=True)
class Contender:
    """A server and its dialect.

    Args:
        name: one of ``CONTENDERS``.
        command: gives the program and its arguments for a port.
        environment: gives its variables for the address of a database and a port.
        alive: a request that is answered with status 200 as soon as it serves.
        ask: gives the question for an operation by its key, the operation, and variables.
    """

    name: str
    command: Callable[[int], Sequence[str]]
    environment: Callable[[str, int], Mapping[str, str]]
    alive: bytes
    ask: Callable[[str, Operation, Mapping[str, Any]], PeerRequest]

    def program(self, folder: Path, database_url: str) -> "Serving":
        """The server on a free port, not started."""
        port = free_port()

        async def answers() -> bool:
            with contextlib.suppress(OSError):
                async with Client(port) as client:
                    return (await client.ask(self.alive)).status == OK
            return False

        environment = self.environment(database_url, port)
        name = self.name.lower().replace(" ", "-")
        return Serving(port, Program(name, self.command(port), folder=folder, environment=environment, ready=answers))

    def questions(self, key: str, operation: Operation) -> list[PeerRequest]:
        """Those of an operation, in turn."""
        return [self.ask(key, operation, variables) for variables in operation.variables]


@dataclass(frozen=True, slots=True)
class Serving:
    """A contender's process, and where it listens."""

    port: int
    program: Program


def contenders(environment: Mapping[str, str], token: str) -> dict[str, Contender]:
    """All of them by name.

    Args:
        environment: of the product's programs.
        token: of somebody who may ask the gateway.
    """
    signed = {"Authorization": f"Bearer {token}"}
    live = get("/health/live")
    return {
        GATEWAY: Contender(GATEWAY, _python(*SERVE), _product(environment), live, _as_the_gateway(signed)),
        POSTGRAPHILE: Contender(POSTGRAPHILE, _node("postgraphile"), _peer, _graphql_alive(), _as_postgraphile),
        APOLLO: Contender(APOLLO, _node("apollo"), _peer, _graphql_alive(), _as_the_gateway({})),
        MERCURIUS: Contender(MERCURIUS, _node("mercurius"), _peer, _graphql_alive(), _as_the_gateway({})),
        PLAIN: Contender(PLAIN, _listening(PLAIN_SERVER), _peer, _graphql_alive(), _as_the_gateway({})),
        LIMIT: Contender(LIMIT, _listening(REFERENCE), _product(environment), live, _by_hand),
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


def _as_the_gateway(headers: Mapping[str, str]) -> Callable[[str, Operation, Mapping[str, Any]], PeerRequest]:
    """The gateway's own documents, which those with hand-written schemas understand as well."""

    def ask(_key: str, operation: Operation, variables: Mapping[str, Any]) -> PeerRequest:
        body = {"query": operation.document, "variables": variables}
        return PeerRequest(post("/graphql", body, headers), lambda data: data)

    return ask


def _as_postgraphile(key: str, _operation: Operation, variables: Mapping[str, Any]) -> PeerRequest:
    dialect = postgraphile.DIALECTS[key]
    body = {"query": dialect.document, "variables": dialect.variables(variables)}
    return PeerRequest(post("/graphql", body, {}), dialect.read)


def _by_hand(_key: str, operation: Operation, variables: Mapping[str, Any]) -> PeerRequest:
    assert operation.reference is not None
    return PeerRequest(post(operation.reference, {"variables": variables}, {}), lambda data: data)


def data_of(body: bytes) -> Any:
    """The ``data`` of an answer."""
    return orjson.loads(body)["data"]
