"""As many meetings as the stack's settings say, declared and exported as the event program does."""

import asyncio
from typing import Any

import pulumi

from benchmarks.empty import Nothing
from meeting_provider import Meeting


def plugin_meeting(name: str, **inputs: Any) -> pulumi.CustomResource:
    """The plugin's resource."""
    return pulumi.CustomResource("chime-meetings:index:Meeting", name, {**inputs, "joinData": None})


KINDS: dict[str, Any] = {"meeting": Meeting, "plugin": plugin_meeting, "empty": Nothing}
config = pulumi.Config()
kind = config.require("kind")
count, size = config.require_int("meetings"), config.require_int("attendees")
revision = config.get_int("revision") or 0
exported = config.get("exported") or ("joinData" if kind == "plugin" else "join_data")


async def declare() -> pulumi.Inputs:
    """Declare the meetings. Each revision replaces one attendee and one tag of each."""
    meetings = {}
    for number in range(count):
        people = [f"viewer-{number}-{i}" for i in range(size - 1)] + [f"host-{number}-{revision}"]
        meetings[f"session-{number}"] = KINDS[kind](
            f"session-{number}",
            attendees={person: {} for person in people},
            tags={"revision": str(revision)},
        )
        await asyncio.sleep(0)
    return {
        "meeting_ids": {name: meeting.id for name, meeting in meetings.items()},
        exported: {name: getattr(meeting, exported, None) for name, meeting in meetings.items()},
    }


pulumi.run(declare)
