"""Values survive the wire and the checkpoint; paths lead to what they name; secrets stay secret."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.engine import paths, secrets, values
from sandbox.engine.errors import EngineError
from sandbox.engine.steps import shown
from sandbox.engine.values import UNKNOWN, Secret

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS | st.just(UNKNOWN),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(), inner, max_size=3)
        | inner.map(values.secret)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=4)


@given(OBJECTS)
def test_values_survive_the_wire(given_values: dict[str, Any]) -> None:
    assert values.from_struct(values.to_struct(given_values)) == given_values


@given(OBJECTS)
def test_values_survive_a_checkpoint(given_values: dict[str, Any]) -> None:
    stored = json.loads(json.dumps(values.to_stored(given_values, lambda text: text[::-1])))
    assert values.from_stored(stored, lambda text: text[::-1]) == given_values


@given(OBJECTS)
def test_a_receiver_without_secrets_gets_bare_values(given_values: dict[str, Any]) -> None:
    sent = values.from_struct(values.to_struct(given_values, secrets=False))
    assert not values.contains(sent, Secret)
    assert sent == values.reveal(given_values)


def test_an_output_value_is_what_stands_inside() -> None:
    signature = {values.SIGNATURE: values.OUTPUT_SIGNATURE}
    given_values = {
        "known": {**signature, "value": 1},
        "secret": {**signature, "value": "x", "secret": True},
        "unknown": signature,
    }
    received = values.from_struct(values.to_struct(given_values))
    assert received == {"known": 1, "secret": Secret("x"), "unknown": UNKNOWN}


def test_a_reference_becomes_an_id_for_those_who_take_none() -> None:
    reference = {values.SIGNATURE: values.REFERENCE_SIGNATURE, "urn": "urn:x", "id": "i"}
    kept = values.from_struct(values.to_struct({"r": reference}))
    bare = values.from_struct(values.to_struct({"r": reference}, references=False))
    assert (kept, bare) == ({"r": reference}, {"r": "i"})


def test_what_was_secret_in_the_inputs_is_secret_in_the_outputs() -> None:
    ins = {"a": Secret(1), "b": {"c": Secret(2), "d": 3}, "e": [Secret(4)], "gone": Secret(5)}
    outs = {"a": 1, "b": {"c": 2, "d": 3}, "e": [4], "f": 6}
    assert values.mark_secrets(outs, ins) == {
        "a": Secret(1),
        "b": {"c": Secret(2), "d": 3},
        "e": Secret([4]),
        "f": 6,
    }


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        ("a", {"a": 1}, {"a": 2}, {"a": 1}),
        ("a", {}, {"a": 2}, {}),
        ("a", {"a": 1}, {}, {"a": 1}),
        ("a.b", {"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}, {"a": {"b": 1, "c": 3}}),
        ("a.b", {}, {"a": {"b": 2, "c": 3}}, {"a": {"c": 3}}),
        ("a.b", {"a": {"b": 1}}, {}, None),
        ("a.b", {"a": 1}, {"a": 2}, {"a": 2}),
        ("a[1]", {"a": [1, 2]}, {"a": [3, 4]}, {"a": [3, 2]}),
        ("a[1]", {"a": [1]}, {"a": [3, 4]}, None),
        ('a["x.y"]', {"a": {"x.y": 1}}, {"a": {"x.y": 2}}, {"a": {"x.y": 1}}),
        ("a[*].b", {"a": [{"b": 1}]}, {"a": [{"b": 2}]}, {"a": [{"b": 1}]}),
        ("a.b", {"a": {"b": 1}}, {"a": Secret({"b": 2})}, {"a": Secret({"b": 1})}),
        ("a.b", {"a": Secret({"b": 1})}, {"a": {"b": 2}}, {"a": {"b": Secret(1)}}),
    ],
)
def test_what_is_ignored_stays_as_it_was(path: str, old: Any, new: Any, expected: Any) -> None:
    assert paths.reset(path, old, new) == expected


def test_a_path_that_is_none_is_told() -> None:
    with pytest.raises(EngineError, match="invalid path"):
        paths.parse_path("a[")


def test_what_is_encrypted_decrypts_only_with_its_passphrase() -> None:
    salt = secrets.new_salt("right")
    ciphertext = secrets.Crypter(salt, "right").encrypt("hush")
    assert "hush" not in ciphertext
    assert secrets.Crypter(salt, "right").decrypt(ciphertext) == "hush"
    with pytest.raises(EngineError, match="incorrect passphrase"):
        secrets.Crypter(salt, "wrong").decrypt(ciphertext)
    with pytest.raises(EngineError, match="damaged"):
        secrets.Crypter(salt, "right").decrypt(ciphertext[:-8] + "AAAAAAA=")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([], "{[]}"),
        ("x", "{x}"),
        ({"b": [True], "a": None}, "{map[a:{<nil>} b:{[{true}]}]}"),
        ([Secret("token")], "[secret]"),
        ({"a": UNKNOWN}, "[unknown]"),
    ],
)
def test_a_check_failure_names_the_value_but_no_secret(value: Any, text: str) -> None:
    assert shown(value) == text
