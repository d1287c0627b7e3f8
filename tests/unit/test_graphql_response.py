import gzip
import logging
import uuid
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any

import orjson
import pytest
from graphql import ExecutionResult, GraphQLError
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.graphql_request import GRAPHQL_JSON, JSON, accepts_gzip
from gateway.http.graphql_response import COMPRESSED_FROM, THREAD_FROM, GraphQLResponse, response_of
from schema.runtime.scalars import write_date_time


async def sent(response: GraphQLResponse, *, takes: bool) -> tuple[dict[bytes, bytes], bytes]:
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    await response.send(send, gzip=takes)
    start, body = messages
    assert start["status"] == response.status
    headers = dict(start["headers"])
    assert len(headers) == len(start["headers"])
    assert int(headers[b"content-length"]) == len(body["body"])
    return headers, body["body"]


@pytest.mark.parametrize("size", [COMPRESSED_FROM, THREAD_FROM])
async def test_long_responses_are_compressed_for_clients_that_accept_it(size: int) -> None:
    response = GraphQLResponse(HTTPStatus.OK, b"x" * size, JSON)
    headers, body = await sent(response, takes=True)
    assert headers[b"content-encoding"] == b"gzip"
    assert gzip.decompress(body) == response.body
    assert len(body) < len(response.body)
    plain, body = await sent(response, takes=False)
    assert b"content-encoding" not in plain
    assert body == response.body
    assert plain[b"vary"] == headers[b"vary"] == b"accept, accept-encoding"


async def test_short_responses_are_not_compressed() -> None:
    response = GraphQLResponse(HTTPStatus.OK, b"x" * (COMPRESSED_FROM - 1), JSON)
    headers, body = await sent(response, takes=True)
    assert body == response.body
    assert not headers.keys() & {b"content-encoding", b"vary"}


@pytest.mark.parametrize(
    ("accept_encoding", "takes"),
    [
        ("", False),
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("br;q=1.0, GZip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("br, identity", False),
        ("gzipped", False),
    ],
)
def test_gzip_is_taken_by_who_says_so(accept_encoding: str, takes: bool) -> None:
    assert accepts_gzip(accept_encoding) is takes


@given(st.datetimes(timezones=st.just(UTC)))
def test_timestamps_in_utc_are_written_as_the_scalar_writes_them(time: datetime) -> None:
    whole = time.replace(microsecond=0)
    assert orjson.loads(orjson.dumps(whole)) == write_date_time(whole)


@given(st.datetimes(timezones=st.just(UTC)))
def test_fractions_of_a_second_have_no_zeros_at_their_end(time: datetime) -> None:
    text = write_date_time(time)
    assert datetime.fromisoformat(text) == time
    assert not text.removesuffix("+00:00").partition(".")[2].endswith("0")


@given(st.dates(), st.uuids())
def test_dates_and_uuids_are_written_as_text(day: date, key: uuid.UUID) -> None:
    assert orjson.loads(orjson.dumps([day, key])) == [day.isoformat(), str(key)]


def test_parts_that_are_json_already_are_passed_on() -> None:
    response = response_of(ExecutionResult({"scans": orjson.Fragment(b'[{"a":1}]')}, None), JSON, "request-1")
    assert response.body == b'{"data":{"scans":[{"a":1}]}}'


def test_extensions_of_an_executor_are_passed_on() -> None:
    response = response_of(ExecutionResult({"a": 1}, None, {"plan": []}), JSON, "request-1")
    assert response.body == b'{"data":{"a":1},"extensions":{"plan":[]}}'


@pytest.mark.parametrize("value", [object(), 2**70, "\ud800", {1: 2}, b"x", float])
def test_a_value_that_is_not_json_is_a_masked_error(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    errors = [GraphQLError("one field failed", path=["a"])]
    response = response_of(ExecutionResult({"b": value}, errors), GRAPHQL_JSON, "request-1")
    (error,) = orjson.loads(response.body)["errors"]
    assert error["extensions"] == {"code": "INTERNAL_ERROR", "requestId": "request-1"}
    assert orjson.loads(response.body)["data"] is None
    assert response.status == 200
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
