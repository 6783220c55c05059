"""The kill matrix: SIGKILL to the host, the engine or all, before and after every call that writes.

The calls of many meetings are held at once, each at its own place in the meeting's life; then the
victims are killed, and the calls are let go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults import processes
from faults.calls import Position, bring_up, declared, external
from faults.scenarios import COPY, MAIN, SCENARIOS, Scenario
from faults.stage import Stage, diagnostics
from faults.verdict import not_as_declared

#: A host has so many threads, each of which a held call keeps.
THREADS = 4

FIRST = "first"

HOST, ENGINE, ALL = "host", "engine", "all"
BEFORE, AFTER = "before", "after"
AT_ONCE = 2


@dataclass(frozen=True)
class Blow:
    """Who is killed, whether before or after the service acted, and how the engine keeps state."""

    victim: str
    when: str
    checkpoints: bool

    def __str__(self) -> str:
        return f"{self.victim} {self.when}, {'with' if self.checkpoints else 'without'} checkpoints"

    @property
    def environment(self) -> dict[str, str]:
        return {} if self.checkpoints else {"PULUMI_SKIP_CHECKPOINTS": "true"}


BLOWS = tuple(
    Blow(victim, when, checkpoints)
    for victim in (HOST, ENGINE, ALL)
    for when in (BEFORE, AFTER)
    for checkpoints in (True, False)
)


@dataclass(frozen=True)
class Case:
    """A blow at a call."""

    scenario: Scenario
    position: Position
    blow: Blow

    @property
    def name(self) -> str:
        at = f"{self.position.part}-{self.position.operation}-{self.position.number}"
        return f"{self.scenario.name} {at}: {self.blow}"

    @property
    def wave(self) -> str:
        """Which cases it can be held together with: deletions come last, replicas' first."""
        return self.position.part if self.position.operation == "DeleteMeeting" else FIRST


@dataclass
class Result:
    """How a case went: `problems` is empty where the next `up` put all right."""

    case: Case
    problems: list[str] = field(default_factory=list)


def cases(recorded: dict[str, list[Position]]) -> list[Case]:
    """Every blow at every call that an operation makes, less those that only look."""
    return [
        Case(scenario, position, blow)
        for scenario in SCENARIOS
        for position in recorded[scenario.name]
        if not position.refreshes
        for blow in BLOWS
    ]


def selection(every: Sequence[Case]) -> list[Case]:
    """Each operation once under each of four blows, in scenarios that take turns.

    Deletions, which take a wave of their own, under two of the blows alone.
    """
    chosen = [
        Blow(HOST, BEFORE, checkpoints=True),
        Blow(HOST, AFTER, checkpoints=False),
        Blow(ENGINE, BEFORE, checkpoints=False),
        Blow(ENGINE, AFTER, checkpoints=True),
    ]
    waves = {(blow, FIRST) for blow in chosen} | {(blow, MAIN) for blow in chosen[1:3]}
    groups: dict[tuple[Blow, str], list[Case]] = defaultdict(list)
    for case in every:
        if (case.blow, case.wave) in waves:
            groups[case.blow, case.position.operation].append(case)
    return [group[chosen.index(blow) % len(group)] for (blow, _), group in groups.items()]


def run(chosen: Sequence[Case], root: Path) -> list[Result]:
    """Try cases, wave by wave; each wave is a stack."""
    waves: dict[tuple[Blow, str], list[Case]] = defaultdict(list)
    for case in chosen:
        waves[case.blow, case.wave].append(case)
    roots = (root / f"wave-{number}" for number in range(len(waves)))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = pool.map(_try_wave, waves.values(), roots)
        return [result for results in done for result in results]


def _try_wave(wave: list[Case], root: Path) -> list[Result]:
    stage = Stage(root)
    try:
        return _try_once(wave, stage)
    finally:
        stage.close()


def _try_once(wave: list[Case], stage: Stage) -> list[Result]:
    blow = wave[0].blow
    names = {f"k{number}": case for number, case in enumerate(wave)}
    placed = {f"k{i}": (case.scenario, i // THREADS) for i, case in enumerate(wave)}
    bring_up(stage, declared(placed, before=True))
    before = stage.known()
    stage.declare(declared(placed, before=False))
    for name, case in names.items():
        stage.house.cloud.hold(
            case.position.operation,
            when=blow.when,
            skip=case.position.number,
            meeting=external(name, case.position.part),
        )
    _strike(stage, blow, len(names))
    healed = stage.up(blow.environment)
    assert healed.code == 0, healed.text
    after = stage.known()
    meetings = stage.house.cloud.meetings()
    return [
        Result(case, [*_problems(name, case, before, after, meetings, diagnostics(healed))])
        for name, case in names.items()
    ]


def _strike(stage: Stage, blow: Blow, held: int) -> None:
    """Run `up` until all calls are held, kill whom the blow is for, and let the calls go."""
    with stage.running(blow.environment) as command:
        stage.house.cloud.wait_all_held(held, timeout=60)
        family = processes.below(command.pid)
        victims = {
            HOST: [each for each in family if each.is_host],
            ENGINE: [each for each in family if each.parent == command.pid],
            ALL: family,
        }[blow.victim]
        assert victims, family
        stage.orphans += family
        processes.kill(victims)
        # Whom the blow left alive finishes its calls; whose caller is dead never came, or did.
        lives_on = blow.victim == ENGINE
        stage.house.cloud.release(drop=blow.when == BEFORE and not lives_on)
        command.wait(timeout=120)
    if blow.victim != HOST:
        cancelled = stage.house.pulumi("cancel", "--yes", "--stack", "dev")
        assert cancelled.code == 0, cancelled.text


def _problems(name: str, case: Case, *seen: Any) -> Iterator[str]:
    *worlds, said = seen
    parts = {part: external(name, part) for part in (MAIN, COPY)}
    yield from not_as_declared(case.scenario, parts, *worlds)
    yield from (text for each, text in said.items() if each in parts.values())


def table(results: Sequence[Result]) -> list[str]:
    """Blow by operation: how many cases there were, and how many of them are healed."""
    cells: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        cells[str(result.case.blow), result.case.position.operation].append(result)
    lines = ["kills: cases, of which the next run put right"]
    for (blow, operation), cell in sorted(cells.items()):
        lines.append(f"{blow:36}{operation:40}{_counts(cell):>8}")
    return [*lines, "", f"{len(results)} cases: {_counts(results)}"]


def _counts(results: Sequence[Result]) -> str:
    return f"{len(results)} {sum(not result.problems for result in results)}"
