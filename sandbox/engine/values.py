"""Property values as the engine holds them: plain JSON values, with secrets and unknowns marked.

On the wire (a protobuf Struct) and in a checkpoint, Pulumi marks what JSON has no word for by
signatures and sentinels: sdk/go/common/resource/properties.go and plugin/rpc.go name them.
Resource references stay as they came, as objects that carry their signature.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import struct_pb2

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - it is public
OUTPUT_SIGNATURE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
REFERENCE_SIGNATURE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
ASSET_SIGNATURES: Final = frozenset(
    {"c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7"}
)
UNKNOWN_SENTINEL: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
#: What stands for an unknown string, and what for a bool, number, array, asset, archive and object.
UNKNOWN_SENTINELS: Final = frozenset(
    {
        UNKNOWN_SENTINEL,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)


@dataclass(frozen=True)
class Secret:
    """A value that is shown as [secret] and stored encrypted."""

    value: Any

    def __repr__(self) -> str:
        return "Secret([secret])"


class Unknown:
    """A value that only an update will know."""

    def __repr__(self) -> str:
        return "[unknown]"


UNKNOWN: Final = Unknown()


class AssetsNotSupported(ValueError):
    """A program passed an asset or an archive."""


def secret(value: Any) -> Secret:
    """Marks a value as secret, once however often it is marked."""
    return value if isinstance(value, Secret) else Secret(value)


def contains(value: Any, kind: type) -> bool:
    """Whether a value of this kind (Secret, Unknown) stands anywhere inside."""
    if isinstance(value, kind):
        return True
    if isinstance(value, Secret):
        return contains(value.value, kind)
    if isinstance(value, Mapping):
        return any(contains(item, kind) for item in value.values())
    return isinstance(value, list) and any(contains(item, kind) for item in value)


def reveal(value: Any, unknown: Any = UNKNOWN) -> Any:
    """The value without any mark of secrecy, and with this in place of what isn't known."""
    return _rebuilt(value, lambda inner: inner, unknown)


def _rebuilt(value: Any, on_secret: Callable[[Any], Any], unknown: Any = UNKNOWN) -> Any:
    if isinstance(value, Secret):
        return on_secret(_rebuilt(value.value, on_secret, unknown))
    if isinstance(value, Mapping):
        return {key: _rebuilt(item, on_secret, unknown) for key, item in value.items()}
    if isinstance(value, list):
        return [_rebuilt(item, on_secret, unknown) for item in value]
    return unknown if isinstance(value, Unknown) else value


def mark_secrets(outs: dict[str, Any], ins: Mapping[str, Any]) -> dict[str, Any]:
    """Marks in `outs` what is secret in `ins`, for a provider that returns secrets unmarked."""
    marked = dict(outs)
    for key, given in ins.items():
        got = marked.get(key)
        if key not in marked:
            continue
        if isinstance(got, dict) and isinstance(given, dict):
            marked[key] = mark_secrets(got, given)
        elif contains(given, Secret):
            marked[key] = secret(got)
    return marked


# On the wire


def from_struct(struct: struct_pb2.Struct) -> dict[str, Any]:
    """Reads a message's properties.

    Raises:
        AssetsNotSupported: an asset or archive stands among them.
    """
    return {key: _from_proto(value) for key, value in struct.fields.items()}


def _from_proto(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            text = value.string_value
            return UNKNOWN if text in UNKNOWN_SENTINELS else text
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_from_proto(item) for item in value.list_value.values]
        case "struct_value":
            return _from_object(from_struct(value.struct_value))
    return None


def _from_object(found: dict[str, Any]) -> Any:
    signature = found.get(SIGNATURE)
    if signature == SECRET_SIGNATURE:
        return secret(found.get("value"))
    if signature == OUTPUT_SIGNATURE:
        inner = found.get("value", UNKNOWN)
        return secret(inner) if found.get("secret") else inner
    if signature in ASSET_SIGNATURES:
        raise AssetsNotSupported
    return found


def to_struct(
    values: Mapping[str, Any], *, secrets: bool = True, references: bool = True
) -> struct_pb2.Struct:
    """Writes properties for a message.

    Args:
        values: the properties.
        secrets: whether the receiver takes marked secrets, or their bare values.
        references: whether it takes resource references, or the id (else the URN) in their place.
    """
    struct = struct_pb2.Struct()
    for key, value in values.items():
        _to_proto(struct.fields[key], value, secrets, references)
    return struct


def _to_proto(target: struct_pb2.Value, value: Any, secrets: bool, references: bool) -> None:
    if isinstance(value, Secret):
        inner: Any = value.value
        if secrets:
            inner = {SIGNATURE: SECRET_SIGNATURE, "value": inner}
        _to_proto(target, inner, secrets, references)
    elif isinstance(value, Unknown):
        target.string_value = UNKNOWN_SENTINEL
    elif isinstance(value, Mapping):
        if value.get(SIGNATURE) == REFERENCE_SIGNATURE and not references:
            _to_proto(target, value.get("id") or value["urn"], secrets, references)
            return
        target.struct_value.SetInParent()
        for key, item in value.items():
            _to_proto(target.struct_value.fields[key], item, secrets, references)
    elif isinstance(value, list):
        target.list_value.SetInParent()
        for item in value:
            _to_proto(target.list_value.values.add(), item, secrets, references)
    elif value is None:
        target.null_value = struct_pb2.NULL_VALUE
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, str):
        target.string_value = value
    else:
        target.number_value = value


# In a checkpoint


def to_stored(value: Any, encrypt: Callable[[str], str]) -> Any:
    """Writes a value for a checkpoint, its secrets encrypted as JSON text.

    An unknown can be there when targets left something out that an output hangs on.
    """

    def sealed(inner: Any) -> Any:
        text = _compact(inner)
        return {SIGNATURE: SECRET_SIGNATURE, "ciphertext": encrypt(text)}

    return _rebuilt(value, sealed, UNKNOWN_SENTINEL)


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)


def to_plaintext(value: Any) -> Any:
    """Writes a value as `stack export --show-secrets` does, its secrets as legible JSON text."""

    def legible(inner: Any) -> Any:
        text = _compact(inner)
        return {SIGNATURE: SECRET_SIGNATURE, "plaintext": text}

    return _rebuilt(value, legible, UNKNOWN_SENTINEL)


def from_stored(value: Any, decrypt: Callable[[str], str]) -> Any:
    """Reads a value from a checkpoint, whether its secrets are encrypted or legible.

    Raises:
        AssetsNotSupported: an asset or archive stands inside.
    """
    if isinstance(value, list):
        return [from_stored(item, decrypt) for item in value]
    if not isinstance(value, dict):
        return UNKNOWN if value in UNKNOWN_SENTINELS else value
    if value.get(SIGNATURE) == SECRET_SIGNATURE:
        text = value["plaintext"] if "plaintext" in value else decrypt(value["ciphertext"])
        return secret(from_stored(json.loads(text), decrypt))
    if value.get(SIGNATURE) in ASSET_SIGNATURES:
        raise AssetsNotSupported
    return {key: from_stored(item, decrypt) for key, item in value.items()}
