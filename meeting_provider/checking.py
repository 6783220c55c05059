"""Prepares and validates a declaration for the lifecycle, for all adapters. No pulumi here."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from meeting_provider import diff
from meeting_provider.errors import MeetingProviderError
from meeting_provider.issues import UNKNOWN, Unknown, ValidationIssue
from meeting_provider.models import CONTROL_REGIONS, default_media_region
from meeting_provider.validation import validate

_HIDDEN: Final = "is invalid; the error is not shown, since the value is a secret"

#: The most characters of a secret that is hidden only where it stands alone.
_SHORT: Final = 3

_NO_REGION: Final = (
    "no region is set: use `pulumi config set aws:region` or the argument control_region, with "
    f"one of {', '.join(CONTROL_REGIONS)}"
)


@dataclass(frozen=True)
class Settings:
    """A stack's settings for its meetings and recordings. Both may be UNKNOWN in a preview.

    :param region: the control region of meetings that declare none.
    :param profile: the profile of AWS's own configuration for meetings that declare none.
    """

    region: Any = None
    profile: Any = None

    def region_of(self, declared: Mapping[str, Any]) -> Any:
        """The control region: declared, set, or from AWS's own configuration; None without one."""
        region = declared.get("control_region") or self.region
        region = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if region:
            return region
        profile = declared.get("profile") or self.profile
        return UNKNOWN if isinstance(profile, Unknown) else _region_of_profile(profile)

    def known_region(self) -> str:
        """The control region for a resource of which only the id is known.

        :raises MeetingProviderError: no region is set, or it isn't known yet.
        """
        region = self.region_of({})
        if not isinstance(region, str):
            raise MeetingProviderError(_NO_REGION)
        return region


def check(
    declared: Mapping[str, Any],
    old: Mapping[str, Any],
    settings: Settings,
    secret: Collection[str] = (),
) -> tuple[dict[str, Any], list[ValidationIssue]]:
    """The declaration with its regions and with its attendees as a mapping, and all issues.

    :param declared: the properties. UNKNOWN stands for values that aren't known yet.
    :param old: the declared properties of the existing meeting, if there is one.
    :param secret: the properties whose values no message may contain.
    """
    region = settings.region_of(declared)
    checked = {**declared, "control_region": region or UNKNOWN}
    known = default_media_region(region) if isinstance(region, str) else UNKNOWN
    checked.setdefault("media_region", known)
    # With ignore_changes, the declaration is what a refresh found.
    _, issues = validate(checked, may_be_empty=old.get("attendees") == {})
    issues += stale_token(old, checked, diff.replacing(diff.differing(old, checked)))
    if not region:
        issues.insert(0, ValidationIssue(("control_region",), _NO_REGION))
    if issues:
        # In an update, the engine would report an unknown region in place of the issues.
        return dict(declared), shown(issues, secret)
    checked["attendees"] = _by_id(checked["attendees"])
    return checked, []


def shown(issues: Iterable[ValidationIssue], secret: Collection[str]) -> list[ValidationIssue]:
    """The issues, each once, without the values of secrets."""
    hidden = (ValidationIssue(i.path[:1], _HIDDEN) if i.path[0] in secret else i for i in issues)
    return list(dict.fromkeys(hidden))


def stale_token(
    old: Mapping[str, Any], declared: Mapping[str, Any], replacing: Collection[str]
) -> Iterator[ValidationIssue]:
    """A client_request_token creates one resource, and can't create the one that replaces it.

    :param replacing: the properties whose change creates a new resource.
    """
    token = declared.get("client_request_token")
    if not isinstance(token, str) or old.get("client_request_token") != token:
        return
    changed = [n for n in replacing if not has_unknown(declared.get(n))]
    if changed:
        text = f"has to change together with {', '.join(changed)}, or be left out"
        why = "for the same token, the service returns the old resource"
        yield ValidationIssue(("client_request_token",), f"{text}: {why}")


def redacted(text: str, secret: Iterable[Any]) -> str:
    """The text without the strings in values that a program gave as secrets."""
    found = sorted({*_strings(secret)}, key=len, reverse=True)
    # A text as short as `e` would be in most words.
    alone = r"(?<!\w){}(?!\w)"
    each = (re.escape(s) if len(s) > _SHORT else alone.format(re.escape(s)) for s in found)
    return re.sub("|".join(each), "[secret]", text) if found else text


def has_unknown(value: Any) -> bool:
    """Whether the value, or a value in it, isn't known yet."""
    if isinstance(value, Mapping):
        return any(map(has_unknown, value.values()))
    return any(map(has_unknown, value)) if isinstance(value, list) else value is UNKNOWN


def _strings(values: Iterable[Any]) -> Iterator[str]:
    remaining = list(values)
    while remaining:
        match remaining.pop():
            case str() as text if text:
                yield text
            case Mapping() as mapping:
                remaining += [*mapping, *mapping.values()]
            case list() as listed:
                remaining += listed


@cache
def _region_of_profile(profile: str | None) -> str | None:
    # A check of a meeting that declares its region should not import boto3.
    from meeting_provider.calls import control_region_of

    return control_region_of(profile)


def _by_id(attendees: Any) -> Any:
    """A list of attendees as a mapping by external_user_id, if every id is known."""
    if not isinstance(attendees, list):
        return attendees
    if any(a is UNKNOWN or a["external_user_id"] is UNKNOWN for a in attendees):
        return attendees
    return {a.pop("external_user_id"): a for a in map(dict, attendees)}
