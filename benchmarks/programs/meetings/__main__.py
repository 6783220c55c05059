"""As many meetings as the stack's settings say, declared and exported as the event program does."""

import asyncio

import pulumi

from meeting_provider import Meeting

config = pulumi.Config()
count, size = config.require_int("meetings"), config.require_int("attendees")
revision = config.get_int("revision") or 0


async def declare() -> pulumi.Inputs:
    """Declare the meetings. Each revision replaces one attendee and one tag of each."""
    meetings = {}
    for number in range(count):
        people = [f"viewer-{number}-{i}" for i in range(size - 1)] + [f"host-{number}-{revision}"]
        meetings[f"session-{number}"] = Meeting(
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
