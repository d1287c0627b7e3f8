"""What an HTTP request asks, by the GraphQL-over-HTTP specification, and in which media type it wants the answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import orjson

from schema.runtime.errors import ErrorCode

GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"


class RequestError(Exception):
    """The request as a whole is not served."""

    def __init__(
        self, status: HTTPStatus, code: ErrorCode, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """A well-formed GraphQL-over-HTTP request.

    Args:
        query: the document.
        variables: as the client sent them.
        operation_name: of the operation to run.
        plan: whether its extensions ask for how it is executed.
    """

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None
    plan: bool = False


def request_in_body(body: bytes) -> GraphQLRequest:
    """The question in the body of a POST.

    Raises:
        Refusal: it is no JSON object with the parts of a question.
    """
    return _graphql_request(_load(body, "The body"), may_hold_nul=b"\\u0000" in body)


def request_in_url(query_string: bytes) -> GraphQLRequest:
    """The question in the query string of a GET.

    Raises:
        Refusal: its parts are not those of a question.
    """
    given: dict[str, Any] = dict(parse_qsl(query_string.decode("latin-1")))
    for name in ("variables", "extensions"):
        if name in given:
            given[name] = _load(given[name], f"'{name}'")
    return _graphql_request(given, may_hold_nul=True)


def check_content_type(content_type: str) -> None:
    """Accept a body of JSON in UTF-8.

    Raises:
        Refusal: it is said to be something else.
    """
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = {part.removeprefix("charset=").strip('"') for part in parameters if part.startswith("charset=")}
    if media_type != JSON or charsets - {"utf-8", "utf8"}:
        message = "The body must be application/json in UTF-8."
        raise RequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, ErrorCode.UNSUPPORTED_MEDIA_TYPE, message)


def negotiate(accept: str | None) -> str:
    """The media type to answer in: what an Accept header likes best, GraphQL's own where it likes both alike.

    Raises:
        Refusal: it accepts neither.
    """
    if accept is None:
        return GRAPHQL_JSON
    liked = {media_type: _quality(accept, media_type) for media_type in (GRAPHQL_JSON, JSON)}
    best = max(liked, key=lambda media_type: liked[media_type])
    if liked[best][0] <= 0:
        message = f"Answers are {GRAPHQL_JSON} or {JSON}."
        raise RequestError(HTTPStatus.NOT_ACCEPTABLE, ErrorCode.NOT_ACCEPTABLE, message)
    return best


def takes_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header asks for gzip."""
    return _best_quality(accept_encoding, ("*", "gzip"))[0] > 0


def _load(text: str | bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _malformed(f"{what} is not valid JSON in UTF-8.") from None


def _graphql_request(parts: Any, *, may_hold_nul: bool) -> GraphQLRequest:
    if not isinstance(parts, dict):
        raise _malformed("The body must be a JSON object with 'query'; batches are not served.")
    query, operation_name, variables = parts.get("query"), parts.get("operationName"), parts.get("variables")
    extensions = parts.get("extensions")
    if not isinstance(query, str) or not query:
        raise _malformed("'query' must be a GraphQL document.")
    if not isinstance(operation_name, (str, type(None))):
        raise _malformed("'operationName' must be a string.")
    for name, value in (("variables", variables), ("extensions", extensions)):
        if not isinstance(value, (dict, type(None))):
            raise _malformed(f"'{name}' must be an object.")
    if may_hold_nul and _holds_nul(variables):
        message = "Text must not hold the character U+0000."
        raise RequestError(HTTPStatus.BAD_REQUEST, ErrorCode.BAD_USER_INPUT, message)
    return GraphQLRequest(query, variables, operation_name or None, bool(extensions and extensions.get("plan")))


def _holds_nul(value: Any) -> bool:
    """Whether a text anywhere in a JSON value holds U+0000, which PostgreSQL does not store."""
    values = [value]
    while values:
        item = values.pop()
        if isinstance(item, dict):
            values.extend(item)
            values.extend(item.values())
        elif isinstance(item, list):
            values.extend(item)
        elif isinstance(item, str) and "\0" in item:
            return True
    return False


def _malformed(message: str) -> RequestError:
    return RequestError(HTTPStatus.BAD_REQUEST, ErrorCode.BAD_REQUEST, message)


def _quality(accept: str, media_type: str) -> tuple[float, int]:
    return _best_quality(accept, ("*/*", "application/*", media_type))


def _best_quality(accept: str, ranges: tuple[str, ...]) -> tuple[float, int]:
    """How much something is wanted, by the most specific of the ranges that hold it, and which; 0 if by none."""
    found = (0.0, -1)
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if name in ranges and ranges.index(name) > found[1]:
            given = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
            quality = float(given) if re.fullmatch(r"[01](\.\d{0,3})?", given) else 0.0
            found = (quality, ranges.index(name))
    return found
