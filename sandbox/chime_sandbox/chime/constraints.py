"""Checks a request's values against the service model.

Botocore checks types, required members and minimum lengths before it sends a request. The service
checks those again, and also maxima, patterns and enumerations. The patterns of external ids are
only in the model's documentation, and are read from there.
"""

import html
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.model import ListShape, Shape, StructureShape

from .exceptions import BadRequest, ValidationFailed
from .serialization import service_model

TYPES: dict[str, type | tuple[type, ...]] = {
    "structure": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
}
RESERVED_PREFIX = "aws:"


def check(parameters: Any, shape: Shape) -> None:
    """Raise ValidationFailed with all violations of the model's constraints.

    Raises BadRequest if an id has the reserved prefix.
    """
    failures = list(_failures(parameters, shape, ""))
    if failures:
        plural = "" if len(failures) == 1 else "s"
        raise ValidationFailed(
            f"{len(failures)} validation error{plural} detected: " + "; ".join(failures)
        )
    for path in _reserved(parameters, shape, ""):
        raise BadRequest(f"{path} uses the reserved prefix '{RESERVED_PREFIX}'")


def _failures(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if not _has_type(value, shape):
        yield _failure(path, f"Member must be a {shape.type_name}")
    elif isinstance(shape, StructureShape):
        for name in shape.required_members:
            if value.get(name) is None:
                yield _failure(_join(path, name), "Member must not be null")
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _failures(value[name], member, _join(path, name))
    elif isinstance(shape, ListShape):
        yield from _bounds(len(value), shape, path, "Member must have length")
        for number, item in enumerate(value, 1):
            yield from _failures(item, shape.member, f"{path}.{number}.member")
    elif shape.type_name == "string":
        yield from _text_failures(value, shape, path)
    elif shape.type_name == "integer":
        yield from _bounds(value, shape, path, "Member must have value")


def _has_type(value: Any, shape: Shape) -> bool:
    if isinstance(value, bool) and shape.type_name != "boolean":
        return False
    return isinstance(value, TYPES[shape.type_name])


def _text_failures(value: str, shape: Shape, path: str) -> Iterator[str]:
    yield from _bounds(len(value), shape, path, "Member must have length")
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        yield _failure(path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    pattern = shape.metadata.get("pattern") or documented_patterns().get(shape.name)
    if pattern and not _compiled(pattern).fullmatch(value):
        yield _failure(path, f"Member must satisfy regular expression pattern: {pattern}")


def _bounds(size: int, shape: Shape, path: str, noun: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield _failure(path, f"{noun} greater than or equal to {least}")
    if most is not None and size > most:
        yield _failure(path, f"{noun} less than or equal to {most}")


def _failure(path: str, constraint: str) -> str:
    return f"Value at '{path}' failed to satisfy constraint: {constraint}"


def _join(path: str, name: str) -> str:
    name = name[0].lower() + name[1:]
    return f"{path}.{name}" if path else name


def _reserved(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _reserved(value[name], member, _join(path, name))
    elif isinstance(shape, ListShape):
        for number, item in enumerate(value, 1):
            yield from _reserved(item, shape.member, f"{path}.{number}.member")
    elif shape.name in _reserving() and value.lower().startswith(RESERVED_PREFIX):
        yield path


@cache
def _reserving() -> frozenset[str]:
    return frozenset(documented_patterns()) | {"TagKey"}


@cache
def documented_patterns() -> dict[str, str]:
    """The patterns of shapes that are only in the documentation of members."""
    model = service_model()
    patterns = {}
    for name in model.shape_names:
        shape = model.shape_for(name)
        for member in shape.members.values() if isinstance(shape, StructureShape) else ():
            found = re.search(r"Pattern: <code>(.*?)</code>", member.documentation)
            if found:
                patterns[member.name] = html.unescape(found[1])
    return patterns


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)
