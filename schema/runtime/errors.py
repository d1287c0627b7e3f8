"""Translation of errors for clients; the only place that decides what a client sees.

An error reaches the client with a message and a code. Errors of the caller (``resolvers.errors``) keep their message.
An error of a store or partner (``integrations.errors``) gets a message by its code, since its own may hold a driver's
text. GraphQL's own errors about the document or its variables stay as they are. Every other error is masked and carries
the request id, by which it is found in the log.

Each error is logged once, however many fields it affects: an internal error at level ERROR with its traceback, an error
of a store at WARNING, an error of the caller at INFO, without its message, which may quote the input.
"""

import logging
import re
from enum import StrEnum
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.schema.exceptions import CannotGetOperationTypeError

from integrations.errors import OutsideError
from resolvers.errors import CallerError

logger = logging.getLogger("gateway.errors")
MAX_MESSAGE = 500
# A message quotes so many characters of what was sent, at most.
MAX_QUOTED = 60
# A quoted text, whose quotes are no apostrophes, or a long word.
QUOTED = re.compile(
    rf"""((?<!\w)(["'])(?:(?!\2).){{{MAX_QUOTED}}})(?:(?!\2).)+(\2?)|(\S{{{MAX_QUOTED}}})\S+""", re.DOTALL
)
UNEXPECTED = "Internal error: the request id identifies it in the log"


class ErrorCode(StrEnum):
    """Every value of ``extensions.code``."""

    BAD_REQUEST = "BAD_REQUEST"
    """The HTTP request is not a GraphQL request: no JSON, a part of the wrong type, or no query."""
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    """No document is known under the hash of the request: send the document with the hash."""
    OPERATION_NOT_REGISTERED = "OPERATION_NOT_REGISTERED"
    """The safelist is on, and the client's version has not registered the operation."""
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    """The method is not GET, for queries, or POST."""
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    """The client accepts no media type of a GraphQL response."""
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    """The body exceeds the limit."""
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    """The body is not application/json in UTF-8."""
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    """The document cannot be parsed."""
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    """The document is not valid for the schema."""
    OPERATION_RESOLUTION_FAILED = "OPERATION_RESOLUTION_FAILED"
    """The request does not name exactly one operation of the document."""
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    """The document exceeds a limit of one request."""
    BAD_USER_INPUT = "BAD_USER_INPUT"
    """A variable or argument cannot be used; ``field`` names it if one can be named."""
    UNAUTHENTICATED = "UNAUTHENTICATED"
    """The request has no credential, or an invalid or expired one."""
    FORBIDDEN = "FORBIDDEN"
    """The role does not allow the request."""
    NOT_FOUND = "NOT_FOUND"
    """A command names an object that does not exist."""
    INVALID_STATE = "INVALID_STATE"
    """The state of the object does not allow the command; the message names the allowed ones."""
    PIR_CLOSED = "PIR_CLOSED"
    """The PIR is closed, and closed PIRs are never reopened."""
    REASON_REQUIRED = "REASON_REQUIRED"
    """A PIR of the kind DELAYED is closed only with reason for loss and fault station."""
    ALREADY_OPEN = "ALREADY_OPEN"
    """The bag has an open PIR; the message names it."""
    VERSION_CONFLICT = "VERSION_CONFLICT"
    """The PIR has changed since the given version."""
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    """The idempotency key was used for another input."""
    CURSOR_EXPIRED = "CURSOR_EXPIRED"
    """The changes after a subscription's cursor are deleted: query the current state, then subscribe without it."""
    TOO_MANY_SUBSCRIPTIONS = "TOO_MANY_SUBSCRIPTIONS"
    """The caller or the process has the maximum number of subscriptions."""
    TOO_MANY_REQUESTS = "TOO_MANY_REQUESTS"
    """The caller has the maximum number of concurrent requests; ``retryAfterSeconds`` says when to retry."""
    OVERLOADED = "OVERLOADED"
    """The process has the maximum number of concurrent requests; ``retryAfterSeconds`` says when to retry."""
    CONFLICT = "CONFLICT"
    """Another request changed or created the same object first."""
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    """A store is unavailable; ``store`` names it, ``retryAfterSeconds`` says when to retry."""
    STORE_REFUSED = "STORE_REFUSED"
    """A store rejected the request; a retry does not help."""
    STORE_ERROR = "STORE_ERROR"
    """A store failed in another way."""
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    """A partner was called and did not respond; the call may have been executed."""
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    """The deadline of the request has passed."""
    SHUTTING_DOWN = "SHUTTING_DOWN"
    """The process ends; repeat the request, a mutation with its idempotency key."""
    INTERNAL_ERROR = "INTERNAL_ERROR"
    """An internal error; ``requestId`` identifies it in the log."""


STORE_MESSAGES = {
    ErrorCode.STORE_UNAVAILABLE: "The store '{store}' is unavailable",
    ErrorCode.STORE_REFUSED: "The store '{store}' rejected the request",
    ErrorCode.STORE_ERROR: "The store '{store}' failed",
    ErrorCode.OUTCOME_UNKNOWN: "'{store}' did not respond; the call may have been executed",
    ErrorCode.CONFLICT: "Another request changed this first: read it again",
    ErrorCode.DEADLINE_EXCEEDED: "The deadline of the request passed while waiting for '{store}'",
}


def shortened(message: str) -> str:
    """Returns a message that quotes little of what was sent, and has at most ``MAX_MESSAGE`` characters."""
    return QUOTED.sub(_beginning, message)[:MAX_MESSAGE] if len(message) > MAX_QUOTED else message


def _beginning(quoted: re.Match[str]) -> str:
    return f"{quoted[1] or quoted[4]}…{quoted[3] or ''}"


def translate(errors: list[GraphQLError], request_id: str) -> None:
    """Replaces the errors of one response by their translations, in place, and logs each cause once."""
    logged: set[int] = set()
    for index, error in enumerate(errors):
        cause = _cause(error)
        message, extensions = _client_error(error, cause, request_id)
        if id(cause) not in logged:
            logged.add(id(cause))
            _log(error, cause, str(extensions["code"]), request_id)
        errors[index] = GraphQLError(
            shortened(message), error.nodes, error.source, error.positions, error.path, extensions=extensions
        )


def _cause(error: GraphQLError) -> Exception:
    """The error that was raised first; those above it only add a path. GraphQL's request errors are causes."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None and not _is_request_error(cause):
        cause = cause.original_error
    return cause


def _is_request_error(error: GraphQLError) -> bool:
    """Whether an error is GraphQL's own, about the request.

    Such an error has a location in the document and no path, since it is raised before its field runs. A value of ours
    that does not fit its type is reported without a location, and its message quotes the value.
    """
    return error.path is None and error.nodes is not None


def _client_error(error: GraphQLError, cause: Exception, request_id: str) -> tuple[str, dict[str, Any]]:
    """The message and the extensions for the client."""
    match cause:
        case CallerError():
            return str(cause), cause.extensions
        case OutsideError():
            return STORE_MESSAGES[ErrorCode(cause.code)].format(store=cause.store), cause.extensions
        case GraphQLSyntaxError():
            if cause.message.endswith("Parsing aborted."):
                return cause.message.removeprefix("Syntax Error: "), {"code": ErrorCode.LIMIT_EXCEEDED}
            return cause.message, {"code": ErrorCode.GRAPHQL_PARSE_FAILED}
        case CannotGetOperationTypeError():
            return cause.as_http_error_reason(), {"code": ErrorCode.OPERATION_RESOLUTION_FAILED}
        case GraphQLError() if _is_request_error(cause) or (cause is error and error.path is None):
            return cause.message, {"code": ErrorCode.BAD_USER_INPUT, **(cause.extensions or {})}
    return UNEXPECTED, {"code": ErrorCode.INTERNAL_ERROR, "requestId": request_id}


def _log(error: GraphQLError, cause: Exception, code: str, request_id: str) -> None:
    where = ".".join(map(str, error.path or ()))
    if code == ErrorCode.INTERNAL_ERROR:
        logger.error("request %s: %s failed", request_id, where or "the operation", exc_info=cause)
    elif isinstance(cause, OutsideError):
        logger.warning("request %s: %s: %s", request_id, where, cause)
    else:
        logger.info("request %s: rejected with %s", request_id, code)
