"""A meeting, and a resource that takes its outputs as inputs."""

import json
import os

import taker

from meeting_provider import Meeting

meeting = Meeting("keynote", **json.loads(os.environ["ARGUMENTS"]))
taker.Taker(
    "taker",
    attendees=meeting.attendees,
    attendee_ids=meeting.attendee_ids,
    join_data=meeting.join_data,
    join_tokens=meeting.join_tokens,
    media_placement=meeting.media_placement,
    media_region=meeting.media_region,
    meeting_id=meeting.id,
    tags=meeting.tags,
)
