"""Declares as many meetings as BENCH_COUNT says, each with BENCH_ATTENDEES attendees.

BENCH_FIRST is the number of the first; with another BENCH_ROUND, each has one attendee exchanged.
"""

import asyncio
import os

import pulumi

from meeting_provider import Meeting

first, count, attendees, number = (
    int(os.environ.get(f"BENCH_{name}", default))
    for name, default in (("FIRST", 0), ("COUNT", 1), ("ATTENDEES", 10), ("ROUND", 0))
)


async def declare() -> None:
    """A pause after each lets Pulumi take it while the next is being declared."""
    for meeting in range(first, first + count):
        staying = [{"external_user_id": f"guest-{n}"} for n in range(attendees - 1)]
        exchanged = {"external_user_id": f"round-{number}"}
        Meeting(f"meeting-{meeting:04}", attendees=[*staying, exchanged])
        await asyncio.sleep(0)


pulumi.run(declare)
