"""Meetings as code: Amazon Chime SDK meetings with their attendees as Pulumi resources."""

from typing import TYPE_CHECKING, Any

from meeting_provider.errors import (
    AccessDenied,
    AttendeesRefused,
    InvalidEvent,
    InvalidMeeting,
    InvalidNotifications,
    InvalidRecording,
    InvalidSchedule,
    LimitExceeded,
    MeetingEnded,
    MeetingProviderError,
    NoJoinData,
    RecordingEnded,
    ServiceError,
    Throttled,
    TokenInUse,
    UnderWay,
    Unreachable,
)
from meeting_provider.events import EventType, MeetingEvent
from meeting_provider.meeting import (
    AttendeeArgs,
    AttendeeSettingsArgs,
    CapabilitiesArgs,
    Meeting,
    MeetingFeaturesArgs,
    NotificationsConfigurationArgs,
    TranscriptionArgs,
)
from meeting_provider.recording import ArtifactsConfigurationArgs, Recording
from meeting_provider.state import join_info

if TYPE_CHECKING:
    from meeting_provider.notifications import MeetingNotifications
    from meeting_provider.recording_bucket import RecordingBucket

__all__ = [
    "AccessDenied",
    "ArtifactsConfigurationArgs",
    "AttendeeArgs",
    "AttendeeSettingsArgs",
    "AttendeesRefused",
    "CapabilitiesArgs",
    "EventType",
    "InvalidEvent",
    "InvalidMeeting",
    "InvalidNotifications",
    "InvalidRecording",
    "InvalidSchedule",
    "LimitExceeded",
    "Meeting",
    "MeetingEnded",
    "MeetingEvent",
    "MeetingFeaturesArgs",
    "MeetingNotifications",
    "MeetingProviderError",
    "NoJoinData",
    "NotificationsConfigurationArgs",
    "Recording",
    "RecordingBucket",
    "RecordingEnded",
    "ServiceError",
    "Throttled",
    "TokenInUse",
    "TranscriptionArgs",
    "UnderWay",
    "Unreachable",
    "join_info",
]


def __getattr__(name: str) -> Any:
    # pulumi-aws is large: it is imported only when a program uses it.
    if name == "MeetingNotifications":
        from meeting_provider.notifications import MeetingNotifications

        return MeetingNotifications
    if name == "RecordingBucket":
        from meeting_provider.recording_bucket import RecordingBucket

        return RecordingBucket
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
