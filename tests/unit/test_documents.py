import pytest
from graphql import parse

from schema.gateway_schema import GatewaySchema
from schema.runtime.documents import DocumentCache
from schema.runtime.limits import Limits
from tests.toy import Library, ask, codes_of, context_of, toy_schema


@pytest.fixture
def schema() -> GatewaySchema:
    return toy_schema()


@pytest.fixture
def cache(schema: GatewaySchema) -> DocumentCache:
    return DocumentCache(schema._schema, Limits(), entries=3, size=40_000)


def prepare(cache: DocumentCache, text: str) -> None:
    if cache.find(text) is None:
        cache.prepare(text, parse(text))


async def test_a_document_is_prepared_once(schema: GatewaySchema, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        assert (await ask(schema, "{health}", context_of(Library.of(1)))).data == {"health": "ok"}
        monkeypatch.setattr("strawberry.schema.schema.parse", None)
        monkeypatch.setattr("schema.runtime.documents.validate", None)
    assert (schema.documents.misses, schema.documents.hits) == (1, 2)


async def test_an_invalid_document_gets_the_same_errors_again(schema: GatewaySchema) -> None:
    first = await ask(schema, "{nowhere}", context_of(Library.of(1)))
    again = await ask(schema, "{nowhere}", context_of(Library.of(1)))
    assert schema.documents.hits == 1
    assert first.errors is not None
    assert again.errors is not None
    assert [error.formatted for error in again.errors] == [error.formatted for error in first.errors]
    assert codes_of(again) == ["GRAPHQL_VALIDATION_FAILED"]


async def test_errors_of_one_document_are_few(schema: GatewaySchema) -> None:
    text = "{books{" + " ".join(f"nowhere{n}" for n in range(100)) + "}}"
    assert len(codes_of(await ask(schema, text, context_of(Library.of(1))))) == 11


def test_the_least_recently_used_goes_first(cache: DocumentCache) -> None:
    for text in ("{a:health}", "{b:health}", "{c:health}", "{a:health}", "{d:health}"):
        prepare(cache, text)
    assert len(cache) == 3
    assert cache.find("{b:health}") is None
    assert cache.find("{a:health}") is not None


def test_large_documents_push_out_many(cache: DocumentCache) -> None:
    prepare(cache, "{a:health}")
    first, second = ("{books{" + "title " * count + "}}" for count in (50, 51))
    prepare(cache, first)
    prepare(cache, "{a:health}")
    prepare(cache, second)
    assert len(cache) == 2
    assert cache.find(first) is None
    assert cache.size <= 40_000


def test_a_document_larger_than_the_cache_is_not_kept(cache: DocumentCache) -> None:
    text = "{books{" + "title " * 60 + "}} fragment f on Query {books{" + "title " * 60 + "}}"
    assert cache.prepare(text, parse(text)).errors
    assert len(cache) == 0
    assert cache.size == 0
