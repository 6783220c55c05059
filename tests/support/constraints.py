"""The service model's own constraints, beside the schema of what can be declared."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, ServiceModel, StructureShape
from botocore.model import Shape as ServiceShape
from pydantic import BaseModel

from meeting_provider.models import MeetingInput

#: What the provider declares otherwise than the service: tags as a mapping.
TAGS = "Tag"


@cache
def service_model(name: str = "chime-sdk-meetings") -> ServiceModel:
    """Botocore's model of an API, by default of the Chime SDK Meetings API."""
    return botocore.session.get_session().get_service_model(name)


def input_shape(operation: str) -> StructureShape:
    """The shape of an operation's parameters."""
    shape = service_model().operation_model(operation).input_shape
    assert isinstance(shape, StructureShape)
    return shape


@dataclass(frozen=True)
class Member:
    """One member of CreateMeetingWithAttendees, and what may be declared for it.

    `path` has `0` for the entry of a list.
    """

    path: tuple[str | int, ...]
    shape: ServiceShape
    schema: dict[str, Any]

    @property
    def pattern(self) -> str | None:
        """The model's pattern, or the one that only the documentation gives."""
        pattern: str | None = self.shape.metadata.get("pattern")
        return pattern or documented_patterns().get(self.shape.name)


def members(
    model: type[BaseModel] = MeetingInput, shape: ServiceShape | None = None
) -> Iterator[Member]:
    """Every member that a shape can have, at any depth: by default those of a meeting's create."""
    schema = model.model_json_schema(by_alias=False)
    shape = shape or input_shape("CreateMeetingWithAttendees")
    yield from _members((), shape, schema, schema.get("$defs", {}))


@cache
def documented_patterns() -> dict[str, str]:
    """By shape, the patterns that stand in the documentation of members alone."""
    shapes = map(service_model().shape_for, service_model().shape_names)
    members = [m for s in shapes if isinstance(s, StructureShape) for m in s.members.values()]
    found = [(m.name, re.search(r"Pattern: <code>(.*?)</code>", m.documentation)) for m in members]
    return {name: html.unescape(match[1]) for name, match in found if match}


def _members(
    path: tuple[str | int, ...],
    shape: ServiceShape,
    schema: dict[str, Any],
    definitions: dict[str, Any],
) -> Iterator[Member]:
    schema = _resolved(schema, definitions)
    yield Member(path, shape, schema)
    if isinstance(shape, ListShape) and shape.member.name != TAGS:
        entry = schema["items"]
        yield from _members((*path, 0), shape.member, entry, definitions)
    elif isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            inner = schema["properties"][_snake(name)]
            yield from _members((*path, _snake(name)), member, inner, definitions)


def _resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema itself: without a null beside it, and with what it refers to."""
    for choice in schema.get("anyOf", []):
        if choice.get("type") != "null":
            return _resolved(choice, definitions)
    reference = schema.get("$ref")
    return definitions[reference.rpartition("/")[2]] if reference else schema


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
