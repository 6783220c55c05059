"""Meetings in components: declared, previewed, read from and replaced as others are."""

from __future__ import annotations

from pathlib import Path

from support.checkout import Checkout, Run

from chime_sandbox.admin import Meeting

PROGRAM = Path(__file__).parent / "programs" / "composed.py"

IMPORTING = """
import os, pulumi
from meeting_provider import Meeting
options = pulumi.ResourceOptions(**{os.environ["OPTION"]: "00000000-0000-0000-0000-000000000000"})
Meeting("keynote", [{"external_user_id": "speaker"}], opts=options)
"""


def succeed(run: Run) -> Run:
    assert run.code == 0, run.text
    return run


def attendee_id(meeting: Meeting, external_user_id: str) -> str:
    [found] = [a for a in meeting.attendees if a.external_user_id == external_user_id]
    return found.attendee_id


def test_a_meeting_that_something_else_made_is_not_taken_over(checkout: Checkout) -> None:
    (checkout.root / "__main__.py").write_text(IMPORTING)
    succeed(checkout.pulumi("stack", "init", "dev"))
    for option in ("import_", "id"):
        run = checkout.pulumi("preview", "--stack", "dev", env={"OPTION": option})
        assert run.code != 0
        assert "meeting 'keynote': a meeting can't be imported or read by its id" in run.text
        assert "Traceback" not in run.text


def test_a_meeting_in_a_component_is_previewed_made_changed_and_removed(checkout: Checkout) -> None:
    (checkout.root / "__main__.py").write_text(PROGRAM.read_text())
    succeed(checkout.pulumi("stack", "init", "dev"))
    succeed(checkout.pulumi("preview", "--stack", "dev"))
    # With its own previews: what a program reads of an attendee isn't known in the first.
    succeed(checkout.pulumi("up", "--yes", "--stack", "dev"))
    made = {m.external_meeting_id: m for m in checkout.cloud.live()}
    assert set(made) == {"main-talk", "main-questions"}
    questions = made["main-questions"]
    assert questions.tags == {"after": made["main-talk"].meeting_id}
    # What was declared as a secret stays one in what the service answers.
    assert questions.request["MeetingHostId"] == "a-host-that-nobody-may-know"
    assert (
        "nobody-may-know" not in succeed(checkout.pulumi("stack", "export", "--stack", "dev")).out
    )
    outputs = checkout.outputs()
    assert outputs["attendees"] == {"speaker": {}, "listener": {}}
    assert outputs["attendee_ids"]["listener"] == attendee_id(questions, "listener")
    assert outputs["after"] == questions.tags

    succeed(checkout.pulumi("up", "--yes", "--stack", "dev", env={"ASKING": "somebody-else"}))
    after = {m.external_meeting_id: m for m in checkout.cloud.live()}
    assert {m.meeting_id for m in after.values()} == {m.meeting_id for m in made.values()}
    somebody = attendee_id(after["main-questions"], "somebody-else")
    assert checkout.outputs()["attendee_ids"]["somebody-else"] == somebody

    succeed(checkout.pulumi("destroy", "--yes", "--stack", "dev"))
    assert not checkout.cloud.live()
