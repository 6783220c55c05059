"""Meetings as code: Amazon Chime SDK meetings with their attendees as Pulumi resources."""

from meeting_provider.errors import (
    AccessDenied,
    AttendeesRefused,
    InvalidEvent,
    InvalidMeeting,
    InvalidNotifications,
    InvalidProgramme,
    LimitExceeded,
    MeetingEnded,
    MeetingProviderError,
    ServiceError,
    Throttled,
    TokenInUse,
    Unreachable,
)
from meeting_provider.events import EventType, MeetingEvent
from meeting_provider.meeting import (
    AttendeeArgs,
    CapabilitiesArgs,
    Meeting,
    MeetingFeaturesArgs,
    NotificationsConfigurationArgs,
)
from meeting_provider.notifications import MeetingNotifications

__all__ = [
    "AccessDenied",
    "AttendeeArgs",
    "AttendeesRefused",
    "CapabilitiesArgs",
    "EventType",
    "InvalidEvent",
    "InvalidMeeting",
    "InvalidNotifications",
    "InvalidProgramme",
    "LimitExceeded",
    "Meeting",
    "MeetingEnded",
    "MeetingEvent",
    "MeetingFeaturesArgs",
    "MeetingNotifications",
    "MeetingProviderError",
    "NotificationsConfigurationArgs",
    "ServiceError",
    "Throttled",
    "TokenInUse",
    "Unreachable",
]
