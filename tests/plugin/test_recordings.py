"""Recording in a Pulumi YAML program on the real CLI, and by both adapters alike."""

from __future__ import annotations

import json
from typing import Any

from plugin.conftest import Project, meeting, shown

from meeting_provider.recording_bucket import policy_statement

BUCKET = "recordings"
ACCOUNT = "123456789012"


def bucket(project: Project) -> str:
    """A bucket that lets the service in; its ARN."""
    s3 = project.boto3("s3")
    place = {"LocationConstraint": s3.meta.region_name}
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    arn = f"arn:aws:s3:::{BUCKET}"
    policy = {"Version": "2012-10-17", "Statement": [policy_statement(arn, ACCOUNT)]}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    return arn


def recording(arn: str, **changed: Any) -> dict[str, Any]:
    properties = {"sourceArn": "${keynote.meetingArn}", "sinkArn": arn, **changed}
    return {"type": "chime-meetings:Recording", "properties": properties}


def test_a_recording_follows_its_meeting(project: Project) -> None:
    arn = bucket(project)
    program = {
        "keynote": meeting("ann", "bob"),
        "recorded": recording(arn, concatenationSinkArn=arn, tags={"room": "main"}),
    }
    project.write(program, outputs={"folder": "${recorded.mediaPipelineId}"})
    project.up()
    assert project.calls() == [
        "CreateMeetingWithAttendees",
        "CreateMediaCapturePipeline",
        "CreateMediaConcatenationPipeline",
    ]
    first = project.state()["recorded"]
    made = project.last_call()
    project.up("--expect-no-changes")
    assert project.calls(made) == []

    program["recorded"]["properties"]["tags"] = {"room": "side"}
    project.write(program)
    assert '~ room: "main" => "side"' in shown(project.preview())
    project.up()
    assert project.calls(made) == ["TagResource"]

    # A meeting has one recording at most: the old one ends before the new one begins.
    program["recorded"]["properties"]["sinkArn"] = f"{arn}/day-1"
    project.write(program)
    changed = project.last_call()
    project.up()
    assert project.calls(changed)[:2] == [
        "DeleteMediaCapturePipeline",
        "CreateMediaCapturePipeline",
    ]

    project.cloud.end(project.state()["keynote"]["id"])
    project.cloud.advance(10)
    ended = project.last_call()
    project.up()
    assert project.calls(ended) == [
        "CreateMeetingWithAttendees",
        "CreateMediaCapturePipeline",
        "CreateMediaConcatenationPipeline",
    ]
    second = project.state()["recorded"]
    assert second["outputs"]["sourceArn"] == project.state()["keynote"]["outputs"]["meetingArn"]
    assert second["id"] != first["id"]

    project.write({})
    project.up()
    assert project.cloud.live() == []


def test_bad_input_is_reported_at_its_path(project: Project) -> None:
    project.write(
        {
            "keynote": meeting("ann"),
            "recorded": recording("arn:aws:sqs:us-east-1:1:queue", sinkIamRoleArn="role"),
        }
    )
    run = project.pulumi("preview", "--stack", "dev")
    assert run.code != 0
    assert "sinkArn: 'arn:aws:sqs:us-east-1:1:queue' is not the ARN of an S3 bucket" in run.text
    assert "sinkIamRoleArn: 'role' is not an ARN" in run.text
    assert project.calls() == []


def test_an_import_finds_what_the_service_tells(project: Project) -> None:
    arn = bucket(project)
    made = project.boto3("chime-sdk-meetings").create_meeting(
        ClientRequestToken="one-token",
        MediaRegion="eu-central-1",
        ExternalMeetingId="keynote",
    )["Meeting"]
    begun = project.boto3("chime-sdk-media-pipelines").create_media_capture_pipeline(
        SourceType="ChimeSdkMeeting",
        SourceArn=made["MeetingArn"],
        SinkType="S3Bucket",
        SinkArn=arn,
        Tags=[{"Key": "room", "Value": "main"}],
    )["MediaCapturePipeline"]
    declared = recording(arn, sourceArn=made["MeetingArn"], tags={"room": "main"})
    declared["options"] = {"import": begun["MediaPipelineId"]}
    project.write({"recorded": declared})
    project.up()
    assert project.state()["recorded"]["id"] == begun["MediaPipelineId"]
    project.up("--expect-no-changes")
