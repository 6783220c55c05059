"""Whichever process is killed at whichever call, the next update brings about what is declared.

Driven through the provider's real host; test_cli.py kills Pulumi's CLI.
"""

from __future__ import annotations

import pytest
from faults import checks, kills
from faults.conftest import EVERYTHING, WAITS
from faults.kills import KILLS, Kill, Result
from faults.trial import Position

pytestmark = WAITS


@pytest.fixture(scope="module")
def results(
    recorded: dict[str, list[Position]],
    tables: list[list[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Result]:
    every = kills.cases(recorded)
    chosen = every if EVERYTHING else kills.selection(every)
    results = kills.run(chosen, tmp_path_factory.mktemp("kills"))
    if EVERYTHING:
        rows = ((str(r.case.kill), r.case.position.operation, not r.problems) for r in results)
        tables.append(checks.table("kills", rows))
    return results


@pytest.mark.parametrize("victim", [kills.HOST, kills.EMULATOR])
def test_every_operation_sees_a_kill(
    victim: str, results: list[Result], recorded: dict[str, list[Position]]
) -> None:
    operations = {p.operation for positions in recorded.values() for p in positions}
    assert {r.case.position.operation for r in results if r.case.kill.victim == victim} == (
        operations
    )


@pytest.mark.parametrize("kill", KILLS, ids=str)
def test_the_next_update_recovers(kill: Kill, results: list[Result]) -> None:
    problems = {str(r.case): r.problems for r in results if r.case.kill == kill}
    assert problems
    assert {case: each for case, each in problems.items() if each} == {}
