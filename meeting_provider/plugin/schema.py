"""The package schema, made from the models: `python -m meeting_provider.plugin.schema`.

The plugin answers with the file that this writes. A test holds the file against the models.
Source: https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.alias_generators import to_camel, to_pascal
from pydantic.json_schema import models_json_schema

from meeting_provider import models
from meeting_provider.diff import CREATE_ONLY
from meeting_provider.models import CONTROL_REGIONS, MeetingInput
from meeting_provider.plugin import PACKAGE, VERSION, properties
from meeting_provider.recordings.checking import CREATE_ONLY as RECORDINGS_CREATE_ONLY
from meeting_provider.recordings.models import RecordingInput

FILE: Final = Path(__file__).with_name("schema.json")

#: The provider's settings.
SETTINGS: Final = {
    "region": "The control region of meetings that declare none; by default that of the "
    f"environment or the profile. One of {', '.join(CONTROL_REGIONS)}.",
    "profile": "The profile of AWS's own configuration that calls are signed with; by default what "
    "the AWS SDK finds.",
}

_ANY: Final = {"type": "object", "additionalProperties": {"$ref": "pulumi.json#/Any"}}
_STRINGS: Final = {"type": "object", "additionalProperties": {"type": "string"}}

_TEXT: Final = {"type": "string"}

#: What a meeting has beside its arguments: the shape and the description.
_MEETING: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "meeting_id": (_TEXT, "The MeetingId: the same as the resource's id."),
    "meeting_arn": (_TEXT, "The ARN that the meeting's tags are kept under."),
    "media_placement": ({"$ref": f"#/types/{PACKAGE}:index:MediaPlacement"}, ""),
    "attendee_ids": (_STRINGS, "Each attendee's AttendeeId, by external user id."),
    "join_tokens": (_STRINGS, "Each attendee's JoinToken, by external user id."),
    "meeting_details": (_ANY, "What else the service answered of the meeting, in its own words."),
    "join_data": (
        _ANY,
        "What clients join with: `Meeting`, and `Attendees` by external user id, as the API has "
        "them. The Chime SDK for JavaScript takes both: `new MeetingSessionConfiguration(Meeting, "
        "Attendees.ann)`.",
    ),
}
#: The same of a recording.
_RECORDING: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "media_pipeline_id": (_TEXT, "The capture pipeline's id: the same as the resource's id."),
    "media_pipeline_arn": (_TEXT, "The capture pipeline's ARN."),
    "concatenation_pipeline_id": (_TEXT, "The concatenation pipeline's id."),
    "concatenation_pipeline_arn": (_TEXT, "The concatenation pipeline's ARN."),
}
#: Each type of resource: its model, its outputs, and those that may be absent.
_Outputs = Mapping[str, tuple[dict[str, Any], str]]
_RESOURCES: Final[dict[str, tuple[type[BaseModel], _Outputs, Collection[str]]]] = {
    "Meeting": (MeetingInput, _MEETING, {"meeting_details"}),
    "Recording": (
        RecordingInput,
        _RECORDING,
        {"concatenation_pipeline_id", "concatenation_pipeline_arn"},
    ),
}
#: Arguments that a program need not give, since Check fills them in.
_FILLED_IN: Final = ("externalMeetingId", "mediaRegion", "controlRegion")
#: The enumerations that aren't called as their property is, by the model that has them.
_ENUMERATIONS: Final = {
    "Capabilities": "MediaCapability",
    "VideoFeatures": "VideoResolution",
    "ContentFeatures": "ContentResolution",
}
_LANGUAGES: Final = ("nodejs", "python", "go", "csharp", "java")
_UNITS: Final = {"Length": " characters", "Items": " entries", "Properties": " entries", "imum": ""}


def build() -> dict[str, Any]:
    """The schema of the models as they are."""
    shapes: list[type[BaseModel]] = [models.MediaPlacement]
    shapes += [model for model, *_ in _RESOURCES.values()]
    _, found = models_json_schema(
        [(m, "validation") for m in shapes],
        by_alias=False,
        ref_template=f"#/types/{_token('{model}')}",
    )
    types: dict[str, Any] = {}
    resources = {
        _token(name): _resource(found["$defs"].pop(model.__name__), types, outputs, may_lack)
        for name, (model, outputs, may_lack) in _RESOURCES.items()
    }
    for name, each in found["$defs"].items():
        below, always = _properties(each, types)
        # The external user id is an attendee's key.
        if name == "AttendeeInput":
            below.pop("externalUserId")
        always = [n for n in always if n in below]
        shape = {"type": "object", "description": _text(each), "properties": below}
        types[_token(name)] = shape | {"required": always}
    settings = {n: {"type": "string", "description": d} for n, d in SETTINGS.items()}
    schema = {
        "name": PACKAGE,
        "version": VERSION,
        "displayName": "Amazon Chime SDK meetings",
        "description": "Amazon Chime SDK meetings with their attendees as Pulumi resources.",
        "config": {"variables": settings},
        "provider": {"inputProperties": settings, "properties": settings},
        "types": dict(sorted(types.items())),
        "resources": resources,
        "language": {n: {"respectSchemaVersion": True} for n in _LANGUAGES},
    }
    named: dict[str, Any] = json.loads(json.dumps(schema).replace(":AttendeeInput", ":Attendee"))
    return named


def _resource(
    model: Mapping[str, Any],
    types: dict[str, Any],
    outputs: _Outputs,
    may_lack: Collection[str],
) -> dict[str, Any]:
    """A type of resources, as its model and its outputs are."""
    inputs, required = _properties(model, types)
    own = {
        n: shape
        | ({"description": text} if text else {})
        | ({"secret": True} if n in properties.SECRETS else {})
        for n, (shape, text) in outputs.items()
    }
    return {
        "description": _text(model),
        "inputProperties": inputs,
        "requiredInputs": [n for n in required if n not in _FILLED_IN],
        "properties": inputs | {to_camel(n): o for n, o in own.items()},
        "required": [*required, *(to_camel(n) for n in own if n not in may_lack)],
    }


def _token(name: str) -> str:
    return f"{PACKAGE}:index:{name}"


def _text(model: Mapping[str, Any]) -> str:
    """What the docstring of a model says, without its source."""
    paragraphs = model["description"].split("Source:")[0].split("\n\n")
    return "\n\n".join(" ".join(p.split()) for p in paragraphs).strip()


def _properties(
    model: Mapping[str, Any], types: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The properties of a model, and those that are always there. Enumerations go to `types`."""
    found: dict[str, dict[str, Any]] = {}
    for name, outer in model["properties"].items():
        node = next((n for n in outer.get("anyOf", ()) if n.get("type") != "null"), outer)
        if values := node.get("enum"):
            names = [to_pascal(v.replace("-", "_")) if "-" in v else v for v in values]
            enum = [{"name": n, "value": v} for n, v in zip(names, values, strict=True)]
            token = _token(_ENUMERATIONS.get(model["title"], to_pascal(name)))
            if types.get(token, {"enum": enum})["enum"] != enum:
                token = _token(model["title"] + to_pascal(name))
            types[token] = {"type": "string", "enum": enum}
            node = {"$ref": f"#/types/{token}"}
        description = " ".join(t for t in (outer.get("description"), _limits(node)) if t)
        found[name] = _shape(node) | ({"description": description} if description else {})
        if name in (*CREATE_ONLY, *RECORDINGS_CREATE_ONLY):
            found[name]["replaceOnChanges"] = True
        if isinstance(default := outer.get("default"), bool):
            found[name]["default"] = default
    # Attendees are a mapping for every program, and a list only for the API.
    if listed := found.get("attendees"):
        listed |= {"type": "object", "additionalProperties": listed.pop("items")}
    return {to_camel(n): p for n, p in found.items()}, [*map(to_camel, model.get("required", ()))]


def _shape(node: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        return {"$ref": node["$ref"]}
    below = {"items": _shape(node["items"])} if "items" in node else {}
    return {**_STRINGS} if node["type"] == "object" else {"type": node["type"], **below}


def _limits(node: Mapping[str, Any]) -> str:
    for end, unit in _UNITS.items():
        least, most = node.get(f"min{end}"), node.get(f"max{end}")
        if least and most:
            return f"{least} to {most}{unit}."
        if most:
            return f"At most {most}{unit}."
    return ""


if __name__ == "__main__":
    FILE.write_text(json.dumps(build(), indent=2, ensure_ascii=False) + "\n", "utf-8")
