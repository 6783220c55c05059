"""The schedule comes up, changes and goes, as somebody at a terminal sees it."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from support.checkout import Checkout, Run
from support.template import Template

from chime_sandbox import emulator
from chime_sandbox.pulumi import cli
from meeting_provider import schedule

SMALL = """\
events:
  - name: keynote
    media_region: us-east-1
    tags: {room: main}
    attendees:
      - {external_user_id: speaker-1, tags: {role: speaker}}
      - {external_user_id: host-1}
      - external_user_id: viewer-1
        capabilities: {audio: Receive, video: Receive, content: Receive}
  - name: workshop
    media_region: eu-central-1
    attendees:
      - {external_user_id: speaker-2}
      - {external_user_id: viewer-1}
  - name: panel
    attendees:
      - {external_user_id: speaker-1}
      - {external_user_id: speaker-2}
"""


#: What a stack of the schedule has beside its meetings: the stack itself, MeetingNotifications and
#: its topic, two queues and two policies.
BESIDE = 7

#: Runs a command in the checkout's sandbox.
RUN = (sys.executable, "-m", "chime_sandbox", "run", "--")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    """A checkout whose schedule is up, join desk and all, for each test."""

    def furnish(checkout: Checkout) -> None:
        checkout.schedule = SMALL
        up(checkout)

    made = Template(tmp_path_factory.mktemp("small"), furnish)
    yield made
    made.close()


@pytest.fixture
def small(template: Template) -> Checkout:
    """A checkout whose schedule, a small one, is up."""
    return template.checkout()


@pytest.fixture
def meetings(small: Checkout) -> Checkout:
    """The same, for what is about the meetings alone."""
    small.leave_desk()
    return small


def up(checkout: Checkout) -> Run:
    run = checkout.make("up")
    assert run.code == 0, run.text
    return run


def counts(run: Run) -> dict[str, int]:
    """The numbers under `Resources:`, of the meetings' stack; the join desk's has its own."""
    parts = run.out.split("Resources:")
    # `make down` takes the join desk's stack away first; what is short names no stack.
    named = [after for before, after in pairwise(parts) if "Stack meetings-dev" in before]
    summary = (named or parts[1:])[0]
    found = {}
    for line in summary.partition("Duration:")[0].splitlines():
        words = line.replace("+-", "+- ").split()
        numbers = [w for w in words if w.isdigit()]
        if numbers and words[-1].isalpha():
            found[words[-1]] = int(numbers[-1])
    return found


def writes(checkout: Checkout) -> Counter[str]:
    return Counter(c.operation for c in checkout.cloud.writes())


def secret_strings(checkout: Checkout) -> list[str]:
    """Every join token of the stack."""
    return [t for tokens in checkout.join_tokens().values() for t in tokens.values()]


def test_a_conference_day_comes_up_and_stays_as_it_is(checkout: Checkout) -> None:
    first = up(checkout)
    events = schedule.load(checkout.root / "schedule.yaml")
    names = [event.name for event in events]
    assert len(names) in (15, 16)
    assert all(f"{name} created" in first.out for name in names)
    assert checkout.make("outputs").out.count("[secret]") >= 2
    live = {m.external_meeting_id: m for m in checkout.cloud.live()}
    assert {n: set(m.external_user_ids) for n, m in live.items()} == {
        e.name: {a["external_user_id"] for a in e.arguments["attendees"]} for e in events
    }
    assert checkout.outputs()["events"]["opening-keynote"]["title"] == "Opening keynote"
    checkout.cloud.clear_requests()

    second = up(checkout)
    assert counts(second) == {"unchanged": len(names) + BESIDE}
    assert writes(checkout) == {}


def test_joining_and_leaving_attendees_change_a_meeting_in_place(meetings: Checkout) -> None:
    before = meetings.outputs()
    meetings.cloud.clear_requests()
    meetings.schedule = SMALL.replace(
        "      - {external_user_id: host-1}\n", "      - {external_user_id: host-2}\n"
    )

    run = up(meetings)

    assert counts(run) == {"updated": 1, "unchanged": 2 + BESIDE}
    assert writes(meetings) == {"BatchCreateAttendee": 1, "DeleteAttendee": 1}
    after = meetings.outputs()
    assert after["meeting_ids"] == before["meeting_ids"]
    kept = before["join_data"]["keynote"]["Attendees"].keys() - {"host-1"}
    assert after["join_data"]["keynote"]["Attendees"].keys() == {"speaker-1", "viewer-1", "host-2"}
    for who in kept:
        assert attendee(after, "keynote", who) == attendee(before, "keynote", who)


def test_preview_and_up_show_little_more_than_the_attendee_who_is_taken_out(
    small: Checkout,
) -> None:
    small.schedule = SMALL.replace("      - {external_user_id: host-1}\n", "")

    preview, done = small.make("preview"), up(small)

    assert "- host-1" in preview.out
    assert "- host-1" in done.out
    assert "/keynote/host-1" in done.out
    assert "speaker-1" not in preview.out
    assert len(preview.text.splitlines()) < 40
    assert len(done.text.splitlines()) < 40


def attendee(outputs: dict[str, Any], meeting: str, who: str) -> tuple[str, str]:
    """The id and the token of an attendee. Never for a message: it holds a credential."""
    found = outputs["join_data"][meeting]["Attendees"][who]
    return found["AttendeeId"], found["JoinToken"]


def test_another_media_region_makes_the_new_meeting_before_the_old_one_goes(
    meetings: Checkout,
) -> None:
    before = meetings.outputs()["meeting_ids"]
    meetings.cloud.clear_requests()
    meetings.schedule = SMALL.replace("media_region: eu-central-1", "media_region: eu-west-1")

    run = up(meetings)

    assert counts(run)["replaced"] == 1
    assert counts(run)["unchanged"] == 2 + BESIDE
    assert [c.operation for c in meetings.cloud.writes()] == [
        "CreateMeetingWithAttendees",
        "DeleteMeeting",
    ]
    after = meetings.outputs()["meeting_ids"]
    assert after.keys() == before.keys()
    assert {n for n in after if after[n] != before[n]} == {"workshop"}


def test_a_session_that_is_taken_out_is_ended(small: Checkout) -> None:
    small.cloud.clear_requests()
    small.schedule = SMALL[: SMALL.index("  - name: panel")]

    run = up(small)

    assert counts(run) == {"deleted": 1, "unchanged": 2 + BESIDE}
    assert writes(small) == {"DeleteMeeting": 1}
    assert {m.external_meeting_id for m in small.cloud.live()} == {"keynote", "workshop"}


def test_only_meetings_that_ended_get_successors(meetings: Checkout) -> None:
    before = meetings.outputs()["meeting_ids"]
    keynote = next(m for m in meetings.cloud.live() if m.external_meeting_id == "keynote")
    meetings.cloud.join(keynote.meeting_id, keynote.attendees[0].attendee_id)
    meetings.cloud.advance(360)

    run = up(meetings)

    assert counts(run) == {"created": 2, "unchanged": 1 + BESIDE}
    after = meetings.outputs()["meeting_ids"]
    assert {n for n in after if after[n] != before[n]} == {"workshop", "panel"}
    assert len(meetings.cloud.live()) == 3


def test_six_faults_in_a_schedule_are_named_at_once_and_nothing_happens(meetings: Checkout) -> None:
    state = json.loads(meetings.state_file.read_text())["checkpoint"]["latest"]["resources"]
    meetings.cloud.clear_requests()
    meetings.schedule = f"""\
events:
  - name: keynote
    media_region: mars-north-1
    attendees:
      - external_user_id: {"x" * 65}
      - external_user_id: "what?"
      - external_user_id: ann
      - external_user_id: ann
      - external_user_id: bob
        capabilities: {{audio: Send, video: Send, content: SendReceive}}
      - external_user_id: cat
        capabilites: {{}}
"""

    run = meetings.make("up")

    assert run.code != 0
    place = "events[0].attendees"
    for line, path, fault in (
        (3, "events[0].media_region", "'mars-north-1' is not one of"),
        (5, f"{place}[0].external_user_id", "65 characters; at most 64"),
        (6, f"{place}[1].external_user_id", "'?'"),
        (8, f"{place}[3].external_user_id", "'ann' is declared twice"),
        (10, f"{place}[4].capabilities.content", "needs video to be SendReceive or Receive"),
        (12, f"{place}[5].capabilites", "did you mean 'capabilities'"),
    ):
        said = next(x for x in run.text.splitlines() if f"schedule.yaml:{line}: {path}: " in x)
        assert fault in said
    assert "Traceback" not in run.text
    assert [c for c in meetings.cloud.requests() if c.is_write] == []
    after = json.loads(meetings.state_file.read_text())["checkpoint"]["latest"]["resources"]
    # Pulumi may write the same resources in another order.
    assert Counter((r["urn"], r.get("id")) for r in after) == Counter(
        (r["urn"], r.get("id")) for r in state
    )


def test_no_join_token_is_ever_in_plain_text(checkout: Checkout) -> None:
    checkout.schedule = SMALL
    runs = [up(checkout), up(checkout), checkout.make("preview"), checkout.make("outputs")]
    tokens = secret_strings(checkout)
    assert len(tokens) == 7
    files = [p for p in checkout.root.rglob("*") if p.is_file() and is_kept(checkout, str(p))]
    assert checkout.state_file in files
    said = [r.text for r in runs] + [p.read_text(errors="replace") for p in files]
    leaks = sum(token in text for token in tokens for text in said)
    assert leaks == 0


def is_kept(checkout: Checkout, path: str) -> bool:
    """Whether a file is of the run: not the code, and not the service's own memory."""
    inside = path.removeprefix(f"{checkout.root}/")
    return not inside.startswith(
        (".venv", "examples", "meeting_provider", "sandbox/", ".sandbox/cloud")
    )


def test_dev_stays_in_the_sandbox_in_a_shell_that_is_set_up_for_an_account(
    meetings: Checkout,
) -> None:
    """As the shell is in which docs/gitops.md creates the stack `live`."""
    account = {
        "PULUMI_BACKEND_URL": "file:///nowhere",
        "PULUMI_CONFIG_PASSPHRASE": "of the team",
        "PULUMI_CONFIG_PASSPHRASE_FILE": "/nowhere",
    }

    run = meetings.make("up", env=account)

    assert run.code == 0, run.text
    assert counts(run) == {"unchanged": 3 + BESIDE}


def test_ending_the_meetings_of_another_stack_leaves_the_sandbox_running(small: Checkout) -> None:
    for folder in (".", "stacks/join_desk"):
        made = small.pulumi("-C", folder, "stack", "init", "live")
        assert made.code == 0, made.text

    run = small.run(*RUN, "make", "down", "STACK=live")

    assert run.code == 0, run.text
    assert len(small.cloud.live()) == 3


def test_the_watcher_of_another_stack_runs_the_cli_that_is_named(small: Checkout) -> None:
    show = "import json, os; print(json.dumps(dict(os.environ)))"
    variables = json.loads(small.run(*RUN, sys.executable, "-c", show).out)
    folders = variables["PATH"].split(os.pathsep)
    without = [f for f in folders if not os.access(f"{f}/pulumi", os.X_OK)]
    variables["PATH"] = os.pathsep.join(without)

    run = small.run("make", "watch", "STACK=live", f"PULUMI={cli.find().path}", env=variables)

    assert "no stack named 'live' found" in run.text


def test_the_second_look_at_what_is_down_finds_nothing(small: Checkout) -> None:
    endpoint = small.cloud
    assert len(endpoint.live()) == 3

    run = small.make("down")

    assert run.code == 0, run.text
    assert counts(run) == {"deleted": 3 + BESIDE}
    assert not emulator.is_locked(small.root / ".sandbox" / "endpoint")
