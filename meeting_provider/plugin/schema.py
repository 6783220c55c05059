"""The package schema, made from the models: `python -m meeting_provider.plugin.schema`.

The plugin returns the file that this module writes. A test compares the file with the models.
Source: https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic.alias_generators import to_camel, to_pascal
from pydantic.json_schema import models_json_schema

from meeting_provider.models import CONTROL_REGIONS
from meeting_provider.plugin import PACKAGE, VERSION, properties
from meeting_provider.resources import ResourceType, types

FILE: Final = Path(__file__).with_name("schema.json")

#: The provider's settings.
SETTINGS: Final = {
    "region": "The control region of meetings that declare none; by default that of the "
    f"environment or the profile. One of {', '.join(CONTROL_REGIONS)}.",
    "profile": "The profile of AWS's own configuration that calls are signed with; by default what "
    "boto3 finds.",
}

_ANY: Final = {"type": "object", "additionalProperties": {"$ref": "pulumi.json#/Any"}}
_STRINGS: Final = {"type": "object", "additionalProperties": {"type": "string"}}

#: The resource types.
_TYPES: Final[Mapping[str, ResourceType]] = types()
#: Required arguments that a program can leave out, because Check fills them in.
_FILLED_IN: Final = ("externalMeetingId", "mediaRegion", "controlRegion")
#: The enumerations that are not named after their property, by model.
_ENUMERATIONS: Final = {
    "Capabilities": "MediaCapability",
    "VideoFeatures": "VideoResolution",
    "ContentFeatures": "ContentResolution",
}
_LANGUAGES: Final = ("nodejs", "python", "go", "csharp", "java")
_UNITS: Final = {"Length": " characters", "Items": " entries", "Properties": " entries", "imum": ""}


def build() -> dict[str, Any]:
    """The schema of the present models."""
    shapes = [m for kind in _TYPES.values() for m in (kind.model, kind.outputs)]
    _, found = models_json_schema(
        [(m, "validation") for m in shapes],
        by_alias=False,
        ref_template=f"#/types/{_token('{model}')}",
    )
    models, enumerations = found["$defs"], dict[str, Any]()
    resources = {}
    for name, kind in _TYPES.items():
        model, outputs = (models.pop(m.__name__) for m in (kind.model, kind.outputs))
        resources[_token(name)] = _resource(model, outputs, enumerations)
    shown: dict[str, Any] = {}
    for name, each in models.items():
        below, always = _properties(each, enumerations)
        # The external user id is an attendee's key.
        if name == "AttendeeInput":
            below.pop("externalUserId")
        required = [n for n in always if n in below]
        shape = {"type": "object", "description": _text(each), "properties": below}
        shown[_token(name)] = shape | {"required": required}
    settings = {n: {"type": "string", "description": d} for n, d in SETTINGS.items()}
    schema = {
        "name": PACKAGE,
        "version": VERSION,
        "displayName": "Amazon Chime SDK meetings",
        "description": "Amazon Chime SDK meetings with their attendees as Pulumi resources.",
        "config": {"variables": settings},
        "provider": {"inputProperties": settings, "properties": settings},
        "types": dict(sorted((shown | enumerations).items())),
        "resources": resources,
        "language": {n: {"respectSchemaVersion": True} for n in _LANGUAGES},
    }
    named: dict[str, Any] = json.loads(json.dumps(schema).replace(":AttendeeInput", ":Attendee"))
    return named


def _resource(
    model: Mapping[str, Any], outputs: Mapping[str, Any], enumerations: dict[str, Any]
) -> dict[str, Any]:
    """A resource type, from its model and its outputs."""
    inputs, required = _properties(model, enumerations)
    own, always = _properties(outputs, enumerations)
    for name in own.keys() & {*map(to_camel, properties.SECRETS)}:
        own[name]["secret"] = True
    return {
        "description": _text(model),
        "inputProperties": inputs,
        "requiredInputs": [n for n in required if n not in _FILLED_IN],
        "properties": inputs | own,
        "required": [*required, *always],
    }


def _token(name: str) -> str:
    return f"{PACKAGE}:index:{name}"


def _text(model: Mapping[str, Any]) -> str:
    """The docstring of a model, without its source."""
    paragraphs = model["description"].split("Source:")[0].split("\n\n")
    return "\n\n".join(" ".join(p.split()) for p in paragraphs).strip()


def _properties(
    model: Mapping[str, Any], enumerations: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The properties of a model, and the names of those always there; adds its enumerations."""
    found: dict[str, dict[str, Any]] = {}
    for name, outer in model["properties"].items():
        node = next((n for n in outer.get("anyOf", ()) if n.get("type") != "null"), outer)
        if values := node.get("enum"):
            names = [to_pascal(v.replace("-", "_")) if "-" in v else v for v in values]
            enum = [{"name": n, "value": v} for n, v in zip(names, values, strict=True)]
            token = _token(_ENUMERATIONS.get(model["title"], to_pascal(name)))
            if enumerations.get(token, {"enum": enum})["enum"] != enum:
                token = _token(model["title"] + to_pascal(name))
            enumerations[token] = {"type": "string", "enum": enum}
            node = {"$ref": f"#/types/{token}"}
        description = " ".join(t for t in (outer.get("description"), _limits(node)) if t)
        found[name] = _shape(node) | ({"description": description} if description else {})
        if any(kind.replacing([name]) for kind in _TYPES.values()):
            found[name]["replaceOnChanges"] = True
        if isinstance(default := outer.get("default"), bool):
            found[name]["default"] = default
    # Attendees are a mapping in programs, and a list only in the API.
    if listed := found.get("attendees"):
        listed |= {"type": "object", "additionalProperties": listed.pop("items")}
    return {to_camel(n): p for n, p in found.items()}, [*map(to_camel, model.get("required", ()))]


def _shape(node: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        return {"$ref": node["$ref"]}
    below = {"items": _shape(node["items"])} if "items" in node else {}
    if node["type"] == "object":
        return {**_ANY} if node.get("additionalProperties") is True else {**_STRINGS}
    return {"type": node["type"], **below}


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
