"""Creates the notification messages of events, in EventBridge's form.

Source: https://docs.aws.amazon.com/chime-sdk/latest/dg/using-events.html
"""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from .events import PIPELINE_EVENTS, Event, EventType
from .models import Meeting

NETWORK = "Voip"
CONNECTING = frozenset(
    {
        EventType.ATTENDEE_JOINED,
        EventType.ATTENDEE_LEFT,
        EventType.ATTENDEE_DROPPED,
        EventType.ATTENDEE_CONTENT_JOINED,
        EventType.ATTENDEE_CONTENT_LEFT,
        EventType.ATTENDEE_CONTENT_DROPPED,
    }
)


def targets(meeting: Meeting) -> list[str]:
    """The ARNs of the targets that a meeting names: queue, topic and function."""
    return [str(arn) for arn in (meeting.request.get("NotificationsConfiguration") or {}).values()]


def message(event: Event) -> str:
    """The message about an event, JSON as text."""
    meeting = event.meeting
    return json.dumps(
        {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": _detail_type(event),
            "source": "aws.chime",
            "account": meeting.account,
            "time": datetime.fromtimestamp(event.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": meeting.region,
            "resources": [],
            "detail": dict(_detail(event)),
        }
    )


def _detail_type(event: Event) -> str:
    kind = "Media Pipeline" if event.type in PIPELINE_EVENTS else "Meeting"
    return f"Chime {kind} State Change"


def _detail(event: Event) -> Iterator[tuple[str, Any]]:
    meeting, attendee = event.meeting, event.attendee
    yield "version", "0"
    yield "eventType", str(event.type)
    yield "timestamp", int(event.time * 1000)
    yield "meetingId", meeting.meeting_id
    if attendee is not None:
        yield "attendeeId", attendee.attendee_id
        yield "externalUserId", attendee.external_user_id
    if event.type in CONNECTING:
        yield "networkType", NETWORK
    yield "externalMeetingId", meeting.request["ExternalMeetingId"]
    yield "mediaRegion", meeting.request["MediaRegion"]
    if attendee is not None and event.type is EventType.ATTENDEE_CAPABILITIES_UPDATED:
        yield "success", "1"
        named = {name.lower(): value for name, value in attendee.capabilities.items()}
        yield "attendeeCapabilities", named
    yield from event.details.items()
