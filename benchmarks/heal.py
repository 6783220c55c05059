"""A meeting that ends inside its window has its successor within five seconds at the median."""

from __future__ import annotations

import statistics
import sys
import tempfile
from itertools import cycle, islice
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support.house import House
from support.watching import Watch

ENDS = 15
LIMIT_SECONDS = 5.0
NAMES = ("keynote", "workshop", "panel")


def main() -> bool:
    """Print the figures; whether they are within the limit."""
    with tempfile.TemporaryDirectory() as folder:
        house = House.build(Path(folder) / "house")
        try:
            seconds = sorted(_heal(house))
        finally:
            house.close()
    median = statistics.median(seconds)
    print(
        f"heal: {ENDS} ends, each with its successor after {seconds[0]:.1f} to {seconds[-1]:.1f} "
        f"seconds, {median:.1f} at the median; at most {LIMIT_SECONDS:.0f}"
    )
    return median <= LIMIT_SECONDS


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
