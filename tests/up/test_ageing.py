"""A state that the first version of the format wrote loads, refreshes and updates to this day.

`data/state-v1.json` is that state, a `stack export` with the passphrase `sandbox`; with it stands
the programme that it came from. Neither ever changes: what no longer reads them is at fault.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from support.house import House, Run

from sandbox.admin import Meeting
from sandbox.chime import models
from sandbox.store import Store

DATA = Path(__file__).parent / "data"
PROGRAM = Path(__file__).parent / "programs" / "programme.py"
CONSUMER = Path(__file__).parent / "programs" / "consumer.py"
STATE = DATA / "state-v1.json"
NAMES = {"keynote", "workshop", "panel"}


@pytest.fixture
def aged(house: House) -> House:
    """A house of today with the state of then."""
    (house.root / "__main__.py").write_text(PROGRAM.read_text())
    house.programme = (DATA / "programme-v1.yaml").read_text()
    succeed(house.pulumi("stack", "init", "dev"))
    succeed(house.pulumi("stack", "import", "--stack", "dev", "--file", str(STATE)))
    return house


def test_its_meetings_that_are_gone_get_successors(aged: House) -> None:
    before = aged.outputs()["meeting_ids"]
    assert before.keys() == NAMES

    up(aged)

    after = aged.outputs()["meeting_ids"]
    assert after.keys() == NAMES
    assert not set(after.values()) & set(before.values())
    assert {m.external_meeting_id: m.meeting_id for m in aged.cloud.live()} == after
    assert [c.operation for c in aged.cloud.writes()] == ["CreateMeetingWithAttendees"] * 3


def test_its_meetings_that_live_are_found_as_they_are(aged: House) -> None:
    revive(aged)
    before = ids(aged), digests(aged)

    up(aged)

    assert (ids(aged), digests(aged)) == before
    assert aged.cloud.writes() == []
    assert {m.external_meeting_id: m.meeting_id for m in aged.cloud.live()} == before[0]


def test_what_takes_their_join_information_is_previewed_as_it_is(aged: House) -> None:
    """Before the first refresh, where the state is of then, and after it."""
    revive(aged)
    before = digests(aged)
    (aged.root / "__main__.py").write_text(CONSUMER.read_text())
    for refresh in ("--refresh=false", "--refresh"):
        command = ("--stack", "dev", refresh)
        succeed(aged.pulumi("up", "--yes", "--skip-preview", *command))
        succeed(aged.pulumi("preview", "--diff", "--expect-no-changes", *command))
        assert joining(aged) == before
    assert aged.cloud.writes() == []


def test_its_meetings_that_live_change_in_place(aged: House) -> None:
    revive(aged)
    before = ids(aged), digests(aged)
    aged.programme = aged.programme.replace("host-1", "host-2").replace("main", "annex")

    up(aged)

    assert ids(aged) == before[0]
    tokens = digests(aged)
    assert tokens["keynote"].keys() == {"speaker-1", "host-2", "viewer-1"}
    for who in ("speaker-1", "viewer-1"):
        assert tokens["keynote"][who] == before[1]["keynote"][who]
    assert {n: tokens[n] for n in ("workshop", "panel")} == {
        n: before[1][n] for n in ("workshop", "panel")
    }
    keynote = live(aged)["keynote"]
    assert keynote.external_user_ids == ["host-2", "speaker-1", "viewer-1"]
    assert keynote.tags == {"room": "annex"}
    assert sorted(c.operation for c in aged.cloud.writes()) == [
        "BatchCreateAttendee",
        "DeleteAttendee",
        "TagResource",
    ]


def test_its_meetings_that_live_are_ended_with_the_stack(aged: House) -> None:
    revive(aged)
    succeed(aged.pulumi("destroy", "--yes", "--skip-preview", "--stack", "dev"))
    assert aged.cloud.live() == []
    assert [c.operation for c in aged.cloud.writes()] == ["DeleteMeeting"] * 3


def succeed(run: Run) -> Run:
    assert run.code == 0, run.text
    return run


def up(house: House) -> None:
    house.cloud.clear_journal()
    succeed(house.pulumi("up", "--yes", "--skip-preview", "--stack", "dev"))


def live(house: House) -> dict[str, Meeting]:
    return {m.external_meeting_id: m for m in house.cloud.live()}


def ids(house: House) -> dict[str, str]:
    found: dict[str, str] = house.outputs()["meeting_ids"]
    return found


def digests(house: House) -> dict[str, dict[str, str]]:
    """The attendees' tokens by meeting: not the tokens themselves, for a message may show them."""
    return {
        meeting: {who: hashlib.sha256(t.encode()).hexdigest() for who, t in tokens.items()}
        for meeting, tokens in house.outputs()["join_tokens"].items()
    }


def joining(house: House) -> dict[str, dict[str, str]]:
    """As `digests`, of the tokens that people join with."""
    return {
        meeting: {
            who: hashlib.sha256(each["Attendee"]["JoinToken"].encode()).hexdigest()
            for who, each in info.items()
        }
        for meeting, info in house.outputs()["join_info"].items()
    }


def revive(house: House) -> None:
    """Let the emulated service have the meetings of the state, as if they had just been made."""
    run = succeed(house.pulumi("stack", "export", "--show-secrets", "--stack", "dev"))
    resources = json.loads(run.out)["deployment"]["resources"]
    meetings = [_meeting(r["outputs"]) for r in resources if r["type"].endswith(":Meeting")]
    assert {m.request["ExternalMeetingId"] for m in meetings} == NAMES
    house.close()
    store = Store(house.root / ".sandbox" / "cloud")
    store.save("meeting", {m.meeting_id: json.dumps(m, default=vars).encode() for m in meetings})
    store.close()
    succeed(house.pulumi("stack", "ls"))
    assert live(house).keys() == NAMES


def _meeting(outputs: dict[str, Any]) -> models.Meeting:
    info = json.loads(outputs["join_info"]["plaintext"])
    meeting = next(iter(info.values()))["Meeting"]
    can = {a["external_user_id"]: _wire(a["capabilities"]) for a in outputs["attendees"]}
    attendees = [
        models.Attendee(
            external_user_id=who,
            attendee_id=each["Attendee"]["AttendeeId"],
            join_token=each["Attendee"]["JoinToken"],
            capabilities=can[who],
        )
        for who, each in info.items()
    ]
    asked = ("ExternalMeetingId", "MediaRegion", "MeetingFeatures")
    return models.Meeting(
        meeting_id=meeting["MeetingId"],
        account=meeting["MeetingArn"].split(":")[4],
        region=outputs["control_region"],
        arn=meeting["MeetingArn"],
        request={k: meeting[k] for k in asked if k in meeting}
        | {"ClientRequestToken": f"of-{meeting['ExternalMeetingId']}"},
        media_placement=meeting["MediaPlacement"],
        created_at=time.time(),
        idle_since=time.time(),
        tags=outputs.get("tags", {}),
        attendees={a.attendee_id: a for a in attendees},
        original_attendee_ids=[a.attendee_id for a in attendees],
    )


def _wire(capabilities: dict[str, str]) -> dict[str, str]:
    return {medium.capitalize(): value for medium, value in capabilities.items()}
