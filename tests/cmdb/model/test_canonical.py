"""The canonical form is what json writes, byte for byte, whatever writes it."""

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cmdb.model.canonical import decode, encode
from cmdb.model.observation import Json

texts = st.text(st.characters(codec=None), max_size=12) | st.sampled_from(
    ["null", "0.0000", "1e-5", ",1e5", "\ud800", "\x00\x1f\x7f\b\f\n\t\"\\/", "é", "\U0001f600"]
)  # fmt: skip
fractions = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.integers(-(2**70), 2**70) | fractions
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(texts, inner, max_size=6),
    max_leaves=20,
)


def written(value: Json) -> bytes:
    text = json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return text.encode("utf-8", "surrogatepass")


@given(values)
@example(1e16)
@example(1e-5)
@example([0.0001, 123456789012345680.0, -0.0, 2**64, -(2**63) - 1])
@example({"b": None, "a": [1e22, "e5"], "\ud800": "1e5"})
@example({"\uffff": 1, "\U00010000": 2, "z": 3})
def test_the_form_is_that_of_json_and_reads_back(value: Json) -> None:
    body = encode(value)
    assert body == written(value)
    assert decode(body) == value
    many = [value] * 40
    assert decode(encode(many)) == many
    assert repr(decode(body)) == repr(json.loads(written(value).decode("utf-8", "surrogatepass")))


@given(fractions)
def test_every_fraction_is_written_as_json_does(value: float) -> None:
    assert encode([value]) == written([value])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode({"a": [value]})


def test_a_long_body_with_what_is_no_text_is_read() -> None:
    value: Json = ["x" * 300, "\ud800", 2**80]
    assert decode(encode(value)) == value


def test_a_long_body_that_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        decode(b"[" + b"1," * 300)
