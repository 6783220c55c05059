"""All errors of a declared meeting at once, each with its path.

The models check single properties. This module also checks contradictions between properties.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, get_args

from meeting_provider import transcription
from meeting_provider.errors import InvalidMeeting
from meeting_provider.issues import Path, Unknown, ValidationIssue, at, by_model, quoted
from meeting_provider.models import (
    CONTROL_REGIONS,
    GOVCLOUD_PREFIX,
    MAX_ATTENDEES_IN_HIGH_RESOLUTION,
    MEDIA_REGIONS,
    EmptiedMeeting,
    MediaCapability,
    MeetingInput,
)

#: The service that each notification target has to be of.
TARGET_SERVICES: Final = {
    "lambda_function_arn": "lambda",
    "sns_topic_arn": "sns",
    "sqs_queue_arn": "sqs",
}


def validate(
    declared: Mapping[str, Any], *, may_be_empty: bool = False
) -> tuple[MeetingInput | None, list[ValidationIssue]]:
    """Validate a declared meeting.

    `declared` is untrusted: it may have any JSON value anywhere. UNKNOWN stands for values that
    aren't known yet. They cause no issues.

    :param declared: the properties. `attendees` is a list, or a mapping by external_user_id.
    :param may_be_empty: whether the meeting may have no attendees.
    :returns: the meeting, or None if there are issues or unknown values; and all issues, in the
        order of the model's fields.
    """
    attendees = declared.get("attendees")
    keys = list(attendees) if isinstance(attendees, Mapping) else None
    listed = declared if keys is None else {**declared, "attendees": _entries(declared)}
    model = EmptiedMeeting if may_be_empty and not attendees else MeetingInput
    meeting, issues = by_model(model, listed)
    issues += _contradictions(listed)
    if keys is not None:
        issues = [*(_at_key(i, keys) for i in issues), *_repeated_keys(declared)]
    return None if issues else meeting, sorted(dict.fromkeys(issues), key=_order)


def _order(issue: ValidationIssue) -> tuple[int, list[tuple[bool, str | int]]]:
    """The sort key: the model's order, then the path, since Pulumi's mappings have no order."""
    first, *below = issue.path
    place = [*MeetingInput.model_fields, first].index(first)
    return place, [(isinstance(part, str), part) for part in below]


def parse(declared: Mapping[str, Any], *, may_be_empty: bool = False) -> MeetingInput:
    """The declared meeting.

    :raises InvalidMeeting: a value is invalid, or not known yet.
    """
    meeting, issues = validate(declared, may_be_empty=may_be_empty)
    if meeting is None:
        issues = issues or [ValidationIssue((), "has values that are not known yet")]
        raise InvalidMeeting(str(declared.get("external_meeting_id", "")), issues)
    return meeting


def _entries(declared: Mapping[str, Any]) -> list[Any]:
    """The attendees of a mapping as a list, each with its external_user_id."""
    return [
        {**a, "external_user_id": i} if isinstance(a, Mapping) else a
        for i, a in declared["attendees"].items()
    ]


def _at_key(issue: ValidationIssue, keys: Sequence[str]) -> ValidationIssue:
    """The issue with its path in a mapping of attendees instead of in a list."""
    head, *rest = issue.path
    if head != "attendees" or not rest:
        return issue
    below = rest[1:] if rest[1:] != ["external_user_id"] else []
    return ValidationIssue((head, keys[int(rest[0])], *below), issue.message)


def _repeated_keys(declared: Mapping[str, Any]) -> Iterator[ValidationIssue]:
    for i, attendee in declared["attendees"].items():
        if isinstance(attendee, Mapping) and "external_user_id" in attendee:
            path = ("attendees", i, "external_user_id")
            yield ValidationIssue(path, "unknown property: it is the key")


def _contradictions(declared: Mapping[str, Any]) -> Iterator[ValidationIssue]:
    """Contradictions between properties. They are reported even if other properties are invalid."""
    listed, features = declared.get("attendees"), declared.get("meeting_features")
    attendees = dict(enumerate(listed if isinstance(listed, list) else []))
    places: dict[str, int] = {}
    for place, attendee in attendees.items():
        name = attendee.get("external_user_id") if isinstance(attendee, Mapping) else None
        if isinstance(name, str) and (first := places.setdefault(name, place)) != place:
            path = ("attendees", place, "external_user_id")
            text = f"{quoted(name)} is declared twice; attendees[{first}] has it already"
            yield ValidationIssue(path, text)
    yield from _target_issues(declared)
    yield from _region_issues(declared)
    yield from _resolution_issues(features)
    yield from transcription.contradictions(declared.get("transcription"))
    for place, attendee in attendees.items():
        capabilities = attendee.get("capabilities") if isinstance(attendee, Mapping) else None
        if isinstance(capabilities, Mapping):
            path = ("attendees", place, "capabilities")
            yield from _capability_issues(path, capabilities, features)


def _target_issues(declared: Mapping[str, Any]) -> Iterator[ValidationIssue]:
    targets, region = declared.get("notifications_configuration"), declared.get("control_region")
    for name, service in TARGET_SERVICES.items():
        arn = targets.get(name) if isinstance(targets, Mapping) else None
        # The pattern has already reported a string that is not an ARN.
        if isinstance(arn, str) and arn.startswith("arn"):
            problem = target_problem(arn, service, region if isinstance(region, str) else None)
            if problem:
                path = ("notifications_configuration", name)
                yield ValidationIssue(path, f"{quoted(arn)} {problem}")


def target_problem(arn: str, service: str, control_region: str | None) -> str | None:
    """Why the Chime SDK can't send a meeting's events to this target; None if it can.

    :param arn: the target's ARN.
    :param service: the target's service: `lambda`, `sns` or `sqs`.
    :param control_region: the meeting's; None if it isn't known.

    Source: https://docs.aws.amazon.com/chime-sdk/latest/dg/mtgs-sdk-notifications.html
    """
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or not parts[5]:
        return f"is not an ARN of the form arn:aws:{service}:<region>:<account>:<name>"
    _, _, of, region, _, name = parts
    if of != service:
        return f"is not an ARN of {service}"
    if service in ("sns", "sqs") and name.endswith(".fifo"):
        return f"is a FIFO {'topic' if service == 'sns' else 'queue'}; use a standard one"
    if control_region and region != control_region:
        return f"is not in the control region {control_region}"
    return None


def region_problem(region: str) -> str | None:
    """Why no meeting can be created in a control region; None if one can."""
    if region in CONTROL_REGIONS:
        return None
    return f"'{region}' has no meetings endpoint; use one of {', '.join(CONTROL_REGIONS)}"


def _region_issues(declared: Mapping[str, Any]) -> Iterator[ValidationIssue]:
    region, media_region = declared.get("control_region"), declared.get("media_region")
    if isinstance(region, str) and (problem := region_problem(region)):
        yield ValidationIssue(("control_region",), problem)
    elif isinstance(region, str) and media_region in MEDIA_REGIONS:
        partitions = {r.startswith(GOVCLOUD_PREFIX) for r in (region, str(media_region))}
        if len(partitions) == 2:
            text = f"'{media_region}' is in another AWS partition than the control region {region}"
            yield ValidationIssue(("media_region",), text)


def _resolution_issues(features: object) -> Iterator[ValidationIssue]:
    count = at(features, ("attendee", "max_count"))
    fits = isinstance(count, int) and count <= MAX_ATTENDEES_IN_HIGH_RESOLUTION
    if fits or isinstance(count, Unknown):
        return
    for kind, high in (("video", "FHD"), ("content", "UHD")):
        if at(features, (kind, "max_resolution")) == high:
            most = f"set to at most {MAX_ATTENDEES_IN_HIGH_RESOLUTION}"
            path = ("meeting_features", kind, "max_resolution")
            yield ValidationIssue(path, f"'{high}' needs attendee.max_count to be {most}")


def _capability_issues(
    path: Path, capabilities: Mapping[str, Any], features: object
) -> Iterator[ValidationIssue]:
    known = {m: c for m, c in capabilities.items() if c in get_args(MediaCapability)}
    video, content = known.get("video"), known.get("content")
    if content in ("SendReceive", "Receive") and video in ("Send", "None"):
        text = f"'{content}' needs video to be SendReceive or Receive, and it is '{video}'"
        yield ValidationIssue((*path, "content"), text)
    for kind, value in (("video", video), ("content", content)):
        if value not in (None, "None") and at(features, (kind, "max_resolution")) == "None":
            feature = f"meeting_features.{kind}.max_resolution"
            text = f"'{value}' contradicts {feature}, which is 'None'"
            yield ValidationIssue((*path, kind), text)
