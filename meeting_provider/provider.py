"""Pulumi's calls -> the lifecycle. Unknowns, secrets, `__provider` and configuration stay here.

The class is pickled by reference into every state: its module and its name are a stored format.
Source: https://www.pulumi.com/docs/iac/concepts/providers/dynamic-providers/
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache, wraps
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import Unknown as PulumiUnknown
from pulumi.runtime.rpc import UNKNOWN as UNKNOWN_TEXT

from meeting_provider import changes, processor, state
from meeting_provider.errors import InvalidMeeting, MeetingProviderError
from meeting_provider.faults import UNKNOWN, Fault, faults_of
from meeting_provider.models import (
    CONTROL_REGIONS,
    EmptiedMeeting,
    MeetingInput,
    default_media_region,
)
from meeting_provider.run import Run

if TYPE_CHECKING:
    from meeting_provider.chime import Chime
    from meeting_provider.lifecycle import Lifecycle

P = ParamSpec("P")
R = TypeVar("R")

PROVIDER_KEY: Final = "__provider"

#: A host serves one run.
_RUN: Final = Run()


def _short_errors(method: Callable[P, R]) -> Callable[P, R]:
    """The host prints whole tracebacks: leave of ours the one line that says what to do."""

    @wraps(method)
    def short(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except MeetingProviderError as error:
            failed = error
        raise failed.with_traceback(None) from None

    return short


class MeetingProvider(ResourceProvider):
    """What the dynamic host runs for each Meeting. Instances hold no state before `configure`."""

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Take region and profile from the stack's `aws:` settings, else from AWS's own."""
        self._region = req.config.get("aws:region")
        self._profile = req.config.get("aws:profile")
        self._lifecycle = _lifecycle(self._profile)

    @_short_errors
    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Say every fault at once, and fill in what depends on the control region."""
        declared = _plain(news)
        # An explicit provider's own settings are nearer than the stack's.
        region = self._region or declared.get("control_region") or self._control_region()
        if region:
            declared["control_region"] = region
            declared.setdefault("media_region", default_media_region(region))
        else:
            # One fault is enough: what follows from the region is none of its own.
            declared = {"control_region": UNKNOWN, "media_region": UNKNOWN} | declared
        # With ignore_changes, what a refresh has found is declared.
        model = _model(declared) if olds.get("attendees") == [] else MeetingInput
        faults = [*_region_faults(region), *faults_of(declared, model)]
        faults += _stale_token(olds, declared)
        failures = [CheckFailure(f.property, f.message) for f in faults]
        _RUN.declares(declared.get("identity"))
        return CheckResult(_pulumi(declared), failures)

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Tell what changes in place from what needs another meeting, made before the old goes."""
        old, new = state.declared_in(_plain(olds)), _plain(news)
        differing = changes.differing(old, new)
        # Who is there as declared, but with a token that the state never learnt, is made again.
        lacking = state.without_token(olds)
        _RUN.compares(new.get("identity"), id_, bool(differing or lacking))
        return DiffResult(
            changes=bool(differing or lacking),
            replaces=changes.replacing(differing),
            delete_before_replace=False,
        )

    @_short_errors
    @processor.one()
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make the meeting, or find the one that an earlier try made."""
        made = self._lifecycle.create(_valid(props))
        return CreateResult(made.meeting.meeting_id, made.outputs())

    @_short_errors
    @processor.one()
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Say how the meeting is; where it has ended, that it is gone."""
        was = state.from_outputs(_plain(props))
        found = self._lifecycle.read(was)
        if found is None:
            return ReadResult("", {})
        # The engine keeps the inputs that it has where none are answered, which costs it less.
        drifted = found.declared != was.declared
        return ReadResult(id_, found.outputs(), dict(found.declared) if drifted else None)

    @_short_errors
    @processor.one()
    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Change attendees, their capabilities and the tags in place."""
        old = state.from_outputs(_plain(olds))
        return UpdateResult(self._lifecycle.update(old, _valid(news, _model(news))).outputs())

    @_short_errors
    @processor.one()
    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """End the meeting; one that has ended already is as good."""
        self._lifecycle.delete(state.from_outputs(_plain(props)))

    def _control_region(self) -> str | None:
        named = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        return named or _region_of_profile(self._profile)


@cache
def _lifecycle(profile: str | None) -> Lifecycle:
    from meeting_provider.lifecycle import Lifecycle

    return Lifecycle(_clients(profile), run=_RUN)


def _clients(profile: str | None) -> Callable[[str], Chime]:
    made: dict[str, Chime] = {}
    making = Lock()

    def client(region: str) -> Chime:
        # An update in which no meeting changes makes no call: it should not wait for boto3 either.
        from meeting_provider.chime import Chime

        # The host's threads come here together, and have to share what one learns of the quotas.
        with making:
            if region not in made:
                made[region] = Chime(region, profile)
            return made[region]

    return client


@cache
def _region_of_profile(profile: str | None) -> str | None:
    from meeting_provider.chime import control_region_of

    return control_region_of(profile)


def _region_faults(region: str | None) -> Iterator[Fault]:
    regions = ", ".join(CONTROL_REGIONS)
    if not region:
        yield Fault(
            ("control_region",),
            f"no region is set: `pulumi config set aws:region us-east-1`, or any of {regions}",
        )
    elif region not in CONTROL_REGIONS:
        yield Fault(
            ("control_region",),
            f"'{region}', as in aws:region, has no endpoint for meetings; one of {regions} has",
        )


def _stale_token(olds: Mapping[str, Any], declared: Mapping[str, Any]) -> Iterator[Fault]:
    """A token that was set makes one meeting: it can't make the one that is to replace it."""
    token = declared.get("client_request_token")
    if not isinstance(token, str) or olds.get("client_request_token") != token:
        return
    differing = changes.differing(_plain(olds), declared)
    replacing = [n for n in changes.replacing(differing) if not _has_unknown(declared.get(n))]
    if replacing:
        yield Fault(
            ("client_request_token",),
            f"has to change together with {', '.join(replacing)}, or be left out: "
            "the service answers the same token with the same meeting",
        )


def _model(declared: Mapping[str, Any]) -> type[MeetingInput]:
    return EmptiedMeeting if declared.get("attendees") == [] else MeetingInput


def _valid(props: Mapping[str, Any], model: type[MeetingInput] = MeetingInput) -> MeetingInput:
    declared = _plain(props)
    if faults := faults_of(declared, model):
        raise InvalidMeeting(str(declared.get("external_meeting_id", "")), faults)
    return model.model_validate(declared)


def _plain(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Pulumi's properties as plain values: unknowns as ours, whole numbers as such, no nulls."""
    return {
        k: _plain_value(v) for k, v in properties.items() if k != PROVIDER_KEY and v is not None
    }


def _plain_value(value: Any) -> Any:
    if isinstance(value, str):
        return UNKNOWN if value == UNKNOWN_TEXT else value
    if isinstance(value, dict):
        return _plain(value)
    if isinstance(value, list):
        return [_plain_value(v) for v in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return UNKNOWN if isinstance(value, PulumiUnknown) else value


def _has_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_unknown, value.values()))
    return any(map(_has_unknown, value)) if isinstance(value, list) else value is UNKNOWN


def _pulumi(value: Any) -> Any:
    """The way back: our unknowns as Pulumi's."""
    if value is UNKNOWN:
        return UNKNOWN_TEXT
    if isinstance(value, Mapping):
        return {k: _pulumi(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_pulumi(v) for v in value]
    return value
