"""The deadline of a request's body."""

import asyncio
from http import HTTPStatus
from typing import Any

import pytest

from gateway.http import graphql
from gateway.http.graphql import request_of
from gateway.http.graphql_request import RequestError
from schema.runtime.errors import ErrorCode


@pytest.mark.parametrize("first", [[], [{"type": "http.request", "body": b'{"query":', "more_body": True}]])
async def test_a_body_that_stalls_is_rejected(monkeypatch: pytest.MonkeyPatch, first: list[dict[str, Any]]) -> None:
    monkeypatch.setattr(graphql, "BODY_SECONDS", 0.05)
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    for message in first:
        messages.put_nowait(message)

    with pytest.raises(RequestError) as caught:
        async with asyncio.timeout(5):
            await request_of({"method": "POST"}, {b"content-type": b"application/json"}, messages.get)
    assert (caught.value.status, caught.value.code) == (HTTPStatus.REQUEST_TIMEOUT, ErrorCode.DEADLINE_EXCEEDED)
    assert caught.value.headers == {"Connection": "close"}
