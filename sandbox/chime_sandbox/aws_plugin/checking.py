"""Checks a resource's inputs, and adds JSON documents as text, defaults and names."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pulumi.runtime.proto import provider_pb2 as pb

from chime_sandbox.aws_plugin import REAL_PLUGIN, documents, naming
from chime_sandbox.aws_plugin.resource import Naming, Resource
from chime_sandbox.aws_plugin.schema import CheckFailure
from chime_sandbox.aws_plugin.values import is_unknown

#: Names the inputs that come from a default, so that a generated name is kept (tfbridge).
DEFAULTS: Final = "__defaults"


@dataclass(frozen=True)
class Request:
    """A request to check inputs. `olds` are the inputs of the existing resource, if any."""

    name: str
    news: Mapping[str, Any]
    olds: Mapping[str, Any]
    seed: bytes
    region: str | None
    autonaming: pb.CheckRequest.AutonamingOptions | None = None


def check(resource: Resource, request: Request) -> tuple[dict[str, Any], list[CheckFailure]]:
    """The checked inputs, and all failures.

    A name that is kept isn't checked. If it no longer fits, the diff says that the resource has to
    be replaced, and the engine checks again without the old inputs.
    """
    schema = resource.schema
    inputs = schema.as_texts(request.news)
    inputs.pop(DEFAULTS, None)
    failures = [*schema.failures(inputs), *_unsupported(resource, inputs)]
    if failures:
        return inputs, failures
    defaulted = _default(resource, request, inputs)
    failures = [*_limits(resource, inputs), *_documents(resource, inputs)]
    if rules := resource.rules.naming:
        name = rules.input
        if inputs.get(name) != request.olds.get(name) or name not in inputs:
            failures += _names(rules, inputs)
    if not failures:
        failures += resource.failures(inputs)
    return inputs | {DEFAULTS: sorted(defaulted)}, failures


def _default(resource: Resource, request: Request, inputs: dict[str, Any]) -> set[str]:
    """Fills in missing inputs, and returns the names of those that it has filled in."""
    rules, defaulted = resource.rules, set()
    for name, value in rules.defaults.items():
        if name not in inputs:
            inputs[name] = value
            defaulted.add(name)
    if (named := rules.naming) and named.input not in inputs and named.prefix not in inputs:
        physical_name = _physical_name(named, request, inputs)
        if physical_name:
            inputs[named.input] = physical_name
            defaulted.add(named.input)
    if "region" not in inputs and request.region:
        inputs["region"] = request.region
    if "tagsAll" in resource.schema.outputs:
        inputs["tagsAll"] = inputs.get("tags", {})
    return defaulted


def _physical_name(rules: Naming, request: Request, inputs: Mapping[str, Any]) -> str | None:
    if rules.input in request.olds.get(DEFAULTS, ()) and request.olds.get(rules.input):
        return str(request.olds[rules.input])
    options = request.autonaming
    if options is not None and options.mode == options.Mode.DISABLE:
        return None
    suffix = ".fifo" if rules.fifo and inputs.get(rules.fifo) else ""
    if options is not None and options.proposed_name:
        enforced = options.mode == options.Mode.ENFORCE
        return options.proposed_name + ("" if enforced else suffix)
    generated = naming.generated(request.name, request.seed) + suffix
    return generated.lower() if rules.lower else generated


def _unsupported(resource: Resource, inputs: Mapping[str, Any]) -> Iterator[CheckFailure]:
    for name in sorted(inputs.keys() & resource.rules.unsupported):
        yield CheckFailure(name, f"the sandbox's stand-in has no {name}; use {REAL_PLUGIN}")


def _limits(resource: Resource, inputs: Mapping[str, Any]) -> Iterator[CheckFailure]:
    rules = resource.rules
    for name, allowed in rules.ranges.items():
        value = inputs.get(name)
        if isinstance(value, int) and value not in allowed:
            reason = f"expected {allowed.start} to {allowed.stop - 1}, got {value}"
            yield CheckFailure(name, reason)
    for name, choices in rules.choices.items():
        value = inputs.get(name)
        if value is not None and not is_unknown(value) and value not in choices:
            yield CheckFailure(name, f"expected one of {', '.join(choices)}, got {value!r}")
    for one, other in rules.conflicts:
        if inputs.get(one) and inputs.get(other):
            yield CheckFailure(one, f"{one} conflicts with {other}")


def _documents(resource: Resource, inputs: Mapping[str, Any]) -> Iterator[CheckFailure]:
    for name in sorted(resource.rules.policies | resource.rules.documents):
        value = inputs.get(name)
        if value and not is_unknown(value) and not documents.is_json(value):
            yield CheckFailure(name, "this isn't valid JSON")


def _names(rules: Naming, inputs: Mapping[str, Any]) -> Iterator[CheckFailure]:
    name = inputs.get(rules.input)
    if is_unknown(name):
        return
    if name is None:
        if rules.prefix not in inputs:
            yield CheckFailure(rules.input, "automatic names are off and this resource has none")
        return
    fifo = rules.fifo is not None and inputs.get(rules.fifo) is True
    stem = name.removesuffix(".fifo") if fifo else name
    if fifo and not name.endswith(".fifo"):
        yield CheckFailure(rules.input, f"a FIFO's name must end with .fifo, unlike {name!r}")
    elif not re.fullmatch(rules.pattern, stem):
        yield CheckFailure(rules.input, f"{name!r} doesn't match {rules.pattern}")
