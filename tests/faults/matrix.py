"""The fault matrix: every fault at every call, each on a stack of its own, many at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from faults import checks
from faults.scenarios import SCENARIOS, Scenario
from faults.trial import Position, Trial
from support.emulator import Emulator
from support.host import HOST_THREADS, Crashed, Host, StepFailed

from chime_sandbox.admin import Sandbox

T = TypeVar("T")

#: Longer than the provider waits for an answer.
TOO_LONG = 12.0

#: More calls than meet a fault that doesn't pass.
FOR_GOOD = 10_000

#: How many cases are tried at once, at most.
BATCH_SIZE = 200

#: Longer than a meeting lives with nobody connected.
SIX_MINUTES = 360.0

SUCCESS, ERROR, EITHER = "success", "error", "either"
CREATE, BATCH_CREATE = "CreateMeetingWithAttendees", "BatchCreateAttendee"


@dataclass(frozen=True)
class Fault:
    """One way for a call to go wrong.

    :param settings: of the emulator's fault.
    :param ends_in: how an update that meets it has to end.
    :param pool: faults of one pool share host processes, whose clients learn from what they meet.
    """

    name: str
    settings: Mapping[str, Any]
    ends_in: str = SUCCESS
    pool: str = "common"


FAULTS = (
    Fault("throttle", {"kind": "throttle"}, pool="throttle"),
    Fault("500", {"kind": "failure"}),
    Fault("500 after", {"kind": "failure", "when": "after"}),
    Fault("503", {"kind": "unavailable", "seconds": 1}),
    Fault("drop before", {"kind": "drop"}),
    Fault("drop after", {"kind": "drop", "when": "after"}),
    Fault("slow before", {"kind": "delay", "seconds": TOO_LONG}, pool="slow"),
    Fault("slow after", {"kind": "delay", "when": "after", "seconds": TOO_LONG}, pool="slow"),
    Fault("limit", {"kind": "limit"}, ERROR),
    Fault("forbidden", {"kind": "forbidden"}, ERROR),
    Fault("conflict", {"kind": "conflict"}, EITHER),
    Fault("end before", {"kind": "end"}, EITHER),
    Fault("end after", {"kind": "end", "when": "after"}, EITHER),
    Fault("attendee refused once", {"code": "Throttling"}),
    Fault("attendee refused", {"code": "Forbidden"}, ERROR),
)

#: Faults that outlast all retries.
LASTING = (
    Fault("500 for good", {"kind": "failure", "count": FOR_GOOD}, ERROR, "lasting"),
    Fault(
        "503 for good", {"kind": "unavailable", "seconds": 1, "count": FOR_GOOD}, ERROR, "lasting"
    ),
    Fault("drop before for good", {"kind": "drop", "count": FOR_GOOD}, ERROR, "lasting"),
    Fault(
        "drop after for good",
        {"kind": "drop", "when": "after", "count": FOR_GOOD},
        EITHER,
        "lasting",
    ),
)

#: How many hosts a pool has. A lasting fault keeps a host's thread for two minutes.
HOSTS = {"common": 1, "throttle": 1, "slow": 2, "lasting": 3}
HOSTS_FOR_ALL = {"common": 2, "throttle": 1, "slow": 3, "lasting": 10}


@dataclass(frozen=True)
class Case:
    """A fault at a call of a scenario. `attendee` is the one that is refused, if any is."""

    scenario: Scenario
    position: Position
    fault: Fault
    attendee: str = ""

    def __str__(self) -> str:
        return f"{self.scenario.name} {self.position} {self.fault.name}"


@dataclass
class Result:
    """How a case went. Everything held where there are no `problems`."""

    case: Case
    trial: Trial = field(repr=False)
    problems: list[str] = field(default_factory=list)


def cases(recorded: Mapping[str, Sequence[Position]]) -> list[Case]:
    """Every fault at every call."""
    return [
        Case(scenario, position, fault, attendee)
        for scenario in SCENARIOS
        for position in recorded[scenario.name]
        for fault in (*FAULTS, *LASTING)
        for attendee in _attendees(scenario, position, fault)
        if _is_meaningful(scenario, position, fault)
    ]


def _attendees(scenario: Scenario, position: Position, fault: Fault) -> list[str]:
    if "code" not in fault.settings:
        return [""]
    if position.operation not in (CREATE, BATCH_CREATE):
        return []
    there = {} if position.operation == CREATE else scenario.before.get(position.part, {})
    before = {a["external_user_id"] for a in there.get("attendees", ())}
    after = (a["external_user_id"] for a in scenario.after[position.part]["attendees"])
    added = [i for i in after if i not in before]
    # The first of a create, and one of each batch: 20 are created with a meeting, then 100 each.
    if position.operation == CREATE:
        return added[:1]
    first = 0 if before else 20
    return added[first + 100 * position.number :][:1]


def _is_meaningful(scenario: Scenario, position: Position, fault: Fault) -> bool:
    # Before a create there is no meeting that could end.
    nothing_ends = fault.name == "end before" and position.operation == CREATE
    # All updates begin with the same refresh. What follows differs only where a meeting ended.
    reads = scenario.name.startswith("read") or fault.settings.get("kind") == "end"
    return not nothing_ends and (reads or not position.refreshes)


def selection(every: Sequence[Case]) -> list[Case]:
    """Each fault at each operation once, and of the lasting ones one at each operation."""
    groups: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in every:
        groups[case.fault.name, case.position.operation].append(case)
    turns = {fault.name: number for number, fault in enumerate((*FAULTS, *LASTING))}
    operations = sorted({operation for _, operation in groups})
    return [
        group[turns[fault] % len(group)]
        for (fault, operation), group in groups.items()
        if "for good" not in fault
        or LASTING[operations.index(operation) % len(LASTING)].name == fault
    ]


def run(chosen: Sequence[Case], root: Path) -> list[Result]:
    """Try cases, batch by batch."""
    hosts = HOSTS if len(chosen) <= 2 * BATCH_SIZE else HOSTS_FOR_ALL
    # What waits longest begins first, and no batch has all of it.
    ordered = sorted(chosen, key=lambda case: -list(HOSTS).index(case.fault.pool))
    count = -(-len(ordered) // BATCH_SIZE)
    tokens: set[str] = set()
    with ExitStack() as cleanup:
        emulator = Emulator(root)
        cleanup.callback(emulator.close)
        pools = {
            name: _Pool(cleanup, emulator.endpoint, root / name, number)
            for name, number in hosts.items()
            if any(case.fault.pool == name for case in chosen)
        }
        results = [
            result
            for start in range(count)
            for result in _try_batch(ordered[start::count], emulator, pools, tokens)
        ]
        said = [host.output for pool in pools.values() for host in pool.hosts]
    leaked = checks.leaked(tokens, said)
    assert leaked == 0, "join tokens in the output of a host"
    return results


class _Pool:
    """Hosts, and as many threads as they can serve."""

    def __init__(self, cleanup: ExitStack, endpoint: str, root: Path, number: int) -> None:
        self.hosts = [Host(endpoint, root / str(i)) for i in range(number)]
        for host in self.hosts:
            cleanup.callback(host.close)
        self._threads = [ThreadPoolExecutor(HOST_THREADS) for _ in self.hosts]
        self._turn = 0

    def submit(self, work: Callable[..., T], *arguments: Any) -> Future[T]:
        """Have the next host do some work."""
        self._turn = (self._turn + 1) % len(self.hosts)
        return self._threads[self._turn].submit(work, self.hosts[self._turn], *arguments)


def _try_batch(
    batch: Sequence[Case], emulator: Emulator, pools: Mapping[str, _Pool], tokens: set[str]
) -> list[Result]:
    """Try each case, take all faults away, bring each case up again, and let time pass."""
    admin = emulator.admin
    admin.reset()
    admin.settings(meetings_per_account=10_000)
    begun = [pools[c.fault.pool].submit(_break, c, f"c{i}", admin) for i, c in enumerate(batch)]
    results = [each.result() for each in begun]
    _check_met(results, admin)
    admin.clear_faults()
    for repaired in [pools[r.case.fault.pool].submit(_repair, r) for r in results]:
        repaired.result()
    meetings = admin.meetings()
    admin.advance(SIX_MINUTES)
    alive = {m.meeting_id for m in admin.live()}
    for result in results:
        result.problems += checks.not_as_declared(result.trial, meetings)
        if alive & {m.meeting_id for m in checks.orphaned(result.trial, meetings)}:
            result.problems.append("a meeting that no state has is alive after six minutes")
        tokens |= result.trial.tokens
    return results


def _break(host: Host, case: Case, name: str, admin: Sandbox) -> Result:
    """Bring the scenario up, with the fault."""
    trial = Trial(name, case.scenario)
    result = Result(case, trial)
    trial.prepare(host)
    trial.attend(admin)
    settings = case.fault.settings
    if "code" in settings:
        admin.refuse_attendees(settings["code"], external_user_ids=[trial.attendee(case.attendee)])
    else:
        position = case.position
        admin.fault(
            operation=position.operation,
            skip=position.number,
            meeting=trial.external_id(position.part),
            **settings,
        )
    error = ""
    try:
        trial.run(host)
    except StepFailed as failed:
        error = str(failed)
    except Crashed as failed:
        result.problems.append(f"the host gave no answer: {failed}")
    result.problems += _problems(result, error, admin)
    # The others take their time.
    trial.attend(admin)
    return result


def _problems(result: Result, error: str, admin: Sandbox) -> Iterator[str]:
    case, trial = result.case, result.trial
    ended_in = ERROR if error else SUCCESS
    if case.fault.ends_in not in (EITHER, ended_in):
        yield f"the update ended in {ended_in}: {error}"
    if error:
        yield from checks.unclear(error)
    if checks.leaked(trial.tokens, [error]):
        yield "a join token in the error"
    # A create that fails removes what it made, unless it never learned of it.
    unknown = trial.stack.unanswered_creates if case.position.operation == CREATE else 0
    if len(checks.orphaned(trial, admin.meetings())) > unknown:
        yield "the update left a meeting that the state doesn't have"


def _check_met(results: Sequence[Result], admin: Sandbox) -> None:
    pending = admin.pending_faults()
    unmet = {f["meeting"] for f in pending["calls"] if f["count"] in (1, FOR_GOOD)}
    unmet |= {i for f in pending["attendees"] for i in f["external_user_ids"]}
    for result in results:
        trial, case = result.trial, result.case
        if unmet & {trial.external_id(case.position.part), trial.attendee(case.attendee)}:
            result.problems.append("the fault was never met")


def _repair(host: Host, result: Result) -> None:
    """Bring the scenario up again, without a fault."""
    try:
        result.trial.run(host)
    except (StepFailed, Crashed) as failed:
        result.problems.append(f"the next update failed: {failed}")
