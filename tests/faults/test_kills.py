"""Whoever is killed at whichever call, the next run brings about what is declared."""

from __future__ import annotations

import pytest
from faults import kills
from faults.calls import Position
from faults.kills import Result


@pytest.fixture(scope="module")
def results(
    recorded: dict[str, list[Position]],
    whole: bool,
    tables: list[list[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Result]:
    every = kills.cases(recorded)
    chosen = every if whole else kills.selection(every)
    results = kills.run(chosen, tmp_path_factory.mktemp("kills"))
    if whole:
        tables.append(kills.table(results))
    return results


@pytest.mark.parametrize("victim", [kills.HOST, kills.ENGINE])
def test_every_operation_sees_a_kill(
    victim: str, results: list[Result], recorded: dict[str, list[Position]]
) -> None:
    operations = {
        p.operation for positions in recorded.values() for p in positions if not p.refreshes
    }
    seen = {r.case.position.operation for r in results if r.case.blow.victim == victim}
    assert seen == operations


def test_the_next_run_puts_right_what_a_kill_left(results: list[Result]) -> None:
    assert {r.case.name: r.problems for r in results if r.problems} == {}
