"""What others changed in meetings: the preview shows it, and the next `up` repairs it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from support.checkout import Checkout, Run

from chime_sandbox.admin import Call, Meeting

PROGRAM = Path(__file__).parent / "programs" / "drift.py"
EVERYTHING = {"Audio": "SendReceive", "Video": "SendReceive", "Content": "SendReceive"}
LISTENING = {"Audio": "Receive", "Video": "Receive", "Content": "Receive"}
DECLARED = {"speaker": EVERYTHING, "host": EVERYTHING, "viewer": LISTENING}
DRIFTED = {"speaker": EVERYTHING, "viewer": EVERYTHING, "stranger": EVERYTHING}


@dataclass(frozen=True)
class Repaired:
    """A stack whose meetings others changed, and what was run on it then."""

    before: dict[str, Meeting]
    tokens_before: dict[str, dict[str, str]]
    preview: Run
    writes: list[Call]
    after: dict[str, Meeting]
    tokens_after: dict[str, dict[str, str]]
    second: list[Call]


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repaired]:
    with closing(Checkout.build(tmp_path_factory.mktemp("drift") / "checkout")) as checkout:
        (checkout.root / "__main__.py").write_text(PROGRAM.read_text())
        succeed(checkout.pulumi("stack", "init", "dev"))
        up(checkout)
        before, tokens_before = meetings(checkout), digests(checkout)
        for meeting in before.values():
            drift(checkout, meeting)
        preview = succeed(checkout.pulumi("preview", "--diff", "--stack", "dev"))
        checkout.cloud.clear_requests()
        up(checkout)
        writes = checkout.cloud.writes()
        checkout.cloud.clear_requests()
        after, tokens_after = meetings(checkout), digests(checkout)
        up(checkout)
        yield Repaired(
            before, tokens_before, preview, writes, after, tokens_after, checkout.cloud.writes()
        )


def up(checkout: Checkout) -> None:
    succeed(checkout.pulumi("up", "--yes", "--skip-preview", "--stack", "dev"))


def succeed(run: Run) -> Run:
    assert run.code == 0, run.text
    return run


def meetings(checkout: Checkout) -> dict[str, Meeting]:
    return {m.external_meeting_id: m for m in checkout.cloud.live()}


def digests(checkout: Checkout) -> dict[str, dict[str, str]]:
    """The attendees' tokens by meeting: not the tokens themselves, for a message may show them."""
    return {
        meeting: {who: hashlib.sha256(t.encode()).hexdigest() for who, t in tokens.items()}
        for meeting, tokens in checkout.outputs()["join_tokens"].items()
    }


def drift(checkout: Checkout, meeting: Meeting) -> None:
    """Remove the host, let the viewer speak, add a stranger, and change, add and remove tags."""
    client = boto3.client(
        "chime-sdk-meetings",
        region_name="us-east-1",
        endpoint_url=checkout.cloud.endpoint,
        aws_access_key_id="by-hand",
        aws_secret_access_key="by-hand",
    )
    ids = {a.external_user_id: a.attendee_id for a in meeting.attendees}
    where: Any = {"MeetingId": meeting.meeting_id}
    client.delete_attendee(**where, AttendeeId=ids["host"])
    client.update_attendee_capabilities(**where, AttendeeId=ids["viewer"], Capabilities=EVERYTHING)
    client.create_attendee(**where, ExternalUserId="stranger")
    client.tag_resource(
        ResourceARN=meeting.arn,
        Tags=[{"Key": "room", "Value": "attic"}, {"Key": "seen-by", "Value": "somebody"}],
    )
    client.untag_resource(ResourceARN=meeting.arn, TagKeys=["track"])


def capabilities(meeting: Meeting) -> dict[str, dict[str, str]]:
    return {a.external_user_id: a.capabilities for a in meeting.attendees}


def part(run: Run, name: str) -> str:
    """How a preview's diff says that one meeting is repaired."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", run.out)
    parts = re.split(r"\n(?= {0,8}[~+-]{1,2} pulumi-python:)", text)
    return next((p for p in parts if f"::{name}]" in p and "(refresh)" not in p), "")


def test_the_preview_shows_what_others_changed(repaired: Repaired) -> None:
    shown = part(repaired.preview, "as-declared")
    for gone in ("stranger", "attic", "seen-by"):
        assert re.search(rf"- .*{gone}|~ .*{gone}", shown), shown
    for restored in ("host", "track"):
        assert re.search(rf"\+ .*{restored}|~ .*{restored}", shown), shown
    assert re.search(r'"SendReceive" => "Receive"', shown), shown


def test_attendees_capabilities_and_tags_are_as_declared_again(repaired: Repaired) -> None:
    meeting = repaired.after["as-declared"]
    assert meeting.meeting_id == repaired.before["as-declared"].meeting_id
    assert capabilities(meeting) == DECLARED
    assert meeting.tags == {"room": "main", "track": "one"}


def test_attendees_that_stayed_keep_their_tokens_and_one_that_comes_back_has_one(
    repaired: Repaired,
) -> None:
    for name in ("as-declared", "open-day"):
        before, after = repaired.tokens_before[name], repaired.tokens_after[name]
        assert after.keys() == DECLARED.keys()
        assert {who: after[who] for who in ("speaker", "viewer")} == {
            who: before[who] for who in ("speaker", "viewer")
        }
        assert after["host"] != before["host"]


def test_ignore_changes_leaves_the_attendees_as_they_are(repaired: Repaired) -> None:
    meeting = repaired.after["left-alone"]
    assert capabilities(meeting) == DRIFTED
    assert meeting.tags == {"room": "main", "track": "one"}
    assert repaired.tokens_after["left-alone"].keys() == DRIFTED.keys()


def test_ignore_undeclared_attendees_leaves_undeclared_attendees_alone(repaired: Repaired) -> None:
    meeting = repaired.after["open-day"]
    assert capabilities(meeting) == DECLARED | {"stranger": EVERYTHING}
    assert meeting.tags == {"room": "main", "track": "one"}
    assert "stranger" not in part(repaired.preview, "open-day")


def test_no_more_calls_are_made_than_the_repair_needs(repaired: Repaired) -> None:
    repaired_ids = {name: m.meeting_id for name, m in repaired.before.items()}
    calls = {
        name: sorted(c.operation for c in repaired.writes if c.meeting_id == meeting_id)
        for name, meeting_id in repaired_ids.items()
    }
    tags = ["TagResource", "UntagResource"]
    there = ["BatchCreateAttendee", *tags, "UpdateAttendeeCapabilities"]
    assert calls == {
        "as-declared": sorted(["DeleteAttendee", *there]),
        "left-alone": tags,
        "open-day": there,
    }
    assert repaired.second == []
