from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from gateway.http.auth import TokenVerifier
from gateway.http.jwt import AUDIENCE, ISSUER, InvalidToken, issue_token
from resolvers.actor import Actor, Role

SECRET = "s" * 32
NOW = datetime.now(UTC)


@pytest.fixture
def verifier() -> TokenVerifier:
    return TokenVerifier(SECRET)


def token(secret: str = SECRET, algorithm: str = "HS256", **changed: Any) -> str:
    claims = {
        "sub": "agent-7",
        "role": "AGENT",
        "airline_id": 1,
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": NOW + timedelta(hours=1),  # the whole run is shorter
        **changed,
    }
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, secret, algorithm)


def test_a_token_names_an_actor(verifier: TokenVerifier) -> None:
    issued = issue_token(SECRET, Role.SUPERVISOR, 3, timedelta(hours=1), subject="agent-7")
    assert verifier.actor(f"Bearer {issued}") == Actor("agent-7", Role.SUPERVISOR, 3)
    assert verifier.actor(f"bearer {token()}") == Actor("agent-7", Role.AGENT, 1)
    assert verifier.actor("Bearer " + issue_token(SECRET, Role.ADMIN, 1, timedelta(hours=1))).id == "demo-admin"


def test_a_request_without_a_token_is_anonymous(verifier: TokenVerifier) -> None:
    assert verifier.actor(None) == Actor("anonymous", None, None)


@pytest.mark.parametrize(
    "changed",
    [
        {"secret": "x" * 32},
        {"algorithm": "HS512", "secret": "s" * 64},
        {"exp": timedelta(seconds=-30)},
        {"nbf": timedelta(hours=1)},
        {"aud": "another-service"},
        {"iss": "another-service"},
        {"role": "ROOT"},
        {"role": ["ADMIN"]},
        {"role": 1},
        {"airline_id": "1"},
        {"airline_id": True},
        {"airline_id": 0},
        {"sub": ""},
        {"sub": "a\nb"},
        {"sub": "x" * 129},
        {"sub": 5},
        *({missing: None} for missing in ("sub", "role", "airline_id", "iss", "aud", "exp")),
    ],
    ids=str,
)
def test_any_other_token_is_rejected(verifier: TokenVerifier, changed: dict[str, Any]) -> None:
    changed = {name: NOW + value if isinstance(value, timedelta) else value for name, value in changed.items()}
    with pytest.raises(InvalidToken):
        verifier.actor(f"Bearer {token(**changed)}")


def test_an_expired_token_is_reported_as_expired(verifier: TokenVerifier) -> None:
    with pytest.raises(InvalidToken, match="expired"):
        verifier.actor(f"Bearer {token(exp=NOW - timedelta(minutes=1))}")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", "Bearer é", "Bearer " + "x" * 9_999]
)
def test_any_other_header_is_rejected(verifier: TokenVerifier, header: str) -> None:
    with pytest.raises(InvalidToken):
        verifier.actor(header)


def test_an_unsigned_token_is_rejected(verifier: TokenVerifier) -> None:
    claims = token().split(".")[1]
    unsigned = jwt.encode({}, "", "none").split(".")[0]
    with pytest.raises(InvalidToken):
        verifier.actor(f"Bearer {unsigned}.{claims}.")
