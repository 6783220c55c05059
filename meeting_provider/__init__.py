"""Meetings as code: Amazon Chime SDK meetings with their attendees as Pulumi resources."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
    UnderWay,
    Unreachable,
)
from meeting_provider.meeting import (
    AttendeeArgs,
    CapabilitiesArgs,
    Meeting,
    MeetingFeaturesArgs,
    NotificationsConfigurationArgs,
)

if TYPE_CHECKING:
    from meeting_provider.events import EventType, MeetingEvent
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
    "UnderWay",
    "Unreachable",
]

#: What neither the dynamic host nor a plain program needs: each start of theirs should not wait
#: for it.
_ON_DEMAND = {
    "EventType": "events",
    "MeetingEvent": "events",
    "MeetingNotifications": "notifications",
}


def __getattr__(name: str) -> Any:
    if name not in _ON_DEMAND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ON_DEMAND[name]}"), name)
