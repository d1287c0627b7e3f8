"""From a credential to an actor: bearer tokens signed with HS256 by a shared secret.

A token names its subject, role and airline, and says for whom and until when it is valid; one that leaves anything
out is refused.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from gateway.http.jwt import ALGORITHM, BadToken, ExpiredToken, SignedTokens
from resolvers.actor import Actor, Role

ISSUER = "baggage-gateway"
AUDIENCE = "baggage-graphql"
REQUIRED = ["sub", "exp", "aud", "iss", "role", "airline_id"]
MAX_TOKEN = 4096
MAX_SUBJECT = 128
# For clocks that differ, not for late requests.
LEEWAY = timedelta(seconds=5)


class InvalidToken(Exception):
    """A credential came with the request and cannot be accepted; the message may be shown."""


class TokenVerifier:
    """Reads ``Authorization`` headers.

    Args:
        secret: that tokens are signed with; 32 bytes or more.
    """

    def __init__(self, secret: str) -> None:
        self._tokens = SignedTokens(
            secret, issuer=ISSUER, audience=AUDIENCE, required=REQUIRED, leeway=LEEWAY.total_seconds()
        )

    def actor(self, authorization: str | None) -> Actor:
        """The actor of a request; anonymous without a credential.

        Raises:
            InvalidToken: no bearer token, a wrong signature, expired, for somebody else, or incomplete.
        """
        if authorization is None:
            return Actor.anonymous()
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or len(token) > MAX_TOKEN:
            raise InvalidToken("The Authorization header must be: Bearer TOKEN.")
        return _actor(self._claims(token.strip()))

    def signed_in(self, authorization: str | None) -> tuple[Actor, datetime | None]:
        """As ``actor``, with the moment at which the credential ends; None for somebody without one.

        Raises:
            InvalidToken: as ``actor``.
        """
        actor = self.actor(authorization)
        if authorization is None:
            return actor, None
        claims = self._claims(authorization.partition(" ")[2].strip())
        return actor, datetime.fromtimestamp(int(claims["exp"]), UTC)

    def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            return self._tokens.claims(token)
        except ExpiredToken:
            raise InvalidToken("The token has expired.") from None
        except BadToken:
            # Which check failed would help only somebody who forges tokens.
            raise InvalidToken("The token is not valid.") from None


def issue_token(
    secret: str,
    role: Role,
    airline_id: int,
    lifetime: timedelta,
    *,
    subject: str | None = None,
    now: datetime | None = None,
) -> str:
    """A bearer token for an actor.

    Args:
        secret: to sign with; the verifier's.
        role: what the actor may do.
        airline_id: the tenant.
        lifetime: how long it is valid from ``now``.
        subject: the actor's technical name; ``demo-ROLE`` if absent.
        now: the time of issue, aware; the current time if absent.
    """
    issued = now or datetime.now(UTC)
    claims = {
        "sub": subject or f"demo-{role.lower()}",
        "role": role.value,
        "airline_id": airline_id,
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": issued,
        "exp": issued + lifetime,
    }
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def _actor(claims: Mapping[str, Any]) -> Actor:
    subject, airline_id = claims["sub"], claims["airline_id"]
    # bool is an int to Python, but names no airline.
    if type(airline_id) is not int or airline_id < 1:
        raise InvalidToken("The token's airline is not valid.")
    if not 0 < len(subject) <= MAX_SUBJECT or not subject.isprintable():
        raise InvalidToken("The token's subject is not valid.")
    try:
        return Actor(subject, Role(claims["role"]), airline_id)
    except ValueError:
        raise InvalidToken("The token's role is not valid.") from None
