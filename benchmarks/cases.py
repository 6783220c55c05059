"""The benchmarks, each with the least time that the quotas allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from . import script
from .runs import SKIP, Figure, Stack, emulator, minimum

#: How often a benchmark without quotas is repeated. The median counts.
REPEATS: Final = 3


def day() -> Iterator[Figure]:
    """A conference day: 15 meetings of 11 attendees."""
    with emulator(limited=True) as (sandbox, folder):
        stack = Stack(sandbox, folder, meetings=15, attendees=11)
        yield stack.time("up", "create", minimum(15))
        yield stack.time("up", "unchanged", 0.0)


def thousand() -> Iterator[Figure]:
    """1,000 meetings of 10 attendees, at the service's quotas."""
    yield from _life(1000, 10)


def large() -> Iterator[Figure]:
    """250 meetings of 20 attendees, at the service's quotas."""
    yield from _life(250, 20)


def plugin() -> Iterator[Figure]:
    """The same by the plugin."""
    yield from _life(250, 20, "plugin")


def _life(meetings: int, attendees: int, kind: str = "meeting") -> Iterator[Figure]:
    least = minimum(meetings)
    if kind == "meeting":
        with emulator(limited=True) as (sandbox, _):
            seconds = script.create(sandbox.endpoint, meetings, attendees)
            yield Figure("create, by a script", seconds, minimum=least)
    with emulator(limited=True) as (sandbox, folder):
        stack = Stack(sandbox, folder, meetings=meetings, attendees=attendees, kind=kind)
        yield stack.time("up", "create", least, **SKIP)
        # None ends while others are changed.
        for meeting in sandbox.live():
            sandbox.join(meeting.meeting_id, meeting.attendees[0].attendee_id)
        yield stack.time("refresh", "refresh", least)
        stack.set(revision=1)
        yield stack.time("up", "change an attendee and a tag of each", least, **SKIP)
        yield stack.time("destroy", "destroy", least, **SKIP)


def checkpoints() -> Iterator[Figure]:
    """100 meetings of 20 attendees, exported once or for each attendee: what checkpoints cost."""
    for exported in ("join_data", "join_info"):
        for name, env in (("with checkpoints", {}), ("without checkpoints", SKIP)):
            with emulator(limited=False) as (sandbox, folder):
                stack = Stack(sandbox, folder, meetings=100, attendees=20, exported=exported)
                yield stack.time("up", f"create, {exported} {name}", **env)
                stack.set(revision=1)
                yield stack.time("up", f"change, {exported} {name}", **env)


def overhead() -> Iterator[Figure]:
    """300 meetings of 10 attendees without quotas, beside a provider that does nothing."""
    for kind, name in (
        ("meeting", "this provider"),
        ("plugin", "the plugin"),
        ("empty", "an empty dynamic provider"),
    ):
        runs = []
        for _ in range(REPEATS):
            with emulator(limited=False) as (sandbox, folder):
                stack = Stack(sandbox, folder, meetings=300, attendees=10, kind=kind)
                runs.append(stack.time("up", f"create, {name}", **SKIP))
        yield sorted(runs, key=lambda run: run.seconds)[REPEATS // 2]


CASES: Final[dict[str, Callable[[], Iterator[Figure]]]] = {
    case.__name__: case for case in (day, thousand, large, plugin, checkpoints, overhead)
}
