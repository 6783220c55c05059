"""Pulumi's calls -> the lifecycle. Unknowns, secrets, `__provider` and configuration stay here.

The class is pickled by reference into every state: its module and its name are a stored format.
Source: https://www.pulumi.com/docs/iac/concepts/providers/dynamic-providers/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from pulumi import dynamic
from pulumi.output import Unknown as PulumiUnknown
from pulumi.runtime.rpc import UNKNOWN as UNKNOWN_TEXT

from meeting_provider import checking, diff, state
from meeting_provider.errors import MeetingProviderError
from meeting_provider.lifecycle import Lifecycle, clients
from meeting_provider.validation import UNKNOWN, parse

P = ParamSpec("P")
R = TypeVar("R")

PROVIDER_KEY: Final = "__provider"

#: The input property that names the arguments that the program gave as secrets. The host of a
#: dynamic provider gets the values without that mark, and no message may quote them.
CONFIDENTIAL: Final = "secret_arguments"


def _short_errors(method: Callable[P, R]) -> Callable[P, R]:
    """Raise the package's own errors in short, since the host prints whole tracebacks.

    What the program gave as a secret is not in them.
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


class MeetingProvider(dynamic.ResourceProvider):
    """What the dynamic host runs for each Meeting. Instances hold no state before `configure`."""

    serialize_as_secret_always = False

    def configure(self, req: dynamic.ConfigureRequest) -> None:
        """Take region and profile from the stack's `aws:` settings."""
        profile = req.config.get("aws:profile")
        self._settings = checking.Settings(req.config.get("aws:region"), profile)
        self._lifecycle = Lifecycle(clients(profile))

    @_short_errors
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.CheckResult:
        """Report all errors at once. Fill in the regions, and make a mapping of the attendees."""
        old, declared = _converted(olds), _converted(news)
        secret = declared.pop(CONFIDENTIAL, [])
        checked, issues = checking.check(declared, old, self._settings, secret)
        if secret:
            checked[CONFIDENTIAL] = secret
        # Without a property, Pulumi doesn't print its whole value before the message.
        failures = [dynamic.CheckFailure("", str(issue)) for issue in issues]
        return dynamic.CheckResult(_converted(checked), failures)

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        """Tell changes in place from those that need a new meeting, created before the old ends."""
        old, new = _converted(olds), _converted(news)
        differing = diff.differing(old, new)
        # An attendee whose token the state doesn't have is added again, which returns the token.
        changes = bool(differing or state.without_token(old))
        replaces = diff.replacing(differing)
        return dynamic.DiffResult(changes=changes, replaces=replaces, delete_before_replace=False)

    @_short_errors
    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Create the meeting."""
        made = self._lifecycle.create(parse(state.declared_in(_converted(props))))
        return dynamic.CreateResult(made.meeting.meeting_id, _outputs(made, props))

    @_short_errors
    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """Read the meeting; one that has ended is gone."""
        was = state.from_outputs(_converted(props))
        found = self._lifecycle.read(was)
        if found is None:
            return dynamic.ReadResult("", {})
        outputs = _outputs(found, props)
        # The engine keeps its inputs where none are returned.
        drifted = found.declared != was.declared
        inputs = {n: v for n, v in outputs.items() if n in {*found.declared, CONFIDENTIAL}}
        return dynamic.ReadResult(id_, outputs, inputs if drifted else None)

    @_short_errors
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        """Change attendees, their capabilities and the tags in place."""
        old = state.from_outputs(_converted(olds))
        declared = parse(state.declared_in(_converted(news)), may_be_empty=True)
        return dynamic.UpdateResult(_outputs(self._lifecycle.update(old, declared), news))

    @_short_errors
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """End the meeting, where it hasn't ended."""
        self._lifecycle.delete(state.from_outputs(_converted(props)))


def _outputs(made: state.State, props: Mapping[str, Any]) -> dict[str, Any]:
    kept = {CONFIDENTIAL: props[CONFIDENTIAL]} if props.get(CONFIDENTIAL) else {}
    return made.outputs() | kept


def _converted(value: Any) -> Any:
    """Properties from Pulumi, or for it: unknowns, whole numbers as such, without nulls."""
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
