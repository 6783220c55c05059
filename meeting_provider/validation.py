"""All errors of a declared meeting at once, each with its path.

The models check single properties. This module also checks contradictions between properties.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, TypeVar, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from meeting_provider.errors import InvalidMeeting
from meeting_provider.models import (
    CONTROL_REGIONS,
    GOVCLOUD_PREFIX,
    MAX_ATTENDEES_IN_HIGH_RESOLUTION,
    MEDIA_REGIONS,
    EmptiedMeeting,
    MediaCapability,
    MeetingInput,
    Shape,
)


class Unknown:
    """A value that isn't known yet. It counts as valid."""

    def __repr__(self) -> str:
        return "[unknown]"


UNKNOWN: Final = Unknown()

Path = tuple[str | int, ...]

ShapeT = TypeVar("ShapeT", bound=Shape)

#: The service that each notification target has to be of.
TARGET_SERVICES: Final = {
    "lambda_function_arn": "lambda",
    "sns_topic_arn": "sns",
    "sqs_queue_arn": "sqs",
}

_LONGEST_SHOWN: Final = 76

#: The message for each of pydantic's error types.
_MESSAGES: Final = {
    "missing": "is required",
    "extra_forbidden": "unknown property{nearest}",
    "string_too_short": "{shown} has {count}; at least {min_length}",
    "string_too_long": "{shown} has {count}; at most {max_length}",
    "too_short": "has {count}; at least {min_length}",
    "too_long": "has {count}; at most {max_length}",
    "string_pattern_mismatch": "{shown} {mismatch}",
    "literal_error": "{shown} is not one of {expected}",
    "greater_than_equal": "{shown} is too small; at least {ge}",
    "less_than_equal": "{shown} is too large; at most {le}",
    "reserved": "{shown} {text}",
    "string_type": "{shown} is not a string",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "{shown} is not a whole number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "{shown} is not a boolean, true or false"),
    "list_type": "{shown} is not a list",
    **dict.fromkeys(("dict_type", "model_type"), "{shown} is not an object"),
}


@dataclass(frozen=True)
class ValidationIssue:
    """An error of one property, with its path."""

    path: Path
    message: str

    @property
    def property(self) -> str:
        """The path in Pulumi's notation: `attendees[3].external_user_id`, `attendees["ann"]`."""
        text = str(self.path[0]) if self.path else ""
        for part in self.path[1:]:
            is_key = text == "attendees" or not re.fullmatch(r"[a-zA-Z_]\w*", str(part))
            text += f"[{json.dumps(part, ensure_ascii=False)}]" if is_key else f".{part}"
        return text

    def __str__(self) -> str:
        return f"{self.property}: {self.message}"


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


def by_model(
    model: type[ShapeT], declared: Mapping[str, Any]
) -> tuple[ShapeT | None, list[ValidationIssue]]:
    """The properties as a model, and the issues that the model alone finds.

    UNKNOWN values cause no issues, but with any of them there is no model.
    """
    try:
        return model.model_validate(declared, by_alias=False, by_name=True), []
    except ValidationError as error:
        found = error.errors(include_url=False)
        wrong = (e for e in found if not isinstance(_at(declared, e["loc"]), Unknown))
        return None, [_issue(e) for e in wrong]


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


def _at(value: Any, loc: Sequence[str | int]) -> Any:
    """The value at a path, or at the longest part of the path that exists."""
    for part in loc:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            break
    return value


def _issue(error: ErrorDetails) -> ValidationIssue:
    loc = tuple(p for p in error["loc"] if p != "[key]")
    value, context = error["input"], error.get("ctx", {})
    facts = {
        **context,
        "shown": _shown(value),
        "count": _count(value) if isinstance(value, (str, list, dict)) else "",
        "text": error["msg"],
        "expected": str(context.get("expected", "")).replace("'", "").replace(" or ", ", "),
        "nearest": _nearest(str(loc[-1])) if error["type"] == "extra_forbidden" else "",
        "mismatch": _mismatch(value, context["pattern"]) if "pattern" in context else "",
    }
    return ValidationIssue(loc, _MESSAGES.get(error["type"], "{shown}: {text}").format_map(facts))


def _shown(value: object) -> str:
    text = json.dumps(value) if value is None or isinstance(value, bool) else str(value)
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    if len(text) > _LONGEST_SHOWN:
        text = f"{text[:_LONGEST_SHOWN]}..."
    return f"'{text}'" if isinstance(value, str) else text


def _count(value: str | list[Any] | dict[str, Any]) -> str:
    one, several = ("character", "characters") if isinstance(value, str) else ("entry", "entries")
    return f"{len(value)} {one if len(value) == 1 else several}"


def _mismatch(value: str, pattern: str) -> str:
    """Why the value doesn't match the pattern."""
    allowed = pattern.removeprefix("(?a)").removeprefix("^").removesuffix(r"\Z")
    if allowed.startswith("arn"):
        return f"is not an ARN, which matches {allowed}"
    if "(?!" in pattern and re.search(r"(.)\1{3}", value):
        return "repeats a character more than three times in a row"
    wrong = sorted({c for c in value if not re.search(pattern, c)})
    return f"has {', '.join(map(repr, wrong))}, which {allowed} does not allow"


def _nearest(name: str) -> str:
    names = {n for shape in Shape.__subclasses__() for n in shape.model_fields} - {name}
    near = get_close_matches(name, sorted(names), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _contradictions(declared: Mapping[str, Any]) -> Iterator[ValidationIssue]:
    """Contradictions between properties. They are reported even if other properties are invalid."""
    listed, features = declared.get("attendees"), declared.get("meeting_features")
    attendees = dict(enumerate(listed if isinstance(listed, list) else []))
    places: dict[str, int] = {}
    for place, attendee in attendees.items():
        name = attendee.get("external_user_id") if isinstance(attendee, Mapping) else None
        if isinstance(name, str) and (first := places.setdefault(name, place)) != place:
            path = ("attendees", place, "external_user_id")
            text = f"{_shown(name)} is declared twice; attendees[{first}] has it already"
            yield ValidationIssue(path, text)
    yield from _target_issues(declared)
    yield from _region_issues(declared)
    yield from _resolution_issues(features)
    yield from _transcription_issues(declared.get("transcription"))
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
                yield ValidationIssue(path, f"{_shown(arn)} {problem}")


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
    count = _at(features, ("attendee", "max_count"))
    fits = isinstance(count, int) and count <= MAX_ATTENDEES_IN_HIGH_RESOLUTION
    if fits or isinstance(count, Unknown):
        return
    for kind, high in (("video", "FHD"), ("content", "UHD")):
        if _at(features, (kind, "max_resolution")) == high:
            most = f"set to at most {MAX_ATTENDEES_IN_HIGH_RESOLUTION}"
            path = ("meeting_features", kind, "max_resolution")
            yield ValidationIssue(path, f"'{high}' needs attendee.max_count to be {most}")


def _transcription_issues(transcription: object) -> Iterator[ValidationIssue]:
    """The combinations that Amazon Transcribe rejects. The service reports them only in an event.

    Source: https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_StartStreamTranscription.html
    """
    if not isinstance(transcription, Mapping):
        return
    engines = ("engine_transcribe_settings", "engine_transcribe_medical_settings")
    if sum(transcription.get(engine) is not None for engine in engines) != 1:
        yield ValidationIssue(("transcription",), f"needs exactly one of {' and '.join(engines)}")
    settings = transcription.get(engines[0])
    if not isinstance(settings, Mapping):
        return
    path = ("transcription", engines[0])
    given = {n for n, v in settings.items() if v not in (None, False)}
    if len(given & {"language_code", "identify_language"}) != 1:
        yield ValidationIssue(path, "needs either language_code or identify_language")
    if len(given & {"content_identification_type", "content_redaction_type"}) > 1:
        text = "can't be set together with content_identification_type"
        yield ValidationIssue((*path, "content_redaction_type"), text)
    needs = {
        "identify_language": ("language_options",),
        "language_options": ("identify_language",),
        "preferred_language": ("identify_language",),
        "partial_results_stability": ("enable_partial_results_stabilization",),
        "pii_entity_types": ("content_identification_type", "content_redaction_type"),
        "vocabulary_filter_method": ("vocabulary_filter_name", "vocabulary_filter_names"),
    }
    for name, others in needs.items():
        if name in given and not given & {*others}:
            yield ValidationIssue((*path, name), f"needs {' or '.join(others)}")


def _capability_issues(
    path: Path, capabilities: Mapping[str, Any], features: object
) -> Iterator[ValidationIssue]:
    known = {m: c for m, c in capabilities.items() if c in get_args(MediaCapability)}
    video, content = known.get("video"), known.get("content")
    if content in ("SendReceive", "Receive") and video in ("Send", "None"):
        text = f"'{content}' needs video to be SendReceive or Receive, and it is '{video}'"
        yield ValidationIssue((*path, "content"), text)
    for kind, value in (("video", video), ("content", content)):
        if value not in (None, "None") and _at(features, (kind, "max_resolution")) == "None":
            feature = f"meeting_features.{kind}.max_resolution"
            text = f"'{value}' contradicts {feature}, which is 'None'"
            yield ValidationIssue((*path, kind), text)
