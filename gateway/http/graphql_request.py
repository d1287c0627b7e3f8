"""Parses GraphQL-over-HTTP requests and negotiates the media type of the response."""

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
# Of Apollo's protocol (https://www.apollographql.com/docs/apollo-server/performance/apq/), and of identifiers in
# https://github.com/graphql/graphql-over-http/blob/persisted-documents/spec/Appendix%20A%20--%20Persisted%20Documents.md
PERSISTED_QUERY_VERSION = 1
DIGEST_PREFIX = "sha256:"
DIGEST = re.compile(r"[0-9a-f]{64}")
MAX_DOCUMENT_ID = 200


class RequestError(Exception):
    """The request is rejected as a whole, before execution.

    Args:
        status: of the response.
        code: ``extensions.code`` of the error.
        message: shown to the client.
        headers: further headers of the response.
        retry_after_seconds: seconds until a retry makes sense; None if there is no such time.
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: ErrorCode,
        message: str,
        headers: Mapping[str, str] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}
        self.retry_after_seconds = retry_after_seconds

    @property
    def extensions(self) -> Mapping[str, object]:
        """Further extensions of the error."""
        return {} if self.retry_after_seconds is None else {"retryAfterSeconds": self.retry_after_seconds}


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """A well-formed GraphQL-over-HTTP request.

    Args:
        query: the GraphQL document; empty if the request has only its hash.
        variables: as sent by the client.
        operation_name: the operation to execute.
        plan: whether ``extensions.plan`` requests the execution plan.
        digest: SHA-256 of the document, for a persisted query.
        document_id: id of a registered operation, if it is no digest.
    """

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None
    plan: bool = False
    digest: str | None = None
    document_id: str | None = None


def request_in_body(body: bytes) -> GraphQLRequest:
    """Parses the body of a POST.

    Raises:
        RequestError: the body is not a JSON object with the parameters of a GraphQL request.
    """
    return _graphql_request(_load(body, "The body"), may_hold_nul=b"\\u0000" in body)


def request_in_url(query_string: bytes) -> GraphQLRequest:
    """Parses the query string of a GET.

    Raises:
        RequestError: the parameters are not those of a GraphQL request.
    """
    given: dict[str, Any] = dict(parse_qsl(query_string.decode("latin-1")))
    for name in ("variables", "extensions"):
        if name in given:
            given[name] = _load(given[name], f"'{name}'")
    return _graphql_request(given, may_hold_nul=True)


def check_content_type(content_type: str) -> None:
    """Checks that the body is declared as JSON in UTF-8.

    Raises:
        RequestError: it is declared as anything else.
    """
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = {part.removeprefix("charset=").strip('"') for part in parameters if part.startswith("charset=")}
    if media_type != JSON or charsets - {"utf-8", "utf8"}:
        message = "The body must be application/json in UTF-8."
        raise RequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, ErrorCode.UNSUPPORTED_MEDIA_TYPE, message)


def negotiate(accept: str | None) -> str:
    """Returns the media type that an Accept header prefers.

    GraphQL's own must be named: a client that accepts anything gets JSON, as the specification asks
    (https://graphql.github.io/graphql-over-http/draft/#sec-Legacy-Watershed).

    Raises:
        RequestError: it accepts neither.
    """
    if accept is None:
        return JSON
    own, json = _quality(accept, GRAPHQL_JSON), _quality(accept, JSON)
    if max(own, json)[0] <= 0:
        message = f"Accept must allow {GRAPHQL_JSON} or {JSON}."
        raise RequestError(HTTPStatus.NOT_ACCEPTABLE, ErrorCode.NOT_ACCEPTABLE, message)
    return GRAPHQL_JSON if own[0] >= json[0] and own[1] == NAMED else JSON


def accepts_gzip(accept_encoding: str) -> bool:
    """Returns whether an Accept-Encoding header accepts gzip."""
    return _best_quality(accept_encoding, ("*", "gzip"))[0] > 0


def _load(text: str | bytes, name: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _malformed(f"{name} is not valid JSON in UTF-8.") from None


def _graphql_request(parameters: Any, *, may_hold_nul: bool) -> GraphQLRequest:
    if not isinstance(parameters, dict):
        raise _malformed("The body must be a JSON object with 'query'; batching is not supported.")
    query, operation_name = parameters.get("query"), parameters.get("operationName")
    variables, extensions = parameters.get("variables"), parameters.get("extensions")
    if not isinstance(operation_name, (str, type(None))):
        raise _malformed("'operationName' must be a string.")
    for name, value in (("variables", variables), ("extensions", extensions)):
        if not isinstance(value, (dict, type(None))):
            raise _malformed(f"'{name}' must be a JSON object.")
    document_id = _document_id(parameters)
    digest = _digest(document_id, (extensions or {}).get("persistedQuery"))
    if query is None and (digest is not None or document_id is not None):
        query = ""
    elif not isinstance(query, str) or not query:
        raise _malformed("'query' must be a GraphQL document in a non-empty string.")
    if may_hold_nul and _holds_nul(variables):
        message = "Strings must not contain the character U+0000."
        raise RequestError(HTTPStatus.BAD_REQUEST, ErrorCode.BAD_USER_INPUT, message)
    plan = bool(extensions and extensions.get("plan"))
    return GraphQLRequest(query, variables, operation_name or None, plan, digest, None if digest else document_id)


def _document_id(parameters: Mapping[str, Any]) -> str | None:
    """Returns ``documentId``, or ``doc_id`` as Relay's documentation names it."""
    document_id = parameters.get("documentId", parameters.get("doc_id"))
    if document_id is None:
        return None
    if not isinstance(document_id, str) or not 0 < len(document_id) <= MAX_DOCUMENT_ID or not document_id.isprintable():
        raise _malformed(f"'documentId' must be a string of at most {MAX_DOCUMENT_ID} printable characters.")
    return document_id


def _digest(document_id: str | None, persisted_query: Any) -> str | None:
    """Returns the hash that a request has as ``documentId`` or, as Apollo's clients send it, in ``extensions``."""
    if document_id is not None:
        digest = document_id.removeprefix(DIGEST_PREFIX)
        return digest if DIGEST.fullmatch(digest) else None
    if persisted_query is None:
        return None
    if not isinstance(persisted_query, dict) or persisted_query.get("version") != PERSISTED_QUERY_VERSION:
        raise _malformed(f"'persistedQuery' must be an object with the version {PERSISTED_QUERY_VERSION}.")
    sha256_hash = persisted_query.get("sha256Hash")
    if not isinstance(sha256_hash, str) or not DIGEST.fullmatch(sha256_hash):
        raise _malformed("'sha256Hash' must be 64 lower-case hexadecimal digits.")
    return sha256_hash


def _holds_nul(value: Any) -> bool:
    """Returns whether any string in a JSON value contains U+0000, which PostgreSQL cannot store."""
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


# Index of a media type that is named itself, behind the ranges that contain it.
NAMED = 2


def _quality(accept: str, media_type: str) -> tuple[float, int]:
    return _best_quality(accept, ("*/*", "application/*", media_type))


def _best_quality(accept: str, ranges: tuple[str, ...]) -> tuple[float, int]:
    """Returns the quality of the most specific range that matches, and its index; 0 and -1 if none matches."""
    found = (0.0, -1)
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if name in ranges and ranges.index(name) > found[1]:
            given = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
            quality = float(given) if re.fullmatch(r"[01](\.\d{0,3})?", given) else 0.0
            found = (quality, ranges.index(name))
    return found
