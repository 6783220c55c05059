"""As many meetings as the environment says, declared and exported as the event program does."""

import asyncio
import os
from typing import Any

import pulumi

from benchmarks.ideal import Ideal
from meeting_provider import Meeting


def plugin_meeting(name: str, **inputs: Any) -> pulumi.CustomResource:
    """The plugin's resource."""
    return pulumi.CustomResource("chime-meetings:index:Meeting", name, {**inputs, "joinData": None})


KINDS: dict[str, Any] = {"meeting": Meeting, "plugin": plugin_meeting, "ideal": Ideal}
kind = os.environ["KIND"]
count, size, revision = (int(os.environ[n]) for n in ("MEETINGS", "ATTENDEES", "REVISION"))
exported = "joinData" if kind == "plugin" else "join_data"


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
