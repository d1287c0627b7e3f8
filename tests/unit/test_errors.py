import logging
from typing import Any

import pytest

from integrations.errors import Conflict, DeadlineExceeded, OutsideError, Refused, Unavailable
from resolvers.errors import BadInput, CallerError, Forbidden, NotFound, Unauthenticated
from schema.gateway_schema import GatewaySchema
from schema.runtime.errors import STORE_MESSAGES, ErrorCode
from tests.toy import Library, ask, codes_of, context_of, toy_schema

SECRET = 'relation "bags" does not exist at 10.0.0.1'


@pytest.fixture(scope="module")
def schema() -> GatewaySchema:
    return toy_schema()


def subclasses(error: type[Exception]) -> set[type[Exception]]:
    return {error, *(deeper for child in error.__subclasses__() for deeper in subclasses(child))}


def test_every_code_is_documented() -> None:
    raised: set[Any] = subclasses(OutsideError) | subclasses(CallerError)
    assert {error.code for error in raised} <= set(ErrorCode)
    assert {error.code for error in subclasses(OutsideError)} == set(STORE_MESSAGES)  # type: ignore[attr-defined] # they have one


async def failing(schema: GatewaySchema, failure: Exception) -> dict[str, Any]:
    library = Library.of(authors=5)
    library.failure = failure
    result = await ask(schema, '{author(id:"QXV0aG9yOjE"){name}}', context_of(library))
    assert result.data == {"author": None}
    assert result.errors is not None
    (error,) = result.errors
    assert error.path == ["author"]
    assert error.locations
    return {"message": error.message, **(error.extensions or {})}


@pytest.mark.parametrize(
    ("failure", "translated", "level"),
    [
        (
            BadInput("tag", "A tag has ten digits."),
            {"message": "A tag has ten digits.", "code": "BAD_USER_INPUT", "field": "tag"},
            logging.INFO,
        ),
        (NotFound("id", "No such bag."), {"message": "No such bag.", "code": "NOT_FOUND", "field": "id"}, logging.INFO),
        (Forbidden(), {"message": "Your role does not allow this", "code": "FORBIDDEN"}, logging.INFO),
        (
            Unauthenticated(),
            {"message": "This field requires a bearer token", "code": "UNAUTHENTICATED"},
            logging.INFO,
        ),
        (
            Unavailable("graph", SECRET, 7),
            {
                "message": "The store 'graph' is unavailable",
                "code": "STORE_UNAVAILABLE",
                "store": "graph",
                "retryAfterSeconds": 7,
            },
            logging.WARNING,
        ),
        (
            Refused("records", SECRET),
            {"message": "The store 'records' rejected the request", "code": "STORE_REFUSED", "store": "records"},
            logging.WARNING,
        ),
        (
            Conflict("records", SECRET),
            {
                "message": "Another request changed this first: read it again",
                "code": "CONFLICT",
                "store": "records",
            },
            logging.WARNING,
        ),
        (
            DeadlineExceeded("records", SECRET),
            {
                "message": "The deadline of the request passed while waiting for 'records'",
                "code": "DEADLINE_EXCEEDED",
                "store": "records",
                "retryAfterSeconds": 5.0,
            },
            logging.WARNING,
        ),
        (
            RuntimeError(SECRET),
            {
                "message": "Internal error: the request id identifies it in the log",
                "code": "INTERNAL_ERROR",
                "requestId": "request-1",
            },
            logging.ERROR,
        ),
    ],
)
async def test_translation_and_log_of_each_error(
    schema: GatewaySchema,
    caplog: pytest.LogCaptureFixture,
    failure: Exception,
    translated: dict[str, Any],
    level: int,
) -> None:
    with caplog.at_level(logging.INFO):
        assert await failing(schema, failure) == translated
    (record,) = caplog.records
    assert record.levelno == level
    assert "request-1" in record.getMessage()
    assert (record.exc_info is not None) == (level == logging.ERROR)


async def test_one_failure_that_empties_many_fields_is_logged_once(
    schema: GatewaySchema, caplog: pytest.LogCaptureFixture
) -> None:
    result = await ask(schema, "{authors{nodes{broken}}}", context_of(Library.of(authors=20)))
    assert len(result.errors or ()) == 20
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("text", "variables", "code", "message"),
    [
        ("{", {}, "GRAPHQL_PARSE_FAILED", "Syntax Error: Expected Name, found <EOF>."),
        (
            "{helth}",
            {},
            "GRAPHQL_VALIDATION_FAILED",
            "Cannot query field 'helth' on type 'Query'. Did",
        ),
        ("query($n:Int){echo(number:$n)}", {"n": 2**31}, "BAD_USER_INPUT", "Variable '$n' has invalid value"),
        ("query($n:Int){echo(number:$n)}", {"n": "x"}, "BAD_USER_INPUT", "Variable '$n' has invalid value"),
        ("query($n:Genre){echo(genre:$n)}", {"n": "x" * 9_999}, "BAD_USER_INPUT", "Variable '$n' has invalid value"),
        ("query($n:ID!){author(id:$n){name}}", {}, "BAD_USER_INPUT", "Variable '$n' has invalid value"),
        ("query($m:DateTime){echo(time:$m)}", {"m": "0000-01-01T00:00:00Z"}, "BAD_USER_INPUT", "Variable '$m' has"),
        ('{echo(time:"tomorrow")}', {}, "GRAPHQL_VALIDATION_FAILED", "DateTime must be a string such as"),
        ("{echo(number:99999999999)}", {}, "GRAPHQL_VALIDATION_FAILED", "Int cannot represent"),
    ],
)
async def test_request_errors_of_graphql_keep_their_message(
    schema: GatewaySchema,
    caplog: pytest.LogCaptureFixture,
    text: str,
    variables: dict[str, Any],
    code: str,
    message: str,
) -> None:
    with caplog.at_level(logging.INFO):
        result = await ask(schema, text, context_of(Library.of(authors=1)), **variables)
    assert result.errors is not None
    (error,) = result.errors
    assert (error.extensions or {})["code"] == code
    assert error.message.startswith(message)
    assert len(error.message) <= 500
    assert [record.levelno for record in caplog.records] == [logging.INFO]
    assert error.message not in caplog.text


async def test_a_value_of_ours_that_does_not_fit_its_type_is_not_quoted(schema: GatewaySchema) -> None:
    result = await ask(schema, "{overflow crash}", context_of(Library.of(authors=1)))
    assert [error.message for error in result.errors or ()] == [
        "Internal error: the request id identifies it in the log"
    ] * 2


async def test_every_way_to_execute_translates(schema: GatewaySchema) -> None:
    context = context_of(Library.of(authors=1))
    for text, code in (("{crash}", "INTERNAL_ERROR"), ("{", "GRAPHQL_PARSE_FAILED")):
        translated: list[Any] = [await schema.execute(text, context_value=context)]
        translated += [result async for result in await schema.stream(text, context_value=context)]
        assert [codes_of(result) for result in translated] == [[code], [code]]
    assert codes_of(schema.execute_sync("{health2}")) == ["GRAPHQL_VALIDATION_FAILED"]
