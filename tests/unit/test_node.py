import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import Unavailable
from resolvers.errors import BadInput
from schema.fields.node import join, split
from schema.gateway_schema import GatewaySchema
from tests.toy import Author, Book, Library, ask, codes_of, context_of, toy_schema

NODES = "query($ids:[ID!]!){nodes(ids:$ids){__typename id ... on Author{name} ... on Book{title} ... on Country{code}}}"


@pytest.fixture(scope="module")
def schema() -> GatewaySchema:
    return toy_schema()


async def test_objects_of_several_types_are_fetched_in_order_with_one_call_each(schema: GatewaySchema) -> None:
    library = Library.of(authors=3)
    ids = [join(*key) for key in (("Book", 2), ("Author", 3), ("Country", "PA"), ("Book", 1), ("Book", 2))]
    missing = [join("Author", 99), join("Country", "XX")]
    result = await ask(schema, NODES, context_of(library), ids=ids + missing)
    assert result.errors is None
    assert result.data == {
        "nodes": [
            {"__typename": "Book", "id": ids[0], "title": "Book 2"},
            {"__typename": "Author", "id": ids[1], "name": "Author 3"},
            {"__typename": "Country", "id": ids[2], "code": "PA"},
            {"__typename": "Book", "id": ids[3], "title": "Book 1"},
            {"__typename": "Book", "id": ids[0], "title": "Book 2"},
            None,
            None,
        ]
    }
    assert sorted(library.calls) == [("authors by id", 2), ("books by id", 2)]


async def test_a_type_that_cannot_be_loaded_leaves_the_others(schema: GatewaySchema) -> None:
    library = Library.of(authors=1)
    library.failure = Unavailable("records", "down")
    result = await ask(schema, NODES, context_of(library), ids=[join("Author", 1), join("Country", "PA")])
    assert result.data == {"nodes": [None, {"__typename": "Country", "id": join("Country", "PA"), "code": "PA"}]}
    assert [(error.path, (error.extensions or {})["code"]) for error in result.errors or ()] == [
        (["nodes", 0], "STORE_UNAVAILABLE")
    ]


def encoded(text: str | bytes) -> str:
    content = text if isinstance(text, bytes) else text.encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


MALFORMED = [
    "",
    "!",
    "1",
    "Author:1",
    encoded("Author"),
    encoded("Author:"),
    encoded("Author:0"),
    encoded("Author:-1"),
    encoded("Author:01"),
    encoded("Author:x"),
    encoded("Author:1:2"),
    encoded(f"Author:{2**63}"),
    encoded("Author:" + "9" * 100),
    encoded("Author:\N{ARABIC-INDIC DIGIT ONE}"),
    encoded("Unknown:1"),
    encoded("Query:1"),
    encoded("Country:"),
    encoded("Country:a\x00"),
    encoded("Country:" + "A" * 65),
    encoded(b"Author:\xff"),
    encoded("Author:1") + "=",
    encoded("Author:1") + "\n",
    # The same bytes with spare bits set.
    encoded("Author:1")[:-1] + "F",
    "A" * 10_000,
]


@pytest.mark.parametrize("global_id", MALFORMED, ids=range(len(MALFORMED)))
async def test_a_malformed_id_is_rejected(schema: GatewaySchema, global_id: str) -> None:
    library = Library.of(authors=1)
    result = await ask(schema, NODES, context_of(library), ids=[global_id])
    assert [(error.message, error.extensions) for error in result.errors or ()] == [
        ("ids must be a global id of this service", {"code": "BAD_USER_INPUT", "field": "ids"})
    ]
    assert library.calls == []


async def test_too_many_ids_are_rejected(schema: GatewaySchema) -> None:
    result = await ask(schema, NODES, context_of(Library.of(authors=1)), ids=[join("Author", 1)] * 201)
    assert codes_of(result) == ["BAD_USER_INPUT"]


def test_the_id_of_another_type_is_rejected() -> None:
    assert Author.key_of(join("Author", 2**63 - 1)) == 2**63 - 1
    with pytest.raises(BadInput, match="must be the id of a Book") as refused:
        Book.key_of(join("Author", 1), "bookId")
    assert refused.value.field == "bookId"


@given(st.text())
def test_no_text_breaks_the_codec(text: str) -> None:
    try:
        name, key = split(text, "id")
    except BadInput:
        return
    assert join(name, key) == text


@given(st.from_regex(r"[A-Z][A-Za-z]{0,20}", fullmatch=True), st.text(st.characters(codec="ascii"), max_size=50))
def test_ids_come_back(name: str, key: str) -> None:
    assert split(join(name, key), "id") == (name, key)
