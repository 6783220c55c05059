"""Messages are read as they are documented, and refused with what is wrong with them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from meeting_provider import EventType, InvalidEvent, MeetingEvent
from meeting_provider.events import parse

MEETING = "87654321-4321-4321-1234-111122223333"
ATTENDEE = "12345678-4321-4321-1234-111122223333"
CONNECTING = {"Joined", "Left", "Dropped", "ContentJoined", "ContentLeft", "ContentDropped"}

#: What https://docs.aws.amazon.com/chime-sdk/latest/dg/using-events.html documents, in its order.
DOCUMENTED = [
    "MeetingStarted",
    "MeetingEnded",
    "AttendeeAdded",
    "AttendeeDeleted",
    "AttendeeAuthorized",
    "AttendeeJoined",
    "AttendeeLeft",
    "AttendeeDropped",
    "AttendeeVideoStarted",
    "AttendeeVideoStopped",
    "AttendeeContentVideoStarted",
    "AttendeeContentVideoStopped",
    "AttendeeCapabilitiesUpdated",
    "AttendeeContentJoined",
    "AttendeeContentLeft",
    "AttendeeContentDropped",
    # https://docs.aws.amazon.com/chime-sdk/latest/dg/transcription-events.html
    "TranscriptionStarted",
    "TranscriptionStopped",
    "TranscriptionInterrupted",
    "TranscriptionFailed",
    # https://docs.aws.amazon.com/chime-sdk/latest/dg/media-pipe-events.html
    "MediaPipelineInProgress",
    "MediaPipelineDeleted",
    "MediaPipelineTemporaryFailure",
    "MediaPipelineResumed",
    "MediaPipelinePermanentFailure",
]


def message(name: str = "MeetingStarted", **detail: Any) -> dict[str, Any]:
    """A message as the page above shows it."""
    about: dict[str, Any] = {
        "version": "0",
        "eventType": f"chime:{name}",
        "timestamp": 12344566754,
        "meetingId": MEETING,
        "externalMeetingId": "mymeeting",
        "mediaRegion": "us-east-1",
    }
    if name.startswith("Attendee"):
        about |= {"attendeeId": ATTENDEE, "externalUserId": "somebody"}
    if name.removeprefix("Attendee") in CONNECTING:
        about["networkType"] = "Voip"
    if name == "AttendeeCapabilitiesUpdated":
        about |= {"success": "1", "attendeeCapabilities": dict.fromkeys(
            ("audio", "video", "content"), "SendReceive")}  # fmt: skip
    kind = "Meeting"
    if name.startswith("MediaPipeline"):
        kind, about["mediaPipelineId"] = "Media Pipeline", ATTENDEE
    return {
        "version": "0",
        "source": "aws.chime",
        "account": "111122223333",
        "id": "12345678-1234-1234-1234-111122223333",
        "region": "us-east-1",
        "detail-type": f"Chime {kind} State Change",
        "time": "2026-11-22T21:00:00Z",
        "resources": [],
        "detail": about | detail,
    }


def published(inner: object, **changed: Any) -> dict[str, Any]:
    """What SNS puts around a message.

    Source: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
    """
    return {
        "Type": "Notification",
        "MessageId": "dc1e94d9-56c5-5e96-808d-cc7f68faa162",
        "TopicArn": "arn:aws:sns:us-east-1:111122223333:meetings",
        "Message": inner if isinstance(inner, str) else json.dumps(inner),
        "Timestamp": "2026-11-22T21:00:01.000Z",
        "SignatureVersion": "1",
        **changed,
    }


def test_the_event_types_are_those_that_are_documented() -> None:
    assert {str(each) for each in EventType} == {f"chime:{name}" for name in DOCUMENTED}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_documented_event_is_read_and_keeps_all_that_it_says(name: str) -> None:
    said = message(name)
    event = parse(json.dumps(said))
    assert event.detail.event_type is EventType(f"chime:{name}")
    assert (event.detail.meeting_id, event.detail.timestamp) == (MEETING, 12344566754)
    assert event.time == datetime(2026, 11, 22, 21, tzinfo=UTC)
    assert event.model_dump(mode="json", by_alias=True, exclude_unset=True) == said


@pytest.mark.parametrize(
    "body",
    [
        message(),
        json.dumps(message()),
        json.dumps(message()).encode(),
        published(message()),
        json.dumps(published(message())),
        json.dumps(published(message(), Type="Notification")).encode(),
        {"Message": json.dumps(message())},
    ],
    ids=["EventBridge", "SQS", "bytes", "SNS as object", "SNS", "SNS as bytes", "bare envelope"],
)
def test_every_way_that_an_event_comes_is_read_alike(body: Any) -> None:
    assert parse(body) == parse(message())
    assert isinstance(parse(body), MeetingEvent)


def test_an_event_type_that_is_new_stays_the_text_that_it_is() -> None:
    event = parse(message("AttendeeWaved", hand="left"))
    assert event.detail.event_type == "chime:AttendeeWaved"
    assert not isinstance(event.detail.event_type, EventType)
    assert event.model_dump(by_alias=True)["detail"]["hand"] == "left"


def test_what_is_new_in_the_envelope_is_kept() -> None:
    event = parse({**message(), "replay-name": "again"})
    assert event.model_dump(by_alias=True)["replay-name"] == "again"


def test_the_least_that_an_event_says_is_enough() -> None:
    event = parse(
        {
            "source": "aws.chime",
            "detail-type": "Chime Meeting State Change",
            "detail": {"eventType": "chime:MeetingEnded", "meetingId": MEETING},
        }
    )
    assert event.detail.event_type is EventType.MEETING_ENDED
    assert (event.time, event.resources, event.detail.attendee_id) == (None, [], None)


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse(message()).detail.meeting_id = "other"  # type: ignore[misc]


def lacking(name: str) -> dict[str, Any]:
    return {key: value for key, value in message().items() if key != name}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", "it is not JSON: Expecting value"),
        ("hello", "it is not JSON: Expecting value"),
        (b"\xff\xfe\xfd", "it is not JSON: "),
        ("[" * 100_000, "it is not JSON: "),
        ("[]", "it is of type list, not an object"),
        ("null", "it is of type NoneType, not an object"),
        (7, "it is of type int, not an object"),
        ({}, "it has no source"),
        (lacking("source"), "it has no source"),
        ({**message(), "source": "aws.s3"}, "its source is 'aws.s3', not 'aws.chime'"),
        (lacking("detail-type"), "it has no detail-type"),
        (
            {**message(), "detail-type": "Chime VoiceConnector Streaming Status"},
            "its detail-type is 'Chime VoiceConnector Streaming Status', "
            "not 'Chime Meeting State Change' or 'Chime Media Pipeline State Change'",
        ),
        (lacking("detail"), "detail: Field required"),
        ({**message(), "detail": "text"}, "detail: Input should be"),
        (message(eventType=None), "detail.eventType: Input should be a valid string"),
        (message(meetingId=7), "detail.meetingId: Input should be a valid string"),
        (message(timestamp="soon"), "detail.timestamp: Input should be a valid integer"),
        (message(attendeeCapabilities=[]), "detail.attendeeCapabilities: Input should be"),
        ({**message(), "time": "noon"}, "time: Input should be a valid datetime"),
        (published("You have chosen to subscribe"), "it is not JSON: "),
        (
            published("...", Type="SubscriptionConfirmation"),
            "it is SNS's own SubscriptionConfirmation",
        ),
        (published({"source": "aws.s3"}), "its source is 'aws.s3'"),
        ({"Message": 7}, "it is of type int, not an object"),
    ],
)
def test_what_is_no_event_is_refused_with_what_is_wrong_with_it(body: Any, problem: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        parse(body)
    assert str(refused.value).startswith(f"this is not an event of a meeting: {problem}")


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidEvent, match=r"eventType: .*; detail\.meetingId: "):
        parse(message(eventType=1, meetingId=2))
