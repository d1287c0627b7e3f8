"""Token verification, and that the cache of verified tokens changes its cost and nothing else."""

import base64
import hmac
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import jwt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.http import auth
from gateway.http.auth import CACHED_TOKENS, TokenVerifier
from gateway.http.jwt import AUDIENCE, ISSUER, LEEWAY_SECONDS, REQUIRED, InvalidToken, verified_claims
from resolvers.actor import Actor, Role

SECRET = "s" * 32
NOW = 1_800_000_000
CLAIMS: dict[str, Any] = {
    "sub": "agent-7",
    "role": "AGENT",
    "airline_id": 1,
    "iss": ISSUER,
    "aud": AUDIENCE,
    "exp": NOW + 60,
    "iat": NOW,
}
ACTOR = Actor("agent-7", Role.AGENT, 1)
HEADER = {"alg": "HS256", "typ": "JWT"}


def encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def signed(header: Any = HEADER, claims: Any = CLAIMS, secret: str = SECRET) -> str:
    header, claims = (encode(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return signed_parts(header, claims, secret)


def signed_parts(header: str, payload: str, secret: str = SECRET) -> str:
    parts = f"{header}.{payload}"
    return f"{parts}.{encode(hmac.digest(secret.encode(), parts.encode(), 'sha256'))}"


class Clock:
    """The clock of a verifier and of PyJWT."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@contextmanager
def stopped_clock() -> Iterator[Clock]:
    clock = Clock()

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls.fromtimestamp(clock.now, tz)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("jwt.api_jwt.datetime", Stopped)
        yield clock


@pytest.fixture
def clock() -> Iterator[Clock]:
    with stopped_clock() as clock:
        yield clock


def verdict(verifier: TokenVerifier, token: str) -> Actor | str:
    try:
        return verifier.actor(f"Bearer {token}")
    except InvalidToken as error:
        return "expired" if "expired" in str(error) else "invalid"


def verdict_of_pyjwt(token: str) -> Actor | str:
    try:
        claims = jwt.decode(
            token,
            SECRET,
            algorithms=["HS256"],
            audience=AUDIENCE,
            issuer=ISSUER,
            leeway=LEEWAY_SECONDS,
            options={"require": REQUIRED},
        )
    except jwt.ExpiredSignatureError:
        return "expired"
    except jwt.PyJWTError:
        return "invalid"
    return Actor(claims["sub"], Role.AGENT, 1) if 0 < len(claims["sub"]) <= 128 else "invalid"


TIMES = st.integers(NOW - 8, NOW + 8) | st.floats(NOW - 8, NOW + 8) | st.sampled_from([0, -1, 2**70, 1e300, None, True])
ODD = st.none() | st.booleans() | st.integers() | st.sampled_from(["", "x"]) | st.lists(st.just("x"), max_size=2)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "exp": TIMES | TIMES.map(str) | ODD,
        "nbf": TIMES | TIMES.map(str) | ODD,
        "iat": TIMES | TIMES.map(str) | ODD,
        "aud": st.sampled_from([AUDIENCE, "other", [AUDIENCE], ["other", AUDIENCE], [AUDIENCE, 1], {}, []]) | ODD,
        "iss": st.sampled_from([ISSUER, [ISSUER], "other"]) | ODD,
        "sub": ODD,
        "jti": ODD,
    },
)
HEADERS = st.fixed_dictionaries(
    {"alg": st.sampled_from(["HS256"] * 6 + ["none", "None", "HS512", "hs256", "RS256", "", None, 1, ["HS256"]])},
    optional={"typ": st.sampled_from(["JWT", "at+jwt", "", None, 5]), "kid": ODD, "cty": ODD},
)


@given(
    header=HEADERS,
    changes=CHANGES,
    dropped=st.sets(st.sampled_from([*CLAIMS]), max_size=1),
    times=st.lists(st.integers(NOW - 8, NOW + 16), min_size=2, max_size=4).map(sorted),
)
@settings(max_examples=1_000, deadline=None)
@example(header=HEADER, changes={"exp": NOW + 8}, dropped=set(), times=[NOW, NOW + 8, NOW + 13])
@example(header=HEADER, changes={"nbf": NOW + 8}, dropped=set(), times=[NOW, NOW + 2, NOW + 3])
@example(header=HEADER, changes={"iat": NOW + 8}, dropped=set(), times=[NOW, NOW + 3])
@example(header=HEADER, changes={"exp": 2**70, "aud": ["other", AUDIENCE]}, dropped=set(), times=[NOW, NOW])
@example(header={"alg": "none"}, changes={}, dropped=set(), times=[NOW, NOW])
def test_the_cache_never_changes_a_verdict(header: Any, changes: Any, dropped: set[str], times: list[int]) -> None:
    token = signed(header, {name: value for name, value in {**CLAIMS, **changes}.items() if name not in dropped})
    with stopped_clock() as clock:
        verifier = TokenVerifier(SECRET, clock)
        for clock.now in times:
            assert verdict(verifier, token) == verdict_of_pyjwt(token)


def test_a_cached_token_expires(clock: Clock) -> None:
    verifier = TokenVerifier(SECRET, clock)
    assert verdict(verifier, signed()) == ACTOR
    clock.now = NOW + 60 + LEEWAY_SECONDS - 1
    assert verdict(verifier, signed()) == ACTOR
    clock.now += 1
    assert verdict(verifier, signed()) == "expired"
    with pytest.raises(InvalidToken, match="expired"):
        verifier.actor_and_expiry(f"Bearer {signed()}")


def test_a_cached_token_is_rejected_before_its_time_when_the_clock_is_set_back(clock: Clock) -> None:
    verifier, token = TokenVerifier(SECRET, clock), signed(claims={**CLAIMS, "nbf": NOW})
    assert verdict(verifier, token) == ACTOR
    clock.now = NOW - LEEWAY_SECONDS - 1
    assert verdict(verifier, token) == "invalid"


def test_a_token_of_another_secret_never_hits_the_cache(clock: Clock) -> None:
    verifier, other = TokenVerifier(SECRET, clock), TokenVerifier("x" * 32, clock)
    token, forged = signed(), signed(secret="x" * 32)
    assert [verdict(verifier, token), verdict(other, forged)] == [ACTOR, ACTOR]
    assert [verdict(verifier, forged), verdict(other, token)] == ["invalid", "invalid"]


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens that PyJWT was called for."""
    tokens: list[str] = []

    def recording(token: str, secret: str) -> Any:
        tokens.append(token)
        return verified_claims(token, secret)

    monkeypatch.setattr(auth, "verified_claims", recording)
    return tokens


def tokens_of(count: int) -> list[str]:
    return [signed(claims={**CLAIMS, "sub": f"agent-{number}"}) for number in range(count)]


def test_a_token_is_verified_once_while_it_is_in_use(clock: Clock, verified: list[str]) -> None:
    verifier, (first, *others) = TokenVerifier(SECRET, clock), tokens_of(CACHED_TOKENS + 1)
    for other in others:
        assert verdict(verifier, first) == Actor("agent-0", Role.AGENT, 1)
        verdict(verifier, other)
    assert verified.count(first) == 1


def test_the_cache_is_bounded(clock: Clock, verified: list[str]) -> None:
    verifier, (first, *others) = TokenVerifier(SECRET, clock), tokens_of(CACHED_TOKENS + 1)
    for token in (first, *others, first):
        verdict(verifier, token)
    assert verified == [first, *others, first]


def test_invalid_tokens_evict_no_valid_one(clock: Clock, verified: list[str]) -> None:
    verifier, first = TokenVerifier(SECRET, clock), signed()
    invalid = [signed(claims={**CLAIMS, "role": f"ROLE-{number}"}) for number in range(CACHED_TOKENS)]
    for token in (first, *invalid, first):
        verdict(verifier, token)
    assert verified == [first, *invalid]


@given(data=st.data())
@settings(max_examples=1_000, deadline=None)
def test_a_changed_token_is_rejected(data: st.DataObject) -> None:
    token = signed()
    place = data.draw(st.integers(0, len(token) - 1))
    changed = data.draw(
        st.sampled_from(
            [token[:place], token[place + 1 :], token[:place] + token[place + 1 :], token + "===", "." + token]
        )
        | st.characters().map(lambda character: token[:place] + character + token[place + 1 :])
        | st.text(max_size=4).map(lambda text: token[:place] + text + token[place:])
    )
    with stopped_clock():
        if changed == token:
            assert verified_claims(changed, SECRET) == CLAIMS
            return
        with pytest.raises(InvalidToken):
            verified_claims(changed, SECRET)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "HS256", "crit": []},
        {"alg": "HS256", "crit": ["exp"], "exp": 1},
        {"alg": "HS256", "b64": False},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
        {"alg": "HS256", "kid": 5},
        {},
        [],
        "HS256",
    ],
    ids=str,
)
def test_a_header_that_asks_for_more_is_rejected(clock: Clock, header: Any) -> None:
    assert verdict(TokenVerifier(SECRET, clock), signed(header)) == "invalid"


@pytest.mark.parametrize("claims", [[], "x", None, 5, {**CLAIMS, "exp": math.nan}, {**CLAIMS, "exp": math.inf}])
def test_a_payload_that_is_no_set_of_claims_is_rejected(clock: Clock, claims: Any) -> None:
    assert verdict(TokenVerifier(SECRET, clock), signed(claims=claims)) == "invalid"


@pytest.mark.parametrize("damage", ["===", "+", "/", " ", "\n", "%", "."])
def test_a_part_that_is_not_base64url_is_rejected(clock: Clock, damage: str) -> None:
    header, payload, _ = signed().split(".")
    for parts in ((header, payload + damage), (header + damage, payload)):
        assert verdict(TokenVerifier(SECRET, clock), signed_parts(*parts)) == "invalid"


def test_bits_that_carry_no_data_must_be_zero(clock: Clock) -> None:
    header, payload, _ = signed(claims={**CLAIMS, "sub": "agent-77"}).split(".")
    assert len(payload) % 4
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    altered = payload[:-1] + alphabet[alphabet.index(payload[-1]) + 1]
    assert verdict(TokenVerifier(SECRET, clock), signed_parts(header, altered)) == "invalid"


def test_an_expiry_beyond_the_calendar_can_be_scheduled(clock: Clock) -> None:
    token = signed(claims={**CLAIMS, "exp": 10**400})
    assert TokenVerifier(SECRET, clock).actor_and_expiry(f"Bearer {token}") == (ACTOR, auth.LATEST)
