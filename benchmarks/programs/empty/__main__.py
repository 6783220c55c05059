"""Declares resources of a provider that does nothing, with the inputs of as many meetings."""

import asyncio
import os

import pulumi

from benchmarks.empty import Empty

count, attendees = (
    int(os.environ.get(f"BENCH_{name}", default))
    for name, default in (("COUNT", 1), ("ATTENDEES", 10))
)


async def declare() -> None:
    """As the meetings are declared."""
    for number in range(count):
        guests = [{"external_user_id": f"guest-{n}"} for n in range(attendees)]
        Empty(f"meeting-{number:04}", guests)
        await asyncio.sleep(0)


pulumi.run(declare)
