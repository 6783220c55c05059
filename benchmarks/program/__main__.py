"""As many meetings as the environment says, declared and exported as the event program does."""

import asyncio
import os
from typing import Any

import pulumi

from benchmarks.ideal import Ideal
from meeting_provider import Meeting


def _by_plugin(name: str, **inputs: Any) -> pulumi.CustomResource:
    outputs = dict.fromkeys(KINDS["plugin"][1])
    return pulumi.CustomResource("chime-meetings:index:Meeting", name, {**outputs, **inputs})


#: For each kind, the resource, and its outputs that clients join with.
KINDS: dict[str, tuple[Any, list[str]]] = {
    "meeting": (Meeting, ["join_data"]),
    "plugin": (_by_plugin, ["apiMeeting", "attendeeIds", "joinTokens"]),
    "ideal": (Ideal, ["attendee_ids", "join_tokens"]),
}
kind, joining = KINDS[os.environ["KIND"]]
count, size, revision = (int(os.environ[n]) for n in ("MEETINGS", "ATTENDEES", "REVISION"))


async def declare() -> pulumi.Inputs:
    """Declare the meetings. Each revision replaces one attendee and one tag of each."""
    meetings = {}
    for number in range(count):
        people = [f"viewer-{number}-{i}" for i in range(size - 1)] + [f"host-{number}-{revision}"]
        name, tags = f"session-{number}", {"revision": str(revision)}
        meetings[name] = kind(name, attendees={i: {} for i in people}, tags=tags)
        await asyncio.sleep(0)
    joined = {n: pulumi.Output.all(*(getattr(m, o) for o in joining)) for n, m in meetings.items()}
    return {"meeting_ids": {n: m.id for n, m in meetings.items()}, "join_data": joined}


pulumi.run(declare)
