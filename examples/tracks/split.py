"""The rule: which stack each event of the schedule is in.

python split.py    the stacks' names, one a line
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

from meeting_provider.schedule import Event

#: Rooms that are busy enough for a stack of their own, which is named after them.
ROOMS: Final = ("main-hall", "track-1", "track-2")

#: The stacks of all other events.
OTHERS: Final = ("others-1", "others-2")

STACKS: Final = ROOMS + OTHERS


def stack_of(event: Event) -> str:
    """The one stack that an event is in: the same on every machine, whatever else is declared.

    Changing the rule moves meetings to other stacks, which replaces them. So add a room before the
    schedule is deployed, and give it a stack of its own.
    """
    room = (event.arguments.get("tags") or {}).get("room")
    if room in ROOMS:
        return str(room)
    return OTHERS[crc32(event.name.encode()) % len(OTHERS)]


if __name__ == "__main__":
    print(*STACKS, sep="\n")
