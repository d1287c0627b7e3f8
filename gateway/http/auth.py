"""Authentication: from the ``Authorization`` header to an actor with a role and an airline.

Verified tokens are cached: PyJWT takes 28 us for a token, a tenth of the 290 us of CPU that the server takes for the
commonest request (one bag by tag with passenger, flight and scans); from the cache it takes 0.6 us. The cache holds
only tokens that passed every check, so that requests with invalid tokens cannot evict valid ones. ``exp``, ``nbf``
and disabled accounts are checked on each request.
"""

from collections.abc import Callable, Container
from functools import lru_cache
from time import time
from typing import NamedTuple

from gateway.http.jwt import LEEWAY_SECONDS, InvalidToken, verified_claims
from resolvers.actor import Actor, Role

DISABLED = "The account is disabled."
MAX_TOKEN = 4096
MAX_SUBJECT = 128
# Entries of the cache: with its key, an entry takes 1 kB for the tokens that we issue and 5 kB at most.
CACHED_TOKENS = 1_000
# The end of the year 9999: the latest expiry that can be scheduled.
LATEST = 253_402_300_799


class _VerifiedToken(NamedTuple):
    """The content of a token whose signature and claims are valid; times are seconds since 1970."""

    actor: Actor
    not_before: int
    expires_at: int


class TokenVerifier:
    """Verifies the bearer tokens of ``Authorization`` headers.

    Args:
        secret: signing secret of the tokens; 32 bytes or more.
        now: the clock, in seconds since 1970.
        disabled: the actors whose tokens are rejected although they are valid.
    """

    def __init__(self, secret: str, now: Callable[[], float] = time, disabled: Container[Actor] = frozenset()) -> None:
        self._secret = secret
        self._disabled = disabled
        self._now = now
        # An exception is not cached.
        self._verified = lru_cache(CACHED_TOKENS)(self._verify)

    def actor(self, authorization: str | None) -> Actor:
        """Returns the actor of a request; the anonymous one without a credential.

        Raises:
            InvalidToken: the header is no bearer token, or the token is invalid or expired.
        """
        return Actor.anonymous() if authorization is None else self._token(authorization).actor

    def actor_and_expiry(self, authorization: str | None) -> tuple[Actor, int | None]:
        """Returns the actor and when its credential expires, in seconds since 1970; None without a credential.

        Raises:
            InvalidToken: as ``actor``.
        """
        if authorization is None:
            return Actor.anonymous(), None
        token = self._token(authorization)
        return token.actor, token.expires_at

    def _token(self, authorization: str) -> _VerifiedToken:
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() != "bearer" or len(encoded) > MAX_TOKEN:
            raise InvalidToken("The Authorization header must be: Bearer TOKEN.")
        token = self._verified(encoded.strip())
        now = self._now()
        if token.expires_at <= now - LEEWAY_SECONDS:
            raise InvalidToken("The token has expired.")
        if token.not_before > now + LEEWAY_SECONDS:
            raise InvalidToken("The token is invalid.")
        if token.actor in self._disabled:
            raise InvalidToken(DISABLED)
        return token

    def is_disabled(self, actor: Actor) -> bool:
        """Returns whether an actor whose token was valid must not continue."""
        return actor in self._disabled

    def _verify(self, encoded: str) -> _VerifiedToken:
        claims = verified_claims(encoded, self._secret)
        subject, airline_id = claims["sub"], claims["airline_id"]
        # bool is a subclass of int, but identifies no airline.
        if type(airline_id) is not int or airline_id < 1:
            raise InvalidToken("The token's airline is invalid.")
        if not 0 < len(subject) <= MAX_SUBJECT or not subject.isprintable():
            raise InvalidToken("The token's subject is invalid.")
        try:
            actor = Actor(subject, Role(claims["role"]), airline_id)
        except ValueError:
            raise InvalidToken("The token's role is invalid.") from None
        return _VerifiedToken(actor, int(claims.get("nbf", 0)), min(int(claims["exp"]), LATEST))
