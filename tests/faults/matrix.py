"""The matrix: every call that a scenario makes, times every fault, each tried on a meeting of its own.

The calls are not written down here: a run without faults records them.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults.scenarios import COPY, MAIN, SCENARIOS, Declared, Scenario
from faults.stage import Known, Stage, bearer, diagnostics, wait_for_room, window
from sandbox.admin import Meeting
from support.house import Run

#: Longer than the provider waits for an answer.
TOO_LONG = 12.0

#: As many calls as a fault that doesn't pass can meet.
FOR_GOOD = 10_000

#: What a batch may take from its first fault to its last repair, in seconds.
BATCH_SECONDS = 75

BATCH_SIZE = 60
AT_ONCE = 2

MENDED, REFUSED, EITHER = "success", "error", "either"

ONE_LINE = re.compile(
    r"^meeting_provider\.errors\.\w+: meeting '(?P<meeting>[^']+)': "
    r"(?P<operation>\w+) failed: (?P<cause>.+); (?P<remedy>.+)$"
)
NOISE = ("During handling", "direct cause", "botocore", "tenacity", "concurrent/futures")
MOST_LINES = 12


@dataclass(frozen=True)
class Fault:
    """One way for a call to go wrong.

    :param settings: of the emulator's fault.
    :param ends_in: how a run that meets it has to end.
    :param pool: faults of one pool share host processes: what one of them does to a client's
        retries and rate is no concern of the others.
    """

    name: str
    settings: dict[str, Any]
    ends_in: str = MENDED
    pool: str = "common"


FAULTS = (
    Fault("throttle", {"kind": "throttle"}, pool="throttle"),
    Fault("500", {"kind": "failure"}),
    Fault("503", {"kind": "unavailable", "seconds": 1}),
    Fault("drop before", {"kind": "drop"}),
    Fault("drop after", {"kind": "drop", "when": "after"}),
    Fault("slow before", {"kind": "delay", "seconds": TOO_LONG}, pool="slow"),
    Fault("slow after", {"kind": "delay", "when": "after", "seconds": TOO_LONG}, pool="slow"),
    Fault("limit", {"kind": "limit"}, REFUSED),
    Fault("forbidden", {"kind": "forbidden"}, REFUSED),
    Fault("end before", {"kind": "end"}, EITHER),
    Fault("end after", {"kind": "end", "when": "after"}, EITHER),
    Fault("500 for good", {"kind": "failure", "count": FOR_GOOD}, REFUSED, "lasting"),
    Fault(
        "503 for good", {"kind": "unavailable", "seconds": 1, "count": FOR_GOOD}, REFUSED, "lasting"
    ),
    Fault("drop before for good", {"kind": "drop", "count": FOR_GOOD}, REFUSED, "lasting"),
    Fault(
        "drop after for good",
        {"kind": "drop", "when": "after", "count": FOR_GOOD},
        EITHER,
        "lasting",
    ),
)

#: How many host processes a pool has.
HOSTS = {"common": 2, "throttle": 1, "slow": 3, "lasting": 2}


@dataclass(frozen=True)
class Position:
    """A call: the n-th of an operation on one of a scenario's meetings.

    :param refreshes: whether the refresh makes it, with which the run begins.
    """

    part: str
    operation: str
    number: int
    refreshes: bool


@dataclass(frozen=True)
class Case:
    """A fault at a call."""

    scenario: Scenario
    position: Position
    fault: Fault

    @property
    def name(self) -> str:
        at = f"{self.position.part}-{self.position.operation}-{self.position.number}"
        return f"{self.scenario.name} {at} {self.fault.name}"

    @property
    def stops_all(self) -> bool:
        """Whether the run ends with its refresh: nothing else can be tried in it."""
        return self.position.refreshes and self.fault.ends_in is not MENDED


@dataclass
class Result:
    """How a case went: `problems` is empty where all is as it should be."""

    case: Case
    ended_in: str = ""
    problems: list[str] = field(default_factory=list)


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
        yield Position(part, operation, seen[operation], refreshes)
        seen[operation] += 1
        refreshes = refreshes and operation != "ListTagsForResource"


def cases(recorded: dict[str, list[Position]]) -> list[Case]:
    """Every fault at every call."""
    return [
        Case(scenario, position, fault)
        for scenario in SCENARIOS
        for position in recorded[scenario.name]
        for fault in FAULTS
        if _says_something(scenario, position, fault)
    ]


def _says_something(scenario: Scenario, position: Position, fault: Fault) -> bool:
    # Before a create there is nothing that could end.
    nothing_ends = fault.name == "end before" and position.operation == "CreateMeetingWithAttendees"
    # All runs begin with the same refresh. Only what ended in it is a matter for what follows.
    read_alone = scenario.name.startswith("read") or fault.name.startswith("end")
    return not nothing_ends and (read_alone or not position.refreshes)


def selection(every: Sequence[Case]) -> list[Case]:
    """Each fault at each operation once, in scenarios that take turns."""
    groups: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in every:
        groups[case.fault.name, case.position.operation].append(case)
    turns = {fault.name: number for number, fault in enumerate(FAULTS)}
    return [group[turns[fault] % len(group)] for (fault, _), group in groups.items()]


def run(chosen: Sequence[Case], root: Path) -> list[Result]:
    """Try cases, in batches; each batch is a stack."""
    batches = [*_batches([c for c in chosen if not c.stops_all])]
    batches += _batches([c for c in chosen if c.stops_all])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = pool.map(_try_batch, batches, (root / f"batch-{i}" for i in range(len(batches))))
        return [result for results in done for result in results]


def _batches(chosen: Sequence[Case]) -> Iterator[list[Case]]:
    """Batches in which all faults are mixed, since some take long and others don't."""
    count = -(-len(chosen) // BATCH_SIZE)
    mixed = sorted(chosen, key=lambda case: case.fault.name)
    yield from ([*mixed[start::count]] for start in range(count))


def _try_batch(batch: list[Case], root: Path) -> list[Result]:
    for attempt in range(3):
        stage = Stage(root / str(attempt))
        try:
            results = _try_once(batch, stage)
        finally:
            stage.close()
        if results is not None:
            return results
    raise AssertionError("three times in a row, a batch was not done within one window")


def _try_once(batch: list[Case], stage: Stage) -> list[Result] | None:
    names = {f"c{number}": case for number, case in enumerate(batch)}
    placed = {name: (case.scenario, _host(name, case)) for name, case in names.items()}
    bring_up(stage, declared(placed, before=True))
    before = stage.known()
    wait_for_room(BATCH_SECONDS)
    began = window()
    for name, case in names.items():
        stage.house.cloud.fault(
            operation=case.position.operation,
            skip=case.position.number,
            meeting=external(name, case.position.part),
            **case.fault.settings,
        )
    stage.declare(declared(placed, before=False))
    faulted = stage.up()
    unmet = {
        fault["meeting"]
        for fault in stage.house.cloud.pending_faults()["calls"]
        if fault["count"] in (1, FOR_GOOD)
    }
    stage.house.cloud.clear_faults()
    healed = stage.up()
    if window() != began:
        return None
    after = stage.known()
    meetings = stage.house.cloud.meetings()
    said = diagnostics(faulted)
    assert faulted.code == (1 if said else 0), faulted.text
    results = []
    for name, case in names.items():
        result = Result(case)
        parts = {part: external(name, part) for part in (MAIN, COPY)}
        if parts[case.position.part] in unmet:
            result.problems.append("the fault was never met")
        errors = {each: said[each] for each in parts.values() if each in said}
        result.ended_in = REFUSED if errors else MENDED
        result.problems += _unclean(errors)
        if case.fault.ends_in not in (EITHER, result.ended_in):
            result.problems.append(f"the run ended in {result.ended_in}: {errors}")
        result.problems += [
            f"not healed: {text}" for n, text in diagnostics(healed).items() if n in parts.values()
        ]
        result.problems += not_as_declared(case.scenario, parts, before, after, meetings)
        results.append(result)
    leaks = _leaks([faulted, healed], [before, after])
    assert leaks == 0, f"{leaks} join tokens in what the runs say"
    return results


def _unclean(errors: dict[str, str]) -> Iterator[str]:
    if len(errors) > 1:
        yield f"more than one error: {errors}"
    for name, text in errors.items():
        lines = text.splitlines()
        last = ONE_LINE.match(lines[-1])
        if text.count("error:") != 1 or len(lines) > MOST_LINES or any(n in text for n in NOISE):
            yield f"not one clean error: {text}"
        if last is None or not last["meeting"].startswith(name):
            yield f"the last line does not name meeting, operation, cause and remedy: {lines[-1]}"


def not_as_declared(
    scenario: Scenario,
    parts: dict[str, str],
    before: dict[str, list[Known]],
    after: dict[str, list[Known]],
    meetings: Iterable[Meeting],
) -> Iterator[str]:
    """What is wrong with the service or the state, once all is healed."""
    of_name: dict[str, list[Meeting]] = defaultdict(list)
    for meeting in meetings:
        of_name[meeting.external_meeting_id].append(meeting)
    for part, name in parts.items():
        arguments = scenario.after.get(part)
        live = [m for m in of_name[name] if m.alive]
        known = after.get(name, [])
        if arguments is None:
            if live or known:
                yield f"{part} is still there: {len(live)} live, {len(known)} in the state"
            continue
        if len(live) != 1 or [k.meeting_id for k in known] != [live[0].meeting_id]:
            yield f"{part}: {len(live)} live, {len(known)} in the state, or not the same"
            continue
        yield from _differences(part, arguments, known[0], live[0])
        if part in scenario.before:
            yield from _lost(scenario, part, before[name][0], known[0], of_name[name])
    if {MAIN, COPY} <= scenario.after.keys():
        main, copy = (after.get(parts[part], []) for part in (MAIN, COPY))
        if main and copy and copy[0].replicates != main[0].meeting_id:
            yield "the replica is of another primary"


def _differences(part: str, arguments: Any, known: Known, live: Meeting) -> Iterator[str]:
    wanted = {a["external_user_id"]: a.get("capabilities") for a in arguments["attendees"]}
    there = {a.external_user_id: a for a in live.attendees}
    if sorted(wanted) != live.external_user_ids:
        yield f"{part} has other attendees: {sorted(set(wanted) ^ set(there))}"
        return
    everything = {"Audio": "SendReceive", "Video": "SendReceive", "Content": "SendReceive"}
    for who, can in wanted.items():
        asked = {k.capitalize(): v for k, v in can.items()} if can else everything
        if there[who].capabilities != asked:
            yield f"{part}: {who} may {there[who].capabilities}"
    if live.tags != arguments.get("tags", {}):
        yield f"{part} has the tags {live.tags}"
    ids = {who: attendee.attendee_id for who, attendee in there.items()}
    if known.attendee_ids != ids or {w: bearer(t) for w, t in known.tokens.items()} != ids:
        yield f"{part}: the state has other attendee ids or tokens than the service"


def _lost(
    scenario: Scenario, part: str, was: Known, known: Known, of_name: Iterable[Meeting]
) -> Iterator[str]:
    if was.meeting_id == known.meeting_id:
        kept = was.tokens.keys() & known.tokens.keys()
        changed = sum(was.tokens[who] != known.tokens[who] for who in kept)
        if changed:
            yield f"{part}: {changed} attendees that stayed have other tokens"
    elif scenario.in_place:
        reason = next((m.end_reason for m in of_name if m.meeting_id == was.meeting_id), None)
        if reason not in ("fault", "primary ended"):
            yield f"{part} was replaced though it had not ended by itself ({reason})"


def _leaks(runs: Iterable[Run], states: Iterable[dict[str, list[Known]]]) -> int:
    said = "".join(run.text for run in runs)
    tokens = {
        t for state in states for known in state.values() for k in known for t in k.tokens.values()
    }
    return sum(token in said for token in tokens)


def bring_up(stage: Stage, meetings: dict[str, Any]) -> None:
    """Run `up` for these meetings, which nothing is to keep from success."""
    stage.declare(meetings)
    done = stage.up()
    assert done.code == 0, done.text


def declared(placed: dict[str, tuple[Scenario, int]], *, before: bool) -> dict[str, Any]:
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


def _host(name: str, case: Case) -> int:
    pools = list(HOSTS)
    first = sum(HOSTS[pool] for pool in pools[: pools.index(case.fault.pool)])
    return first + int(name[1:]) % HOSTS[case.fault.pool]


def table(results: Sequence[Result]) -> list[str]:
    """Operation by fault: how many runs succeeded, ended in one clean error, and were healed."""
    cells: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        cells[result.case.position.operation, result.case.fault.name].append(result)
    operations = sorted({operation for operation, _ in cells})
    width = max(map(len, operations))
    lines = ["cases: success/clean error/healed", ""]
    for fault in FAULTS:
        lines.append(fault.name)
        for operation in operations:
            if cell := cells.get((operation, fault.name)):
                ended = [sum(r.ended_in == how for r in cell) for how in (MENDED, REFUSED)]
                healed = sum(not r.problems for r in cell)
                lines.append(
                    f"    {operation:{width}}  {len(cell):3}: {ended[0]}/{ended[1]}/{healed}"
                )
    total = [sum(r.ended_in == how for r in results) for how in (MENDED, REFUSED)]
    healed = sum(not r.problems for r in results)
    lines += ["", f"{len(results)} cases: {total[0]}/{total[1]}/{healed}"]
    return lines


def is_whole() -> bool:
    """Whether all cases are to be tried, and not a selection."""
    return os.environ.get("FAULTS") == "all"
