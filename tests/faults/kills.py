"""The kill matrix: SIGKILL for the host or the emulator, before and after every call.

A host serves four calls at a time. So four cases wait at their calls together, each on a stack of
its own, and one kill is for all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from faults import checks
from faults.matrix import SIX_MINUTES
from faults.scenarios import SCENARIOS, Scenario
from faults.trial import Position, Trial
from support.checkout import PATIENCE
from support.emulator import Emulator
from support.host import HOST_THREADS, Crashed, Host, StepFailed

from chime_sandbox.admin import AFTER, BEFORE

HOST, EMULATOR = "host", "emulator"


@dataclass(frozen=True)
class Kill:
    """Which process is killed, and whether before or after the service acted."""

    victim: str
    when: str

    def __str__(self) -> str:
        return f"{self.victim} {self.when}"


KILLS = tuple(Kill(victim, when) for victim in (HOST, EMULATOR) for when in (BEFORE, AFTER))


@dataclass(frozen=True)
class Case:
    """A kill at a call of a scenario."""

    scenario: Scenario
    position: Position
    kill: Kill

    def __str__(self) -> str:
        return f"{self.scenario.name} {self.position} {self.kill}"


@dataclass
class Result:
    """How a case went. Everything held where there are no `problems`."""

    case: Case
    problems: list[str] = field(default_factory=list)


def cases(recorded: Mapping[str, Sequence[Position]]) -> list[Case]:
    """Every kill at every call. All updates begin with the same refresh, which is tried once."""
    return [
        Case(scenario, position, kill)
        for scenario in SCENARIOS
        for position in recorded[scenario.name]
        if scenario.name.startswith("read") or not position.refreshes
        for kill in KILLS
    ]


def selection(every: Sequence[Case]) -> list[Case]:
    """Each kill at each operation once, in scenarios that take turns."""
    groups: dict[tuple[str, Kill], list[Case]] = defaultdict(list)
    for case in every:
        groups[case.position.operation, case.kill].append(case)
    return [group[turn % len(group)] for turn, group in enumerate(groups.values())]


def run(chosen: Sequence[Case], root: Path) -> list[Result]:
    """Try cases, four at a time."""
    waves: dict[Kill, list[Case]] = defaultdict(list)
    for case in chosen:
        waves[case.kill].append(case)
    with ExitStack() as cleanup:
        processes = _Processes(root, cleanup)
        results = [
            result
            for kill, each in waves.items()
            for start in range(0, len(each), HOST_THREADS)
            for result in processes.try_wave(kill, each[start : start + HOST_THREADS])
        ]
    said = [log.read_text(errors="replace") for host in processes.hosts for log in host.logs]
    leaked = checks.leaked(processes.tokens, said)
    assert leaked == 0, "join tokens in the output of a host"
    return results


class _Processes:
    """The emulator, a host that is never killed, and one for the next kill."""

    def __init__(self, root: Path, cleanup: ExitStack) -> None:
        self._root = root
        self._cleanup = cleanup
        self._emulator = Emulator(root / "emulator")
        cleanup.callback(self._emulator.close)
        self._threads = cleanup.enter_context(ThreadPoolExecutor(HOST_THREADS))
        self.hosts: list[Host] = []
        self.tokens: set[str] = set()
        self._steady, self._next = self._start_host(), self._start_host()

    def try_wave(self, kill: Kill, wave: Sequence[Case]) -> list[Result]:
        """Kill once, while each case waits at its call; then bring each up again."""
        admin = self._emulator.admin
        admin.reset()
        trials = [Trial(f"k{number}", case.scenario) for number, case in enumerate(wave)]
        for trial in trials:
            trial.prepare(self._steady)
        for trial, case in zip(trials, wave, strict=True):
            position = case.position
            admin.hold(
                position.operation,
                when=kill.when,
                skip=position.number,
                meeting=trial.external_id(position.part),
            )
        victim = self._next if kill.victim == HOST else self._steady
        running = [self._threads.submit(trial.run, victim) for trial in trials]
        admin.wait_all_held(len(wave), timeout=PATIENCE)
        if kill.victim == HOST:
            self._next.kill()
            self._next = self._start_host()
            admin.release(drop=kill.when == BEFORE)
        else:
            self._emulator.kill()
            self._emulator.start()
        results = [
            Result(case, [*self._problems(kill, trial, ended)])
            for case, trial, ended in zip(wave, trials, running, strict=True)
        ]
        meetings = admin.meetings()
        admin.advance(SIX_MINUTES)
        alive = {m.meeting_id for m in admin.live()}
        for trial, result in zip(trials, results, strict=True):
            result.problems += checks.not_as_declared(trial, meetings)
            if alive & {m.meeting_id for m in checks.orphaned(trial, meetings)}:
                result.problems.append("a meeting that no state has is alive after six minutes")
            self.tokens |= trial.tokens
        return results

    def _problems(self, kill: Kill, trial: Trial, running: Future[None]) -> Iterator[str]:
        error = running.exception()
        if kill.victim == HOST and not isinstance(error, Crashed):
            yield f"the update didn't notice the kill: {error}"
        if isinstance(error, StepFailed):
            yield from checks.unclear(str(error))
        if checks.leaked(trial.tokens, [str(error)]):
            yield "a join token in the error"
        known = len(checks.orphaned(trial, self._emulator.admin.meetings()))
        if known > trial.stack.unanswered_creates:
            yield f"{known} meetings that the state doesn't have"
        try:
            trial.run(self._steady)
        except (StepFailed, Crashed) as failed:
            yield f"the next update failed: {failed}"

    def _start_host(self) -> Host:
        host = Host(self._emulator.endpoint, self._root / f"host-{len(self.hosts)}")
        self.hosts.append(host)
        self._cleanup.callback(host.close)
        return host
