"""Properties between Pulumi's wire form and plain Python: secrets, unknowns and names.

Names are camelCase on the wire and snake_case here. Keys that a program chooses, such as an
attendee's external_user_id, stay as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from meeting_provider import state
from meeting_provider.issues import UNKNOWN
from meeting_provider.models import MediaPlacement
from meeting_provider.plugin import PACKAGE
from meeting_provider.resources import types
from meeting_provider.shapes import Shape

#: The output of the plugin that has the API's Meeting, for clients.
API_MEETING: Final = "api_meeting"

#: The outputs that are secret. The Meeting has the details, which are.
SECRETS: Final = frozenset({*state.SECRETS, API_MEETING})

_SHAPES: Final[list[type[BaseModel]]] = [*Shape.__subclasses__(), MediaPlacement]
_SHAPES.extend(kind.outputs for kind in types().values())
_CAMEL: Final = {name: to_camel(name) for shape in _SHAPES for name in shape.model_fields}
_SNAKE: Final = {camel: name for name, camel in _CAMEL.items()}

#: Properties with keys that the program chooses.
_KEYED: Final = ("attendees", "tags", "attendee_ids", "join_tokens", "attendeeIds", "joinTokens")

#: Properties that keep the API's names at any depth.
_RAW: Final = ("meeting_details", "meetingDetails", API_MEETING, "apiMeeting")

#: The names of arguments and settings in messages of the lower layers, with those of programs.
_IN_MESSAGES: Final = {n: c for n, c in _CAMEL.items() if n != c} | {
    f"aws:{setting}": f"{PACKAGE}:{setting}" for setting in ("region", "profile")
}
_NAMED: Final = re.compile(rf"\b({'|'.join(_IN_MESSAGES)})\b")


class Properties(NamedTuple):
    """The properties of a message, and the names of those that contain a secret."""

    values: dict[str, Any]
    secret: frozenset[str]


def read(struct: struct_pb2.Struct) -> Properties:
    """The properties of a message, without nulls, and with whole numbers as ints."""
    wire = json_format.MessageToDict(struct)
    secret = (n for n, v in wire.items() if _has_secret(v))
    return Properties(_converted(wire, _SNAKE), frozenset(_SNAKE.get(n, n) for n in secret))


def write(values: Mapping[str, Any], secret: Collection[str] = ()) -> struct_pb2.Struct:
    """A message of properties. Those whose names are in `secret` are marked as secrets."""
    secrets = {_CAMEL.get(n, n) for n in secret}
    wire = _converted(values, _CAMEL).items()
    marked = {n: rpc.wrap_rpc_secret(v) if n in secrets else v for n, v in wire}
    return json_format.ParseDict(marked, struct_pb2.Struct())


def path(place: Sequence[str]) -> str:
    """A path in Pulumi's notation: `attendees.ann`, `attendees["a b"]`."""
    first, *keys = place
    if first not in _KEYED:
        keys = [_CAMEL.get(k, k) for k in keys]
    steps = (f".{k}" if re.fullmatch(r"[a-zA-Z_]\w*", k) else f"[{json.dumps(k)}]" for k in keys)
    return _CAMEL.get(first, first) + "".join(steps)


def message(text: str) -> str:
    """A message of the lower layers on one line, with the names that a program uses."""
    return _NAMED.sub(lambda found: _IN_MESSAGES[found[0]], "; ".join(text.split("\n  ")))


def _converted(value: Any, names: Mapping[str, str], parent: str = "") -> Any:
    """A value with converted names and unknowns, and without the marks of secrets."""
    if rpc.is_rpc_secret(value):
        return _converted(rpc.unwrap_rpc_secret(value), names, parent)
    if isinstance(value, Mapping):
        kept = parent in _KEYED or parent in _RAW
        below = {k: parent if parent in _RAW else "" if parent in _KEYED else k for k in value}
        return {
            k if kept else names.get(k, k): _converted(v, names, below[k])
            for k, v in value.items()
            if v is not None
        }
    if isinstance(value, list):
        return [_converted(v, names, parent) for v in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return {UNKNOWN: rpc.UNKNOWN, rpc.UNKNOWN: UNKNOWN}.get(value, value)


def _has_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(rpc.is_rpc_secret(value)) or any(map(_has_secret, value.values()))
    return any(map(_has_secret, value)) if isinstance(value, list) else False
