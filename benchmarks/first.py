"""From `make up` to the first meeting, and to the last, on a machine that has done it before."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .figures import Figure
from .house import House

REPETITIONS = 3


def figures() -> Iterator[Figure]:
    """Scenario i."""
    with tempfile.TemporaryDirectory() as folder:
        checkout = House.build(Path(folder) / "house")
        try:
            checkout.make("up")
            times = []
            for _ in range(REPETITIONS):
                checkout.make("down")
                checkout.pulumi("stack", "ls")
                last = max((call.number for call in checkout.cloud.journal()), default=0)
                begun = time.time()
                run = checkout.make("up")
                took = time.time() - begun
                assert run.code == 0, run.text
                made = [
                    call.time - begun
                    for call in checkout.cloud.journal(after=last)
                    if call.operation == "CreateMeetingWithAttendees"
                ]
                times.append((min(made), max(made), took))
        finally:
            checkout.close()
    first, last_made, whole = map(statistics.median, zip(*times, strict=True))
    yield Figure(
        "i", "from `make up` to the first meeting", first,
        details={"to_the_last_meeting": last_made, "to_the_end": whole},
    )  # fmt: skip
