"""Meetings as code: Amazon Chime SDK meetings with their attendees as Pulumi resources."""

from meeting_provider.errors import (
    AccessDenied,
    AttendeesRefused,
    InvalidMeeting,
    InvalidProgramme,
    LimitExceeded,
    MeetingEnded,
    MeetingProviderError,
    ServiceError,
    Throttled,
    TokenInUse,
    Unreachable,
)
from meeting_provider.meeting import (
    AttendeeArgs,
    CapabilitiesArgs,
    Meeting,
    MeetingFeaturesArgs,
    NotificationsConfigurationArgs,
)

__all__ = [
    "AccessDenied",
    "AttendeeArgs",
    "AttendeesRefused",
    "CapabilitiesArgs",
    "InvalidMeeting",
    "InvalidProgramme",
    "LimitExceeded",
    "Meeting",
    "MeetingEnded",
    "MeetingFeaturesArgs",
    "MeetingProviderError",
    "NotificationsConfigurationArgs",
    "ServiceError",
    "Throttled",
    "TokenInUse",
    "Unreachable",
]
