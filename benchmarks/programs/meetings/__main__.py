"""As many meetings as the stack's settings say, declared and exported as the event program does."""

import asyncio
from typing import Any

import pulumi

from meeting_provider import Meeting


class PluginMeeting(pulumi.CustomResource):
    """The plugin's resource, as a generated SDK has it."""

    def __init__(self, name: str, **inputs: Any) -> None:
        properties = {**inputs, "joinData": None}
        super().__init__("chime-meetings:index:Meeting", name, properties)

    @property
    def join_data(self) -> pulumi.Output[Any]:
        """What clients join with."""
        join_data: pulumi.Output[Any] = vars(self)["joinData"]
        return join_data


config = pulumi.Config()
kind = PluginMeeting if config.get_int("plugin") else Meeting
count, size = config.require_int("meetings"), config.require_int("attendees")
revision = config.get_int("revision") or 0


async def declare() -> pulumi.Inputs:
    """Declare the meetings. Each revision replaces one attendee and one tag of each."""
    meetings = {}
    for number in range(count):
        people = [f"viewer-{number}-{i}" for i in range(size - 1)] + [f"host-{number}-{revision}"]
        meetings[f"session-{number}"] = kind(
            f"session-{number}",
            attendees={person: {} for person in people},
            tags={"revision": str(revision)},
        )
        await asyncio.sleep(0)
    exported = "join_info" if config.get_int("repeated") else "join_data"
    return {
        "meeting_ids": {name: meeting.id for name, meeting in meetings.items()},
        exported: {name: getattr(meeting, exported) for name, meeting in meetings.items()},
    }


pulumi.run(declare)
