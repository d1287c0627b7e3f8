"""Composition of the real application."""

import pytest

from gateway.partners import MAIL_CALLBACK
from tests.gateway import Api


@pytest.mark.parametrize("path", ["/graphql", MAIL_CALLBACK])
async def test_every_path_has_an_id_headers_and_a_longest_body(api: Api, path: str) -> None:
    response = await api.client.post(path, content=b" " * 2_000_000, headers={"X-Request-ID": "request-0001"})
    assert response.status_code == 413
    assert response.headers["x-request-id"] == "request-0001"
    assert response.headers["x-content-type-options"] == "nosniff"
