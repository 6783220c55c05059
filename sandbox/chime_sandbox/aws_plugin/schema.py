"""Reads a resource's inputs, their types and its outputs from pulumi_aws's own classes."""

import difflib
import inspect
import json
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import pulumi
from pulumi import _types

from chime_sandbox.aws_plugin.values import is_unknown

_NAMES = {str: "a string", int: "a whole number", bool: "a boolean", dict: "a map of strings"}
#: Stands for the type of a nested object, so that its default is None.
_OBJECT = type(None)


class CheckFailure(NamedTuple):
    """An error of one input, as in Pulumi's CheckFailure."""

    property: str
    reason: str


@dataclass(frozen=True)
class Schema:
    """The inputs and outputs of one resource class, by their camelCase names."""

    resource: type[pulumi.CustomResource]
    arguments: type

    @cached_property
    def token(self) -> str:
        """The type token, such as `aws:sqs/queue:Queue`."""
        return str(self.resource.pulumi_type)  # type: ignore[attr-defined]

    @cached_property
    def inputs(self) -> dict[str, type]:
        """Each input's type: str, int, bool, dict, list, or None's for an object."""
        types = _types.input_type_types(self.arguments)
        return {name: _plain(kind) for name, kind in types.items()}

    @cached_property
    def documents(self) -> frozenset[str]:
        """The inputs that accept an object instead of its JSON text."""
        types = _types.input_type_types(self.arguments)
        return frozenset(
            name
            for name, kind in types.items()
            if str in _members(kind) and any(map(_types.is_input_type, _members(kind)))
        )

    @cached_property
    def required(self) -> frozenset[str]:
        """The inputs that must be given."""
        names = _types.input_type_py_to_pulumi_names(self.arguments)
        parameters = inspect.signature(self.arguments).parameters
        return frozenset(
            pulumi_name
            for name, pulumi_name in names.items()
            if parameters[name].default is inspect.Parameter.empty
        )

    @cached_property
    def outputs(self) -> dict[str, type]:
        """Each output's type: str, int, bool, dict, list, or None's for an object."""
        return {name: _plain(kind) for name, kind in _types.resource_types(self.resource).items()}

    def failures(self, values: Mapping[str, Any]) -> Iterator[CheckFailure]:
        """Unknown names, wrong types and missing inputs."""
        for name, value in values.items():
            if name not in self.inputs:
                yield CheckFailure(name, self._unknown_name(name))
            elif not _fits(value, self.inputs[name]):
                wanted = {**_NAMES, list: "a list", _OBJECT: "an object"}[self.inputs[name]]
                got = _NAMES.get(type(value), "a list or object")
                yield CheckFailure(name, f"expected {wanted}, got {got}")
        for name in sorted(self.required - values.keys()):
            yield CheckFailure(name, "this argument is required, but it was not given")

    def _unknown_name(self, name: str) -> str:
        nearest = difflib.get_close_matches(name, self.inputs, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        return f"{self.token} has no argument {name!r}{hint}"

    def as_texts(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs, with documents that are objects converted to their JSON text."""
        return {
            name: json.dumps(value, separators=(",", ":"), sort_keys=True)
            if name in self.documents and isinstance(value, dict) and not is_unknown(value)
            else value
            for name, value in values.items()
        }


def _members(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) if typing.get_origin(kind) is typing.Union else (kind,)


def _plain(kind: Any) -> type:
    first: type = _members(kind)[0]
    origin = typing.get_origin(first)
    if origin is not None:
        return list if issubclass(origin, Sequence) else dict
    is_object = _types.is_input_type(first) or _types.is_output_type(first)
    return _OBJECT if is_object else first


def _fits(value: Any, wanted: type) -> bool:
    if is_unknown(value):
        return True
    if wanted is dict:
        return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    if wanted is _OBJECT:
        return isinstance(value, dict)
    return type(value) is wanted
