"""All errors of a declared meeting at once, each with its path.

The models find what one property shows; contradictions between several properties are found here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from meeting_provider.errors import InvalidMeeting
from meeting_provider.models import (
    CONTROL_REGIONS,
    GOVCLOUD_PREFIX,
    MAX_ATTENDEES_IN_HIGH_RESOLUTION,
    AttendeeFeatures,
    AttendeeInput,
    AudioFeatures,
    Capabilities,
    ContentFeatures,
    ContentResolution,
    EmptiedMeeting,
    MediaCapability,
    MediaRegion,
    MeetingFeatures,
    MeetingInput,
    NotificationsConfiguration,
    Shape,
    VideoFeatures,
    VideoResolution,
)


class Unknown:
    """A value that isn't known yet. It is taken as valid."""

    def __repr__(self) -> str:
        return "[unknown]"


UNKNOWN: Final = Unknown()

Path = tuple[str | int, ...]

#: What is shown of a value that came as a secret.
REDACTED: Final = "[secret]"

#: The service that each notification target has to be of.
TARGET_SERVICES: Final = {
    "lambda_function_arn": "lambda",
    "sns_topic_arn": "sns",
    "sqs_queue_arn": "sqs",
}

_LONGEST_SHOWN: Final = 76
_RECEIVING: Final = (MediaCapability.SEND_RECEIVE, MediaCapability.RECEIVE)


@dataclass(frozen=True)
class ValidationIssue:
    """What is wrong with one property, and where."""

    path: Path
    message: str

    @property
    def property(self) -> str:
        """The path in Pulumi's notation: `attendees[3].external_user_id`, `attendees["ann"]`."""
        head, *rest = self.path or ("",)
        keyed = head == "attendees"
        return str(head) + "".join(_segment(p, keyed and i == 0) for i, p in enumerate(rest))

    def __str__(self) -> str:
        return f"{self.property}: {self.message}"


def _segment(part: str | int, is_key: bool) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    if is_key or not re.fullmatch(r"[a-zA-Z_]\w*", part):
        return f"[{json.dumps(part, ensure_ascii=False)}]"
    return f".{part}"


@dataclass(frozen=True)
class Validated:
    """A declaration that was validated.

    :param meeting: the declared meeting; None where there are issues or unknown values.
    :param issues: all that is wrong, in the order of the model's fields.
    """

    meeting: MeetingInput | None
    issues: list[ValidationIssue]


def validate(
    declared: Mapping[str, Any], *, may_be_empty: bool = False, secret: Collection[str] = ()
) -> Validated:
    """Validate a declared meeting.

    `declared` is untrusted: any JSON value may be anywhere, and UNKNOWN stands for values that
    aren't known yet, of which nothing is reported.

    :param declared: the properties. `attendees` is a list, or a mapping by external_user_id.
    :param may_be_empty: whether the meeting may have no attendees.
    :param secret: the properties whose values no message may quote.
    """
    attendees = declared.get("attendees")
    listed = declared
    if isinstance(attendees, Mapping):
        listed = {**declared, "attendees": _entries(attendees)}
    model = EmptiedMeeting if may_be_empty and not attendees else MeetingInput
    meeting, issues = None, list[ValidationIssue]()
    try:
        meeting = model.model_validate(listed, by_alias=False, by_name=True)
    except ValidationError as error:
        found = error.errors(include_url=False)
        known = (e for e in found if not isinstance(_at(listed, e["loc"]), Unknown))
        issues = [_issue(e, e["loc"][0] in secret) for e in known]
    issues += (_hidden(i) if i.path[0] in secret else i for i in _contradictions(listed))
    if isinstance(attendees, Mapping):
        issues = [_at_key(i, list(attendees)) for i in issues]
        issues += (
            ValidationIssue(("attendees", i, "external_user_id"), "unknown property: it is the key")
            for i, a in attendees.items()
            if isinstance(a, Mapping) and "external_user_id" in a
        )
    order = {name: place for place, name in enumerate(MeetingInput.model_fields)}
    # Issues of one path stay in the order in which they were found.
    issues = sorted(
        dict.fromkeys(issues),
        key=lambda i: (order.get(str(i.path[0]), len(order)), _sortable(i)),
    )
    return Validated(None if issues else meeting, issues)


def parse(declared: Mapping[str, Any], *, may_be_empty: bool = False) -> MeetingInput:
    """The declared meeting, where all of it is valid and known.

    :raises InvalidMeeting: it isn't.
    """
    validated = validate(declared, may_be_empty=may_be_empty)
    if validated.meeting is None:
        issues = validated.issues or [ValidationIssue((), "has values that are not known yet")]
        raise InvalidMeeting(str(declared.get("external_meeting_id", "")), issues)
    return validated.meeting


def _entries(attendees: Mapping[Any, Any]) -> list[Any]:
    """The attendees of a mapping as the API has them."""
    return [
        {**a, "external_user_id": i} if isinstance(a, Mapping) else a for i, a in attendees.items()
    ]


def _at_key(issue: ValidationIssue, keys: Sequence[str]) -> ValidationIssue:
    """The issue at its place in the mapping that the attendees were declared as."""
    head, *rest = issue.path
    if head != "attendees" or not rest:
        return issue
    below = rest[1:] if rest[1:] != ["external_user_id"] else []
    return ValidationIssue((head, keys[int(rest[0])], *below), issue.message)


def _sortable(issue: ValidationIssue) -> tuple[tuple[bool, str | int], ...]:
    return tuple((isinstance(p, str), p) for p in issue.path[1:])


def _hidden(issue: ValidationIssue) -> ValidationIssue:
    """The issue without the value, which its message begins with."""
    message = re.sub(r"^'.*?' (?=is|needs|contradicts)", f"{REDACTED} ", issue.message)
    return ValidationIssue(issue.path, message)


def _at(value: Any, loc: Sequence[str | int]) -> Any:
    for part in loc:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            break
    return value


def _issue(error: ErrorDetails, is_secret: bool) -> ValidationIssue:
    loc = tuple(p for p in error["loc"] if p != "[key]")
    context = error.get("ctx", {})
    message = _message(error["type"], error["input"], context, str(error["msg"]), loc, is_secret)
    return ValidationIssue(loc, message)


def _shown(value: object) -> str:
    text = json.dumps(value) if value is None or isinstance(value, bool) else str(value)
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    if len(text) > _LONGEST_SHOWN:
        text = f"{text[:_LONGEST_SHOWN]}..."
    return f"'{text}'" if isinstance(value, str) else text


def _message(
    kind: str, value: Any, context: Mapping[str, Any], text: str, loc: Path, is_secret: bool
) -> str:
    shown = REDACTED if is_secret else _shown(value)
    match kind:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return f"unknown property{_nearest(str(loc[-1]), loc[:-1])}"
        case "string_too_short":
            return f"{shown} {_length(value)}; at least {context['min_length']}"
        case "string_too_long":
            return f"{shown} {_length(value)}; at most {context['max_length']}"
        case "too_short":
            least, has = context["min_length"], context["actual_length"]
            return f"has {has} {_entry(has)}; at least {least}"
        case "too_long":
            has = len(value) if isinstance(value, (list, dict)) else context["actual_length"]
            return f"has {has} {_entry(has)}; at most {context['max_length']}"
        case "string_pattern_mismatch":
            return f"{shown} {_mismatch(value, context['pattern'], is_secret)}"
        case "enum":
            return f"{shown} is not one of {_plain(context['expected'])}"
        case "greater_than_equal":
            return f"{shown} is too small; at least {context['ge']}"
        case "less_than_equal":
            return f"{shown} is too large; at most {context['le']}"
        case "reserved":
            return f"{shown} {text}"
        case "string_type":
            return f"{shown} is not a string"
        case "int_type" | "int_parsing" | "int_from_float":
            return f"{shown} is not a whole number"
        case "bool_type" | "bool_parsing":
            return f"{shown} is not a boolean, true or false"
        case "list_type":
            kinds = "a list or a mapping by external_user_id" if loc == ("attendees",) else "a list"
            return f"{shown} is not {kinds}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"{shown} is not an object"
    return f"{shown}: {text}"


def _length(value: str) -> str:
    return "has 1 character" if len(value) == 1 else f"has {len(value)} characters"


def _entry(count: int) -> str:
    return "entry" if count == 1 else "entries"


def _plain(expected: str) -> str:
    return expected.replace("'", "").replace(" or ", ", ")


def _mismatch(value: str, pattern: str, is_secret: bool) -> str:
    """What the value has that the pattern does not allow; or that it is no ARN at all."""
    allowed = pattern.removeprefix("(?a)").removeprefix("^").removesuffix(r"\Z")
    if allowed.startswith("arn"):
        return f"is not an ARN, which matches {allowed}"
    if "(?!" in pattern and re.search(r"(.)\1{3}", value):
        return "repeats a character more than three times in a row"
    wrong = sorted({c for c in value if not re.search(pattern, c)})
    characters = "a character" if is_secret else ", ".join(map(repr, wrong))
    return f"has {characters}, which {allowed} does not allow"


def _nearest(name: str, parent: Path) -> str:
    near = get_close_matches(name, _names_at(parent), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _names_at(parent: Path) -> list[str]:
    names = [p for p in parent if isinstance(p, str)]
    shapes: dict[tuple[str, ...], type[Shape]] = {
        (): MeetingInput,
        ("attendees",): AttendeeInput,
        ("attendees", "capabilities"): Capabilities,
        ("notifications_configuration",): NotificationsConfiguration,
        ("meeting_features",): MeetingFeatures,
        ("meeting_features", "audio"): AudioFeatures,
        ("meeting_features", "video"): VideoFeatures,
        ("meeting_features", "content"): ContentFeatures,
        ("meeting_features", "attendee"): AttendeeFeatures,
    }
    shape = shapes.get(tuple(names))
    return list(shape.model_fields) if shape else []


def _contradictions(declared: Mapping[str, Any]) -> Iterator[ValidationIssue]:
    """What no single property shows, reported even where other properties are invalid."""
    attendees = declared.get("attendees")
    attendees = attendees if isinstance(attendees, list) else []
    yield from _duplicates(attendees)
    yield from _target_issues(declared)
    yield from _region_issues(declared)
    features = declared.get("meeting_features")
    yield from _resolution_issues(features)
    for place, attendee in enumerate(attendees):
        capabilities = attendee.get("capabilities") if isinstance(attendee, Mapping) else None
        if isinstance(capabilities, Mapping):
            path = ("attendees", place, "capabilities")
            yield from _capability_issues(path, capabilities, features)


def _duplicates(attendees: Sequence[Any]) -> Iterator[ValidationIssue]:
    places: dict[str, int] = {}
    for place, attendee in enumerate(attendees):
        name = attendee.get("external_user_id") if isinstance(attendee, Mapping) else None
        if isinstance(name, str) and (first := places.setdefault(name, place)) != place:
            yield ValidationIssue(
                ("attendees", place, "external_user_id"),
                f"{_shown(name)} is declared twice; attendees[{first}] has it already",
            )


def _target_issues(declared: Mapping[str, Any]) -> Iterator[ValidationIssue]:
    targets, region = declared.get("notifications_configuration"), declared.get("control_region")
    for name, service in TARGET_SERVICES.items():
        arn = targets.get(name) if isinstance(targets, Mapping) else None
        # Another string than an ARN's is an error of its pattern already.
        if isinstance(arn, str) and arn.startswith("arn"):
            problem = target_problem(arn, service, region if isinstance(region, str) else None)
            if problem:
                path = ("notifications_configuration", name)
                yield ValidationIssue(path, f"{_shown(arn)} {problem}")


def target_problem(arn: str, service: str, control_region: str | None) -> str | None:
    """Why the service can't send a meeting's events to this target; None where it can.

    :param service: `lambda`, `sns` or `sqs`: what the target has to be of.
    :param control_region: the meeting's; None where it isn't known.

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
    """Why no meeting can be created in a control region; None where one can."""
    if region in CONTROL_REGIONS:
        return None
    return f"'{region}' has no meetings endpoint; use one of {', '.join(CONTROL_REGIONS)}"


def _region_issues(declared: Mapping[str, Any]) -> Iterator[ValidationIssue]:
    region, media_region = declared.get("control_region"), declared.get("media_region")
    if not isinstance(region, str):
        return
    if problem := region_problem(region):
        yield ValidationIssue(("control_region",), problem)
    elif media_region in list(MediaRegion):
        partitions = [r.startswith(GOVCLOUD_PREFIX) for r in (region, str(media_region))]
        if partitions[0] != partitions[1]:
            yield ValidationIssue(
                ("media_region",),
                f"'{media_region}' is in another AWS partition than the control region {region}",
            )


def _feature(features: object, kind: str, name: str) -> Any:
    value = features
    for part in (kind, name):
        if isinstance(value, Unknown):
            return value
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _resolution_issues(features: object) -> Iterator[ValidationIssue]:
    count = _feature(features, "attendee", "max_count")
    if isinstance(count, Unknown):
        return
    fits = isinstance(count, int) and count <= MAX_ATTENDEES_IN_HIGH_RESOLUTION
    for kind, high in (("video", VideoResolution.FHD), ("content", ContentResolution.UHD)):
        if _feature(features, kind, "max_resolution") == high and not fits:
            yield ValidationIssue(
                ("meeting_features", kind, "max_resolution"),
                f"'{high}' needs attendee.max_count to be set to at most "
                f"{MAX_ATTENDEES_IN_HIGH_RESOLUTION}",
            )


def _capability_issues(
    path: Path, capabilities: Mapping[str, Any], features: object
) -> Iterator[ValidationIssue]:
    video, content = (
        next((c for c in MediaCapability if c == capabilities.get(kind)), None)
        for kind in ("video", "content")
    )
    if content in _RECEIVING and video and video not in _RECEIVING:
        yield ValidationIssue(
            (*path, "content"),
            f"'{content}' needs video to be SendReceive or Receive, and it is '{video}'",
        )
    for kind, value in (("video", video), ("content", content)):
        forbidden = _feature(features, kind, "max_resolution") == "None"
        if forbidden and value and value != MediaCapability.NONE:
            yield ValidationIssue(
                (*path, kind),
                f"'{value}' contradicts meeting_features.{kind}.max_resolution, which is 'None'",
            )
