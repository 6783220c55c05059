"""The rule that assigns each event of the schedule to a stack.

python split.py    prints the names of the stacks, one on each line
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

from meeting_provider.schedule import Event

#: The busy rooms, which have stacks of their own with the same names.
ROOMS: Final = ("main-hall", "track-1", "track-2")

#: The stacks of all other events.
OTHERS: Final = ("others-1", "others-2")

STACKS: Final = ROOMS + OTHERS


def stack_of(event: Event) -> str:
    """The stack of an event. It depends only on the event's room and name.

    Changing the rule moves meetings to other stacks, which replaces them. So add a room before you
    deploy the schedule.
    """
    room = (event.arguments.get("tags") or {}).get("room")
    if room in ROOMS:
        return str(room)
    return OTHERS[crc32(event.name.encode()) % len(OTHERS)]


if __name__ == "__main__":
    print(*STACKS, sep="\n")
