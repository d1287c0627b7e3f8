import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integrations.stores.redis.manager import decode, encode

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]))
json = st.recursive(scalars | texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=10)


@given(json | texts | st.binary())
@example("json:{}")
@example("raw:x")
@example("text:text:")
@example(b"json:5")
def test_a_value_keeps_its_type(value: object) -> None:
    back = decode(encode(value))
    assert back == value
    assert type(back) is type(value)


def test_text_is_stored_unchanged() -> None:
    assert encode("CM123456") == b"CM123456"
    assert decode(b"written by another client") == "written by another client"


def test_a_value_that_json_cannot_hold_is_rejected() -> None:
    with pytest.raises(TypeError):
        encode(object())
