"""A meeting, by the SDK that `pulumi package add` generates."""

import pulumi
import pulumi_chime_meetings as chime

standup = chime.Meeting(
    "standup",
    attendees={
        "ann": {},
        "bob": {"capabilities": {"audio": "SendReceive", "video": "Receive", "content": "Receive"}},
    },
    meeting_features={"video": {"max_resolution": "HD"}},
    tags={"team": "blue"},
)

pulumi.export("id", standup.id)
pulumi.export("meeting", standup.api_meeting)
pulumi.export(
    "ann",
    {
        "ExternalUserId": "ann",
        "AttendeeId": standup.attendee_ids["ann"],
        "JoinToken": standup.join_tokens["ann"],
    },
)
