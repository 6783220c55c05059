"""Meetings in components: declared, previewed, read from and made anew as others are."""

from __future__ import annotations

from pathlib import Path

from support.house import House, Run

from sandbox.admin import Meeting

PROGRAM = Path(__file__).parent / "programs" / "composed.py"


def succeed(run: Run) -> Run:
    assert run.code == 0, run.text
    return run


def attendee_id(meeting: Meeting, external_user_id: str) -> str:
    [found] = [a for a in meeting.attendees if a.external_user_id == external_user_id]
    return found.attendee_id


def test_a_meeting_in_a_component_is_previewed_made_changed_and_removed(house: House) -> None:
    (house.root / "__main__.py").write_text(PROGRAM.read_text())
    succeed(house.pulumi("stack", "init", "dev"))
    succeed(house.pulumi("preview", "--stack", "dev"))
    # With its own previews: what a program reads of an attendee isn't known in the first.
    succeed(house.pulumi("up", "--yes", "--stack", "dev"))
    made = {m.external_meeting_id: m for m in house.cloud.live()}
    assert set(made) == {"main-talk", "main-questions"}
    questions = made["main-questions"]
    assert questions.tags == {"after": made["main-talk"].meeting_id}
    outputs = house.outputs()
    assert outputs["last_attendee_id"] == attendee_id(questions, "listener")
    assert outputs["may"] == "SendReceive"
    assert outputs["after"] == questions.tags

    succeed(house.pulumi("up", "--yes", "--stack", "dev", env={"ASKING": "somebody-else"}))
    after = {m.external_meeting_id: m for m in house.cloud.live()}
    assert {m.meeting_id for m in after.values()} == {m.meeting_id for m in made.values()}
    somebody = attendee_id(after["main-questions"], "somebody-else")
    assert house.outputs()["last_attendee_id"] == somebody

    succeed(house.pulumi("destroy", "--yes", "--stack", "dev"))
    assert not house.cloud.live()
