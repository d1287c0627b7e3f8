"""Persisted queries, as the clients of Apollo, urql and Relay send them, on all transports."""

import json
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest

from gateway.config import Settings
from gateway.http.graphql_request import GRAPHQL_JSON
from integrations.stores.redis.manager import RedisManager
from integrations.stores.redis.persisted_queries import cache_key
from resolvers.actor import Role
from resolvers.installation import Stores
from resolvers.persisted_queries import PersistedQueries, digest_of
from resolvers.registered_operations import RegisteredOperations
from tests.gateway import Api, credential, serving

NOT_FOUND = {"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}
HEALTH = "query Health { health { status } }"


def hashed(document: str) -> dict[str, Any]:
    """The extensions of a request with the hash of a document."""
    return {"persistedQuery": {"version": 1, "sha256Hash": sha256(document.encode()).hexdigest()}}


def fresh(selection: str = "health { status }") -> str:
    """A document that nothing sent before."""
    return f"query Fresh{uuid4().hex} {{ {selection} }}"


@pytest.fixture
async def other(settings: Settings) -> AsyncIterator[Api]:
    """Another process of the same installation."""
    async with serving(settings) as client:
        yield client


async def post(api: Api, body: Mapping[str, Any], role: Role | None = Role.AGENT) -> Any:
    response = await api.client.post("/graphql", json=body, headers=credential(role))
    assert response.status_code == 200
    return response.json()


async def test_a_document_is_sent_once_for_all_processes(api: Api, other: Api) -> None:
    document = fresh()
    unknown = await post(api, {"extensions": hashed(document)})
    registered = await post(api, {"query": document, "extensions": hashed(document)})
    by_hash = await post(other, {"variables": {}, "extensions": hashed(document)})
    by_id = await post(other, {"documentId": f"sha256:{digest_of(document)}"})

    assert unknown == {"errors": [NOT_FOUND]}
    assert registered["data"]["health"]["status"]
    assert by_hash["data"].keys() == by_id["data"].keys() == {"health"}


async def test_a_hash_may_come_in_a_url(api: Api) -> None:
    document = fresh()
    params = {"extensions": json.dumps(hashed(document))}
    unknown = await api.client.get("/graphql", params=params, headers=credential(Role.AGENT))
    await api.client.get("/graphql", params={"query": document, **params}, headers=credential(Role.AGENT))
    known = await api.client.get("/graphql", params=params, headers=credential(Role.AGENT))

    assert (unknown.status_code, unknown.json()) == (200, {"errors": [NOT_FOUND]})
    assert known.json()["data"].keys() == {"health"}


async def test_the_status_is_apollos_with_graphqls_own_media_type_too(api: Api) -> None:
    headers = {"Accept": GRAPHQL_JSON, **credential(Role.AGENT)}
    response = await api.client.post("/graphql", json={"extensions": hashed(fresh())}, headers=headers)
    assert (response.status_code, response.json()) == (200, {"errors": [NOT_FOUND]})


async def test_a_hash_of_another_document_is_rejected(api: Api, stores: Stores) -> None:
    document, extensions = fresh(), hashed(fresh())
    response = await api.client.post("/graphql", json={"query": document, "extensions": extensions})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert await stores.redis.get(cache_key(extensions["persistedQuery"]["sha256Hash"])) is None


@pytest.mark.parametrize(
    ("document", "role"),
    [
        (fresh(), None),
        (fresh("none"), Role.AGENT),
        (fresh("{"), Role.AGENT),
    ],
    ids=["without a credential", "invalid", "not parsed"],
)
async def test_only_valid_documents_of_known_actors_are_kept(
    api: Api, stores: Stores, document: str, role: Role | None
) -> None:
    await api.client.post(
        "/graphql", json={"query": document, "extensions": hashed(document)}, headers=credential(role)
    )
    assert await stores.redis.get(cache_key(digest_of(document))) is None
    assert await post(api, {"extensions": hashed(document)}) == {"errors": [NOT_FOUND]}


async def test_a_known_document_serves_actors_without_a_credential(api: Api) -> None:
    document = fresh()
    await post(api, {"query": document, "extensions": hashed(document)})
    assert (await post(api, {"extensions": hashed(document)}, role=None))["data"].keys() == {"health"}


@pytest.mark.parametrize(
    "body",
    [
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": "0" * 64}}},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 63}}},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "A" * 64}}},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": 7}}},
        {"extensions": {"persistedQuery": {"version": 1}}},
        {"extensions": {"persistedQuery": "hash"}},
        {"extensions": {"persistedQuery": None}},
        {"documentId": ""},
        {"documentId": 7},
        {"documentId": "0" * 300_000},
    ],
    ids=lambda body: json.dumps(body)[:60],
)
async def test_what_is_no_hash_is_malformed(api: Api, body: Mapping[str, Any]) -> None:
    response = await api.client.post("/graphql", json=body, headers=credential(Role.AGENT))
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert len(response.content) < 300


async def test_streams_find_documents_by_their_hash(api: Api) -> None:
    document = fresh()
    headers = {"Accept": "text/event-stream", **credential(Role.AGENT)}
    unknown = await api.client.post("/graphql", json={"extensions": hashed(document)}, headers=headers)
    await post(api, {"query": document, "extensions": hashed(document)})
    known = await api.client.post("/graphql", json={"extensions": hashed(document)}, headers=headers)

    assert "PERSISTED_QUERY_NOT_FOUND" in unknown.text
    assert '"data":{"health"' in known.text


async def test_without_redis_a_process_knows_no_documents_and_serves_those_it_gets(stores: Stores) -> None:
    away = RedisManager("redis://127.0.0.1:1/0")
    await away.connect()
    try:
        queries, without = PersistedQueries(RegisteredOperations()), Stores(stores.postgres, stores.neo4j, away)
        await queries.add(without, digest_of(HEALTH), HEALTH)
        assert await queries.find(without, digest_of(HEALTH)) is None
    finally:
        await away.disconnect()


async def test_memory_holds_the_documents_used_last(stores: Stores) -> None:
    queries = PersistedQueries(RegisteredOperations(), entries=2)
    documents = [fresh() for _ in range(3)]
    for document in documents:
        await queries.add(stores, digest_of(document), document)
    assert list(queries._documents.values()) == documents[1:]
    assert await queries.find(stores, digest_of(documents[0])) == documents[0]
    assert list(queries._documents.values()) == [documents[2], documents[0]]
