"""A schedule whose keynote is recorded and transcribed, on the real Pulumi CLI."""

from __future__ import annotations

from typing import Any, Literal

import boto3
import pytest
from support.checkout import Checkout
from support.watching import Watch

SCHEDULE = """\
events:
  - name: keynote
    attendees: [{external_user_id: ann}, {external_user_id: bob}]
    transcription:
      engine_transcribe_settings: {language_code: en-GB, region: auto}
    recording: true
  - name: standup
    attendees: [{external_user_id: cat}]
"""


@pytest.fixture
def up(checkout: Checkout) -> Checkout:
    """A checkout with the schedule, brought up."""
    checkout.leave_desk()
    checkout.schedule = SCHEDULE
    run = checkout.make("up")
    assert run.code == 0, run.text
    return checkout


def client(checkout: Checkout, service: Literal["chime-sdk-media-pipelines", "s3"]) -> Any:
    session = boto3.Session("sandbox", "sandbox", region_name="us-east-1")
    return session.client(service, endpoint_url=checkout.cloud.endpoint)


def recording(checkout: Checkout) -> dict[str, Any]:
    """The one capture pipeline that is active."""
    pipelines = client(checkout, "chime-sdk-media-pipelines")
    [found] = pipelines.list_media_capture_pipelines()["MediaCapturePipelines"]
    answer = pipelines.get_media_capture_pipeline(MediaPipelineId=found["MediaPipelineId"])
    pipeline: dict[str, Any] = answer["MediaCapturePipeline"]
    return pipeline


def files(checkout: Checkout, folder: str) -> set[str]:
    """The kinds of files in a folder that an output of the stack names."""
    bucket, _, prefix = folder.removeprefix("s3://").partition("/")
    listed = client(checkout, "s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
    return {each["Key"].removeprefix(prefix).partition("/")[0] for each in listed["Contents"]}


def test_recording_and_transcription_follow_the_meeting(up: Checkout) -> None:
    """The meeting ends; the next up has meeting, recording and transcription again.

    What was recorded of the first is in the bucket, and put together.
    """
    meeting = next(m for m in up.cloud.live() if m.request["ExternalMeetingId"] == "keynote")
    first = recording(up)
    assert first["SourceArn"].endswith(f"meeting/{meeting.meeting_id}")
    was = up.outputs()["recordings"]["keynote"]
    up.cloud.advance(30)

    run = up.make("up")
    assert run.code == 0, run.text
    assert recording(up)["MediaPipelineId"] == first["MediaPipelineId"], "attendees are unchanged"

    up.cloud.advance(301)
    assert up.cloud.live() == []
    up.cloud.advance(60)
    run = up.make("up")
    assert run.code == 0, run.text
    successor = next(m for m in up.cloud.live() if m.request["ExternalMeetingId"] == "keynote")
    second = recording(up)
    assert successor.meeting_id != meeting.meeting_id
    assert second["SourceArn"].endswith(f"meeting/{successor.meeting_id}")
    assert files(up, was["captured"]) == {
        "audio",
        "meeting-events",
        "transcription-messages",
        "video",
    }
    assert files(up, was["concatenated"]) >= {"audio", "video"}
    assert up.outputs()["recordings"]["keynote"] != was


def test_a_bucket_with_a_prefix_is_an_error(up: Checkout) -> None:
    """The files would not be in the folders that the outputs name."""
    arn = "arn:aws:s3:::shared/summit"
    assert up.pulumi("config", "set", "recording_bucket_arn", arn, "--stack", "dev").code == 0
    run = up.pulumi("preview", "--stack", "dev")
    assert run.code != 0
    assert f"error: recording_bucket_arn: '{arn}' has a prefix; name the bucket alone" in run.text


@pytest.mark.parametrize("fails", [False, True], ids=["at once", "after a failure"])
def test_the_watcher_brings_the_recording_up_with_its_meeting(up: Checkout, fails: bool) -> None:
    watch = Watch(up)
    watch.start()
    try:
        watch.until_quiet()
        if fails:
            up.cloud.fault("forbidden", "CreateMediaCapturePipeline")
        meeting = next(m for m in up.cloud.live() if m.external_meeting_id == "keynote")
        first = recording(up)
        up.cloud.end(meeting.meeting_id)
        watch.until_recovered(meeting)
        watch.until_quiet()
        successor = next(m for m in up.cloud.live() if m.external_meeting_id == "keynote")
        second = recording(up)
        assert second["MediaPipelineId"] != first["MediaPipelineId"]
        assert second["SourceArn"].endswith(f"meeting/{successor.meeting_id}")
        assert watch.log.count("CreateMediaCapturePipeline failed") == int(fails)
    finally:
        watch.stop()
