"""Operations registered from the manifests of Relay, Apollo and graphql-codegen, and the safelist of them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from hashlib import md5, sha1, sha256
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest

from gateway import registered_operations
from gateway.config import Settings
from gateway.errors import CommandError
from gateway.http.graphql_request import GraphQLRequest, RequestError
from gateway.http.persisted_queries import PersistedDocuments
from gateway.registered_operations import MAX_LINES, MAX_OPERATIONS, register, remove
from gateway.safelist import Safelist
from integrations.records.registered_operations import ClientVersion
from integrations.stores.postgres import registered_operations as store
from resolvers import registered_operations as known
from resolvers.actor import Actor, Role
from resolvers.installation import Stores
from resolvers.registered_operations import RegisteredOperations
from schema.build import build_schema
from schema.runtime.documents import DocumentCache
from tests.gateway import Api, credential, serving

NOT_FOUND = {"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}


@pytest.fixture(scope="module")
def documents() -> DocumentCache:
    return build_schema().documents


@pytest.fixture
def document() -> str:
    """A document that nothing sent before."""
    return f"query Fresh{uuid4().hex} {{ health {{ status }} }}"


@pytest.fixture
async def client(stores: Stores) -> AsyncIterator[ClientVersion]:
    """A client without registered operations; they are removed at the end."""
    of = ClientVersion("agent console", uuid4().hex)
    yield of
    await store.delete(stores.postgres, of)


@pytest.fixture
async def strict(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    """A process whose safelist is on."""
    monkeypatch.setattr(known, "FRESH_SECONDS", 0.02)
    async with serving(settings.model_copy(update={"safelist": Safelist.ON})) as api:
        yield api


def hashed(document: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": sha256(document.encode()).hexdigest()}}


def apollo(**documents: str) -> dict[str, Any]:
    operations = [{"id": key, "name": "N", "type": "query", "body": body} for key, body in documents.items()]
    return {"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations}


async def registered(
    stores: Stores, documents: DocumentCache, folder: Path, of: ClientVersion, manifest: object
) -> str:
    """Registers a manifest; returns the summary."""
    file = folder / "manifest.json"
    file.write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))
    return await register(stores.postgres, documents, str(file), of)


async def post(
    api: Api, body: Mapping[str, Any], of: ClientVersion, role: Role | None = Role.AGENT, prefix: str = "apollographql"
) -> tuple[int, Any]:
    """Sends a request of a client; returns the status and the body."""
    names = {f"{prefix}-client-name": of.client, f"{prefix}-client-version": of.version}
    response = await api.client.post("/graphql", json=body, headers=credential(role) | names)
    return response.status_code, response.json()


def through_safelist(
    documents: DocumentCache, registry: RegisteredOperations, safelist: Safelist
) -> Callable[[str], Awaitable[object]]:
    """Sends documents of one client through the safelist."""
    persisted, actor = PersistedDocuments(documents, registry, safelist), Actor("agent", Role.AGENT, 1)

    async def send(document: str) -> object:
        request, nothing = GraphQLRequest(document, None, None), cast(Stores, None)
        return await persisted.document_of(request, actor, ClientVersion("console", "1.2"), nothing)

    return send


async def eventually(api: Api, body: Mapping[str, Any], of: ClientVersion) -> Any:
    """Sends a request until the process knows its operation; returns the data."""
    for _ in range(200):
        _, result = await post(api, body, of)
        if "data" in result:
            return result["data"]
        await asyncio.sleep(0.02)
    raise AssertionError(result)


@pytest.mark.parametrize(
    ("manifest", "body"),
    [
        (lambda text: {md5(text.encode()).hexdigest(): text}, lambda text: {"doc_id": md5(text.encode()).hexdigest()}),
        (
            lambda text: {sha1(text.encode()).hexdigest(): text},
            lambda text: {"documentId": sha1(text.encode()).hexdigest()},
        ),
        (
            lambda text: apollo(**{sha256(text.encode()).hexdigest(): text}),
            lambda text: {"extensions": hashed(text)},
        ),
        (lambda text: {"agent:Health": text}, lambda text: {"documentId": "agent:Health"}),
    ],
    ids=["Relay", "graphql-codegen", "Apollo", "names"],
)
async def test_a_client_sends_ids_of_its_manifest(
    strict: Api,
    stores: Stores,
    documents: DocumentCache,
    tmp_path: Path,
    client: ClientVersion,
    document: str,
    manifest: Callable[[str], object],
    body: Callable[[str], Mapping[str, Any]],
) -> None:
    summary = await registered(stores, documents, tmp_path, client, manifest(document))
    assert summary == f"1 operations of agent console {client.version} are registered"
    assert (await eventually(strict, body(document), client)).keys() == {"health"}
    assert (await post(strict, {"query": document}, client))[1]["data"].keys() == {"health"}, "the text is registered"
    assert (await post(strict, body(document), client, prefix="graphql"))[0] == 200, "other clients' headers"


async def test_the_safelist_rejects_what_this_version_has_not_registered(
    strict: Api, stores: Stores, documents: DocumentCache, tmp_path: Path, client: ClientVersion, document: str
) -> None:
    await registered(stores, documents, tmp_path, client, {"Health": document})
    await eventually(strict, {"documentId": "Health"}, client)
    older = ClientVersion(client.client, "older")
    for of, body in (
        (client, {"query": document + " "}),
        (older, {"query": document}),
        (older, {"documentId": "Health"}),
        (older, {"extensions": hashed(document)}),
        (ClientVersion("", ""), {"query": document}),
    ):
        status, result = await post(strict, body, of)
        assert (status, [one["extensions"]["code"] for one in result["errors"]]) == (403, ["OPERATION_NOT_REGISTERED"])
    assert (await post(strict, {"query": document}, older, Role.ADMIN))[0] == 200


async def test_removed_operations_are_rejected(
    strict: Api, stores: Stores, documents: DocumentCache, tmp_path: Path, client: ClientVersion, document: str
) -> None:
    await registered(stores, documents, tmp_path, client, {"Health": document})
    await eventually(strict, {"documentId": "Health"}, client)
    assert await remove(stores.postgres, client) == f"1 operations of agent console {client.version} are removed"
    for _ in range(200):
        status, result = await post(strict, {"documentId": "Health"}, client)
        if status != 200:
            break
        await asyncio.sleep(0.02)
    assert (status, result) == (404, {"errors": [NOT_FOUND]})
    with pytest.raises(CommandError, match="has no registered operations"):
        await remove(stores.postgres, client)


async def test_streams_keep_to_the_safelist(strict: Api, document: str) -> None:
    headers = {"Accept": "text/event-stream", **credential(Role.AGENT)}
    response = await strict.client.post("/graphql", json={"query": document}, headers=headers)
    assert "OPERATION_NOT_REGISTERED" in response.text


async def test_an_unknown_id_is_not_found_without_a_safelist_too(api: Api, client: ClientVersion) -> None:
    assert await post(api, {"documentId": "none"}, client) == (404, {"errors": [NOT_FOUND]})


async def test_a_safelist_that_is_not_known_yet_rejects_for_now(documents: DocumentCache, document: str) -> None:
    registry = RegisteredOperations()
    assert not registry.is_known
    persisted = through_safelist(documents, registry, Safelist.ON)
    with pytest.raises(RequestError, match="not known yet") as caught:
        await persisted(document)
    assert caught.value.status == 503


async def test_the_log_names_each_unregistered_operation_once(
    documents: DocumentCache, document: str, caplog: pytest.LogCaptureFixture
) -> None:
    persisted = through_safelist(documents, RegisteredOperations(), Safelist.LOG)
    for _ in range(3):
        await persisted(document)
    digest = sha256(document.encode()).hexdigest()
    assert caplog.messages == [f"not registered: client=console version=1.2 operation=- digest={digest}"]


async def test_a_manifest_is_registered_again_and_never_changed(
    stores: Stores, documents: DocumentCache, tmp_path: Path, client: ClientVersion, document: str
) -> None:
    for _ in range(2):
        await registered(stores, documents, tmp_path, client, {"Health": document})
    with pytest.raises(CommandError, match="has registered other documents under 1 of these ids, such as Health"):
        await registered(stores, documents, tmp_path, client, {"New": document, "Health": document + " "})
    lines = await registered_operations.listing(stores.postgres)
    line = next(line for line in lines if client.version in line)
    assert line.startswith(f"agent console {client.version}: 1 operations, registered 20")


@pytest.mark.parametrize(
    ("manifest", "fault"),
    [
        ("{", "is not valid JSON"),
        ("[]", "has another form"),
        ("7", "has another form"),
        ({}, "must have 1 to 5,000 operations, not 0"),
        ({"a": 7}, "no id or no document"),
        ('{"a": "{ __typename }", "a": "{ health { status } }"}', "an id twice"),
        ("[" * 100_000, "is not valid JSON"),
        ({"format": "apollo-persisted-query-manifest", "version": 2, "operations": []}, "version 1"),
        ({"format": "apollo-persisted-query-manifest", "version": 1, "operations": [7]}, "no id or no document"),
        ({"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "a"}]}, "no id"),
        ({"a": "{ none }"}, "a: invalid: Cannot query field 'none'"),
        ({"a": "{"}, "a: invalid: Syntax Error"),
        ({"a": "fragment F on Bag { id }"}, "a: "),
        ({"": "{ health { status } }"}, "an id must have 1 to 200"),
        ({"a" * 300: "{ health { status } }"}, "an id must have 1 to 200"),
        ({"0" * 64: "{ health { status } }"}, "the id is not the SHA-256"),
        (apollo(a="{ __typename }") | {"operations": 2 * apollo(a="{ __typename }")["operations"]}, "twice"),
        ({str(number): "{ health { status } }" for number in range(MAX_OPERATIONS + 1)}, "must have 1 to 5,000"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_manifest_with_faults_registers_nothing(
    stores: Stores, documents: DocumentCache, tmp_path: Path, client: ClientVersion, manifest: object, fault: str
) -> None:
    with pytest.raises(CommandError, match=fault.replace("(", r"\(")):
        await registered(stores, documents, tmp_path, client, manifest)
    assert not [line for line in await registered_operations.listing(stores.postgres) if client.version in line]


def test_all_faults_stand_in_one_list(documents: DocumentCache) -> None:
    manifest = json.dumps({str(number): "{ none }" for number in range(MAX_LINES + 5)})
    with pytest.raises(CommandError) as caught:
        registered_operations.read_manifest(manifest.encode(), documents)
    lines = str(caught.value).splitlines()
    assert (lines[0], len(lines), lines[-1].strip()) == ("Nothing was registered.", MAX_LINES + 2, "and 5 more")
