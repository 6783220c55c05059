"""The fault matrix: every fault at every call, each tried on a meeting of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults.calls import Position, bring_up, declared, external
from faults.scenarios import COPY, MAIN, SCENARIOS, Scenario
from faults.stage import Stage, diagnostics
from faults.verdict import leaks, not_as_declared, unclean

#: Longer than the provider waits for an answer.
TOO_LONG = 12.0

#: As many calls as a fault that doesn't pass can meet.
FOR_GOOD = 10_000

BATCH_SIZE = 70
AT_ONCE = 2

MENDED, REFUSED, EITHER = "success", "error", "either"


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
HOSTS = {"common": 1, "throttle": 1, "slow": 2, "lasting": 2}


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
    ended_in: str
    problems: list[str] = field(default_factory=list)


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
    stage = Stage(root)
    try:
        return _try_once(batch, stage)
    finally:
        stage.close()


def _try_once(batch: list[Case], stage: Stage) -> list[Result]:
    names = {f"c{number}": case for number, case in enumerate(batch)}
    placed = {name: (case.scenario, _host(name, case)) for name, case in names.items()}
    bring_up(stage, declared(placed, before=True))
    before = stage.known()
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
    leaked = leaks([faulted, healed], [before, stage.known()])
    assert leaked == 0, f"{leaked} join tokens in what the runs say"
    said = diagnostics(faulted)
    assert faulted.code == (1 if said else 0), faulted.text
    world = (before, stage.known(), stage.house.cloud.meetings())
    results = []
    for name, case in names.items():
        parts = {part: external(name, part) for part in (MAIN, COPY)}
        errors = {each: said[each] for each in parts.values() if each in said}
        result = Result(case, REFUSED if errors else MENDED)
        if parts[case.position.part] in unmet:
            result.problems.append("the fault was never met")
        if case.fault.ends_in not in (EITHER, result.ended_in):
            result.problems.append(f"the run ended in {result.ended_in}: {errors}")
        result.problems += unclean(errors)
        result.problems += [
            text for each, text in diagnostics(healed).items() if each in parts.values()
        ]
        result.problems += not_as_declared(case.scenario, parts, *world)
        results.append(result)
    return results


def _host(name: str, case: Case) -> int:
    pools = list(HOSTS)
    first = sum(HOSTS[pool] for pool in pools[: pools.index(case.fault.pool)])
    return first + int(name[1:]) % HOSTS[case.fault.pool]


def table(results: Sequence[Result]) -> list[str]:
    """Fault by operation: successes + clean errors = healed."""
    operations = sorted({result.case.position.operation for result in results})
    short = {"".join(filter(str.isupper, each)): each for each in operations}
    lines = [
        "faults: successes + clean errors = healed",
        *(f"{initials:6} {operation}" for initials, operation in short.items()),
        "",
        " " * 22 + "".join(f"{initials:>10}" for initials in short),
    ]
    for fault in FAULTS:
        ours = [r for r in results if r.case.fault is fault]
        cells = [[r for r in ours if r.case.position.operation == each] for each in operations]
        lines.append(f"{fault.name:22}" + "".join(f"{_counts(cell):>10}" for cell in cells))
    return [*lines, "", f"{len(results)} cases: {_counts(results)}"]


def _counts(results: Sequence[Result]) -> str:
    ended = [sum(r.ended_in == how for r in results) for how in (MENDED, REFUSED)]
    return f"{ended[0]}+{ended[1]}={sum(not r.problems for r in results)}"
