"""Converts property values between Pulumi's wire form and plain Python."""

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from google.protobuf import json_format, struct_pb2
from pulumi.output import Unknown
from pulumi.runtime import rpc

UNKNOWN: Final[Any] = Unknown()  # type: ignore[no-untyped-call]


class Properties(NamedTuple):
    """A message's properties without marks, and the names of those that contain a secret."""

    values: dict[str, Any]
    secrets: frozenset[str]


def read(struct: struct_pb2.Struct) -> Properties:
    """Reads a message's properties: unknowns are kept, nulls left out, whole numbers are ints."""
    wire = json_format.MessageToDict(struct)
    # The marks are removed first, because the SDK loses an unknown inside of a secret.
    bare = {key: _bare(value) for key, value in wire.items()}
    found = rpc.deserialize_properties(
        json_format.ParseDict(bare, struct_pb2.Struct()), keep_unknowns=True
    )
    return Properties(
        {key: _whole(value) for key, value in found.items() if value is not None},
        frozenset(key for key, value in wire.items() if value != bare[key]),
    )


def _bare(value: Any) -> Any:
    if rpc.is_rpc_secret(value):
        return _bare(rpc.unwrap_rpc_secret(value))
    if isinstance(value, dict):
        return {key: _bare(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_bare(item) for item in value]
    return value


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value


def write(values: Mapping[str, Any], secrets: Collection[str] = ()) -> struct_pb2.Struct:
    """Writes properties for a message, with those in `secrets` marked as secrets."""
    plain = {
        key: rpc.wrap_rpc_secret(_known(value)) if key in secrets else _known(value)
        for key, value in values.items()
    }
    return json_format.ParseDict(plain, struct_pb2.Struct())


def _known(value: Any) -> Any:
    if isinstance(value, Unknown):
        return rpc.UNKNOWN
    if isinstance(value, Mapping):
        return {key: _known(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_known(item) for item in value]
    return value


def is_unknown(value: Any) -> bool:
    """Whether the value, or a value in it, isn't known yet."""
    return bool(rpc.contains_unknowns(value))
