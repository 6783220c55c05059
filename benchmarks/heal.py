"""A meeting that ends inside its window has its successor within five seconds at the median."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from .figures import Figure
from .house import House, Watch

ENDS = 15
LIMIT_SECONDS = 5.0
NAMES = ("keynote", "workshop", "panel")


def figures() -> Iterator[Figure]:
    """One figure: the median of the ends."""
    with tempfile.TemporaryDirectory() as folder:
        house = House.build(Path(folder) / "house")
        try:
            seconds = sorted(_heal(house))
        finally:
            house.close()
    yield Figure(
        "heal",
        f"from a meeting's end to its successor, the median of {ENDS}",
        statistics.median(seconds), "s", LIMIT_SECONDS, "the promise", 1.0,
        details={"least": seconds[0], "most": seconds[-1]},
    )  # fmt: skip


def _heal(house: House) -> list[float]:
    lines = (f"  - name: {n}\n    attendees: [{{external_user_id: {n}-host}}]\n" for n in NAMES)
    house.programme = "events:\n" + "".join(lines)
    for command in (("stack", "select", "--create", "dev"), ("up", "--yes", "--stack", "dev")):
        run = house.pulumi(*command)
        assert run.code == 0, run.text
    watch = Watch(house)
    watch.start()
    try:
        return [_heal_one(house, watch, name) for name in islice(cycle(NAMES), ENDS)]
    finally:
        watch.stop()


def _heal_one(house: House, watch: Watch, name: str) -> float:
    watch.until_quiet()
    (ending,) = watch.live(name)
    house.cloud.end(ending.meeting_id)
    return watch.until_healed(ending)
