"""The events of meetings, published to subscribers within the emulator.

Delivery to a meeting's queue and topic is one of the subscribers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .models import Attendee, Meeting


class EventType(StrEnum):
    """The `detail.eventType` of the service's notifications.

    Sources: https://docs.aws.amazon.com/chime-sdk/latest/dg/using-events.html, and
    .../transcription-events.html and .../media-pipe-events.html in the same guide.
    """

    MEETING_STARTED = "chime:MeetingStarted"
    MEETING_ENDED = "chime:MeetingEnded"
    ATTENDEE_ADDED = "chime:AttendeeAdded"
    ATTENDEE_DELETED = "chime:AttendeeDeleted"
    ATTENDEE_AUTHORIZED = "chime:AttendeeAuthorized"
    ATTENDEE_JOINED = "chime:AttendeeJoined"
    ATTENDEE_LEFT = "chime:AttendeeLeft"
    ATTENDEE_DROPPED = "chime:AttendeeDropped"
    ATTENDEE_CAPABILITIES_UPDATED = "chime:AttendeeCapabilitiesUpdated"
    ATTENDEE_VIDEO_STARTED = "chime:AttendeeVideoStarted"
    ATTENDEE_VIDEO_STOPPED = "chime:AttendeeVideoStopped"
    ATTENDEE_CONTENT_JOINED = "chime:AttendeeContentJoined"
    ATTENDEE_CONTENT_LEFT = "chime:AttendeeContentLeft"
    ATTENDEE_CONTENT_DROPPED = "chime:AttendeeContentDropped"
    ATTENDEE_CONTENT_VIDEO_STARTED = "chime:AttendeeContentVideoStarted"
    ATTENDEE_CONTENT_VIDEO_STOPPED = "chime:AttendeeContentVideoStopped"
    TRANSCRIPTION_STARTED = "chime:TranscriptionStarted"
    TRANSCRIPTION_STOPPED = "chime:TranscriptionStopped"
    TRANSCRIPTION_FAILED = "chime:TranscriptionFailed"
    MEDIA_PIPELINE_IN_PROGRESS = "chime:MediaPipelineInProgress"
    MEDIA_PIPELINE_DELETED = "chime:MediaPipelineDeleted"
    MEDIA_PIPELINE_PERMANENT_FAILURE = "chime:MediaPipelinePermanentFailure"


#: Events that change nothing that the emulator keeps. Only the admin route publishes them.
MEDIA_EVENTS = frozenset(each for each in EventType if "Video" in each or "Content" in each)

#: Events of media pipelines, which have a `detail-type` of their own.
PIPELINE_EVENTS = frozenset(each for each in EventType if "MediaPipeline" in each)


@dataclass(frozen=True)
class Event:
    """An event; `time` is in seconds since the epoch on the emulator's clock.

    `details` are further members of the message's `detail`.
    """

    type: EventType
    time: float
    meeting: Meeting
    attendee: Attendee | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


Subscriber = Callable[[Event], None]


class Announcer:
    """Passes events to subscribers in order, within the call that causes them."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` with every event from now on."""
        self._subscribers.append(subscriber)

    def announce(self, event: Event) -> None:
        """Pass `event` to every subscriber."""
        for subscriber in self._subscribers:
            subscriber(event)
