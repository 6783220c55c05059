"""Which calls a scenario makes: not written down here, but recorded in a run without faults."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faults.scenarios import COPY, MAIN, SCENARIOS, Declared, Scenario
from faults.stage import Stage

READS = frozenset({"ListAttendees", "ListTagsForResource"})


@dataclass(frozen=True)
class Position:
    """A call: the n-th of an operation on one of a scenario's meetings.

    :param refreshes: whether the refresh makes it, with which the run begins.
    """

    part: str
    operation: str
    number: int
    refreshes: bool


def record(root: Path) -> dict[str, list[Position]]:
    """Every call that each scenario makes where nothing goes wrong."""
    stage = Stage(root)
    try:
        bring_up(stage, declared({s.name: (s, 0) for s in SCENARIOS}, before=True))
        last = max((c.number for c in stage.house.cloud.journal()), default=0)
        bring_up(stage, declared({s.name: (s, 0) for s in SCENARIOS}, before=False))
        names = {m.meeting_id: m.external_meeting_id for m in stage.house.cloud.meetings()}
        calls = defaultdict(list)
        for call in stage.house.cloud.journal(after=last):
            calls[names[call.meeting_id or ""]].append(call.operation)
    finally:
        stage.close()
    return {
        s.name: [
            position
            for part in (MAIN, COPY)
            for position in _positions(part, calls[external(s.name, part)], part in s.before)
        ]
        for s in SCENARIOS
    }


def _positions(part: str, operations: Sequence[str], existed: bool) -> Iterator[Position]:
    seen: dict[str, int] = defaultdict(int)
    refreshes = existed
    for operation in operations:
        refreshes = refreshes and operation in READS
        yield Position(part, operation, seen[operation], refreshes)
        seen[operation] += 1


def bring_up(stage: Stage, meetings: dict[str, Any]) -> None:
    """Run `up` for these meetings, which nothing is to keep from success."""
    stage.declare(meetings)
    done = stage.up()
    assert done.code == 0, done.text


def declared(placed: Mapping[str, tuple[Scenario, int]], *, before: bool) -> dict[str, Any]:
    """The meetings of scenarios, each of which has a name and a host process."""
    return {
        external(name, part): {
            "host": host,
            "primary": external(name, MAIN) if part == COPY else None,
            "arguments": arguments,
        }
        for name, (scenario, host) in placed.items()
        for part, arguments in _side(scenario, before).items()
    }


def _side(scenario: Scenario, before: bool) -> Declared:
    return scenario.before if before else scenario.after


def external(name: str, part: str) -> str:
    """The external_meeting_id of a scenario's part."""
    return f"{name}-{part}"
