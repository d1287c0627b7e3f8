import base64
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strawberry.types import ExecutionResult

from resolvers.errors import BadInput
from schema.fields.pagination import Order, page_of
from schema.gateway_schema import GatewaySchema
from tests.toy import BY_BIRTH, BY_ID, AuthorRecord, Library, ask, codes_of, context_of, toy_schema

PAGE = """query($first: Int, $after: String, $last: Int, $before: String) {
  authors(first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { name } }
    nodes { name }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""


@pytest.fixture(scope="module")
def schema() -> GatewaySchema:
    return toy_schema()


async def page(schema: GatewaySchema, library: Library, **arguments: Any) -> dict[str, Any]:
    result = await ask(schema, PAGE, context_of(library), **arguments)
    assert result.errors is None
    assert result.data is not None
    found: dict[str, Any] = result.data["authors"]
    assert [edge["node"] for edge in found["edges"]] == found["nodes"]
    return found


def names(found: dict[str, Any]) -> list[str]:
    return [node["name"] for node in found["nodes"]]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("backward", [False, True])
async def test_pages_in_a_row_are_the_list(schema: GatewaySchema, size: int, backward: bool) -> None:
    library = Library.of(authors=7)
    amount, cursor, end, more = (
        ("last", "before", "startCursor", "hasPreviousPage")
        if backward
        else ("first", "after", "endCursor", "hasNextPage")
    )
    collected: list[str] = []
    arguments: dict[str, Any] = {amount: size}
    while True:
        found = await page(schema, library, **arguments)
        collected = names(found) + collected if backward else collected + names(found)
        if not found["pageInfo"][more]:
            break
        arguments[cursor] = found["pageInfo"][end]
    assert collected == [f"Author {n}" for n in range(1, 8)]


async def test_a_cursor_survives_inserts_and_deletes(schema: GatewaySchema) -> None:
    library = Library.of(authors=6)
    first = await page(schema, library, first=3)
    del library.authors[3], library.authors[1]
    library.authors[100] = AuthorRecord({"id": 100, "name": "Author 100", "born": library.authors[4].born})
    following = await page(schema, library, first=3, after=first["pageInfo"]["endCursor"])
    assert names(following) == ["Author 4", "Author 5", "Author 100"]
    assert following["pageInfo"]["hasPreviousPage"]


async def test_an_empty_piece_has_no_cursors(schema: GatewaySchema) -> None:
    found = await page(schema, Library({}, {}))
    assert found["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": None,
    }


async def test_each_parent_has_a_page_of_its_own(schema: GatewaySchema) -> None:
    library = Library.of(authors=3, books_each=4)
    text = "{authors{nodes{books(first:2){nodes{title} edges{cursor} pageInfo{hasNextPage}}}}}"
    result = await ask(schema, text, context_of(library))
    assert result.data is not None
    books = [author["books"] for author in result.data["authors"]["nodes"]]
    assert [[node["title"] for node in piece["nodes"]] for piece in books] == [
        ["Book 1", "Book 4"],
        ["Book 2", "Book 5"],
        ["Book 3", "Book 6"],
    ]
    cursor = books[0]["edges"][1]["cursor"]
    text = "query($after:String){authors(first:1){nodes{books(after:$after){nodes{title}}}}}"
    result = await ask(schema, text, context_of(library), after=cursor)
    assert result.data == {"authors": {"nodes": [{"books": {"nodes": [{"title": "Book 7"}, {"title": "Book 10"}]}}]}}
    assert [call for call in library.calls if call[0] == "books of authors"] == [
        ("books of authors", 3),
        ("books of authors", 1),
    ]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"first": 0}, "first"),
        ({"first": -1}, "first"),
        ({"first": 1_001}, "first"),
        ({"first": 10_000}, "first"),
        ({"last": 0}, "last"),
        ({"last": 10_000}, "last"),
        ({"first": 1, "last": 1}, "last"),
        ({"last": 1, "after": "x"}, "after"),
        ({"first": 1, "before": "x"}, "before"),
        ({"before": "x"}, "before"),
        ({"after": ""}, "after"),
        ({"after": "é"}, "after"),
        ({"after": "nonsense"}, "after"),
        ({"after": "Zm9yZ2VkMTIzNDU2Nzg5MFsxXQ"}, "after"),
        ({"after": "A" * 100_000}, "after"),
        ({"last": 1, "before": "=="}, "before"),
    ],
)
async def test_arguments_that_cannot_be_used_are_named(
    schema: GatewaySchema, arguments: dict[str, Any], field: str
) -> None:
    library = Library.of(authors=1)
    result = await ask(schema, PAGE, context_of(library), **arguments)
    assert result.errors is not None
    assert [error.extensions for error in result.errors] == [{"code": "BAD_USER_INPUT", "field": field}]
    assert field in result.errors[0].message or "cursor" in result.errors[0].message
    assert library.calls == []


async def test_a_cursor_of_another_list_tenant_or_key_is_rejected(schema: GatewaySchema) -> None:
    library = Library.of(authors=2)
    context = context_of(library)
    author = library.authors[1]
    foreign = [
        BY_ID.cursor(context, author),
        Order("authors by birth", born=str, id=int).cursor(context, author),
        Order("authors by death", born=datetime, id=int).cursor(context, author),
        BY_BIRTH.cursor(context_of(library, airline_id=2), author),
    ]
    context.signing_key = b"other"
    foreign.append(BY_BIRTH.cursor(context, author))
    for cursor in foreign:
        refused: ExecutionResult = await ask(schema, PAGE, context_of(library), after=cursor)
        assert codes_of(refused) == ["BAD_USER_INPUT"]
    own = BY_BIRTH.cursor(context_of(library), author)
    assert names(await page(schema, library, after=own)) == ["Author 2"]


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_other_bytes_are_a_cursor(token: bytes) -> None:
    context = context_of(Library.of(authors=1))
    with pytest.raises(BadInput, match="must be a cursor of this list"):
        page_of(context, BY_BIRTH, 1, base64.urlsafe_b64encode(token).decode())


@given(st.text())
def test_no_text_is_a_cursor(text: str) -> None:
    with pytest.raises(BadInput, match="must be a cursor of this list"):
        page_of(context_of(Library.of(authors=1)), BY_BIRTH, 1, text)


def test_changing_one_character_breaks_a_cursor() -> None:
    context = context_of(Library.of(authors=1))
    cursor = BY_ID.cursor(context, AuthorRecord({"id": 12345}))
    assert BY_ID.key(context, cursor, "after") == (12345,)
    for index in range(len(cursor) - 1):
        changed = cursor[:index] + ("A" if cursor[index] != "A" else "B") + cursor[index + 1 :]
        with pytest.raises(BadInput):
            BY_ID.key(context, changed, "after")
