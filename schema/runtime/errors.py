"""What a client is told when something goes wrong: the only place that decides it.

An error reaches the client with a message it may read and a code it can act on. Refusals of the product
(``resolvers.errors``) keep their message; a store's failure (``integrations.errors``) gets one from its code, since its
own may hold a driver's words; GraphQL's own errors about the document or its variables stay as they are; everything
else is masked and carries the request id, under which the log has it.

Each error is logged once, however many fields it emptied: a failure of ours at error level with its traceback, a
store's at warning, a caller's mistake at info, and then without its message, which may quote what the caller sent.
"""

import logging
from enum import StrEnum
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.schema.exceptions import CannotGetOperationTypeError

from integrations.errors import OutsideError
from resolvers.errors import CallerError

logger = logging.getLogger("gateway.errors")
MAX_MESSAGE = 500
UNEXPECTED = "Something went wrong on our side."


class ErrorCode(StrEnum):
    """Every ``extensions.code`` a client can meet."""

    BAD_REQUEST = "BAD_REQUEST"
    """The HTTP request is no GraphQL request: not JSON, a part of the wrong type, no query."""
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    """Only GET, for queries, and POST."""
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    """The client accepts no media type that GraphQL is answered in."""
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    """The body exceeds the limit."""
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    """The body is not application/json in UTF-8."""
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    """The document is no GraphQL."""
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    """The document does not fit the schema."""
    OPERATION_RESOLUTION_FAILED = "OPERATION_RESOLUTION_FAILED"
    """It is not clear which operation of the document to run."""
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    """The document asks for more than one request may."""
    BAD_USER_INPUT = "BAD_USER_INPUT"
    """A variable or argument cannot be used; ``field`` names it where one can be named."""
    UNAUTHENTICATED = "UNAUTHENTICATED"
    """No credential, or one that is invalid or expired."""
    FORBIDDEN = "FORBIDDEN"
    """The role does not allow it."""
    NOT_FOUND = "NOT_FOUND"
    """A command names something that is not there."""
    INVALID_STATE = "INVALID_STATE"
    """What is to be changed is not in a state for it; the message names what is allowed."""
    PIR_CLOSED = "PIR_CLOSED"
    """The file is closed, and closed files are never reopened."""
    REASON_REQUIRED = "REASON_REQUIRED"
    """A delayed file is closed with reason for loss and fault station only."""
    ALREADY_OPEN = "ALREADY_OPEN"
    """There is an open file for the bag; the message names it."""
    VERSION_CONFLICT = "VERSION_CONFLICT"
    """Somebody changed the file since the version that was given."""
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    """The idempotency key was used for another input."""
    CURSOR_EXPIRED = "CURSOR_EXPIRED"
    """What follows a subscription's cursor is no longer kept: ask anew, then subscribe without it."""
    TOO_MANY_SUBSCRIPTIONS = "TOO_MANY_SUBSCRIPTIONS"
    """This caller, or this process, has as many subscriptions as are allowed."""
    CONFLICT = "CONFLICT"
    """Somebody else changed or made the same thing first."""
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    """A store cannot be reached; ``store`` names it, ``retryAfterSeconds`` says when to try again."""
    STORE_REFUSED = "STORE_REFUSED"
    """A store refused; trying again does not help."""
    STORE_ERROR = "STORE_ERROR"
    """A store failed in another way."""
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    """A partner was asked and its answer never came: it may have been done."""
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    """The time for the request was used up."""
    INTERNAL_ERROR = "INTERNAL_ERROR"
    """A fault of ours; ``requestId`` finds it in the log."""


STORE_MESSAGES = {
    ErrorCode.STORE_UNAVAILABLE: "The store '{store}' cannot be reached at the moment.",
    ErrorCode.STORE_REFUSED: "The store '{store}' refused.",
    ErrorCode.STORE_ERROR: "The store '{store}' failed.",
    ErrorCode.OUTCOME_UNKNOWN: "'{store}' was asked and its answer never came: it may have been done.",
    ErrorCode.CONFLICT: "Somebody else changed this first; read it again.",
    ErrorCode.DEADLINE_EXCEEDED: "The time for this request was used up while waiting for '{store}'.",
}


def translate(errors: list[GraphQLError], request_id: str) -> None:
    """Replace the errors of one answer by what its client is told, and log each cause once.

    The list is changed in place: it is the one that becomes the answer.
    """
    logged: set[int] = set()
    for index, error in enumerate(errors):
        cause = _cause(error)
        message, extensions = _told(error, cause, request_id)
        if id(cause) not in logged:
            logged.add(id(cause))
            _log(error, cause, str(extensions["code"]), request_id)
        errors[index] = GraphQLError(
            message[:MAX_MESSAGE], error.nodes, error.source, error.positions, error.path, extensions=extensions
        )


def _cause(error: GraphQLError) -> Exception:
    """What was raised first, below the errors that only say where; GraphQL's own complaints are causes."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None and not _is_complaint(cause):
        cause = cause.original_error
    return cause


def _is_complaint(error: GraphQLError) -> bool:
    """Whether GraphQL itself refuses what the caller sent.

    Such an error points into the document and has no path: it comes before its field runs, if any runs at all. A value
    of ours that does not fit its type is reported without a place in the document, and its message quotes the value.
    """
    return error.path is None and error.nodes is not None


def _told(error: GraphQLError, cause: Exception, request_id: str) -> tuple[str, dict[str, Any]]:
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
        case GraphQLError() if _is_complaint(cause) or (cause is error and error.path is None):
            return cause.message, {"code": ErrorCode.BAD_USER_INPUT, **(cause.extensions or {})}
    return UNEXPECTED, {"code": ErrorCode.INTERNAL_ERROR, "requestId": request_id}


def _log(error: GraphQLError, cause: Exception, code: str, request_id: str) -> None:
    where = ".".join(map(str, error.path or ()))
    if code == ErrorCode.INTERNAL_ERROR:
        logger.error("request %s: %s failed", request_id, where or "the operation", exc_info=cause)
    elif isinstance(cause, OutsideError):
        logger.warning("request %s: %s: %s", request_id, where, cause)
    else:
        logger.info("request %s: refused with %s", request_id, code)
