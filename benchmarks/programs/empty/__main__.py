"""Declares resources of a provider that calls nobody, with the inputs of as many meetings.

With BENCH_STORING=1, each has as large a state as a meeting.
"""

import asyncio
import os

import pulumi

from benchmarks.empty import Empty, EmptyProvider

count, attendees, storing = (
    int(os.environ.get(f"BENCH_{name}", default))
    for name, default in (("COUNT", 1), ("ATTENDEES", 10), ("STORING", 0))
)
provider = EmptyProvider()
if storing:
    # What the empty provider doesn't need, it should not wait for.
    from benchmarks.storing import StoringProvider

    provider = StoringProvider()


async def declare() -> None:
    """As the meetings are declared."""
    for number in range(count):
        guests = [{"external_user_id": f"guest-{n}"} for n in range(attendees)]
        Empty(f"meeting-{number:04}", guests, provider)
        await asyncio.sleep(0)


pulumi.run(declare)
