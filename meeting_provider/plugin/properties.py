"""Properties between Pulumi's wire form and plain Python: secrets, unknowns and names.

Names are camelCase on the wire and snake_case here. Keys that a program chooses, such as an
attendee's external_user_id, stay as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from itertools import chain
from typing import Any, Final, NamedTuple

from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from meeting_provider import models, state
from meeting_provider.plugin import PACKAGE
from meeting_provider.validation import UNKNOWN

#: The output that join information is taken from: the meeting and its attendees as the API has
#: them. It holds join tokens.
JOIN_DATA: Final = "join_data"

SECRETS: Final = frozenset({*state.SECRETS, JOIN_DATA})

_SHAPES: Final[tuple[type[BaseModel], ...]] = (
    *models.Shape.__subclasses__(),
    models.MediaPlacement,
)
_OUTPUTS: Final = ("meeting_id", "meeting_arn", "attendee_ids", *SECRETS)

#: Properties whose values have keys of the program or of the API.
_VERBATIM: Final = frozenset({"tags", "attendee_ids", *SECRETS})

_CAMEL: Final = {
    name: to_camel(name)
    for name in chain(_OUTPUTS, *(shape.model_fields for shape in _SHAPES), ["media_placement"])
}
_SNAKE: Final = {camel: name for name, camel in _CAMEL.items()}

#: What messages of the lower layers call otherwise: arguments, and settings of the stack.
_IN_MESSAGES: Final = {n: c for n, c in _CAMEL.items() if n != c} | {
    f"aws:{setting}": f"{PACKAGE}:{setting}" for setting in ("region", "profile")
}
_NAMED: Final = re.compile(rf"\b({'|'.join(_IN_MESSAGES)})\b")

_IDENTIFIER: Final = re.compile(r"[a-zA-Z_]\w*")


class Properties(NamedTuple):
    """The properties of a message, and the names of those that hold a secret anywhere."""

    values: dict[str, Any]
    secret: frozenset[str]


def read(struct: struct_pb2.Struct) -> Properties:
    """The properties of a message, without nulls and with whole numbers as such."""
    wire = json_format.MessageToDict(struct)
    plain = {n: _plain(v) for n, v in wire.items() if v is not None}
    secret = (n for n, v in wire.items() if _has_secret(v))
    return Properties(_renamed(plain, _SNAKE), frozenset(_SNAKE.get(n, n) for n in secret))


def write(values: Mapping[str, Any], secret: Collection[str] = ()) -> struct_pb2.Struct:
    """A message of properties; those whose names are in `secret` are secrets."""
    present = {n: v for n, v in values.items() if v is not None}
    wire = {
        _CAMEL.get(n, n): rpc.wrap_rpc_secret(v) if n in secret else v
        for n, v in _renamed(_marked(present), _CAMEL, top=False).items()
    }
    return json_format.ParseDict(wire, struct_pb2.Struct())


def with_join_data(outputs: dict[str, Any]) -> dict[str, Any]:
    """The outputs, and what join information is taken from."""
    return {**outputs, JOIN_DATA: state.join_data(outputs)}


def path(place: Iterable[str]) -> str:
    """A place among the properties in Pulumi's notation: `attendees.ann`, `attendees["a b"]`."""
    head, *rest = place
    keys = rest if head in _VERBATIM else [_CAMEL.get(k, k) for k in rest]
    if head == "attendees" and rest:
        keys[0] = rest[0]
    steps = (f".{k}" if _IDENTIFIER.fullmatch(k) else f"[{json.dumps(k)}]" for k in keys)
    return _CAMEL.get(head, head) + "".join(steps)


def message(text: str) -> str:
    """A message of the lower layers on one line, with the names that a program uses."""
    return _NAMED.sub(lambda found: _IN_MESSAGES[found[0]], "; ".join(text.split("\n  ")))


def _renamed(values: Mapping[str, Any], names: Mapping[str, str], *, top: bool = True) -> Any:
    """The values with the names of properties at any depth changed."""
    renamed = {}
    for name, value in values.items():
        below = value
        if name == "attendees" and isinstance(value, Mapping):
            below = {i: _below(a, names) for i, a in value.items()}
        elif _SNAKE.get(name, name) not in _VERBATIM:
            below = _below(value, names)
        renamed[names.get(name, name) if top else name] = below
    return renamed


def _below(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return _renamed(value, names)
    return [_below(v, names) for v in value] if isinstance(value, list) else value


def _has_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(rpc.is_rpc_secret(value)) or any(map(_has_secret, value.values()))
    return any(map(_has_secret, value)) if isinstance(value, list) else False


def _plain(value: Any) -> Any:
    if rpc.is_rpc_secret(value):
        return _plain(rpc.unwrap_rpc_secret(value))
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return UNKNOWN if value == rpc.UNKNOWN else value


def _marked(value: Any) -> Any:
    """The value with Pulumi's mark for what isn't known yet."""
    if isinstance(value, Mapping):
        return {k: _marked(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_marked(v) for v in value]
    return rpc.UNKNOWN if value is UNKNOWN else value
