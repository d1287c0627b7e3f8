"""Uses of operations by client and version, and what they say of a field."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from graphql import GraphQLSchema

from gateway.config import Settings
from gateway.errors import CommandError
from gateway.registered_operations import uses
from integrations.records.operation_uses import OperationUse
from integrations.records.registered_operations import ClientVersion
from integrations.stores.postgres import operation_uses as store
from resolvers import operation_uses
from resolvers.actor import Role
from resolvers.installation import Stores
from resolvers.operation_uses import CountedUse, OperationUses
from schema.build import build_schema
from tests.gateway import credential, serving

WEIGHTS = 'query Weights { bags(first: 3, airport: "%s") { nodes { weightKg } } }'
STATES = "query States { bags { nodes { state } } }"


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema()._schema


@pytest.fixture
def client() -> ClientVersion:
    return ClientVersion("board", uuid4().hex)


def named(of: ClientVersion) -> dict[str, str]:
    return {"apollographql-client-name": of.client, "apollographql-client-version": of.version}


async def stored(stores: Stores, of: ClientVersion) -> list[OperationUse]:
    return [one for one in await store.of_days(stores.postgres, 1) if one.of == of]


async def test_uses_are_counted_without_values(settings: Settings, stores: Stores, client: ClientVersion) -> None:
    """Two processes; documents that differ in values count together, invalid ones not at all."""
    for airports in (("PTY", "MIA"), ("GRU",)):
        async with serving(settings) as api:
            for airport in airports:
                body = {"query": WEIGHTS % airport}
                await api.client.post("/graphql", json=body, headers=credential(Role.AGENT) | named(client))
            for query in ("{ none }", "{"):
                await api.client.post("/graphql", json={"query": query}, headers=credential(Role.AGENT) | named(client))
            events = {"Accept": "text/event-stream", **credential(Role.AGENT), **named(client)}
            await api.client.post("/graphql", json={"query": STATES, "operationName": "States"}, headers=events)

    found = {one.operation: one for one in await stored(stores, client)}
    assert {name: one.uses for name, one in found.items()} == {"Weights": 3, "States": 2}
    assert found["Weights"].document == 'query Weights{bags(first:0 airport:""){nodes{weightKg}}}'
    assert found["Weights"].last_day == datetime.now(UTC).date()


async def test_who_uses_a_field(stores: Stores, schema: GraphQLSchema, client: ClientVersion) -> None:
    other = ClientVersion("console", client.version)
    await store.add(
        stores.postgres,
        [
            OperationUse(client, "Weights", "query Weights{bags{nodes{weightKg}}}", 1_200),
            OperationUse(client, "States", "query States{bags{nodes{state}}}", 7),
            OperationUse(other, "", "{bags{nodes{state weightKg}}}", 1),
        ],
    )
    lines = [one for one in await uses(stores.postgres, schema, 30, "Bag.weightKg") if client.version in one]
    today = datetime.now(UTC).date()
    assert lines == [
        f"board {client.version}: Weights, 1,200 uses, last on {today}",
        f"console {client.version}: unnamed operation, 1 uses, last on {today}",
    ]
    every = [one for one in await uses(stores.postgres, schema, 30, None) if client.version in one]
    assert len(every) == 3
    unused = await uses(stores.postgres, schema, 30, "PirStatus.SUSPENDED")
    assert unused == ["No client has used PirStatus.SUSPENDED in 30 days."]


@pytest.mark.parametrize("name", ["Bag", "Bag.none", "None.id", "Query.bag(none:)", "PirStatus.NONE", "", "DateTime.x"])
async def test_an_unknown_field_is_named(stores: Stores, schema: GraphQLSchema, name: str) -> None:
    with pytest.raises(CommandError, match="The schema has no"):
        await uses(stores.postgres, schema, 30, name)


async def test_a_process_counts_a_bounded_number(
    stores: Stores, client: ClientVersion, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation_uses, "MAX_COUNTED", 2)
    counted = OperationUses(lambda document, name: (name or "", document))
    for number in (0, 1, 2, 0, 3):
        counted.count(CountedUse(client, f"Operation{number}", "{bags{total}}"))
    await counted.store(stores.postgres)
    assert {one.operation: one.uses for one in await stored(stores, client)} == {"Operation0": 2, "Operation1": 1}
    assert caplog.messages == ["2 uses of operations were not counted: more than 2 different ones"]


async def test_the_database_keeps_a_bounded_number(
    stores: Stores, client: ClientVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_DOCUMENTS", 0)
    await store.add(stores.postgres, [OperationUse(client, "", f"{{{uuid4().hex}}}", 1)])
    assert await stored(stores, client) == []
    monkeypatch.setattr(store, "MAX_DOCUMENTS", 10_000)
    monkeypatch.setattr(store, "MAX_USES_OF_DAY", 0)
    await store.add(stores.postgres, [OperationUse(client, "", "{bags{total}}", 1)])
    assert await stored(stores, client) == []


async def test_old_uses_are_deleted_with_their_documents(
    stores: Stores, client: ClientVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    use = OperationUse(client, "", f"query Old{uuid4().hex}{{bags{{total}}}}", 1)
    documents = "SELECT count(*) FROM used_documents WHERE digest = $1"
    await store.add(stores.postgres, [use])
    await store.delete_old(stores.postgres)
    assert len(await stored(stores, client)) == 1
    monkeypatch.setattr(store, "KEPT_DAYS", -1)
    await store.delete_old(stores.postgres)
    assert await stored(stores, client) == []
    assert await stores.postgres.fetchval(documents, use.digest) == 0


async def test_uses_wait_while_postgresql_is_away(stores: Stores, client: ClientVersion) -> None:
    counted = OperationUses(lambda document, name: (name or "", document))
    counted.count(CountedUse(client, None, "{bags{total}}"))
    postgres = type(stores.postgres)("postgresql://app@127.0.0.1:1/bags", 0, 2)
    await postgres.connect()
    try:
        await counted.store(postgres)
    finally:
        await postgres.disconnect()
    await counted.store(stores.postgres)
    assert [one.uses for one in await stored(stores, client)] == [1]
