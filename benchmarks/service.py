"""Against the service's quotas and latency: whole runs of the engine, and a script's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.admin import Call

from . import script
from .figures import Figure
from .stage import BURST, RATE, UP, Stage, Timed

MEETINGS, ATTENDEES = 1000, 10
LARGE_MEETINGS, LARGE_ATTENDEES = 10, 250

#: What the acceptance of the four scenarios allows.
ALLOWED = 1.03

MODES = ("standard", "adaptive")

FLOOR_IS = "the quota: calls of the busiest operation, less the burst, by the rate"


@dataclass(frozen=True)
class Scenario:
    """A run of the engine, and the part of the script that does the same."""

    key: str
    title: str
    command: tuple[str, ...]
    round: int
    script: str


LOOKING = (*UP, "--refresh")

#: In this order, since each finds what the one before it left.
SCENARIOS = (
    Scenario("a", f"{MEETINGS} meetings of {ATTENDEES} from nothing", UP, 0, "create"),
    Scenario("b", "the same unchanged, by `refresh`", ("refresh", *UP[1:]), 0, "read"),
    Scenario("b-up", "the same unchanged, by `up --refresh`", LOOKING, 0, "read"),
    Scenario("b-run", "the same, with `--run-program`", (*LOOKING, "--run-program"), 0, "read"),
    Scenario("c", "one attendee exchanged in each", UP, 1, "exchange"),
    Scenario("d", "destroy", ("destroy", *UP[1:]), 1, "delete"),
)


def figures() -> Iterator[Figure]:
    """The scenarios a to e."""
    parts = {mode: _script(mode) for mode in MODES}
    with Stage.limited() as stage:
        stage.pulumi("meetings", *UP, count=0)
        for each in SCENARIOS:
            last = _last(stage)
            run = stage.pulumi(
                "meetings", *each.command, count=MEETINGS, attendees=ATTENDEES, round=each.round
            )
            calls = stage.cloud.journal(after=last)
            peers = {mode: parts[mode][each.script] for mode in MODES}
            yield _figure(each.key, each.title, run, calls, peers, ALLOWED)
            _keep_alive(stage)
    yield _large()


def _large() -> Figure:
    title = f"{LARGE_MEETINGS} meetings of {LARGE_ATTENDEES} from nothing"
    with Stage.limited() as stage:
        stage.pulumi("meetings", *UP, count=0)
        last = _last(stage)
        run = stage.pulumi("meetings", *UP, count=LARGE_MEETINGS, attendees=LARGE_ATTENDEES)
        calls = stage.cloud.journal(after=last)
    peers = {}
    for mode in MODES:
        with Stage.limited() as stage:
            peers[mode] = script.run(stage, "create", mode, LARGE_MEETINGS, LARGE_ATTENDEES)
    return _figure("e", title, run, calls, peers, None)


def _figure(
    key: str,
    title: str,
    run: Timed,
    calls: list[Call],
    peers: dict[str, script.Part],
    allowed: float | None,
) -> Figure:
    done = Counter(call.operation for call in calls if call.outcome == "OK")
    throttled = Counter(call.operation for call in calls if call.fault == "quota")
    span = calls[-1].time - calls[0].time
    floor = (max(done.values()) - BURST) / RATE
    details = {
        "calls": dict(done),
        "throttled": dict(throttled),
        "writes": sum(call.is_write for call in calls if call.outcome == "OK"),
        "seconds_of_calls": span,
        "calls_by_floor": span / floor,
        "before_the_first_call": run.seconds - (run.ended - calls[0].time),
        "peaks_mib": dict(run.peaks),
        "failed": {mode: part.failed for mode, part in peers.items()},
    }
    beside = {f"boto3, {mode}": part.seconds for mode, part in peers.items()}
    return Figure(key, title, run.seconds, "s", floor, FLOOR_IS, allowed, beside, details)


def _script(mode: str) -> dict[str, script.Part]:
    """The script's parts, each after the other."""
    parts = {}
    with Stage.limited() as stage:
        for part in ("create", "read", "exchange", "delete"):
            parts[part] = script.run(stage, part, mode, MEETINGS, ATTENDEES)
            _keep_alive(stage)
    return parts


def _last(stage: Stage) -> int:
    return max((call.number for call in stage.cloud.journal()), default=0)


def _keep_alive(stage: Stage) -> None:
    """Have somebody join each meeting, as in a real one, so that none ends between two runs."""
    for meeting in stage.cloud.live():
        stage.cloud.join(meeting.meeting_id, meeting.attendees[0].attendee_id)
