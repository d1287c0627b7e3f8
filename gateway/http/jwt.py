"""JSON Web Tokens (RFC 7519) signed with HS256 by a shared secret: issues and verifies them with PyJWT."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from resolvers.actor import Role

ALGORITHM = "HS256"
ISSUER = "baggage-gateway"
AUDIENCE = "baggage-graphql"
REQUIRED = ["sub", "exp", "aud", "iss", "role", "airline_id"]
# Tolerance for clocks that differ between issuer and verifier.
LEEWAY_SECONDS = 5


class InvalidToken(Exception):
    """The request's credential is rejected; the message may be shown to the client."""


def issue_token(
    secret: str,
    role: Role,
    airline_id: int,
    lifetime: timedelta,
    *,
    subject: str | None = None,
    now: datetime | None = None,
) -> str:
    """Issues a bearer token for an actor.

    Args:
        secret: signing secret; the verifier's.
        role: the actor's role.
        airline_id: the tenant.
        lifetime: validity, counted from ``now``.
        subject: the actor's technical name; ``demo-ROLE`` by default.
        now: time of issue, aware; the current time by default.
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


def verified_claims(token: str, secret: str) -> Mapping[str, Any]:
    """Returns the claims of a token after verifying its signature, header, times, issuer and audience.

    Raises:
        InvalidToken: the token is expired, or invalid in any other way.
    """
    try:
        return jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            leeway=LEEWAY_SECONDS,
            options={"require": REQUIRED},
        )
    except jwt.ExpiredSignatureError:
        raise InvalidToken("The token has expired.") from None
    except (jwt.PyJWTError, UnicodeEncodeError):
        # Naming the failed check would only help to forge tokens.
        raise InvalidToken("The token is invalid.") from None
