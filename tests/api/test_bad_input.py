"""Invalid input: a clear error with a code, no text of a database driver, no error in the log."""

import json
import re
from typing import Any

import httpx
import pytest

from resolvers.actor import Role
from schema.fields.node import join
from tests.gateway import Api, credential
from tests.world import World

DRIVERS_WORDS = re.compile(
    r"asyncpg|postgres|psycopg|neo4j|cypher|redis|sqlstate|traceback|relation|constraint|bolt:|0x[0-9a-f]{6}|\.py\b",
    re.IGNORECASE,
)
BAG = "query($by:BagBy!){bag(by:$by){id}}"
BAGS = """
    query($first: Int, $after: String, $last: Int, $before: String) {
      bags(first: $first, after: $after, last: $last, before: $before) { nodes { id } }
    }
"""


def errors_of(response: httpx.Response) -> list[dict[str, Any]]:
    """The errors of a response. Asserts that each has a public code and no text of a database driver."""
    errors: list[dict[str, Any]] = response.json()["errors"]
    assert errors
    for error in errors:
        assert re.fullmatch(r"[A-Z_]+", error["extensions"]["code"])
        assert error["extensions"]["code"] != "INTERNAL_ERROR"
        assert not DRIVERS_WORDS.search(json.dumps(error))
    return errors


async def refused(api: Api, query: str, **variables: Any) -> tuple[int, str, str | None]:
    """Status, code and field of a response's only error."""
    response = await api.send(query, **variables)
    [error] = errors_of(response)
    return response.status_code, error["extensions"]["code"], error["extensions"].get("field")


@pytest.mark.parametrize(
    "tag",
    ["", " ", "12345678", "12345678901", "CM12345", "CM1234567", "COPA123456", "hello", "0230456781000",
     "0230999999002", "\u0660230456781", "💼", "CM456781'; DROP TABLE bags", "9" * 5000],
)  # fmt: skip
async def test_a_tag_that_cannot_be_one(api: Api, tag: str) -> None:
    assert await refused(api, BAG, by={"tag": tag}) == (200, "BAD_USER_INPUT", "tag")


@pytest.mark.parametrize(
    "global_id",
    ["", "1", "Bag:1", "QmFnOjE=", "QmFnOjE\n", "!!!", "ÿ" * 5, join("Bag", 0), join("Bag", -1), join("Bag", 2**63),
     join("Bag", "1 OR 1=1"), join("Bag", "x"), join("Bag", "01"), join("Bog", 1), join("", 1), join("Flight", 1),
     "Q" * 300],
)  # fmt: skip
async def test_an_id_that_is_malformed_or_of_another_type(api: Api, global_id: str) -> None:
    assert await refused(api, BAG, by={"id": global_id}) == (200, "BAD_USER_INPUT", "id")


@pytest.mark.parametrize(
    "by",
    [None, {}, {"tag": None}, {"tag": "CM456781", "id": join("Bag", 1)}, {"tag": "CM456781", "id": None}, {"x": 1}],
)
async def test_a_bag_is_identified_in_exactly_one_way(api: Api, by: Any) -> None:
    response = await api.send(BAG, by=by)
    assert response.status_code == 400
    assert [error["extensions"]["code"] for error in errors_of(response)] == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("global_id", ["", "x", join("Query", 1), join("Journey", 1), join("Bag", 2**63)])
async def test_one_malformed_id_among_many_refuses_them_all(api: Api, world: World, global_id: str) -> None:
    ids = [world.ours.id("Bag", "delivered"), global_id]
    response = await api.send("query($ids:[ID!]!){nodes(ids:$ids){id}}", ids=ids)
    assert [error["extensions"] for error in errors_of(response)] == [{"code": "BAD_USER_INPUT", "field": "ids"}]


async def test_too_many_ids(api: Api) -> None:
    response = await api.send("query($ids:[ID!]!){nodes(ids:$ids){id}}", ids=[join("Bag", n) for n in range(1, 202)])
    assert errors_of(response)[0]["extensions"]["code"] in ("BAD_USER_INPUT", "LIMIT_EXCEEDED")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"first": -1}, "first"),
        ({"first": 0}, "first"),
        ({"first": 1001}, "first"),
        ({"first": 10000}, "first"),
        ({"last": -1}, "last"),
        ({"last": 10000}, "last"),
        ({"first": 5, "last": 5}, "last"),
        ({"last": 5, "after": "x"}, "after"),
        ({"before": "x"}, "before"),
        ({"after": ""}, "after"),
        ({"after": "x"}, "after"),
        ({"after": "bm8gY3Vyc29y"}, "after"),
        ({"after": "é" * 20}, "after"),
        ({"after": "A" * 9000}, "after"),
        ({"last": 5, "before": "\ufffd"}, "before"),
    ],
)
async def test_a_page_that_cannot_be(api: Api, arguments: dict[str, Any], field: str) -> None:
    assert await refused(api, BAGS, **arguments) == (200, "BAD_USER_INPUT", field)


async def test_a_cursor_that_was_tampered_with_or_belongs_to_another_list(api: Api, world: World) -> None:
    page = await api.ask("{bags(first:1){pageInfo{endCursor}} flights(first:1){pageInfo{endCursor}}}")
    cursor = page["bags"]["pageInfo"]["endCursor"]
    flipped = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]

    assert await refused(api, BAGS, after=flipped) == (200, "BAD_USER_INPUT", "after")
    foreign = page["flights"]["pageInfo"]["endCursor"]
    assert await refused(api, BAGS, after=foreign) == (200, "BAD_USER_INPUT", "after")


@pytest.mark.parametrize("first", [2**31, -(2**31) - 1, 2**63, 1.5, "5", True, [5]])
async def test_a_number_of_another_kind(api: Api, first: Any) -> None:
    response = await api.send(BAGS, first=first)
    assert response.status_code == 400
    assert errors_of(response)[0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert "data" not in response.json()


@pytest.mark.parametrize(
    "moment",
    ["0000-01-01T00:00:00Z", "2025-13-01T00:00:00Z", "2025-02-30T00:00:00Z", "2025-07-01", "2025-07-01T12:00:00", "now",
     "", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2025-07-01T12:00:00+99:99", 1751371200, None, {}],
)  # fmt: skip
async def test_a_moment_that_is_none(api: Api, moment: Any) -> None:
    query = 'query($at:DateTime!){bags(first:1){nodes{id}} bag(by:{tagAt:{tag:"CM456781",at:$at}}){id}}'
    response = await api.send(query, at=moment)
    assert response.status_code == 400
    assert errors_of(response)[0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
async def test_the_first_and_the_last_moment_are_moments(api: Api, world: World, moment: str) -> None:
    query = """
        query($at: DateTime!) {
          bag(by: {tagAt: {tag: "CM456781", at: $at}}) { tag }
          later: flights(departingFrom: $at) { nodes { designator } }
          sooner: flights(departingBefore: $at) { nodes { designator } }
        }
    """
    data = await api.ask(query, at=moment)
    assert data["bag"] == {"tag": "0230456781"}
    assert len(data["later"]["nodes"]) + len(data["sooner"]["nodes"]) == 4


@pytest.mark.parametrize("day", ["0000-01-01", "2025-02-30", "tomorrow", "", 20250701, "10000-01-01"])
async def test_a_date_that_is_none(api: Api, day: Any) -> None:
    response = await api.send(
        'query($d:Date!){flight(by:{departure:{designator:"CM335",departureDate:$d}}){id}}', d=day
    )
    assert response.status_code == 400
    assert errors_of(response)[0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
async def test_the_first_and_the_last_day_are_days(api: Api, world: World, day: str) -> None:
    data = await api.ask('query($d:Date!){flight(by:{departure:{designator:"CM335",departureDate:$d}}){id}}', d=day)
    assert data == {"flight": None}


@pytest.mark.parametrize(
    "body",
    [
        rb'{"query":"query($t:String!){bag(by:{tag:$t}){id}}","variables":{"t":"CM\u0000456781"}}',
        rb'{"query":"query($t:String!){search(text:$t){readAs}}","variables":{"t":"\u0000"}}',
        rb'{"query":"mutation($i:RecordScansInput!){recordScans(input:$i){results{outcome}}}","variables":{"i":{"scans":[],"clientMutationId":"a\u0000b"}}}',
        rb'{"query":"{search(text:\"a\\u0000b\"){readAs}}"}',
        b'{"query":"{search(text:\\"a\\u0000b\\"){readAs}}"}',
    ],
    ids=["variable", "whole variable", "input object", "escape in the document", "sign in the document"],
)
async def test_text_with_the_character_u_0000(api: Api, body: bytes) -> None:
    response = await post(api, body)
    assert response.status_code == 400
    assert errors_of(response)[0]["extensions"]["code"] in ("BAD_USER_INPUT", "GRAPHQL_PARSE_FAILED")


@pytest.mark.parametrize(
    "body",
    [
        rb'{"query":"query($t:String!){search(text:$t){readAs}}","variables":{"t":"\ud800"}}',
        rb'{"query":"query($t:String!){search(text:$t){readAs}}","variables":{"t":"\udc00x"}}',
        rb'{"query":"{search(text:\"\\ud800\"){readAs}}"}',
        rb'{"query":"{search(text:\"\\uDEAD\"){readAs}}"}',
        b'{"query":"{search(text:\\"\xed\xa0\x80\\"){readAs}}"}',
        b'{"query":"{search(text:\\"\xff\\"){readAs}}"}',
    ],
    ids=["variable", "low half", "escape in the document", "low escape", "raw surrogate", "no UTF-8"],
)
async def test_a_lone_surrogate(api: Api, body: bytes) -> None:
    response = await post(api, body)
    assert response.status_code == 400
    assert errors_of(response)[0]["extensions"]["code"] in ("BAD_REQUEST", "GRAPHQL_PARSE_FAILED")


@pytest.mark.parametrize(
    "text", ["\u0001\u0002", "\ufeff\ufffe", "\u202eabc", "a\u0301" * 50, "💼💼", "\U0010ffff" * 9]
)
async def test_any_other_text_is_only_text(api: Api, world: World, text: str) -> None:
    response = await api.send("query($t:String!){search(text:$t){found{__typename}}}", t=text)
    assert response.status_code == 200
    if "errors" in response.json():
        assert errors_of(response)[0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "text"}
    else:
        assert response.json()["data"]["search"]["found"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ('{flight(by:{designator:"758"}){id}}', "designator"),
        ('{flight(by:{designator:"CM99999"}){id}}', "designator"),
        ('{pir(by:{reference:"PTYCM1234"}){id}}', "reference"),
        ('{airport(iata:"PT"){iata}}', "iata"),
        ('{airport(iata:"ÑÑÑ"){iata}}', "iata"),
        ('{bags(airport:"P%Y"){nodes{id}}}', "airport"),
        ('{routes(from:"PTY",to:"1"){source}}', "to"),
        ('{routes(from:"",to:"PTY"){source}}', "from"),
        ('{bag(by:{tag:"CM456781"}){scans(last:0){id}}}', "last"),
        ('{bag(by:{tag:"CM456781"}){scans(last:501){id}}}', "last"),
        ('{bag(by:{tag:"CM456781"}){journey{scans(last:-1){id}}}}', "last"),
        ('{bag(by:{tag:"CM456781"}){fellows(first:201){total}}}', "first"),
        ("{flights{nodes{bags(first:-1){nodes{id}}}}}", "first"),
        ('{flights{nodes{bags(after:"x"){nodes{id}}}}}', "after"),
    ],
)
async def test_an_argument_that_cannot_be_used_is_named(api: Api, world: World, query: str, field: str) -> None:
    response = await api.send(query)
    assert response.status_code == 200
    assert {(error["extensions"]["code"], error["extensions"]["field"]) for error in errors_of(response)} == {
        ("BAD_USER_INPUT", field)
    }


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "BAD_REQUEST"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{bogus}", "GRAPHQL_VALIDATION_FAILED"),
        ("{bags(states:[FLYING]){nodes{id}}}", "GRAPHQL_VALIDATION_FAILED"),
        ("{bag(by:{tag:5}){id}}", "GRAPHQL_VALIDATION_FAILED"),
        ("{bag{id}}", "GRAPHQL_VALIDATION_FAILED"),
        ("{bag(by:{}){id}}", "GRAPHQL_VALIDATION_FAILED"),
        ('{bag(by:{id:"x",tag:"x"}){id}}', "GRAPHQL_VALIDATION_FAILED"),
        ("{flight(by:{designator:null}){id}}", "GRAPHQL_VALIDATION_FAILED"),
        ("query($r:String){pir(by:{reference:$r}){id}}", "GRAPHQL_VALIDATION_FAILED"),
        ("query a{health{status}} query b{health{status}}", "OPERATION_RESOLUTION_FAILED"),
        ("{health{status}" + " " * 40_000 + "}", "LIMIT_EXCEEDED"),
    ],
    ids=[
        *("empty", "syntax", "field", "enum", "type", "no way", "none", "two ways", "null way", "null variable"),
        *("two operations", "long"),
    ],
)
async def test_a_document_that_is_none_is_a_bad_request(api: Api, query: str, code: str) -> None:
    response = await api.send(query)
    assert response.status_code == 400
    assert {error["extensions"]["code"] for error in errors_of(response)} == {code}


@pytest.mark.parametrize(
    "query",
    [
        "{bags{nodes{" + "passenger{bags{" * 40 + "id" + "}" * 83,
        "{bags{nodes{" + "passenger{bags{" * 5 + "id" + "}" * 13,
        "{bags(first:200){nodes{passenger{bags{pir{bags{passenger{bags{id}}}}}}}}}",
        "{flights(first:200){nodes{bags(first:200){nodes{itinerary{flight{bags(first:200){nodes{id}}}}}}}}}",
        "{" + " ".join(f"a{n}:health{{status}}" for n in range(300)) + "}",
        '{bag(by:{tag:"CM456781"}){' + " ".join(f"a{n}:tag" for n in range(300)) + "}}",
        "{bags{nodes{...a}}} fragment a on Bag{"
        + "...b " * 20
        + "} fragment b on Bag{"
        + "...c " * 20
        + "} fragment c on Bag{"
        + "id " * 20
        + "}",
        "{bags{nodes{...a}}} fragment a on Bag{passenger{bags{...a}}}",
        "{" + "health{status} " * 2000 + "}",
    ],
    ids=["deep", "cycle", "lists", "pages", "aliases", "field aliases", "bomb", "loop", "tokens"],
)
async def test_a_document_that_asks_for_too_much_is_refused_before_it_runs(api: Api, query: str) -> None:
    response = await api.send(query)
    assert response.status_code == 400
    assert "data" not in response.json()
    assert errors_of(response)[0]["extensions"]["code"] in ("LIMIT_EXCEEDED", "GRAPHQL_VALIDATION_FAILED")


async def test_a_large_cost_in_a_variable_is_refused_as_well(api: Api) -> None:
    query = "query($n:Int!){flights(first:$n){nodes{bags(first:$n){nodes{id}}}}}"
    assert await api.codes(query, n=200) == ["LIMIT_EXCEEDED"]
    assert await api.codes(query, n=2) == []


async def test_a_body_that_is_too_long(api: Api) -> None:
    response = await post(api, b'{"query":"' + b" " * 1_100_000 + b'{health{status}}"}')
    assert response.status_code == 413
    assert errors_of(response)[0]["extensions"]["code"] == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize(
    "body",
    [b"", b"5", b'"x"', b"[]", b"null", b"{}", b"{", b'{"query":5}', b'{"query":"{health{status}}","variables":[]}'],
)
async def test_a_body_that_is_no_question(api: Api, body: bytes) -> None:
    response = await post(api, body)
    assert response.status_code == 400
    assert errors_of(response)[0]["extensions"]["code"] == "BAD_REQUEST"


async def test_older_clients_get_their_errors_with_200(api: Api) -> None:
    """GraphQL over HTTP requires status 200 for application/json."""
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    response = await api.client.post("/graphql", content=b'{"query":"{bogus}"}', headers=headers)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("application/json")
    assert errors_of(response)[0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def post(api: Api, body: bytes) -> httpx.Response:
    """Posts a body unchanged with a valid credential and returns the response."""
    headers = {**credential(Role.AGENT), "Content-Type": "application/json"}
    return await api.client.post("/graphql", content=body, headers=headers)
