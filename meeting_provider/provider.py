"""The dynamic providers: adapters from Pulumi's calls to the resource types.

They read the configuration, and convert unknown values and secrets from and to Pulumi's form.
The classes are pickled by reference into every state, so this module and their names can't change.
Source: https://www.pulumi.com/docs/iac/concepts/providers/dynamic-providers/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any, ClassVar, Final, ParamSpec, TypeVar

import pulumi
from pulumi import dynamic
from pulumi.output import Unknown as PulumiUnknown
from pulumi.runtime.rpc import UNKNOWN as UNKNOWN_TEXT

from meeting_provider import checking
from meeting_provider.errors import MeetingProviderError
from meeting_provider.issues import UNKNOWN
from meeting_provider.resources import types
from meeting_provider.shapes import declared_in

P = ParamSpec("P")
R = TypeVar("R")

PROVIDER_KEY: Final = "__provider"

#: The input property that names the arguments that the program passed as secrets. A dynamic
#: provider gets their values without a mark, and no message may quote them.
CONFIDENTIAL: Final = "secret_arguments"


def _short_errors(method: Callable[P, R]) -> Callable[P, R]:
    """Raise the package's own errors without their causes and without the values of secrets.

    The host prints whole tracebacks.
    """

    @wraps(method)
    def short(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except MeetingProviderError as error:
            failed = error
        properties = [a for a in args if isinstance(a, dict)]
        secrets = [p.get(name) for p in properties for name in p.get(CONFIDENTIAL) or ()]
        if (text := checking.redacted(str(failed), secrets)) != str(failed):
            failed = MeetingProviderError(text)
        raise failed.with_traceback(None) from None

    return short


async def secret_arguments(inputs: Mapping[str, Any]) -> list[str] | None:
    """The names of the arguments that hold a secret."""
    found = {n: [await o.is_secret() for o in _outputs(v)] for n, v in inputs.items()}
    return [n for n, secret in found.items() if any(secret)] or None


def _outputs(value: Any) -> Iterator[pulumi.Output[Any]]:
    if isinstance(value, pulumi.Output):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _outputs(each)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for each in value:
            yield from _outputs(each)


def refuse_options(
    what: str, name: str, opts: pulumi.ResourceOptions | None, *, has_region: bool
) -> None:
    """Refuse resource options that a dynamic resource would ignore.

    :param what: the kind of resource.
    :param name: the resource's name.
    :param has_region: whether its region is known without a provider.
    :raises pulumi.RunError: the options have an AWS provider, a parent with one while the region
        isn't known, or an id to import or to read.
    """
    if opts is None:
        return
    if opts.import_ is not None or opts.id is not None:
        raise pulumi.RunError(
            f"{what} '{name}': a {what} can't be imported or read by its id, since the API "
            "doesn't return how it was created; declare it, and Pulumi creates a new one"
        )
    given = opts.providers.values() if isinstance(opts.providers, Mapping) else opts.providers or ()
    if any(p is not None and p.package == "aws" for p in (opts.provider, *given)):
        raise pulumi.RunError(
            f"{what} '{name}': a {what.capitalize()} doesn't use an AWS provider; give its "
            "control_region and profile as arguments"
        )
    # The parent's provider is for the AWS resources beside this one, and its region may differ.
    if opts.parent is not None and opts.parent.get_provider("aws:index:x") and not has_region:
        raise pulumi.RunError(
            f"{what} '{name}': its parent has an AWS provider, which a {what.capitalize()} doesn't "
            "use; give its control_region, and its profile where it needs one, as arguments"
        )


class _Provider(dynamic.ResourceProvider):
    """The base of the providers. The dynamic host unpickles one for each resource."""

    serialize_as_secret_always = False
    _type: ClassVar[str]

    def configure(self, req: dynamic.ConfigureRequest) -> None:
        """Take region and profile from the stack's `aws:` settings."""
        profile = req.config.get("aws:profile")
        self._settings = checking.Settings(req.config.get("aws:region"), profile)
        self._resources = types(profile)[self._type]

    @_short_errors
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.CheckResult:
        """Report all errors at once. Fill in defaults."""
        old, declared = _converted(olds), _converted(news)
        secret = declared.pop(CONFIDENTIAL, [])
        checked, issues = self._resources.check(declared, old, self._settings, secret)
        if secret:
            checked[CONFIDENTIAL] = secret
        # If a failure names a property, Pulumi prints its whole value before the message.
        failures = [dynamic.CheckFailure("", str(issue)) for issue in issues]
        return dynamic.CheckResult(_converted(checked), failures)

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        """Say which properties differ, and whether a new resource is needed."""
        differences = self._resources.differences(_converted(olds), _converted(news))
        names = list(dict.fromkeys(place[0] for place, *_ in differences))
        return dynamic.DiffResult(
            changes=bool(names),
            replaces=self._resources.replacing(names),
            delete_before_replace=self._resources.replaced_by_deleting,
        )

    @_short_errors
    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Create the resource."""
        outputs = self._resources.create(_plain_without_secrets(props))
        return dynamic.CreateResult(outputs[self._resources.id_name], _marked(outputs, props))

    @_short_errors
    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """Read the resource; one that has ended has no id."""
        was = _plain_without_secrets(props)
        found = self._resources.read(was)
        if found is None:
            return dynamic.ReadResult("", {})
        outputs, declared = _marked(found, props), declared_in(found, self._resources.model)
        # If no inputs are returned, the engine keeps its own.
        drifted = declared != declared_in(was, self._resources.model)
        inputs = _marked(declared, props) if drifted else None
        return dynamic.ReadResult(id_, outputs, inputs)

    @_short_errors
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        """Change the resource in place."""
        old, declared = _plain_without_secrets(olds), _plain_without_secrets(news)
        return dynamic.UpdateResult(_marked(self._resources.update(old, declared), news))

    @_short_errors
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """End the resource, unless it has ended."""
        self._resources.delete(_plain_without_secrets(props))


class MeetingProvider(_Provider):
    """The provider of a Meeting."""

    _type = "Meeting"


class RecordingProvider(_Provider):
    """The provider of a Recording."""

    _type = "Recording"


def _plain_without_secrets(props: Mapping[str, Any]) -> dict[str, Any]:
    """Pulumi's properties as plain values, without the names of the secret arguments."""
    return {n: v for n, v in _converted(props).items() if n != CONFIDENTIAL}


def _marked(outputs: Mapping[str, Any], props: Mapping[str, Any]) -> dict[str, Any]:
    """Outputs with the names of the secret arguments among `props`."""
    return {**outputs, **({CONFIDENTIAL: props[CONFIDENTIAL]} if props.get(CONFIDENTIAL) else {})}


def _converted(value: Any) -> Any:
    """Properties from or for Pulumi: unknowns converted, whole numbers as ints, nulls removed."""
    if isinstance(value, Mapping):
        known = {k: v for k, v in value.items() if k != PROVIDER_KEY and v is not None}
        return {k: _converted(v) for k, v in known.items()}
    if isinstance(value, list):
        return [_converted(v) for v in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, PulumiUnknown):
        return UNKNOWN
    return {UNKNOWN: UNKNOWN_TEXT, UNKNOWN_TEXT: UNKNOWN}.get(value, value)
