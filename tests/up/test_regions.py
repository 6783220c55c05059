"""In which region a meeting is created, and what happens to an AWS provider among the options."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.checkout import Checkout, Run

PROGRAM = Path(__file__).parent / "programs" / "regions.py"


def up(checkout: Checkout, case: str) -> Run:
    """Bring up the program's case; the stack's own region is us-east-1."""
    (checkout.root / "__main__.py").write_text(PROGRAM.read_text())
    assert checkout.pulumi("stack", "init", "dev").code == 0
    return checkout.pulumi("up", "--yes", "--skip-preview", "--stack", "dev", env={"CASE": case})


@pytest.mark.parametrize(
    ("case", "region"),
    [
        ("declared", "eu-central-1"),
        ("inherited and declared", "eu-central-1"),
        ("of a host of its own", "us-east-1"),
        ("notified there", "eu-central-1"),
    ],
)
def test_the_declared_region_wins_over_the_stacks(
    checkout: Checkout, case: str, region: str
) -> None:
    run = up(checkout, case)
    assert run.code == 0, run.text
    [meeting] = checkout.cloud.live()
    assert meeting.region == region


@pytest.mark.parametrize(
    ("case", "error"),
    [
        (
            "given",
            "meeting 'keynote': a Meeting doesn't use an AWS provider; give its control_region",
        ),
        (
            "a recording's",
            "recording 'keynote': a Recording doesn't use an AWS provider; give its control_region",
        ),
        ("inherited", "meeting 'keynote': its parent has an AWS provider, which a Meeting doesn't"),
        (
            "notified elsewhere",
            "'notified': its AWS provider is of eu-central-1, and the meetings' control",
        ),
    ],
)
def test_a_provider_that_would_be_ignored_is_an_error(
    checkout: Checkout, case: str, error: str
) -> None:
    run = up(checkout, case)
    assert run.code != 0
    assert error in run.text
    assert checkout.cloud.live() == []
    assert checkout.cloud.writes() == []
    assert "Topic" not in run.text
