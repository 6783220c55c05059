"""The real JavaScript client joins with the outputs as they are."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.checkout import Checkout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout whose schedule is up, for tests that only look at it."""
    with closing(Checkout.build(tmp_path_factory.mktemp("join") / "checkout")) as built:
        built.leave_desk()
        run = built.make("up")
        assert run.code == 0, run.text
        yield built


def test_the_javascript_client_takes_join_data_as_it_is(
    checkout: Checkout, javascript: Path
) -> None:
    stdout = checkout.pulumi(
        "stack", "output", "join_data", "--show-secrets", "--json", "--stack", "dev"
    ).out
    ran = subprocess.run(
        ["node", "join.mjs"],
        cwd=javascript,
        input=stdout,
        capture_output=True,
        text=True,
        check=True,
    )
    joined = json.loads(ran.stdout)

    live = {m.external_meeting_id: m for m in checkout.cloud.live()}
    assert joined.keys() == live.keys()
    for name, meeting in live.items():
        ids = {a.external_user_id: a.attendee_id for a in meeting.attendees}
        assert {who: j["attendeeId"] for who, j in joined[name].items()} == ids
        for who, session in joined[name].items():
            assert session["externalUserId"] == who
            assert session["externalMeetingId"] == name
            assert session["meetingId"] == meeting.meeting_id
            assert session["tokenIsTaken"] is True
            assert meeting.meeting_id in session["signalingUrl"]
            assert session["audioHostUrl"]
            assert session["eventIngestionUrl"].startswith("https://")


def test_join_info_has_the_features_that_a_session_declares(checkout: Checkout) -> None:
    info = checkout.join_info()["accessibility-clinic"]
    features = {json.dumps(entry["Meeting"]["MeetingFeatures"]) for entry in info.values()}
    assert len(features) == 1
    assert json.loads(features.pop()) == {
        "Video": {"MaxResolution": "FHD"},
        "Attendee": {"MaxCount": 10},
    }
