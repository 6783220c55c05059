"""A replacement inside the window of the derived token can find a meeting that the state has.

Where the run has refreshed the state, it makes another. Where not, the meeting stands in the state
twice until the engine has deleted the one that it takes for the old.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.house import House, Run
from support.windows import wait_for_room

PROGRAM = Path(__file__).parent / "programs" / "moving.py"

#: How long the runs of a test may take in all, in seconds: they have to be in one window.
ROOM = 90


@pytest.fixture
def moving(house: House) -> House:
    """A house where the meeting is up, with time left in the window."""
    (house.root / "__main__.py").write_text(PROGRAM.read_text())
    assert house.pulumi("stack", "init", "dev").code == 0
    wait_for_room(ROOM)
    assert up(house).code == 0
    return house


def up(house: House, *options: str, **settings: str) -> Run:
    return house.pulumi("up", "--yes", "--skip-preview", "--stack", "dev", *options, env=settings)


def standup(house: House) -> str:
    """The id that the stack gives out of the meeting."""
    return str(house.outputs()["meeting_ids"]["standup"])


def lives(house: House) -> dict[str, str]:
    return {m.external_meeting_id: m.meeting_id for m in house.cloud.live()}


@pytest.mark.parametrize("refresh", [True, False], ids=["refreshed", "not refreshed"])
def test_what_is_to_go_by_an_earlier_run_is_left_where_it_has_come_to_stay(
    moving: House, refresh: bool
) -> None:
    """There and back, while something else keeps the engine from deleting what was replaced."""
    how = f"--refresh={str(refresh).lower()}"
    first = standup(moving)
    moving.cloud.fault("forbidden", "CreateMeetingWithAttendees", count=99, meeting="retro")
    assert up(moving, how, REGION="eu-west-1", AFTER="1").code != 0
    second = standup(moving)
    assert up(moving, how, AFTER="1").code != 0
    third = standup(moving)
    assert (second != first, third != second, third == first) == (True, True, not refresh)
    moving.cloud.clear_faults()

    run = up(moving, how, AFTER="1")

    assert run.code == 0, run.text
    assert standup(moving) == third
    assert lives(moving).keys() == {"standup", "retro"}
    assert lives(moving)["standup"] == third
    assert up(moving, "--refresh", "--expect-no-changes", AFTER="1").code == 0


def test_a_meeting_that_is_asked_to_be_replaced_is_where_the_run_has_refreshed(
    moving: House,
) -> None:
    first, replace = standup(moving), ("--replace", "**::standup")

    for refresh in (False, True):
        run = up(moving, f"--refresh={str(refresh).lower()}", *replace)
        assert run.code == 0, run.text
        assert (standup(moving) != first) == refresh
        assert lives(moving) == {"standup": standup(moving)}

    assert up(moving, "--refresh", "--expect-no-changes").code == 0
