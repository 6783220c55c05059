"""Whatever goes wrong with a call, the update ends well or says what to do, and the next recovers.

Driven through the provider's real host, without Pulumi's CLI.
"""

from __future__ import annotations

import pytest
from faults import checks, matrix
from faults.conftest import EVERYTHING, WAITS
from faults.matrix import FAULTS, LASTING, Result
from faults.trial import Position

NAMES = [fault.name for fault in (*FAULTS, *LASTING)]


pytestmark = WAITS


@pytest.fixture(scope="module")
def results(
    recorded: dict[str, list[Position]],
    tables: list[list[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Result]:
    every = matrix.cases(recorded)
    chosen = every if EVERYTHING else matrix.selection(every)
    results = matrix.run(chosen, tmp_path_factory.mktemp("faults"))
    if EVERYTHING:
        rows = ((r.case.fault.name, r.case.position.operation, not r.problems) for r in results)
        tables.append(checks.table("faults", rows))
    return results


def test_every_operation_meets_every_fault(
    results: list[Result], recorded: dict[str, list[Position]]
) -> None:
    operations = {p.operation for positions in recorded.values() for p in positions}
    met = {(r.case.position.operation, r.case.fault.name) for r in results}
    missing = {(o, f.name) for o in operations for f in FAULTS if "code" not in f.settings} - met
    assert missing == {(matrix.CREATE, "end before")}
    assert {o for o, name in met if name in {f.name for f in LASTING}} == operations


@pytest.mark.parametrize("fault", NAMES)
def test_an_update_succeeds_or_fails_clearly_and_the_next_one_recovers(
    fault: str, results: list[Result]
) -> None:
    problems = {str(r.case): r.problems for r in results if r.case.fault.name == fault}
    assert problems
    assert {case: each for case, each in problems.items() if each} == {}
