"""Three meetings alike: one as declared, and two that leave alone what others do to them."""

import pulumi

from meeting_provider import AttendeeArgs, CapabilitiesArgs, Meeting

LISTENING: CapabilitiesArgs = {"audio": "Receive", "video": "Receive", "content": "Receive"}

attendees: list[AttendeeArgs] = [
    {"external_user_id": "speaker"},
    {"external_user_id": "host"},
    {"external_user_id": "viewer", "capabilities": LISTENING},
]
tags = {"room": "main", "track": "one"}

meetings = [
    Meeting("as-declared", attendees, tags=tags),
    Meeting(
        "left-alone",
        attendees,
        tags=tags,
        opts=pulumi.ResourceOptions(ignore_changes=["attendees"]),
    ),
    Meeting("open-day", attendees, tags=tags, ignore_undeclared_attendees=True),
]

pulumi.export("join_tokens", {m._name: m.join_tokens for m in meetings})
