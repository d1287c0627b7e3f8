"""Tokens are judged as PyJWT judges them, but for what it lets pass on purpose."""

import base64
import hmac
import json
import math
import warnings
from datetime import datetime
from typing import Any

import jwt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.http.jwt import BadToken, ExpiredToken, SignedTokens

SECRET = "s" * 32
NOW = 1_800_000_000
LEEWAY = 5
CLAIMS: dict[str, Any] = {"sub": "agent-7", "iss": "gateway", "aud": "graphql", "exp": NOW + 60, "iat": NOW}
REQUIRED = ["sub", "exp", "aud", "iss"]


def encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def signed(header: Any, claims: Any, secret: str = SECRET) -> str:
    parts = ".".join(encode(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return f"{parts}.{encode(hmac.digest(secret.encode(), parts.encode(), 'sha256'))}"


def ours(token: str) -> Any:
    verifier = SignedTokens(
        SECRET, issuer="gateway", audience="graphql", required=REQUIRED, leeway=LEEWAY, now=lambda: NOW
    )
    try:
        return verifier.claims(token)
    except ExpiredToken:
        return "expired"
    except BadToken:
        return "bad"


def pyjwts(token: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls.fromtimestamp(NOW, tz)

    with monkeypatch.context() as patched, warnings.catch_warnings():
        patched.setattr("jwt.api_jwt.datetime", Clock)
        try:
            return jwt.decode(
                token,
                SECRET,
                algorithms=["HS256"],
                audience="graphql",
                issuer="gateway",
                leeway=LEEWAY,
                options={"require": REQUIRED},
            )
        except jwt.ExpiredSignatureError:
            return "expired"
        except (jwt.PyJWTError, ValueError):
            return "bad"


TIMES = st.integers(NOW - 8, NOW + 8) | st.floats(NOW - 8, NOW + 8) | st.sampled_from([0, -1, 2**70, 1e300, None, True])
ODD = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "exp": TIMES | TIMES.map(str) | ODD,
        "nbf": TIMES | TIMES.map(str) | ODD,
        "iat": TIMES | TIMES.map(str) | ODD,
        "aud": st.sampled_from(["graphql", "other", ["graphql"], ["other", "graphql"], ["graphql", 1], {}, []]) | ODD,
        "iss": st.sampled_from(["gateway", ["gateway"], "other"]) | ODD,
        "sub": ODD,
        "jti": ODD,
    },
)
HEADERS = st.fixed_dictionaries(
    {"alg": st.sampled_from(["HS256"] * 6 + ["none", "None", "HS512", "hs256", "RS256", "", None, 1, ["HS256"]])},
    optional={"typ": st.sampled_from(["JWT", "at+jwt", "", None, 5]), "kid": ODD, "cty": ODD},
)


@given(header=HEADERS, changes=CHANGES, dropped=st.sets(st.sampled_from([*CLAIMS]), max_size=1))
@settings(max_examples=1_000, deadline=None)
@example(header={"alg": "HS256", "typ": "JWT"}, changes={}, dropped=set())
@example(header={"typ": "JWT", "alg": "HS256"}, changes={"exp": NOW - LEEWAY}, dropped=set())
@example(header={"alg": "HS256"}, changes={"exp": NOW - LEEWAY + 1, "nbf": NOW + LEEWAY}, dropped=set())
@example(header={"alg": "none"}, changes={}, dropped=set())
@example(header={"alg": "HS256"}, changes={"aud": ["graphql", 1]}, dropped=set())
@example(header={"alg": "HS256"}, changes={"aud": ["other", "graphql"], "jti": "x", "iat": NOW + LEEWAY}, dropped=set())
def test_claims_and_headers_count_as_for_pyjwt(header: Any, changes: Any, dropped: set[str]) -> None:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if name not in dropped}
    token = signed(header, claims)
    judged = ours(token)
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert judged == pyjwts(token, monkeypatch)


@given(data=st.data())
@settings(max_examples=1_000, deadline=None)
def test_whoever_changes_a_token_makes_it_worthless(data: st.DataObject) -> None:
    token = signed({"alg": "HS256", "typ": "JWT"}, CLAIMS)
    place = data.draw(st.integers(0, len(token) - 1))
    changed = data.draw(
        st.sampled_from(
            [token[:place], token[place + 1 :], token[:place] + token[place + 1 :], token + "=", "." + token]
        )
        | st.characters().map(lambda character: token[:place] + character + token[place + 1 :])
        | st.text(max_size=4).map(lambda text: token[:place] + text + token[place:])
    )
    assert ours(changed) == ("bad" if changed != token else CLAIMS)
    with pytest.MonkeyPatch.context() as monkeypatch:
        # PyJWT reads a token with padding behind it all the same.
        assert changed == token or changed.rstrip("=") == token or pyjwts(changed, monkeypatch) == "bad"


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "HS256", "crit": ["b64"], "b64": True},
        {"alg": "HS256", "crit": []},
        {"alg": "HS256", "crit": ["exp"], "exp": 1},
        {"alg": "HS256", "b64": False},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
        {},
        [],
        "HS256",
    ],
)
def test_a_header_that_asks_for_more_is_refused(header: Any) -> None:
    assert ours(signed(header, CLAIMS)) == "bad"


@pytest.mark.parametrize("claims", [[], "x", None, 5, {**CLAIMS, "exp": math.nan}, {**CLAIMS, "exp": math.inf}])
def test_what_is_no_json_object_is_refused(claims: Any) -> None:
    assert ours(signed({"alg": "HS256"}, claims)) == "bad"


@pytest.mark.parametrize("damage", ["=", "==", "+", "/", " ", "\n", "%", "."])
def test_a_part_is_written_in_the_one_way_base64url_has(damage: str) -> None:
    header, payload = signed({"alg": "HS256", "typ": "JWT"}, CLAIMS).split(".")[:2]
    for parts in (f"{header}.{payload}{damage}", f"{header}{damage}.{payload}"):
        token = f"{parts}.{encode(hmac.digest(SECRET.encode(), parts.encode(), 'sha256'))}"
        assert ours(token) == "bad"


def test_bits_that_count_for_nothing_are_zero() -> None:
    head, payload = signed({"alg": "HS256", "typ": "JWT"}, {**CLAIMS, "sub": "agent-777"}).split(".")[:2]
    assert len(payload) % 4
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    parts = f"{head}.{payload[:-1]}{alphabet[alphabet.index(payload[-1]) + 1]}"
    token = f"{parts}.{encode(hmac.digest(SECRET.encode(), parts.encode(), 'sha256'))}"
    assert ours(token) == "bad"


def test_another_secret_is_no_secret() -> None:
    assert ours(signed({"alg": "HS256", "typ": "JWT"}, CLAIMS, "x" * 32)) == "bad"
