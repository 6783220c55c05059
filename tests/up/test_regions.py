"""In which region a meeting is created, and what happens to an AWS provider among the options."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.house import House, Run

PROGRAM = Path(__file__).parent / "programs" / "regions.py"


def up(house: House, case: str) -> Run:
    """Bring up the program's case; the stack's own region is us-east-1."""
    (house.root / "__main__.py").write_text(PROGRAM.read_text())
    assert house.pulumi("stack", "init", "dev").code == 0
    return house.pulumi("up", "--yes", "--skip-preview", "--stack", "dev", env={"CASE": case})


@pytest.mark.parametrize(
    ("case", "region"),
    [
        ("declared", "eu-central-1"),
        ("inherited and declared", "eu-central-1"),
        ("of a host of its own", "us-east-1"),
        ("told there", "eu-central-1"),
    ],
)
def test_the_declared_region_wins_over_the_stacks(house: House, case: str, region: str) -> None:
    run = up(house, case)
    assert run.code == 0, run.text
    [meeting] = house.cloud.live()
    assert meeting.region == region


@pytest.mark.parametrize(
    ("case", "error"),
    [
        (
            "given",
            "meeting 'keynote': a Meeting doesn't use an AWS provider; give its control_region",
        ),
        ("inherited", "meeting 'keynote': its parent has an AWS provider, which a Meeting doesn't"),
        (
            "told elsewhere",
            "'told': its AWS provider is of eu-central-1, and the meetings' control",
        ),
    ],
)
def test_a_provider_that_would_be_ignored_is_an_error(house: House, case: str, error: str) -> None:
    run = up(house, case)
    assert run.code != 0
    assert error in run.text
    assert house.cloud.live() == []
    assert house.cloud.writes() == []
    assert "Topic" not in run.text
