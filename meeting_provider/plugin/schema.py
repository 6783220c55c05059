"""The package schema, made from the models: `python -m meeting_provider.plugin.schema`.

The plugin answers with the file that this writes. A test holds the file against the models.
Source: https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.alias_generators import to_camel, to_pascal

from meeting_provider import models
from meeting_provider.diff import CREATE_ONLY
from meeting_provider.models import CONTROL_REGIONS, MeetingInput
from meeting_provider.plugin import MEETING, PACKAGE, properties

FILE: Final = Path(__file__).with_name("schema.json")

#: The provider's settings.
SETTINGS: Final = {
    "region": "The control region of meetings that declare none; by default that of the "
    f"environment or the profile. One of {', '.join(CONTROL_REGIONS)}.",
    "profile": "The profile of AWS's own configuration that calls are signed with; by default what "
    "the AWS SDK finds.",
}

_MEETING: Final = """\
An Amazon Chime SDK meeting with its attendees.

The service ends a meeting that nobody is connected to for five minutes, and any meeting after 24 \
hours. The next update notices that, and creates the meeting's successor with a new id and new \
tokens. Attendees, their capabilities, the tags and `ignoreUndeclaredAttendees` change in place. \
Any other change creates a new meeting before the old one is ended."""

#: What properties mean. Their types and limits are those of the models.
_DESCRIPTIONS: Final = {
    "attendees": "The attendees by external user id.",
    "external_meeting_id": "The meeting's own name; by default the resource's name.",
    "media_region": "Where the media is hosted; by default the control region where media can be "
    "hosted there, and else us-east-1.",
    "client_request_token": "Random for each create by default. Set one only where another program "
    "has to find the meeting by it.",
    "meeting_host_id": "Reserved by the service.",
    "media_placement_network_type": "Which protocols the hosts of the media placement speak.",
    "meeting_features": "What the meeting offers to all its attendees.",
    "notifications_configuration": "The targets of the meeting's events, in its control region. No "
    "call returns them, so drift can't be detected.",
    "primary_meeting_id": "The meeting to replicate: the id of the primary.",
    "tags": "The tags.",
    "tenant_ids": "The tenants.",
    "ignore_undeclared_attendees": "Leave alone the attendees that others add to the meeting. By "
    "default the next update removes them.",
    "control_region": "The region of the endpoint that creates the meeting; by default the "
    "provider's region.",
    "profile": "The profile of AWS's own configuration that calls are signed with; by default the "
    "provider's.",
    "capabilities": "What the attendee may do; by default all that the meeting offers.",
    "lambda_function_arn": "The ARN of a Lambda function.",
    "sns_topic_arn": "The ARN of an SNS topic. It can't be a FIFO topic.",
    "sqs_queue_arn": "The ARN of an SQS queue. It can't be a FIFO queue.",
    "audio": "Audio.",
    "video": "Video.",
    "content": "Screen shares.",
    "attendee": "Attendees.",
    "echo_reduction": "Whether the echo of voices is reduced.",
    "max_resolution": "The highest resolution.",
    "max_count": "How many may be in the meeting at once.",
    "meeting_id": "The MeetingId: the same as the resource's id.",
    "meeting_arn": "The ARN that the meeting's tags are kept under.",
    "media_placement": "The URLs that clients connect to.",
    "attendee_ids": "Each attendee's AttendeeId, by external user id.",
    "join_tokens": "Each attendee's JoinToken, by external user id.",
    "meeting_details": "What else the service answered of the meeting, in its own words.",
    "join_data": "What clients join with: `Meeting`, and `Attendees` by external user id, as the "
    "API has them. The Chime SDK for JavaScript takes "
    "`new MeetingSessionConfiguration(joinData.Meeting, joinData.Attendees.ann)`.",
}

_ANY: Final = {"$ref": "pulumi.json#/Any"}
_STRINGS: Final = {"type": "object", "additionalProperties": {"type": "string"}}

#: What a meeting has beside its arguments, in the order of the state.
_OUTPUTS: Final[dict[str, dict[str, Any]]] = {
    "meeting_id": {"type": "string"},
    "meeting_arn": {"type": "string"},
    "media_placement": {"$ref": f"#/types/{PACKAGE}:index:MediaPlacement"},
    "attendee_ids": _STRINGS,
    "join_tokens": _STRINGS,
    "meeting_details": {"type": "object", "additionalProperties": _ANY},
    "join_data": {"type": "object", "additionalProperties": _ANY},
}
_MAY_BE_ABSENT: Final = "meeting_details"

_TYPE: Final = f"#/types/{PACKAGE}:index:{{model}}"
_LANGUAGES: Final = ("nodejs", "python", "go", "csharp", "java")
_UNITS: Final = {
    "Length": " characters",
    "Items": " entries",
    "Properties": " entries",
    "imum": "",
}


def text() -> str:
    """The schema as the plugin answers it."""
    return FILE.read_text("utf-8")


def build() -> dict[str, Any]:
    """The schema of the models as they are."""
    inputs, required = _properties(_json_schema(MeetingInput))
    outputs = {n: _described(n, shape) for n, shape in _OUTPUTS.items()}
    for name in properties.SECRETS:
        outputs[name]["secret"] = True
    settings = {n: {"type": "string", "description": d} for n, d in SETTINGS.items()}
    return {
        "name": PACKAGE,
        "displayName": "Amazon Chime SDK meetings",
        "description": "Amazon Chime SDK meetings with their attendees as Pulumi resources.",
        "keywords": ["category/cloud", "kind/native", "aws", "chime", "meetings"],
        "config": {"variables": settings},
        "provider": {"inputProperties": settings, "properties": settings},
        "types": _types(),
        "resources": {
            MEETING: {
                "description": _MEETING,
                "inputProperties": inputs,
                "requiredInputs": ["attendees"],
                "properties": inputs | {to_camel(n): o for n, o in outputs.items()},
                "required": [*required, *(to_camel(n) for n in outputs if n != _MAY_BE_ABSENT)],
            }
        },
        "language": {n: {"respectSchemaVersion": True} for n in _LANGUAGES},
    }


def _json_schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=False, ref_template=_TYPE)


def _types() -> dict[str, Any]:
    """The types and enumerations below a meeting."""
    placement = _json_schema(models.MediaPlacement)
    types = {}
    for name, found in sorted(
        {**_json_schema(MeetingInput)["$defs"], "MediaPlacement": placement}.items()
    ):
        shape = {"type": found["type"], "description": _first_words(found["description"])}
        if "enum" in found:
            names = (member.name for member in getattr(models, name))
            values = zip(names, found["enum"], strict=True)
            shape["enum"] = [{"name": to_pascal(n.lower()), "value": v} for n, v in values]
        else:
            below, required = _properties(found)
            shape["properties"] = {n: p for n, p in below.items() if n != "externalUserId"}
            if kept := [n for n in required if n != "externalUserId"]:
                shape["required"] = kept
        named = name.replace("AttendeeInput", "Attendee")
        types[_TYPE.format(model=named).removeprefix("#/types/")] = shape
    return types


def _first_words(docstring: str) -> str:
    return " ".join(docstring.split("Source:")[0].split())


def _properties(model: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The properties of a model, and those that are always there."""
    found = {n: _described(n, _shape(p), _limits(p)) for n, p in model["properties"].items()}
    for name in CREATE_ONLY if "control_region" in found else ():
        found[name]["replaceOnChanges"] = True
    for name, each in model["properties"].items():
        if isinstance(default := each.get("default"), bool):
            found[name]["default"] = default
    # Attendees are a mapping for every program, and a list only for the API.
    if listed := found.get("attendees"):
        listed |= {"type": "object", "additionalProperties": listed.pop("items")}
    return {to_camel(n): p for n, p in found.items()}, [*map(to_camel, model.get("required", ()))]


def _known(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The kind of a value that may be absent."""
    return next((n for n in node.get("anyOf", ()) if n.get("type") != "null"), node)


def _shape(node: Mapping[str, Any]) -> dict[str, Any]:
    node = _known(node)
    if "$ref" in node:
        return {"$ref": node["$ref"].replace("AttendeeInput", "Attendee")}
    below = {"items": _shape(node["items"])} if "items" in node else {}
    return {**_STRINGS} if node["type"] == "object" else {"type": node["type"], **below}


def _described(name: str, shape: Mapping[str, Any], limits: str = "") -> dict[str, Any]:
    text = f"{_DESCRIPTIONS.get(name, '')} {limits}".strip()
    return {**shape, "description": text} if text else dict(shape)


def _limits(node: Mapping[str, Any]) -> str:
    node = _known(node)
    for end, unit in _UNITS.items():
        least, most = node.get(f"min{end}"), node.get(f"max{end}")
        if least and most:
            return f"{least} to {most}{unit}."
        if most:
            return f"At most {most}{unit}."
    return ""


if __name__ == "__main__":
    FILE.write_text(json.dumps(build(), indent=2, ensure_ascii=False) + "\n", "utf-8")
