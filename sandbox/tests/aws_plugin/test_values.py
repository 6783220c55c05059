"""Property values from Pulumi's wire form, and their marks."""

from __future__ import annotations

from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc

from chime_sandbox.aws_plugin import values


def read(wire: dict[str, object]) -> values.Properties:
    return values.read(json_format.ParseDict(wire, struct_pb2.Struct()))


def test_a_secret_that_is_not_known_yet_is_not_nothing():
    found = read({"value": rpc.wrap_rpc_secret(rpc.UNKNOWN), "name": "one"})
    assert found.secrets == {"value"}
    assert values.is_unknown(found.values["value"])
    assert found.values["name"] == "one"


def test_secrets_are_found_at_any_depth():
    deep = {"rules": [{"key": rpc.wrap_rpc_secret({"a": 1, "b": rpc.UNKNOWN})}], "plain": [2.5]}
    found = read(deep)
    assert found.secrets == {"rules"}
    assert found.values["rules"][0]["key"]["a"] == 1
    assert values.is_unknown(found.values["rules"])
    assert found.values["plain"] == [2.5]


def test_what_is_null_is_left_out():
    assert read({"gone": None, "hidden": rpc.wrap_rpc_secret(None)}).values == {}
