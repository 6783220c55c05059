"""Prepares and validates a declared recording, for both adapters. No pulumi here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from meeting_provider.checking import Settings, shown, stale_token
from meeting_provider.errors import InvalidRecording
from meeting_provider.issues import UNKNOWN, ValidationIssue, by_model
from meeting_provider.recordings.models import RecordingInput
from meeting_provider.shapes import Argument, arguments

#: The regions with an endpoint of the API.
REGIONS: Final = (
    "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
    "ca-central-1", "eu-central-1", "eu-west-2", "us-east-1", "us-west-2",
)  # fmt: skip

#: The arguments whose change starts another recording.
CREATE_ONLY: Final = frozenset(RecordingInput.model_fields).difference(
    arguments(RecordingInput, Argument.IN_PLACE)
)

#: For each ARN: the service, the prefix of the resource, and a description for errors.
_ARNS: Final = {
    "source_arn": ("chime", "meeting/", "a meeting: give its meeting_arn"),
    "sink_arn": ("s3", "", "an S3 bucket, such as arn:aws:s3:::my-bucket/prefix"),
    "concatenation_sink_arn": ("s3", "", "an S3 bucket, such as arn:aws:s3:::my-bucket/prefix"),
    "sink_iam_role_arn": ("iam", "role/", "an IAM role"),
}


def check(
    declared: Mapping[str, Any],
    old: Mapping[str, Any],
    settings: Settings,
    secret: Collection[str] = (),
) -> tuple[dict[str, Any], list[ValidationIssue]]:
    """The declaration with its region, and all issues.

    :param declared: the properties. UNKNOWN stands for values that aren't known yet.
    :param old: the declared properties of the existing recording, if there is one.
    :param settings: the stack's.
    :param secret: the properties whose values no message may contain.
    """
    region = declared.get("control_region") or _region(declared, settings)
    checked = {**declared, "control_region": region}
    replacing = [n for n in differing(old, checked) if n in CREATE_ONLY]
    issues = [
        *by_model(RecordingInput, checked)[1],
        *_arn_issues(checked),
        *stale_token(old, checked, replacing),
    ]
    # In an update, the engine would report an unknown region in place of the issues.
    return dict(declared) if issues else checked, shown(issues, secret)


def parse(declared: Mapping[str, Any]) -> RecordingInput:
    """The declared recording.

    :raises InvalidRecording: a value is invalid, or not known yet.
    """
    recording, issues = by_model(RecordingInput, declared)
    if recording is None:
        raise InvalidRecording(issues or ["has values that are not known yet"])
    return recording


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The names of the declared properties that differ. An absent one equals an empty one."""
    return [n for n in RecordingInput.model_fields if (old.get(n) or None) != (new.get(n) or None)]


def _region(declared: Mapping[str, Any], settings: Settings) -> Any:
    """The control region of the meeting, from its ARN, or else by default."""
    source = declared.get("source_arn")
    if not isinstance(source, str):
        return UNKNOWN
    parts = source.split(":")
    named = parts[3] if len(parts) > 3 else ""
    return named or settings.region_of(declared) or UNKNOWN


def _arn_issues(declared: Mapping[str, Any]) -> Iterator[ValidationIssue]:
    for name, (service, beginning, what) in _ARNS.items():
        arn = declared.get(name)
        if not isinstance(arn, str) or not arn.startswith("arn"):
            continue
        parts = arn.split(":", 5)
        of, resource = (parts[2], parts[5]) if len(parts) == 6 else ("", "")
        if of != service or not resource.startswith(beginning) or resource == beginning:
            yield ValidationIssue((name,), f"'{arn}' is not the ARN of {what}")
    region = declared.get("control_region")
    if isinstance(region, str) and region not in REGIONS:
        text = f"'{region}' has no media pipelines; use one of {', '.join(REGIONS)}"
        yield ValidationIssue(("control_region",), text)
