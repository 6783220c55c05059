"""One schedule in many stacks: each meeting is in exactly one of them."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.checkout import ROOT, Checkout

SCHEDULE = """\
events:
  - name: keynote
    tags: {room: main-hall}
    attendees: [{external_user_id: speaker-1}]
  - name: closing
    tags: {room: main-hall}
    attendees: [{external_user_id: speaker-1}]
  - name: demo
    tags: {room: expo}
    attendees: [{external_user_id: speaker-2}]
  - name: lounge
    attendees: [{external_user_id: host-1}]
  - name: quiet-room
    attendees: [{external_user_id: host-2}]
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout with a schedule of its own."""
    built = Checkout.build(tmp_path_factory.mktemp("scaling") / "checkout")
    built.schedule = SCHEDULE
    # A program's settings are written beside it: not beside the one that everybody shares.
    (built.root / "examples").unlink()
    shutil.copytree(ROOT / "examples", built.root / "examples")
    yield built
    built.close()


def commands() -> str:
    """The first commands of the page."""
    found = re.search(r"```sh\n(.*?)```", (ROOT / "docs" / "scaling.md").read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_split_schedule_comes_up_in_its_stacks(checkout: Checkout) -> None:
    run = checkout.run(
        *(sys.executable, "-m", "chime_sandbox", "run", "--", "bash", "-eo", "pipefail", "-c"),
        f"export AWS_REGION=us-east-1\n{commands()}",
        timeout=600,
    )
    assert run.code == 0, run.text
    placed = {stack: ids(checkout, stack) for stack in stacks(checkout)}
    assert placed["main-hall"].keys() == {"keynote", "closing"}
    assert placed["track-1"] == placed["track-2"] == {}
    assert placed["others-1"].keys() | placed["others-2"].keys() == {"demo", "lounge", "quiet-room"}
    together = [each for part in placed.values() for each in part.items()]
    # The first may have ended while the last came up.
    created = [(m.external_meeting_id, m.meeting_id) for m in checkout.cloud.meetings()]
    assert len(created) == 5
    assert sorted(together) == sorted(created)


def test_a_stack_that_the_rule_does_not_know_is_refused(checkout: Checkout) -> None:
    program = Path("examples") / "tracks"
    made = checkout.pulumi("-C", str(program), "stack", "init", "track-9")
    assert made.code == 0, made.text
    run = checkout.pulumi("-C", str(program), "up", "--yes", "--stack", "track-9")
    assert run.code != 0
    assert "no part of the schedule is in the stack track-9" in run.text


def stacks(checkout: Checkout) -> list[str]:
    run = checkout.run(sys.executable, "examples/tracks/split.py")
    assert run.code == 0, run.text
    return run.out.split()


def ids(checkout: Checkout, stack: str) -> dict[str, str]:
    run = checkout.pulumi("-C", "examples/tracks", "stack", "output", "--json", "--stack", stack)
    assert run.code == 0, run.text
    found: dict[str, str] = json.loads(run.out)["meeting_ids"]
    return found
