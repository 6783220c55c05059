"""Captures and concatenations, through a real client, on the emulator's clock."""

import json
import re

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from moto.core.serialize import RestJSONSerializer

from chime_sandbox.admin import Sandbox
from chime_sandbox.chime import serialization
from chime_sandbox.pytest_plugin import client
from chime_sandbox.server import running

ACCOUNT = "123456789012"
BUCKET = "recordings"
PRINCIPAL = "mediapipelines.chime.amazonaws.com"
KINDS = ("Audio", "Video", "Content", "DataChannel", "TranscriptionMessages", "MeetingEvents",
         "CompositedVideo")  # fmt: skip
STAMP = r"\d{4}(-\d\d){5}-\d{3}"
NOBODY = "00000000-0000-0000-0000-000000000000"


def policy(*actions, bucket=BUCKET, **statement):
    """The bucket policy as AWS documents it."""
    actions = actions or ("PutObject", "PutObjectAcl", "GetObject", "ListBucket")
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "AWSChimeMediaCaptureBucketPolicy",
                    "Effect": "Allow",
                    "Principal": {"Service": PRINCIPAL},
                    "Action": [f"s3:{action}" for action in actions],
                    "Resource": [f"arn:aws:s3:::{bucket}/*", f"arn:aws:s3:::{bucket}"],
                    "Condition": {
                        "StringEquals": {"aws:SourceAccount": ACCOUNT},
                        "ArnLike": {"aws:SourceArn": f"arn:aws:chime:*:{ACCOUNT}:*"},
                    },
                }
                | statement
            ],
        }
    )


def add_bucket(s3, name=BUCKET, region="us-east-1"):
    place = {} if region == "us-east-1" else {"LocationConstraint": region}
    s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": place} if place else {}))
    s3.put_bucket_policy(Bucket=name, Policy=policy(bucket=name))


@pytest.fixture
def s3(clients, sandbox):  # noqa: ARG001
    made = clients("s3")
    add_bucket(made)
    return made


@pytest.fixture
def pipelines(clients, sandbox):  # noqa: ARG001
    return clients("chime-sdk-media-pipelines")


@pytest.fixture
def meeting(new):
    return new("ana", "ben")["Meeting"]


@pytest.fixture
def capture(pipelines, s3):  # noqa: ARG001
    """Captures a meeting; keywords are further parameters."""

    def create(meeting, **parameters):
        request = {
            "SourceType": "ChimeSdkMeeting",
            "SourceArn": meeting["MeetingArn"],
            "SinkType": "S3Bucket",
            "SinkArn": f"arn:aws:s3:::{BUCKET}/day",
        }
        return pipelines.create_media_capture_pipeline(**request | parameters)[
            "MediaCapturePipeline"
        ]

    return create


@pytest.fixture
def concatenate(pipelines):
    """Concatenates all of a capture, or the artifacts in `enabled`."""

    def create(captured, enabled=KINDS, destination=f"arn:aws:s3:::{BUCKET}/whole", **parameters):
        states = {kind: {"State": "Enabled" if kind in enabled else "Disabled"} for kind in KINDS}
        source = {
            "MediaPipelineArn": captured["MediaPipelineArn"],
            "ChimeSdkMeetingConfiguration": {"ArtifactsConfiguration": states},
        }
        return pipelines.create_media_concatenation_pipeline(
            Sources=[
                {"Type": "MediaCapturePipeline", "MediaCapturePipelineSourceConfiguration": source}
            ],
            Sinks=[{"Type": "S3Bucket", "S3BucketSinkConfiguration": {"Destination": destination}}],
            **parameters,
        )["MediaConcatenationPipeline"]

    return create


@pytest.fixture
def keys(s3):
    """The keys in a bucket that begin with a prefix."""

    def read(prefix="", bucket=BUCKET):
        found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return [each["Key"] for each in found]

    return read


def status(pipelines, pipeline):
    (found,) = pipelines.get_media_pipeline(MediaPipelineId=pipeline["MediaPipelineId"])[
        "MediaPipeline"
    ].values()
    return found["Status"]


# A capture's life


def test_a_capture_is_answered_as_the_service_answers_it(pipelines, meeting, capture):
    made = capture(meeting)
    pipeline_id = made["MediaPipelineId"]
    arn = f"arn:aws:chime:us-east-1:{ACCOUNT}:media-pipeline/{pipeline_id}"
    assert made["MediaPipelineArn"] == arn
    assert made["Status"] == "Initializing"
    assert made["SourceArn"] == meeting["MeetingArn"]
    assert made["SinkArn"] == f"arn:aws:s3:::{BUCKET}/day"
    assert made["CreatedTimestamp"] == made["UpdatedTimestamp"]
    of = {"MediaPipelineId": pipeline_id}
    assert pipelines.get_media_capture_pipeline(**of)["MediaCapturePipeline"] == made
    assert pipelines.get_media_pipeline(**of)["MediaPipeline"] == {"MediaCapturePipeline": made}
    summary = [{"MediaPipelineId": pipeline_id, "MediaPipelineArn": arn}]
    assert pipelines.list_media_capture_pipelines()["MediaCapturePipelines"] == summary
    assert pipelines.list_media_pipelines()["MediaPipelines"] == summary


def test_a_capture_goes_from_initializing_to_stopped(sandbox, pipelines, meeting, capture):
    made = capture(meeting)
    sandbox.advance(2)
    assert status(pipelines, made) == "InProgress"
    pipelines.delete_media_capture_pipeline(MediaPipelineId=made["MediaPipelineId"])
    assert status(pipelines, made) == "Stopping"
    sandbox.advance(2)
    assert status(pipelines, made) == "Stopped"
    assert pipelines.list_media_pipelines()["MediaPipelines"] == []


@pytest.mark.parametrize("seconds", [0, 10])
def test_a_capture_ends_with_its_meeting(sandbox, pipelines, meeting, capture, keys, seconds):
    made = capture(meeting)
    sandbox.advance(seconds)
    sandbox.end(meeting["MeetingId"])
    assert status(pipelines, made) == "Stopping"
    assert keys() == []
    sandbox.advance(2)
    assert status(pipelines, made) == "Stopped"
    assert keys()


def test_a_capture_keeps_no_meeting_alive(sandbox, pipelines, meeting, capture):
    made = capture(meeting)
    sandbox.advance(400)
    assert sandbox.live() == []
    assert status(pipelines, made) == "Stopped"
    (pipeline,) = sandbox.pipelines()
    assert pipeline.updated_at == sandbox.meetings()[0].ended_at + 2


def test_a_capture_is_complete_however_far_the_clock_goes_at_once(
    sandbox, pipelines, meeting, capture, keys
):
    made = capture(meeting)
    sandbox.advance(3 * 24 * 3600)
    assert sandbox.meetings() == []
    assert status(pipelines, made) == "Stopped"
    assert len(keys("day/video/")) == 2


def test_an_attendee_captures_the_meeting(sandbox, chime, pipelines, meeting, capture):
    def attendees():
        found = chime.list_attendees(MeetingId=meeting["MeetingId"])["Attendees"]
        return [each["ExternalUserId"] for each in found]

    made = capture(meeting)
    sandbox.advance(2)
    capturing = f"aws:MediaPipeline-{made['MediaPipelineId'][:5]}"
    assert attendees() == ["ana", "ben", capturing]
    pipelines.delete_media_pipeline(MediaPipelineId=made["MediaPipelineId"])
    assert attendees() == ["ana", "ben"]


@pytest.mark.parametrize("form", ["arn:aws:chime::{account}:meeting:{id}", "{arn}"])
def test_a_meetings_arn_has_two_forms(sandbox, meeting, capture, form):
    arn = form.format(account=ACCOUNT, id=meeting["MeetingId"], arn=meeting["MeetingArn"])
    assert capture(meeting, SourceArn=arn)["SourceArn"] == arn
    assert sandbox.pipelines()[0].source_id == meeting["MeetingId"]


def test_what_has_ended_can_be_gone(sandbox, pipelines, meeting, capture):
    made = capture(meeting)
    of = {"MediaPipelineId": made["MediaPipelineId"]}
    pipelines.delete_media_pipeline(**of)
    sandbox.settings(ended_pipelines="gone")
    sandbox.advance(2)
    for operation in (
        pipelines.get_media_pipeline,
        pipelines.get_media_capture_pipeline,
        pipelines.delete_media_pipeline,
        pipelines.delete_media_capture_pipeline,
    ):
        with pytest.raises(pipelines.exceptions.NotFoundException):
            operation(**of)


def test_a_pipeline_is_found_in_its_region_alone(clients, pipelines, meeting, capture):
    of = {"MediaPipelineId": capture(meeting)["MediaPipelineId"]}
    with pytest.raises(pipelines.exceptions.NotFoundException):
        clients("chime-sdk-media-pipelines", "eu-central-1").get_media_pipeline(**of)
    with pytest.raises(pipelines.exceptions.NotFoundException):
        pipelines.get_media_pipeline(MediaPipelineId=NOBODY)


def test_every_region_with_an_endpoint_has_pipelines_and_no_other(clients, capture, meeting):
    captured = capture(meeting)
    assert captured
    for region in ("ap-south-1", "eu-west-2", "us-west-2"):
        assert clients("chime-sdk-media-pipelines", region).list_media_pipelines()
    with pytest.raises(ClientError, match="af-south-1 has no endpoint of Chime SDK Media") as error:
        clients("chime-sdk-media-pipelines", "af-south-1").list_media_pipelines()
    assert error.value.response["Error"]["Code"] == "BadRequestException"


# Artifacts


def test_by_default_audio_content_and_events_are_captured(sandbox, meeting, capture, keys):
    capture(meeting)
    sandbox.end(meeting["MeetingId"])
    sandbox.advance(2)
    found = keys()
    assert sorted(sandbox.pipelines()[0].keys) == found
    assert re.fullmatch(rf"day/audio/{STAMP}\.mp4", found[0])
    assert re.fullmatch(rf"day/meeting-events/{STAMP}\.txt", found[1])
    content = [key for key in found if key.endswith("#content.mp4")]
    assert len(content) == 2
    assert all(re.match(rf"day/video/{STAMP}-[0-9a-f-]{{36}}#", key) for key in content)
    assert len(found) == 4


def artifacts(video="Disabled", content="Disabled", mux="AudioOnly", **more):
    states = {"Audio": {"MuxType": mux}, "Video": {"State": video}, "Content": {"State": content}}
    return {"ArtifactsConfiguration": states | more}


COMPOSITED = {"GridViewConfiguration": {"ContentShareLayout": "Horizontal"}, "Resolution": "FHD"}


@pytest.mark.parametrize(
    ("configuration", "folders"),
    [
        (artifacts(), {"audio": 1, "meeting-events": 1}),
        (artifacts(video="Enabled"), {"audio": 1, "video": 2, "meeting-events": 1}),
        (
            artifacts(video="Enabled", content="Enabled"),
            {"audio": 1, "video": 4, "meeting-events": 1},
        ),
        (
            artifacts(mux="AudioWithCompositedVideo", CompositedVideo=COMPOSITED),
            {"audio": 1, "composited-video": 1, "meeting-events": 1},
        ),
        (
            artifacts(video="Enabled")
            | {"SourceConfiguration": {"SelectedVideoStreams": {"ExternalUserIds": ["ana"]}}},
            {"audio": 1, "video": 1, "meeting-events": 1},
        ),
    ],
)
def test_the_configuration_says_what_is_captured(
    sandbox, meeting, capture, keys, configuration, folders
):
    made = capture(meeting, ChimeSdkMeetingConfiguration=configuration)
    assert made["ChimeSdkMeetingConfiguration"] == configuration
    sandbox.advance(2)
    sandbox.end(meeting["MeetingId"])
    sandbox.advance(2)
    found = [key.split("/")[1] for key in keys("day/")]
    assert {folder: found.count(folder) for folder in found} == folders


@pytest.mark.parametrize("first", ["transcription", "capture"])
def test_transcription_is_captured_too(sandbox, chime, meeting, capture, keys, first):
    def transcribe():
        chime.start_meeting_transcription(
            MeetingId=meeting["MeetingId"],
            TranscriptionConfiguration={"EngineTranscribeSettings": {"LanguageCode": "en-US"}},
        )

    if first == "transcription":
        transcribe()
    capture(meeting)
    sandbox.advance(2)
    if first == "capture":
        transcribe()
    sandbox.end(meeting["MeetingId"])
    sandbox.advance(2)
    assert len(keys("day/transcription-messages/")) == 1


def test_without_a_prefix_the_folder_has_the_pipelines_id(sandbox, meeting, capture, keys):
    made = capture(meeting, SinkArn=f"arn:aws:s3:::{BUCKET}")
    sandbox.end(meeting["MeetingId"])
    sandbox.advance(2)
    assert {key.split("/")[0] for key in keys()} == {made["MediaPipelineId"]}


def test_a_policy_that_is_gone_makes_the_capture_fail(sandbox, pipelines, s3, meeting, capture):
    made = capture(meeting)
    s3.delete_bucket_policy(Bucket=BUCKET)
    sandbox.end(meeting["MeetingId"])
    sandbox.advance(2)
    assert status(pipelines, made) == "Failed"
    assert "s3:PutObject is refused: it has no policy" in sandbox.pipelines()[0].failure
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


def test_a_bucket_that_is_gone_makes_the_capture_fail(sandbox, pipelines, s3, meeting, capture):
    made = capture(meeting)
    s3.delete_bucket(Bucket=BUCKET)
    sandbox.end(meeting["MeetingId"])
    sandbox.advance(2)
    assert status(pipelines, made) == "Failed"


# What a create needs


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (policy("PutObject"), "s3:PutObjectAcl is refused"),
        (policy(Principal={"Service": "meetings.chime.amazonaws.com"}), "not for the principal"),
        (policy(Resource=f"arn:aws:s3:::{BUCKET}"), "not for the resource"),
        (policy(Condition={"StringEquals": {"aws:SourceAccount": "1"}}), "asks StringEquals"),
        (policy(Condition={}), "confused deputies"),
        (policy(Effect="Deny"), "denies"),
    ],
)
def test_the_bucket_has_to_let_the_service_in(s3, pipelines, meeting, capture, wrong, why):
    s3.put_bucket_policy(Bucket=BUCKET, Policy=wrong)
    with pytest.raises(
        pipelines.exceptions.BadRequestException,
        match="S3 Bucket policy not valid/present for Sink arn:aws:s3:::recordings/day",
    ) as error:
        capture(meeting)
    assert why in error.value.response["Message"]


def test_the_policy_can_be_checked_by_the_writing_alone(sandbox, s3, pipelines, meeting, capture):
    s3.delete_bucket_policy(Bucket=BUCKET)
    sandbox.settings(bucket_policy="write")
    made = capture(meeting)
    sandbox.end(meeting["MeetingId"])
    sandbox.advance(2)
    assert status(pipelines, made) == "Failed"


@pytest.mark.parametrize(
    "sink", ["arn:aws:s3:::nowhere-at-all", "arn:aws:sqs:us-east-1:1:queue", "arn:aws:s3:::ab"]
)
def test_the_sink_has_to_be_a_bucket(pipelines, meeting, capture, sink):
    with pytest.raises(pipelines.exceptions.BadRequestException, match=f"Sink {sink}"):
        capture(meeting, SinkArn=sink)


def test_the_bucket_is_in_a_region_of_the_meeting(clients, meeting, capture):
    add_bucket(clients("s3", "eu-central-1"), "in-europe", "eu-central-1")
    capture(meeting, SinkArn="arn:aws:s3:::in-europe")


def test_a_bucket_elsewhere_is_refused_unless_a_setting_allows_it(
    sandbox, clients, pipelines, meeting, capture
):
    add_bucket(clients("s3", "ap-south-1"), "elsewhere", "ap-south-1")
    with pytest.raises(pipelines.exceptions.BadRequestException, match="is in ap-south-1, not in"):
        capture(meeting, SinkArn="arn:aws:s3:::elsewhere")
    sandbox.settings(bucket_region="any")
    capture(meeting, SinkArn="arn:aws:s3:::elsewhere")


MISSING = {"bad_request": "BadRequest", "forbidden": "Forbidden", "not_found": "NotFound"}


@pytest.mark.parametrize("setting", MISSING)
def test_the_meeting_has_to_live(sandbox, meeting, capture, setting):
    sandbox.end(meeting["MeetingId"])
    assert sandbox.settings()["missing_source"] == "bad_request"
    sandbox.settings(missing_source=setting)
    with pytest.raises(ClientError, match="not found") as error:
        capture(meeting)
    assert error.value.response["Error"]["Code"] == f"{MISSING[setting]}Exception"


def test_the_meeting_has_to_be_the_accounts(pipelines, meeting, capture):
    arn = meeting["MeetingArn"].replace(ACCOUNT, "210987654321")
    with pytest.raises(pipelines.exceptions.ForbiddenException, match="ownership mismatch"):
        capture(meeting, SourceArn=arn)


@pytest.mark.parametrize("arn", ["arn:x", f"arn:aws:chime:us-east-1:{ACCOUNT}:webinar/1"])
def test_the_source_has_to_be_a_meeting(pipelines, meeting, capture, arn):
    with pytest.raises(pipelines.exceptions.BadRequestException, match="not the ARN of a meeting"):
        capture(meeting, SourceArn=arn)


def test_the_models_limits_hold(meeting, capture):
    with pytest.raises(ClientError, match="4 validation errors") as error:
        capture(
            meeting,
            SourceType="Webinar",
            SinkArn="bucket",
            ClientRequestToken="a b",
            ChimeSdkMeetingConfiguration=artifacts(mux="Loud"),
        )
    assert error.value.response["Error"]["Code"] == "ValidationException"


def test_there_are_25_video_streams_at_most(pipelines, meeting, capture):
    streams = {"SelectedVideoStreams": {"ExternalUserIds": [f"user-{n}" for n in range(26)]}}
    with pytest.raises(pipelines.exceptions.BadRequestException, match="exceed 25"):
        capture(meeting, ChimeSdkMeetingConfiguration={"SourceConfiguration": streams})


def test_without_the_service_linked_role_a_create_is_forbidden(
    sandbox, pipelines, meeting, capture, concatenate
):
    made = capture(meeting)
    sandbox.settings(media_pipelines_role="absent")
    for create, source in ((capture, meeting), (concatenate, made)):
        with pytest.raises(
            pipelines.exceptions.ForbiddenException, match="AWSServiceRoleForAmazonChimeSDKMedia"
        ):
            create(source)


def test_a_meeting_has_one_capture_at_a_time(sandbox, pipelines, meeting, capture):
    first = capture(meeting)
    with pytest.raises(
        pipelines.exceptions.ResourceLimitExceededException, match="Limit reached"
    ) as error:
        capture(meeting)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    pipelines.delete_media_pipeline(MediaPipelineId=first["MediaPipelineId"])
    sandbox.advance(2)
    capture(meeting)


def test_a_region_has_so_many_active_pipelines(sandbox, pipelines, meeting, capture, concatenate):
    settings = sandbox.settings(media_pipelines_in_us_east_1=2)
    assert settings["media_pipelines_in_other_regions"] == 10
    captured = capture(meeting)
    concatenate(captured)
    with pytest.raises(pipelines.exceptions.ResourceLimitExceededException):
        concatenate(captured)


def test_a_token_makes_one_pipeline(sandbox, pipelines, meeting, capture):
    first = capture(meeting, ClientRequestToken="token")
    assert "ClientRequestToken" not in first
    assert capture(meeting, ClientRequestToken="token") == first
    other = {"ClientRequestToken": "token", "SinkArn": f"arn:aws:s3:::{BUCKET}/elsewhere"}
    assert capture(meeting, **other) == first
    sandbox.settings(changed_parameters="conflict")
    with pytest.raises(pipelines.exceptions.ConflictException):
        capture(meeting, **other)
    assert len(sandbox.pipelines()) == 1


# Concatenation


def test_a_concatenation_waits_for_its_source(
    sandbox, pipelines, meeting, capture, concatenate, keys
):
    captured = capture(meeting)
    made = concatenate(captured)
    assert made["Status"] == "Initializing"
    sandbox.advance(100)
    assert status(pipelines, made) == "InProgress"
    sandbox.end(meeting["MeetingId"])
    sandbox.advance(2)
    assert (status(pipelines, captured), status(pipelines, made)) == ("Stopped", "Stopping")
    assert keys("whole/") == []
    sandbox.advance(2)
    assert status(pipelines, made) == "Stopped"
    pipeline_id = made["MediaPipelineId"]
    assert keys("whole/") == [
        f"whole/audio/{pipeline_id}.mp4",
        f"whole/meeting-events/{pipeline_id}.txt",
        f"whole/video/{pipeline_id}.mp4",
    ]


def test_a_concatenation_has_what_is_enabled(sandbox, meeting, capture, concatenate, keys):
    made = concatenate(capture(meeting), ("Audio",), f"arn:aws:s3:::{BUCKET}")
    sandbox.end(meeting["MeetingId"])
    sandbox.advance(10)
    pipeline_id = made["MediaPipelineId"]
    assert keys(pipeline_id) == [f"{pipeline_id}/audio/{pipeline_id}.mp4"]


def test_a_capture_can_be_concatenated_after_its_end(
    sandbox, pipelines, meeting, capture, concatenate, keys
):
    captured = capture(meeting)
    sandbox.end(meeting["MeetingId"])
    sandbox.advance(29 * 24 * 3600)
    made = concatenate(captured)
    sandbox.advance(4)
    assert status(pipelines, made) == "Stopped"
    assert len(keys("whole/")) == 3


def test_a_capture_of_more_than_30_days_ago_is_no_source(
    sandbox, pipelines, meeting, capture, concatenate
):
    captured = capture(meeting)
    sandbox.advance(31 * 24 * 3600)
    with pytest.raises(pipelines.exceptions.BadRequestException, match="not found"):
        concatenate(captured)


def test_a_concatenation_that_is_deleted_writes_nothing(
    sandbox, pipelines, meeting, capture, concatenate, keys
):
    made = concatenate(capture(meeting))
    pipelines.delete_media_pipeline(MediaPipelineId=made["MediaPipelineId"])
    sandbox.end(meeting["MeetingId"])
    sandbox.advance(10)
    assert status(pipelines, made) == "Stopped"
    assert keys("whole/") == []


def test_a_concatenation_reads_its_sources_bucket(s3, pipelines, meeting, capture, concatenate):
    s3.put_bucket_policy(Bucket=BUCKET, Policy=policy("PutObject", "PutObjectAcl"))
    captured = capture(meeting)
    with pytest.raises(pipelines.exceptions.BadRequestException, match="s3:ListBucket is refused"):
        concatenate(captured)


def test_a_source_that_has_failed_makes_its_concatenation_fail(
    sandbox, s3, pipelines, meeting, capture, concatenate
):
    made = concatenate(capture(meeting))
    s3.delete_bucket_policy(Bucket=BUCKET)
    sandbox.end(meeting["MeetingId"])
    sandbox.advance(10)
    assert status(pipelines, made) == "Failed"


def test_a_concatenation_is_no_capture(pipelines, meeting, capture, concatenate):
    made = concatenate(capture(meeting))
    with pytest.raises(pipelines.exceptions.NotFoundException):
        pipelines.get_media_capture_pipeline(MediaPipelineId=made["MediaPipelineId"])
    with pytest.raises(pipelines.exceptions.BadRequestException, match="not a media capture"):
        concatenate(made)
    assert len(pipelines.list_media_capture_pipelines()["MediaCapturePipelines"]) == 1
    assert len(pipelines.list_media_pipelines()["MediaPipelines"]) == 2


def test_a_list_comes_in_pages(pipelines, meeting, capture, concatenate):
    captured = capture(meeting)
    ids = [captured["MediaPipelineId"]]
    ids += [concatenate(captured)["MediaPipelineId"] for _ in range(4)]
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = pipelines.list_media_pipelines(MaxResults=2, **token)
        found += [each["MediaPipelineId"] for each in page["MediaPipelines"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert found == ids
    with pytest.raises(pipelines.exceptions.BadRequestException, match="NextToken"):
        pipelines.list_media_pipelines(NextToken="x")


# Tags


def test_tags_of_pipelines_and_of_meetings_are_separate(chime, pipelines, meeting, capture):
    arn = capture(meeting, Tags=[{"Key": "day", "Value": "one"}])["MediaPipelineArn"]
    pipelines.tag_resource(ResourceARN=arn, Tags=[{"Key": "room", "Value": "blue"}])
    chime.tag_resource(ResourceARN=meeting["MeetingArn"], Tags=[{"Key": "of", "Value": "meeting"}])
    assert pipelines.list_tags_for_resource(ResourceARN=arn)["Tags"] == [
        {"Key": "day", "Value": "one"},
        {"Key": "room", "Value": "blue"},
    ]
    pipelines.untag_resource(ResourceARN=arn, TagKeys=["day", "unknown"])
    assert pipelines.list_tags_for_resource(ResourceARN=arn)["Tags"] == [
        {"Key": "room", "Value": "blue"}
    ]
    assert chime.list_tags_for_resource(ResourceARN=meeting["MeetingArn"])["Tags"] == [
        {"Key": "of", "Value": "meeting"}
    ]
    with pytest.raises(pipelines.exceptions.NotFoundException):
        pipelines.list_tags_for_resource(ResourceARN=arn + "0")


# Events


def test_events_say_how_a_pipeline_goes(sandbox, clients, new, capture):
    sqs = clients("sqs")
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:events"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "meetings.chime.amazonaws.com"},
        "Action": ["sqs:SendMessage", "sqs:GetQueueUrl"],
        "Resource": arn,
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }
    attributes = {"Policy": json.dumps({"Statement": statement})}
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    meeting = new(NotificationsConfiguration={"SqsQueueArn": arn})["Meeting"]
    made = capture(meeting)
    sandbox.advance(400)
    sandbox.notifications()
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    found = [json.loads(each["Body"]) for each in messages]
    assert [each["detail"]["eventType"] for each in found] == [
        "chime:MeetingStarted",
        "chime:AttendeeAdded",
        "chime:AttendeeJoined",
        "chime:MediaPipelineInProgress",
        "chime:MeetingEnded",
        "chime:MediaPipelineDeleted",
    ]
    last = found[-1]
    assert last["detail-type"] == "Chime Media Pipeline State Change"
    assert last["detail"] == {
        "version": "0",
        "eventType": "chime:MediaPipelineDeleted",
        "timestamp": last["detail"]["timestamp"],
        "meetingId": meeting["MeetingId"],
        "externalMeetingId": "keynote",
        "mediaRegion": "eu-central-1",
        "mediaPipelineId": made["MediaPipelineId"],
    }


# Answers


def test_every_operation_answers_as_the_models_serializer_does(
    pipelines, meeting, capture, concatenate
):
    """Its names, its members and no others, its status; nothing is null."""
    answers = {}

    def keep(http_response, model, **_):
        answers[model.name] = http_response

    pipelines.meta.events.register("after-call.*", keep, unique_id="answered")
    try:
        configuration = artifacts(mux="AudioWithCompositedVideo", CompositedVideo=COMPOSITED)
        made = capture(meeting, ChimeSdkMeetingConfiguration=configuration)
        whole = concatenate(made)
        of, tagged = (
            {"MediaPipelineId": made["MediaPipelineId"]},
            {"ResourceARN": made["MediaPipelineArn"]},
        )
        pipelines.get_media_capture_pipeline(**of)
        pipelines.get_media_pipeline(MediaPipelineId=whole["MediaPipelineId"])
        pipelines.list_media_capture_pipelines()
        pipelines.list_media_pipelines(MaxResults=1)
        pipelines.tag_resource(**tagged, Tags=[{"Key": "a", "Value": "b"}])
        pipelines.list_tags_for_resource(**tagged)
        pipelines.untag_resource(**tagged, TagKeys=["a"])
        pipelines.delete_media_pipeline(MediaPipelineId=whole["MediaPipelineId"])
        pipelines.delete_media_capture_pipeline(**of)
    finally:
        pipelines.meta.events.unregister("after-call.*", unique_id="answered")
    model = serialization.service_model(serialization.MEDIA_PIPELINES)
    assert answers.keys() == serialization.PIPELINE_OPERATIONS
    for name, answer in answers.items():
        body = json.loads(re.sub(r"(\.\d{3})Z", r"\g<1>000Z", answer.text) or "{}")
        serialized = RestJSONSerializer(model.operation_model(name)).serialize(body)
        assert json.loads(serialized["body"]) == body, name
        assert answer.status_code == serialized["status_code"], name


# Faults, quotas, the request log and the state file


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("throttle", "ThrottledClientException"),
        ("failure", "ServiceFailureException"),
        ("unavailable", "ServiceUnavailableException"),
        ("limit", "ResourceLimitExceededException"),
        ("forbidden", "ForbiddenException"),
        ("conflict", "ConflictException"),
    ],
)
def test_faults_have_the_names_of_this_service(sandbox, pipelines, meeting, capture, kind, code):
    sandbox.fault(kind, "CreateMediaCapturePipeline", meeting=meeting["MeetingId"])
    with pytest.raises(getattr(pipelines.exceptions, code)) as error:
        capture(meeting)
    assert error.value.response["Code"] == code.removesuffix("Exception")
    assert sandbox.requests()[-1].outcome == code
    capture(meeting)


def test_a_fault_after_the_create_leaves_the_pipeline(sandbox, meeting, capture):
    sandbox.fault("drop", "CreateMediaCapturePipeline", when="after")
    with pytest.raises(ConnectionClosedError):
        capture(meeting, ClientRequestToken="token")
    (made,) = sandbox.pipelines()
    assert capture(meeting, ClientRequestToken="token")["MediaPipelineId"] == made.pipeline_id


def test_a_fault_can_end_the_meeting_of_a_pipeline(sandbox, pipelines, meeting, capture):
    made = capture(meeting)
    sandbox.fault("end", "GetMediaCapturePipeline")
    of = {"MediaPipelineId": made["MediaPipelineId"]}
    answer = pipelines.get_media_capture_pipeline(**of)["MediaCapturePipeline"]
    assert answer["Status"] == "Stopping"


def test_quotas_count_the_operations_of_this_service(sandbox, pipelines):
    sandbox.quota("ListMediaPipelines", rate=10, burst=1)
    pipelines.list_media_pipelines()
    with pytest.raises(pipelines.exceptions.ThrottledClientException):
        pipelines.list_media_pipelines()


def test_the_request_log_names_the_meeting_of_every_call(sandbox, pipelines, meeting, capture):
    made = capture(meeting, Tags=[{"Key": "a", "Value": "b"}])
    pipelines.get_media_pipeline(MediaPipelineId=made["MediaPipelineId"])
    pipelines.list_tags_for_resource(ResourceARN=made["MediaPipelineArn"])
    pipelines.delete_media_pipeline(MediaPipelineId=made["MediaPipelineId"])
    calls = sandbox.requests()[-4:]
    assert [call.operation for call in calls] == [
        "CreateMediaCapturePipeline",
        "GetMediaPipeline",
        "ListTagsForResource",
        "DeleteMediaPipeline",
    ]
    assert {call.meeting_id for call in calls} == {meeting["MeetingId"]}
    assert [call.is_write for call in calls] == [True, False, False, True]
    assert calls[0].items == 1


def test_other_operations_of_the_service_are_unknown(pipelines):
    with pytest.raises(ClientError) as error:
        pipelines.list_media_insights_pipeline_configurations()
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    with pytest.raises(ClientError) as error:
        pipelines.create_media_live_connector_pipeline(Sources=[], Sinks=[])
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_pipelines_and_artifacts_outlive_the_process(tmp_path):
    state = tmp_path / "cloud"
    with running(state) as endpoint:
        add_bucket(client(endpoint, "s3"))
        made = client(endpoint).create_meeting(
            ClientRequestToken="token", MediaRegion="us-east-1", ExternalMeetingId="keynote"
        )["Meeting"]
        captured = client(endpoint, "chime-sdk-media-pipelines").create_media_capture_pipeline(
            SourceType="ChimeSdkMeeting",
            SourceArn=made["MeetingArn"],
            SinkType="S3Bucket",
            SinkArn=f"arn:aws:s3:::{BUCKET}/day",
        )["MediaCapturePipeline"]
        client(endpoint, "s3").put_object(Bucket=BUCKET, Key="other", Body=b"kept")
    with running(state) as endpoint:
        pipelines, s3 = client(endpoint, "chime-sdk-media-pipelines"), client(endpoint, "s3")
        assert status(pipelines, captured)
        client(endpoint).delete_meeting(MeetingId=made["MeetingId"])
        assert status(pipelines, captured) == "Stopping"
        assert s3.get_object(Bucket=BUCKET, Key="other")["Body"].read() == b"kept"
        Sandbox(endpoint).advance(2)
    with running(state) as endpoint:
        (pipeline,) = Sandbox(endpoint).pipelines()
        assert pipeline.status == "Stopped"
        found = client(endpoint, "s3").list_objects_v2(Bucket=BUCKET, Prefix="day/")["Contents"]
        assert [each["Key"] for each in found] == sorted(pipeline.keys)
