"""A dynamic provider with a meeting's state: what Pulumi itself costs for that."""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from pulumi.dynamic import CreateResult

from meeting_provider.models import AttendeeAnswer, MediaPlacement, MeetingAnswer
from meeting_provider.state import State

from .empty import EmptyProvider

#: The length of a URL and of a join token, in characters.
_URL, _TOKEN = 60, 98


class StoringProvider(EmptyProvider):
    """Answers with as much as the state of a meeting has, and calls nobody for it."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make a state, and no meeting."""
        region, meeting_id = "us-east-1", str(uuid.uuid4())
        placement = {name: secrets.token_hex(_URL // 2) for name in MediaPlacement.model_fields}
        meeting = MeetingAnswer(
            meeting_id=meeting_id,
            meeting_arn=f"arn:aws:chime:{region}:123456789012:meeting/{meeting_id}",
            external_meeting_id=props["external_meeting_id"],
            media_region=region,
            media_placement=MediaPlacement.model_validate(placement),
        )
        attendees = {
            i: AttendeeAnswer(
                external_user_id=i,
                attendee_id=str(uuid.uuid4()),
                join_token=secrets.token_hex(_TOKEN // 2),
            )
            for i in (each["external_user_id"] for each in props["attendees"])
        }
        declared = {
            **props,
            "attendees": {i: {} for i in attendees},
            "media_region": region,
            "control_region": region,
        }
        return CreateResult(meeting_id, State(declared, meeting, attendees).outputs())
