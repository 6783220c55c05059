"""Declares resources of a provider that does nothing, with the inputs of as many meetings."""

import os

from benchmarks.empty import Empty

for number in range(int(os.environ.get("BENCH_COUNT", "1"))):
    guests = int(os.environ.get("BENCH_ATTENDEES", "10"))
    Empty(f"meeting-{number:04}", [{"external_user_id": f"guest-{n}"} for n in range(guests)])
