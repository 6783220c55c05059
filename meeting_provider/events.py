"""Parses the service's notification messages from a queue, a topic or an event bus.

    for message in sqs.receive_message(QueueUrl=url)["Messages"]:
        event = parse(message["Body"])
        if event.detail.event_type == EventType.MEETING_ENDED: ...

Source: https://docs.aws.amazon.com/chime-sdk/latest/dg/using-events.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from meeting_provider.errors import InvalidEvent

SOURCE: Final = "aws.chime"
DETAIL_TYPES: Final = ("Chime Meeting State Change", "Chime Media Pipeline State Change")

_SNS_MESSAGE: Final = "Message"
_SNS_NOTIFICATION: Final = "Notification"


class EventType(StrEnum):
    """The documented event types."""

    MEETING_STARTED = "chime:MeetingStarted"
    MEETING_ENDED = "chime:MeetingEnded"
    ATTENDEE_ADDED = "chime:AttendeeAdded"
    ATTENDEE_DELETED = "chime:AttendeeDeleted"
    ATTENDEE_AUTHORIZED = "chime:AttendeeAuthorized"
    ATTENDEE_JOINED = "chime:AttendeeJoined"
    ATTENDEE_LEFT = "chime:AttendeeLeft"
    ATTENDEE_DROPPED = "chime:AttendeeDropped"
    ATTENDEE_VIDEO_STARTED = "chime:AttendeeVideoStarted"
    ATTENDEE_VIDEO_STOPPED = "chime:AttendeeVideoStopped"
    ATTENDEE_CONTENT_JOINED = "chime:AttendeeContentJoined"
    ATTENDEE_CONTENT_LEFT = "chime:AttendeeContentLeft"
    ATTENDEE_CONTENT_DROPPED = "chime:AttendeeContentDropped"
    ATTENDEE_CONTENT_VIDEO_STARTED = "chime:AttendeeContentVideoStarted"
    ATTENDEE_CONTENT_VIDEO_STOPPED = "chime:AttendeeContentVideoStopped"
    ATTENDEE_CAPABILITIES_UPDATED = "chime:AttendeeCapabilitiesUpdated"
    TRANSCRIPTION_STARTED = "chime:TranscriptionStarted"
    TRANSCRIPTION_STOPPED = "chime:TranscriptionStopped"
    TRANSCRIPTION_INTERRUPTED = "chime:TranscriptionInterrupted"
    TRANSCRIPTION_FAILED = "chime:TranscriptionFailed"
    MEDIA_PIPELINE_IN_PROGRESS = "chime:MediaPipelineInProgress"
    MEDIA_PIPELINE_DELETED = "chime:MediaPipelineDeleted"
    MEDIA_PIPELINE_TEMPORARY_FAILURE = "chime:MediaPipelineTemporaryFailure"
    MEDIA_PIPELINE_RESUMED = "chime:MediaPipelineResumed"
    MEDIA_PIPELINE_PERMANENT_FAILURE = "chime:MediaPipelinePermanentFailure"


class _Message(BaseModel):
    """Unknown fields are kept, since the service adds fields to its messages."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="allow", frozen=True
    )


def _known(kind: str) -> EventType | str:
    return EventType(kind) if kind in list(EventType) else kind


class EventDetail(_Message):
    """The event's details. An unknown event type stays a string."""

    event_type: Annotated[str, AfterValidator(_known)]
    meeting_id: str
    #: The event's own time, in milliseconds since the epoch.
    timestamp: int | None = None
    external_meeting_id: str | None = None
    media_region: str | None = None
    attendee_id: str | None = None
    external_user_id: str | None = None
    network_type: str | None = None
    media_pipeline_id: str | None = None
    attendee_capabilities: dict[str, str] | None = None
    success: str | int | None = None
    version: str | None = None


class MeetingEvent(_Message):
    """A message of the service, in EventBridge's form."""

    model_config = ConfigDict(
        alias_generator=lambda name: name.replace("_", "-"),
        validate_by_name=True,
        extra="allow",
        frozen=True,
    )

    source: str
    detail_type: str
    detail: EventDetail
    account: str | None = None
    region: str | None = None
    time: datetime | None = None
    id: str | None = None
    version: str | None = None
    resources: list[str] = []


def parse(body: str | bytes | Mapping[str, Any]) -> MeetingEvent:
    """The event in a message in EventBridge's form, with or without SNS's envelope.

    :param body: JSON as text or bytes, or the parsed JSON.
    :raises InvalidEvent: it is not an event of a meeting; the text says why.
    """
    message = _json(body)
    if _SNS_MESSAGE in message and "detail" not in message:
        message = _published(message)
    _require(message, "source", SOURCE)
    _require(message, "detail-type", *DETAIL_TYPES)
    try:
        return MeetingEvent.model_validate(message)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise InvalidEvent("; ".join(problems)) from error


def _published(envelope: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message in SNS's envelope.

    :raises InvalidEvent: it is a message of SNS itself, such as a subscription confirmation.
    """
    kind = envelope.get("Type", _SNS_NOTIFICATION)
    if kind != _SNS_NOTIFICATION:
        raise InvalidEvent(f"it is SNS's own {kind}")
    return _json(envelope[_SNS_MESSAGE])


def _require(message: Mapping[str, Any], name: str, *wanted: str) -> None:
    if name not in message:
        raise InvalidEvent(f"it has no {name}")
    if message[name] not in wanted:
        raise InvalidEvent(f"its {name} is {message[name]!r}, not {' or '.join(map(repr, wanted))}")


def _json(body: object) -> Mapping[str, Any]:
    if isinstance(body, (str, bytes)):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise InvalidEvent(f"it is not JSON: {error}") from error
    if not isinstance(body, Mapping):
        raise InvalidEvent(f"it is of type {type(body).__name__}, not an object")
    return body
