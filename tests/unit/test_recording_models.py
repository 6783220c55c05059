"""Recordings and transcriptions have the services' values and bounds, and their contradictions."""

from __future__ import annotations

import re
from typing import Any

import boto3
import pytest
from pydantic import BaseModel
from support.constraints import Member, members, service_model
from support.meetings import properties

from meeting_provider import checking
from meeting_provider.issues import UNKNOWN
from meeting_provider.recordings import checking as of_recordings
from meeting_provider.recordings import models as recordings
from meeting_provider.transcription import Transcription
from meeting_provider.validation import validate

PIPELINES = "chime-sdk-media-pipelines"
MEETING_ARN = "arn:aws:chime:eu-central-1:123456789012:meeting/2b122901-d672-4af0-ab27-4fe5746b7c20"
BUCKET = "arn:aws:s3:::my-recordings"

SHAPES: dict[str, tuple[type[BaseModel], str]] = {
    "ArtifactsConfiguration": (recordings.ArtifactsConfiguration, PIPELINES),
    "SourceConfiguration": (recordings.SourceConfiguration, PIPELINES),
    "SseAwsKeyManagementParams": (recordings.SseAwsKeyManagementParams, PIPELINES),
    "TranscriptionConfiguration": (Transcription, "chime-sdk-meetings"),
}
MEMBERS = {
    f"{name}.{'.'.join(map(str, member.path))}": member
    for name, (model, service) in SHAPES.items()
    for member in members(model, service_model(service).shape_for(name))
}


@pytest.mark.parametrize("name", MEMBERS)
def test_each_member_has_the_services_values_and_bounds(name: str) -> None:
    member = MEMBERS[name]
    theirs, ours = member.shape.metadata, member.schema
    values = ours.get("enum") or ([ours["const"]] if "const" in ours else None)
    assert sorted(values or []) == sorted(theirs.get("enum") or [])
    if member.shape.type_name == "string" and not values:
        assert ours.get("maxLength") == theirs.get("max")
    if member.shape.type_name == "integer":
        assert (ours["minimum"], ours["maximum"]) == (theirs["min"], theirs["max"])
    if pattern := theirs.get("pattern"):
        check_pattern(member, pattern)


def check_pattern(member: Member, pattern: str) -> None:
    """Both patterns allow the same characters. Lengths are bounded beside them."""
    ours = member.schema.get("pattern")
    if ours is None:
        assert pattern == ".*"
        return
    for text in ("a", "A", "1", "16/9", "en-US,de-DE", "NAME, SSN", "x y", "é", "a.b_c", "é,", "@"):
        assert bool(re.fullmatch(pattern, text)) == bool(re.search(ours, text)), text


@pytest.mark.parametrize("name", SHAPES)
def test_each_structure_requires_what_the_service_requires(name: str) -> None:
    for path, member in MEMBERS.items():
        if path.startswith(name) and member.shape.type_name == "structure":
            ours = {n.replace("_", "") for n in member.schema.get("required", ())}
            assert ours == {n.lower() for n in member.shape.metadata.get("required", ())}, path


def test_a_recording_has_every_parameter_of_a_capture_pipeline() -> None:
    theirs = service_model(PIPELINES).operation_model("CreateMediaCapturePipeline").input_shape
    assert theirs is not None
    ours = {f.alias or "" for f in recordings.RecordingInput.model_fields.values()}
    nested = {"ArtifactsConfiguration", "SourceConfiguration"}
    fixed = {"SourceType", "SinkType", "ChimeSdkMeetingConfiguration"}
    assert ours - {"ConcatenationSinkArn", "ControlRegion", "Profile"} == (
        set(theirs.members) - fixed | nested
    )


def test_the_regions_are_those_with_an_endpoint() -> None:
    assert sorted(of_recordings.REGIONS) == sorted(boto3.Session().get_available_regions(PIPELINES))


def issues(**declared: Any) -> list[str]:
    checked = of_recordings.check(declared, {}, checking.Settings("us-east-1"))
    return [str(issue) for issue in checked[1]]


def test_the_region_is_that_of_the_meeting() -> None:
    checked, found = of_recordings.check(
        {"source_arn": MEETING_ARN, "sink_arn": BUCKET}, {}, checking.Settings("us-east-1")
    )
    assert found == []
    assert checked["control_region"] == "eu-central-1"


def test_nothing_is_said_of_what_is_not_known_yet() -> None:
    assert issues(source_arn=UNKNOWN, sink_arn=UNKNOWN) == []


def test_an_invalid_declaration_gets_no_unknown_region() -> None:
    """In an update, the engine would report the unknown value in place of the errors."""
    checked, found = of_recordings.check({"sink_arn": BUCKET}, {}, checking.Settings())
    assert [str(each) for each in found] == ["source_arn: is required"]
    assert UNKNOWN not in checked.values()


def test_all_that_is_wrong_is_said_at_once() -> None:
    wrong = issues(
        source_arn="arn:aws:sqs:us-east-1:123456789012:queue",
        sink_arn="my-recordings",
        concatenation_sink_arn="arn:aws:sns:us-east-1:123456789012:topic",
        artifacts_configuration={
            "audio": {"mux_type": "AudioOnly"},
            "video": {"state": "On"},
            "composited_video": {
                "grid_view_configuration": {
                    "content_share_layout": "Horizontal",
                    "horizontal_layout_configuration": {"tile_count": 11},
                }
            },
        },
        colour="red",
    )
    assert [each.partition(": ")[0] for each in wrong] == [
        "sink_arn",
        "artifacts_configuration.video.state",
        "artifacts_configuration.content",
        "artifacts_configuration.composited_video.grid_view_configuration."
        "horizontal_layout_configuration.tile_count",
        "colour",
        "source_arn",
        "concatenation_sink_arn",
    ]
    assert "11 is too large; at most 10" in wrong[3]
    assert "is not the ARN of a meeting: give its meeting_arn" in wrong[5]


def test_a_tag_with_the_reserved_prefix_is_an_error() -> None:
    """The service's refusal would come after the recording has been ended for a replacement."""
    wrong = issues(source_arn=MEETING_ARN, sink_arn=BUCKET, tags={"AWS:team": "blue", "team": ""})
    assert wrong == ["tags[\"AWS:team\"]: 'AWS:team' uses the reserved prefix 'aws:'"]


def test_a_role_has_to_be_one() -> None:
    role = "arn:aws:iam::123456789012:role/recordings"
    assert issues(source_arn=MEETING_ARN, sink_arn=BUCKET, sink_iam_role_arn=role) == []
    for arn in ("arn:aws:iam::123456789012:user/recordings", f"{role.partition('/')[0]}/", BUCKET):
        [wrong] = issues(source_arn=MEETING_ARN, sink_arn=BUCKET, sink_iam_role_arn=arn)
        assert wrong == f"sink_iam_role_arn: '{arn}' is not the ARN of an IAM role"


def test_a_pattern_of_a_whole_value_is_named() -> None:
    """None of its characters is wrong by itself."""
    grid = {
        "content_share_layout": "Horizontal",
        "horizontal_layout_configuration": {"tile_aspect_ratio": "16:9"},
    }
    configuration = {
        "audio": {"mux_type": "AudioOnly"},
        "video": {"state": "Disabled"},
        "content": {"state": "Disabled"},
        "composited_video": {"grid_view_configuration": grid},
    }
    [wrong] = issues(source_arn=MEETING_ARN, sink_arn=BUCKET, artifacts_configuration=configuration)
    assert wrong.endswith(r"tile_aspect_ratio: '16:9' does not match \d{1,2}/\d{1,2}")


def test_a_region_without_media_pipelines_lists_those_with_them() -> None:
    source = MEETING_ARN.replace("eu-central-1", "af-south-1")
    [wrong] = issues(source_arn=source, sink_arn=BUCKET)
    assert "control_region: 'af-south-1' has no media pipelines; use one of ap-north" in wrong


def test_a_token_begins_one_recording() -> None:
    old = {"source_arn": MEETING_ARN, "sink_arn": BUCKET, "client_request_token": "one"}
    new = {**old, "sink_arn": f"{BUCKET}/day-2", "control_region": "eu-central-1"}
    [wrong] = of_recordings.check(
        new, old | {"control_region": "eu-central-1"}, checking.Settings()
    )[1]
    assert str(wrong).startswith("client_request_token: has to change together with sink_arn")


@pytest.mark.parametrize(
    ("transcription", "path", "text"),
    [
        ({}, "transcription", "needs exactly one of"),
        (
            {"engine_transcribe_settings": {}},
            "transcription.engine_transcribe_settings",
            "needs either language_code or identify_language",
        ),
        (
            {"engine_transcribe_settings": {"identify_language": True}},
            "transcription.engine_transcribe_settings.identify_language",
            "needs language_options",
        ),
        (
            {
                "engine_transcribe_settings": {
                    "language_code": "en-US",
                    "content_identification_type": "PII",
                    "content_redaction_type": "PII",
                }
            },
            "transcription.engine_transcribe_settings.content_redaction_type",
            "can't be set together with content_identification_type",
        ),
        (
            {"engine_transcribe_settings": {"language_code": "en-US", "pii_entity_types": "ALL"}},
            "transcription.engine_transcribe_settings.pii_entity_types",
            "needs content_identification_type or content_redaction_type",
        ),
        (
            {"engine_transcribe_settings": {"language_code": "xx-XX"}},
            "transcription.engine_transcribe_settings.language_code",
            "'xx-XX' is not one of en-US,",
        ),
        (
            {"engine_transcribe_medical_settings": {"language_code": "en-US", "type": "DICTATION"}},
            "transcription.engine_transcribe_medical_settings.specialty",
            "is required",
        ),
    ],
)
def test_what_transcribe_would_refuse_is_an_error(transcription: Any, path: str, text: str) -> None:
    [issue] = validate(properties("ann", transcription=transcription))[1]
    assert issue.property == path
    assert text in issue.message


def test_a_transcription_that_is_not_known_yet_is_valid() -> None:
    assert validate(properties("ann", transcription=UNKNOWN))[1] == []
