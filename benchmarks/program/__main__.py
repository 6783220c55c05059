"""As many meetings as the environment says, declared and exported as the event program does."""

import asyncio
import os
from typing import Any

import pulumi

from benchmarks.ideal import Ideal
from meeting_provider import Meeting


class PluginMeeting(pulumi.CustomResource):
    """The plugin's resource."""

    def __init__(self, name: str, **inputs: Any) -> None:
        outputs = dict.fromkeys(["apiMeeting", "attendeeIds", "joinTokens"])
        super().__init__("chime-meetings:index:Meeting", name, {**inputs, **outputs})

    @property
    def join_data(self) -> pulumi.Output[Any]:
        """What clients join with."""
        parts = (vars(self)[name] for name in ("apiMeeting", "attendeeIds", "joinTokens"))
        return pulumi.Output.all(*parts)


KINDS: dict[str, Any] = {"meeting": Meeting, "plugin": PluginMeeting, "ideal": Ideal}
kind = os.environ["KIND"]
count, size, revision = (int(os.environ[n]) for n in ("MEETINGS", "ATTENDEES", "REVISION"))


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
        "join_data": {name: meeting.join_data for name, meeting in meetings.items()},
    }


pulumi.run(declare)
