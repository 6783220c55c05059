"""Recordings and transcription over real boto3, against the emulator."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from support.meetings import declared

from chime_sandbox.admin import Sandbox
from meeting_provider import calls as calls_of_services
from meeting_provider.errors import (
    AccessDenied,
    LimitExceeded,
    MeetingEnded,
    ServiceError,
    Throttled,
)
from meeting_provider.lifecycle import Lifecycle
from meeting_provider.recording_bucket import policy_statement
from meeting_provider.recordings.checking import parse
from meeting_provider.recordings.lifecycle import RecordingLifecycle
from meeting_provider.recordings.models import RecordingInput
from meeting_provider.recordings.pipelines import MediaPipelines
from meeting_provider.state import State

REGION = "eu-central-1"
BUCKET = "my-recordings"
ACCOUNT = "123456789012"

ENGLISH = {"engine_transcribe_settings": {"language_code": "en-GB"}}
GERMAN = {"engine_transcribe_settings": {"language_code": "de-DE"}}


@pytest.fixture
def s3(clients: Callable[..., Any], sandbox: Sandbox) -> Any:  # noqa: ARG001
    """S3, with a bucket that lets the service in."""
    made = clients("s3")
    made.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    statement = policy_statement(f"arn:aws:s3:::{BUCKET}", ACCOUNT)
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    made.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    return made


@pytest.fixture
def recordings(set_up: None) -> RecordingLifecycle:  # noqa: ARG001
    """The lifecycle of recordings."""
    made = MediaPipelines(REGION)
    return RecordingLifecycle(lambda *_: made)


@pytest.fixture
def meeting(lifecycle: Callable[[], Lifecycle]) -> State:
    """A meeting with two attendees."""
    return lifecycle().create(declared("ann", "bob"))


def recording(meeting: State, **changed: Any) -> RecordingInput:
    """A recording of the meeting, as it is declared."""
    given = {
        "source_arn": meeting.meeting.meeting_arn,
        "sink_arn": f"arn:aws:s3:::{BUCKET}",
        "control_region": REGION,
    }
    return parse(given | changed)


def calls(sandbox: Sandbox) -> list[str]:
    found = [c.operation for c in sandbox.requests()]
    sandbox.clear_requests()
    return found


def keys(s3: Any, prefix: str) -> set[str]:
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())
    return {each["Key"].removeprefix(prefix).split("/")[1] for each in listed}


def test_a_recording_is_one_call_and_its_files_are_in_the_bucket(
    recordings: RecordingLifecycle, meeting: State, sandbox: Sandbox, s3: Any
) -> None:
    calls(sandbox)
    made = recordings.create(recording(meeting))
    assert calls(sandbox) == ["CreateMediaCapturePipeline"]
    assert recordings.read(made) == made
    assert calls(sandbox) == ["GetMediaCapturePipeline", "ListTagsForResource"]
    sandbox.advance(30)
    sandbox.end(meeting.meeting.meeting_id)
    sandbox.advance(30)
    assert recordings.read(made) is None
    assert keys(s3, made["media_pipeline_id"]) == {"audio", "video", "meeting-events"}


def test_concatenation_begins_with_the_recording_and_outlives_it(
    recordings: RecordingLifecycle, meeting: State, sandbox: Sandbox, s3: Any
) -> None:
    calls(sandbox)
    sink = f"arn:aws:s3:::{BUCKET}/whole"
    made = recordings.create(recording(meeting, concatenation_sink_arn=sink))
    assert calls(sandbox) == ["CreateMediaCapturePipeline", "CreateMediaConcatenationPipeline"]
    sandbox.advance(30)
    recordings.delete(made)
    sandbox.advance(60)
    assert keys(s3, "whole") >= {"audio", "video"}


@pytest.mark.usefixtures("s3")
def test_every_parameter_reaches_the_service(
    recordings: RecordingLifecycle, meeting: State, clients: Callable[..., Any]
) -> None:
    grid = {"content_share_layout": "Vertical", "vertical_layout_configuration": {"tile_count": 3}}
    given = {
        "artifacts_configuration": {
            "audio": {"mux_type": "AudioWithCompositedVideo"},
            "video": {"state": "Disabled"},
            "content": {"state": "Disabled"},
            "composited_video": {"resolution": "FHD", "grid_view_configuration": grid},
        },
        "source_configuration": {"selected_video_streams": {"external_user_ids": ["ann"]}},
        "tags": {"room": "main"},
    }
    made = recordings.create(recording(meeting, **given))
    found = recordings.find(made["media_pipeline_id"], REGION)
    assert found == made
    pipelines = clients("chime-sdk-media-pipelines", region=REGION)
    answer = pipelines.get_media_capture_pipeline(MediaPipelineId=made["media_pipeline_id"])
    configuration = answer["MediaCapturePipeline"]["ChimeSdkMeetingConfiguration"]
    composited = configuration["ArtifactsConfiguration"]["CompositedVideo"]
    assert composited["GridViewConfiguration"]["VerticalLayoutConfiguration"] == {"TileCount": 3}


@pytest.mark.usefixtures("s3")
def test_tags_change_in_place_and_drift_shows(
    recordings: RecordingLifecycle, meeting: State, sandbox: Sandbox
) -> None:
    made = recordings.create(recording(meeting, tags={"room": "main", "day": "1"}))
    calls(sandbox)
    changed = recordings.update(made, recording(meeting, tags={"room": "side"}))
    assert calls(sandbox) == ["UntagResource", "TagResource"]
    found = recordings.read(changed | {"tags": {"room": "main"}})
    assert found
    assert found["tags"] == {"room": "side"}


@pytest.mark.usefixtures("s3")
def test_a_concatenation_that_fails_ends_the_recording(
    recordings: RecordingLifecycle, meeting: State, sandbox: Sandbox
) -> None:
    sandbox.fault("forbidden", "CreateMediaConcatenationPipeline")
    calls(sandbox)
    with pytest.raises(AccessDenied, match="chime:CreateMediaConcatenationPipeline"):
        recordings.create(recording(meeting, concatenation_sink_arn=f"arn:aws:s3:::{BUCKET}"))
    assert calls(sandbox)[-1] == "DeleteMediaCapturePipeline"


@pytest.mark.usefixtures("s3")
def test_a_concatenation_whose_time_runs_out_ends_the_recording(
    recordings: RecordingLifecycle,
    meeting: State,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calls_of_services, "OPERATION_SECONDS", 1.0)
    sandbox.fault("throttle", "CreateMediaConcatenationPipeline", count=1000)
    with pytest.raises(Throttled):
        recordings.create(recording(meeting, concatenation_sink_arn=f"arn:aws:s3:::{BUCKET}"))
    assert captures(sandbox) == []


@pytest.mark.usefixtures("s3")
def test_a_meeting_that_has_ended_can_not_be_recorded(
    recordings: RecordingLifecycle, meeting: State, sandbox: Sandbox
) -> None:
    sandbox.end(meeting.meeting.meeting_id)
    with pytest.raises(ServiceError, match=r"CreateMediaCapturePipeline failed: .* not found"):
        recordings.create(recording(meeting))


@pytest.mark.usefixtures("s3")
def test_the_attendee_that_records_is_not_drift_and_stays(
    lifecycle: Callable[[], Lifecycle],
    recordings: RecordingLifecycle,
    meeting: State,
    sandbox: Sandbox,
) -> None:
    """The service lets an attendee of its own into a meeting that it records."""
    recordings.create(recording(meeting))
    sandbox.advance(30)
    [live] = sandbox.live()
    assert len(live.attendees) == 3
    found = lifecycle().read(meeting)
    assert found
    assert found.declared == meeting.declared
    lifecycle().update(found, declared("ann"))
    assert len(sandbox.live()[0].attendees) == 2


def transcription(sandbox: Sandbox) -> Any:
    [live] = sandbox.live()
    return live.transcription


def test_transcription_begins_with_the_meeting_and_changes_in_place(
    lifecycle: Callable[[], Lifecycle], sandbox: Sandbox
) -> None:
    calls(sandbox)
    state = lifecycle().create(declared("ann", transcription=ENGLISH))
    assert calls(sandbox) == ["CreateMeetingWithAttendees", "StartMeetingTranscription"]
    assert transcription(sandbox) == {"EngineTranscribeSettings": {"LanguageCode": "en-GB"}}
    state = lifecycle().update(state, declared("ann", transcription=ENGLISH))
    assert calls(sandbox) == []
    state = lifecycle().update(state, declared("ann", transcription=GERMAN))
    assert calls(sandbox) == ["StartMeetingTranscription"]
    assert transcription(sandbox) == {"EngineTranscribeSettings": {"LanguageCode": "de-DE"}}
    lifecycle().update(state, declared("ann"))
    assert calls(sandbox) == ["StopMeetingTranscription"]
    assert not transcription(sandbox)


def test_a_transcription_that_fails_ends_the_meeting_that_was_created(
    lifecycle: Callable[[], Lifecycle], sandbox: Sandbox
) -> None:
    sandbox.fault("forbidden", "StartMeetingTranscription")
    with pytest.raises(AccessDenied, match="chime:StartMeetingTranscription"):
        lifecycle().create(declared("ann", transcription=ENGLISH))
    assert sandbox.live() == []


def test_a_missing_role_names_the_command_that_creates_it(
    lifecycle: Callable[[], Lifecycle],
    recordings: RecordingLifecycle,
    meeting: State,
    sandbox: Sandbox,
    s3: Any,  # noqa: ARG001
) -> None:
    sandbox.settings(media_pipelines_role="absent", transcription_role="absent")
    command = "aws iam create-service-linked-role --aws-service-name {}.chime.amazonaws.com"
    with pytest.raises(AccessDenied, match=command.format("mediapipelines")):
        recordings.create(recording(meeting))
    with pytest.raises(AccessDenied, match=command.format("transcription")):
        lifecycle().create(declared("ann", transcription=ENGLISH))


def test_a_meeting_that_ended_meanwhile_is_not_transcribed(
    lifecycle: Callable[[], Lifecycle], meeting: State, sandbox: Sandbox
) -> None:
    sandbox.end(meeting.meeting.meeting_id)
    with pytest.raises(MeetingEnded):
        lifecycle().update(meeting, declared("ann", "bob", transcription=ENGLISH))


@pytest.mark.usefixtures("s3")
def test_a_second_recording_of_a_meeting_is_refused_clearly(
    recordings: RecordingLifecycle, meeting: State
) -> None:
    recordings.create(recording(meeting))
    with pytest.raises(LimitExceeded, match="CreateMediaCapturePipeline failed"):
        recordings.create(recording(meeting, sink_arn=f"arn:aws:s3:::{BUCKET}/other"))


#: Faults that pass, and one that doesn't; `after` is a loss of the answer alone.
FAULTS: dict[str, dict[str, Any]] = {
    "throttled": {"kind": "throttle", "count": 2},
    "failed": {"kind": "failure"},
    "failed after": {"kind": "failure", "when": "after"},
    "lost": {"kind": "drop"},
    "answer lost": {"kind": "drop", "when": "after"},
    "forbidden": {"kind": "forbidden"},
}
CREATES = ["CreateMediaCapturePipeline", "CreateMediaConcatenationPipeline"]


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("operation", CREATES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_create_that_meets_a_fault_leaves_one_recording_or_none(
    recordings: RecordingLifecycle, meeting: State, sandbox: Sandbox, fault: str, operation: str
) -> None:
    wanted = recording(meeting, concatenation_sink_arn=f"arn:aws:s3:::{BUCKET}")
    sandbox.fault(operation=operation, **FAULTS[fault])
    if fault == "forbidden":
        with pytest.raises(AccessDenied):
            recordings.create(wanted)
        sandbox.advance(30)
        assert captures(sandbox) == []
    made = recordings.create(wanted)
    assert captures(sandbox) == [made["media_pipeline_id"]]
    assert recordings.read(made) == made


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(
    "operation",
    ["GetMediaCapturePipeline", "ListTagsForResource", "TagResource", "DeleteMediaCapturePipeline"],
)
@pytest.mark.parametrize("fault", [f for f in FAULTS if f != "forbidden"])
def test_a_fault_that_passes_changes_nothing(
    recordings: RecordingLifecycle, meeting: State, sandbox: Sandbox, fault: str, operation: str
) -> None:
    made = recordings.create(recording(meeting))
    sandbox.fault(operation=operation, **FAULTS[fault])
    tagged = recordings.update(made, recording(meeting, tags={"room": "main"}))
    assert recordings.read(tagged) == tagged
    recordings.delete(tagged)
    assert captures(sandbox) == []
    assert recordings.read(tagged) is None


def captures(sandbox: Sandbox) -> list[str]:
    """The ids of the captures that haven't ended."""
    return [
        p.pipeline_id
        for p in sandbox.pipelines()
        if p.kind == "MediaCapturePipeline" and p.status in ("Initializing", "InProgress")
    ]
