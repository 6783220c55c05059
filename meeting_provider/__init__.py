"""Meetings as code: Amazon Chime SDK meetings with their attendees as Pulumi resources."""

from typing import TYPE_CHECKING, Any

from meeting_provider.errors import (
    AccessDenied,
    AttendeesRefused,
    InvalidEvent,
    InvalidMeeting,
    InvalidNotifications,
    InvalidSchedule,
    LimitExceeded,
    MeetingEnded,
    MeetingProviderError,
    NoJoinData,
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
)
from meeting_provider.state import join_info

if TYPE_CHECKING:
    from meeting_provider.notifications import MeetingNotifications

__all__ = [
    "AccessDenied",
    "AttendeeArgs",
    "AttendeeSettingsArgs",
    "AttendeesRefused",
    "CapabilitiesArgs",
    "EventType",
    "InvalidEvent",
    "InvalidMeeting",
    "InvalidNotifications",
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
    "ServiceError",
    "Throttled",
    "TokenInUse",
    "UnderWay",
    "Unreachable",
    "join_info",
]


def __getattr__(name: str) -> Any:
    # pulumi-aws is large: it is imported where a program uses it.
    if name == "MeetingNotifications":
        from meeting_provider.notifications import MeetingNotifications

        return MeetingNotifications
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
