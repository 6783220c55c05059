"""The benchmarks, each with the least time that the quotas allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

from . import script
from .runs import Run, Stack, emulator, minimum

#: How often a benchmark without quotas is repeated.
REPEATS: Final = 3


@dataclass(frozen=True)
class Figure:
    """A measured value.

    :param what: the command, for a table.
    :param minimum: the least that the service's quotas allow, in seconds; None without quotas.
    """

    case: str
    what: str
    seconds: float
    megabytes: float = 0.0
    minimum: float | None = None
    first: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The figure as JSON."""
        return asdict(self)


def _figure(case: str, what: str, run: Run, least: float | None = None) -> Figure:
    return Figure(case, what, run.seconds, run.megabytes, least, run.first)


def day() -> Iterator[Figure]:
    """A conference day: 15 meetings of 11 attendees."""
    with emulator(limited=True) as (sandbox, folder):
        stack = Stack("meetings", sandbox, folder, meetings=15, attendees=11)
        yield _figure("day", "create", stack.up(), minimum(15))
        yield _figure("day", "unchanged", stack.up(), 0.0)
        stack.destroy()


def thousand() -> Iterator[Figure]:
    """1,000 meetings of 10 attendees, at the service's quotas."""
    yield from _life("thousand", 1000, 10)


def large() -> Iterator[Figure]:
    """250 meetings of 20 attendees, at the service's quotas."""
    yield from _life("large", 250, 20)


def plugin() -> Iterator[Figure]:
    """The same by the plugin."""
    yield from _life("plugin", 250, 20, plugin=1)


def _life(case: str, meetings: int, attendees: int, plugin: int = 0) -> Iterator[Figure]:
    least = minimum(meetings)
    if not plugin:
        with emulator(limited=True) as (sandbox, _):
            seconds = script.create(sandbox.endpoint, meetings, attendees)
            yield Figure(case, "create, by a script", seconds, minimum=least)
    with emulator(limited=True) as (sandbox, folder):
        settings = {"meetings": meetings, "attendees": attendees, "plugin": plugin}
        stack = Stack("meetings", sandbox, folder, **settings)
        skip = {"PULUMI_SKIP_CHECKPOINTS": "true"}
        yield _figure(case, "create", stack.up(**skip), least)
        stack.connect_all()
        yield _figure(case, "refresh", stack.refresh(), least)
        stack.set(revision=1)
        yield _figure(case, "change an attendee and a tag of each", stack.up(**skip), least)
        yield _figure(case, "destroy", stack.destroy(**skip), least)


def checkpoints() -> Iterator[Figure]:
    """100 meetings of 20 attendees without quotas: what Pulumi's checkpoints cost.

    A stack may export each meeting once, or repeat it for each attendee.
    """
    for exported, repeated in (("join_data", 0), ("join_info", 1)):
        for name, env in (
            ("with checkpoints", {}),
            ("without checkpoints", {"PULUMI_SKIP_CHECKPOINTS": "true"}),
        ):
            with emulator(limited=False) as (sandbox, folder):
                settings = {"meetings": 100, "attendees": 20, "repeated": repeated}
                stack = Stack("meetings", sandbox, folder, **settings)
                yield _figure("checkpoints", f"create, {exported} {name}", stack.up(**env))
                stack.set(revision=1)
                yield _figure("checkpoints", f"change, {exported} {name}", stack.up(**env))


def overhead() -> Iterator[Figure]:
    """300 meetings of 10 attendees without quotas, beside a provider that does nothing."""
    for program, name, plugin in (
        ("meetings", "this provider", 0),
        ("meetings", "the plugin", 1),
        ("empty", "an empty dynamic provider", 0),
    ):
        runs = []
        for _ in range(REPEATS):
            with emulator(limited=False) as (sandbox, folder):
                stack = Stack(program, sandbox, folder, meetings=300, attendees=10, plugin=plugin)
                runs.append(stack.up(PULUMI_SKIP_CHECKPOINTS="true"))
        middle = median(run.seconds for run in runs)
        yield Figure("overhead", f"create, {name}", middle, max(r.megabytes for r in runs))


CASES: Final[dict[str, Callable[[], Iterator[Figure]]]] = {
    case.__name__: case for case in (day, thousand, large, plugin, checkpoints, overhead)
}
