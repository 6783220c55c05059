"""Whatever goes wrong with a call, a run ends well or says what to do, and the next one heals."""

from __future__ import annotations

import pytest
from faults import matrix
from faults.calls import Position
from faults.matrix import FAULTS, Result


@pytest.fixture(scope="module")
def results(
    recorded: dict[str, list[Position]],
    whole: bool,
    tables: list[list[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Result]:
    every = matrix.cases(recorded)
    chosen = every if whole else matrix.selection(every)
    results = matrix.run(chosen, tmp_path_factory.mktemp("faults"))
    if whole:
        tables.append(matrix.table(results))
    return results


def test_every_operation_meets_every_fault(
    results: list[Result], recorded: dict[str, list[Position]]
) -> None:
    operations = {p.operation for positions in recorded.values() for p in positions}
    met = {(r.case.position.operation, r.case.fault.name) for r in results}
    missing = {(o, f.name) for o in operations for f in FAULTS} - met
    assert missing == {("CreateMeetingWithAttendees", "end before")}


@pytest.mark.parametrize("fault", [fault.name for fault in FAULTS])
def test_a_run_ends_in_success_or_one_clean_error_and_the_next_one_heals(
    fault: str, results: list[Result]
) -> None:
    problems = {r.case.name: r.problems for r in results if r.case.fault.name == fault}
    assert problems
    assert {name: each for name, each in problems.items() if each} == {}
