"""What Pulumi shows of a meeting: previews, drift, the state and errors, on the real CLI."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
from support.checkout import Checkout, Run, attend
from support.meetings import EVERYTHING, NOTHING

from chime_sandbox.admin import Meeting

PROGRAM = Path(__file__).parent / "programs" / "attendees.py"
VIEWERS = [{"external_user_id": f"viewer-{number:02}"} for number in range(17)]
TAGS = {"room": "main"}


def pulumi(
    checkout: Checkout, *command: str, secret: tuple[str, ...] = (), **arguments: Any
) -> Run:
    """Run Pulumi on a meeting with these arguments."""
    declared = {"attendees": VIEWERS, "tags": TAGS, **arguments}
    environment = {"ARGUMENTS": json.dumps(declared), "SECRET": json.dumps(secret)}
    return checkout.pulumi(*command, "--stack", "dev", env=environment)


def succeed(run: Run) -> Run:
    assert run.code == 0, run.text
    return run


def preview(checkout: Checkout, **arguments: Any) -> list[str]:
    """What a preview shows: what its refresh found, and then what an update would change."""
    return changed_lines(succeed(pulumi(checkout, "preview", "--diff", **arguments)))


def refresh(checkout: Checkout) -> list[str]:
    """What a refresh shows, which changes nothing."""
    return changed_lines(succeed(pulumi(checkout, "refresh", "--preview-only", "--diff")))


def changed_lines(run: Run) -> list[str]:
    """The lines of properties that a diff marks as changed, without what is only layout."""
    properties, _, _ = run.out.partition("\nResources:")
    lines = [re.sub(r" *: ", ": ", line.strip()) for line in properties.splitlines()]
    marked = [line for line in lines if re.match(r"[-+~] ", line)]
    return [line for line in marked if "pulumi:" not in line and "pulumi-python:" not in line]


def others(checkout: Checkout) -> Any:
    """A client of somebody else's, who changes the meeting outside Pulumi."""
    return boto3.client(
        "chime-sdk-meetings",
        region_name="us-east-1",
        endpoint_url=checkout.cloud.endpoint,
        aws_access_key_id="others",
        aws_secret_access_key="others",
    )


def first_of(meeting: Meeting) -> str:
    """The AttendeeId of the first attendee."""
    return next(a.attendee_id for a in meeting.attendees if a.external_user_id == "viewer-00")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A stack with a meeting of 17 attendees."""
    with closing(Checkout.build(tmp_path_factory.mktemp("attendees") / "checkout")) as built:
        (built.root / "__main__.py").write_text(PROGRAM.read_text())
        succeed(built.pulumi("stack", "init", "dev"))
        succeed(pulumi(built, "up", "--yes", "--skip-preview"))
        attend(built.cloud, built.cloud.live())
        yield built


@pytest.fixture
def meeting(checkout: Checkout) -> Iterator[Meeting]:
    """The meeting as declared; what a test changes is undone."""
    [meeting] = checkout.cloud.live()
    yield meeting
    succeed(pulumi(checkout, "up", "--yes", "--skip-preview"))
    [now] = checkout.cloud.live()
    assert now.external_user_ids == [a["external_user_id"] for a in VIEWERS]


def test_the_first_attendee_of_17_is_removed_and_nothing_else_is_shown(checkout: Checkout) -> None:
    assert preview(checkout, attendees=VIEWERS[1:]) == ["~ attendees: {", "- viewer-00: {}"]


def test_an_attendee_is_added_and_nothing_else_is_shown(checkout: Checkout) -> None:
    late = {"external_user_id": "a-late-one"}
    assert preview(checkout, attendees=[late, *VIEWERS]) == ["~ attendees: {", "+ a-late-one: {}"]


def test_an_attendee_gets_a_tag_and_nothing_else_is_shown(checkout: Checkout) -> None:
    tagged = [{**VIEWERS[0], "tags": {"role": "host"}}, *VIEWERS[1:]]
    assert preview(checkout, attendees=tagged) == [
        "~ attendees: {",
        "~ viewer-00: {",
        "+ tags: {",
        '+ role: "host"',
    ]


def test_an_attendee_is_muted_and_nothing_else_is_shown(checkout: Checkout) -> None:
    muted = [*VIEWERS[:16], {**VIEWERS[16], "capabilities": EVERYTHING | {"audio": "Receive"}}]
    assert preview(checkout, attendees=muted) == [
        "~ attendees: {",
        "~ viewer-16: {",
        "+ capabilities: {",
        '+ audio: "Receive"',
        '+ content: "SendReceive"',
        '+ video: "SendReceive"',
    ]


@pytest.mark.parametrize(
    "attendees",
    [VIEWERS[::-1], {a["external_user_id"]: {} for a in VIEWERS}],
    ids=["another order", "a mapping"],
)
def test_a_list_in_another_order_or_as_a_mapping_is_no_change(
    checkout: Checkout, attendees: object
) -> None:
    assert preview(checkout, attendees=attendees) == []


def test_a_mapping_may_have_attendees_without_a_value(checkout: Checkout) -> None:
    """As YAML has them: `ann:` and nothing behind it."""
    assert preview(checkout, attendees={a["external_user_id"]: None for a in VIEWERS}) == []


def test_an_attendee_that_was_removed_outside_pulumi_shows_in_a_refresh(
    checkout: Checkout, meeting: Meeting
) -> None:
    others(checkout).delete_attendee(MeetingId=meeting.meeting_id, AttendeeId=first_of(meeting))
    shown = refresh(checkout)
    assert shown[0] == "~ attendee_ids: {"
    assert shown[1].startswith('- viewer-00: "')
    assert shown[2:] == ["~ attendees: {", "- viewer-00: {}"]
    assert preview(checkout) == [*shown, "~ attendees: {", "+ viewer-00: {}"]


def test_an_attendee_that_was_added_outside_pulumi_shows_in_a_refresh(
    checkout: Checkout, meeting: Meeting
) -> None:
    others(checkout).create_attendee(MeetingId=meeting.meeting_id, ExternalUserId="walk-in")
    shown = refresh(checkout)
    assert shown[0] == "~ attendee_ids: {"
    assert shown[1].startswith('+ walk-in: "')
    assert shown[2:] == ["~ attendees: {", "+ walk-in: {}"]
    assert preview(checkout) == [*shown, "~ attendees: {", "- walk-in: {}"]


def test_capabilities_that_were_changed_outside_pulumi_show_in_a_refresh(
    checkout: Checkout, meeting: Meeting
) -> None:
    others(checkout).update_attendee_capabilities(
        MeetingId=meeting.meeting_id,
        AttendeeId=first_of(meeting),
        Capabilities={name.title(): value for name, value in NOTHING.items()},
    )
    capabilities = ['audio: "None"', 'content: "None"', 'video: "None"']
    around = ["~ attendees: {", "~ viewer-00: {"]
    shown = [*around, "+ capabilities: {", *(f"+ {c}" for c in capabilities)]
    repair = [*around, "- capabilities: {", *(f"- {c}" for c in capabilities)]
    assert refresh(checkout) == shown
    assert preview(checkout) == [*shown, *repair]


def test_tags_that_were_changed_outside_pulumi_show_in_a_refresh(
    checkout: Checkout, meeting: Meeting
) -> None:
    tags = [{"Key": "room", "Value": "attic"}, {"Key": "seen-by", "Value": "others"}]
    others(checkout).tag_resource(ResourceARN=meeting.arn, Tags=tags)
    shown = ["~ tags: {", '~ room: "main" => "attic"', '+ seen-by: "others"']
    assert refresh(checkout) == shown
    assert preview(checkout) == [
        *shown,
        *("~ tags: {", '~ room: "attic" => "main"', '- seen-by: "others"'),
    ]


def test_the_state_is_plain(checkout: Checkout) -> None:
    """What a Pulumi user reads without an explanation: inputs as checked, and what was answered."""
    export = json.loads(succeed(checkout.pulumi("stack", "export", "--stack", "dev")).out)
    [stored] = [
        r for r in export["deployment"]["resources"] if r["type"].endswith("meeting:Meeting")
    ]
    [meeting] = checkout.cloud.live()
    stored["inputs"].pop("__provider")
    stored["outputs"].pop("__provider")
    assert stored["type"] == "pulumi-python:dynamic/meeting:Meeting"
    assert stored["inputs"] == {
        "attendees": {a["external_user_id"]: {} for a in VIEWERS},
        "control_region": "us-east-1",
        "external_meeting_id": "keynote",
        "media_region": "us-east-1",
        "tags": TAGS,
    }
    assert "ciphertext" in stored["outputs"].pop("join_tokens")
    placement = stored["outputs"].pop("media_placement")
    assert placement["audio_host_url"] == meeting.media_placement["AudioHostUrl"]
    assert stored["outputs"] == {
        **stored["inputs"],
        "attendee_ids": {a.external_user_id: a.attendee_id for a in meeting.attendees},
        "meeting_arn": meeting.arn,
        "meeting_id": meeting.meeting_id,
    }


def test_an_error_shows_its_path_and_not_the_whole_property(checkout: Checkout) -> None:
    """Each in one line, at its place in the list or at its key in the mapping."""
    listed = [*VIEWERS, {"external_user_id": "x"}, VIEWERS[3]]
    run = pulumi(checkout, "preview", attendees=listed, media_region="mars")
    assert run.code != 0
    for error in (
        "has a problem: attendees[17].external_user_id: 'x' has 1 character; at least 2",
        "has a problem: attendees[18].external_user_id: 'viewer-03' is declared twice",
        "has a problem: media_region: 'mars' is not one of af-south-1, ",
    ):
        assert error in run.text
    assert "viewer-01" not in run.text
    assert "<nil>" not in run.text
    mapped = {"ann": {"capabilities": {"audio": "Loud"}}}
    assert "has a problem: attendees[\"ann\"].capabilities.audio: 'Loud' is not one of" in (
        pulumi(checkout, "preview", attendees=mapped).text
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"meeting_host_id": "hush;hush"},
        {"attendees": [{"external_user_id": "hush"}, {"external_user_id": "hush"}]},
        {"notifications_configuration": {"sqs_queue_arn": "arn:aws:hush:hush:hush:hush"}},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
def test_a_secret_stands_in_no_error_of_check(
    checkout: Checkout, arguments: dict[str, Any]
) -> None:
    run = pulumi(checkout, "preview", secret=tuple(arguments), **arguments)
    assert run.code != 0
    assert f"has a problem: {next(iter(arguments))}" in run.text
    assert "hush" not in run.text


def test_a_secret_stands_in_no_error_of_the_service(checkout: Checkout) -> None:
    checkout.cloud.refuse_attendees("Forbidden", external_user_ids=["hush-guest"], message="no")
    listed = [*VIEWERS, {"external_user_id": "hush-guest"}]
    run = pulumi(checkout, "up", "--yes", "--skip-preview", secret=("attendees",), attendees=listed)
    assert run.code != 0
    assert "1 attendee was refused: '[secret]' Forbidden (no)" in run.text
    assert "hush" not in run.text
