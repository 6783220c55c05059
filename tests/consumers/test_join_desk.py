"""The join desk's parameters are what the meetings are, after every `make up`.

No assertion here sees a join token: what has one in it is compared by its digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.checkout import Checkout, Run
from support.template import Template

from desk import addresses, links
from meeting_provider import EventType
from meeting_provider.events import parse

ODD = "ann.o'hara@example.org"
EVENTS = f"""\
events:
  - name: keynote
    attendees: [{{external_user_id: speaker-1}}, {{external_user_id: "{ODD}"}}]
  - name: "panel: day 1/2"
    attendees: [{{external_user_id: speaker-1}}, {{external_user_id: host-1}}]
"""
#: An event that is invited to in the first week of March 2027, and at no other time.
LATER = """\
events:
  - name: workshop
    start: 2027-03-02T09:00:00+01:00
    end: 2027-03-02T10:00:00+01:00
    attendees: [{external_user_id: speaker-1}]
"""
HOST = "/meetings/dev/panel.3A.20day.201.2F2/host-1"
ADDRESSES = {
    "/meetings/dev/keynote/speaker-1": ("keynote", "speaker-1"),
    "/meetings/dev/keynote/ann.2Eo.27hara.40example.2Eorg": ("keynote", ODD),
    "/meetings/dev/panel.3A.20day.201.2F2/speaker-1": ("panel: day 1/2", "speaker-1"),
    HOST: ("panel: day 1/2", "host-1"),
}
LINK_KEY = "/meetings/dev/link-key"
QUEUE = "/meetings/dev/queue"

#: The file with what the first `make up` said.
FIRST = "first.log"


@dataclass
class Desk:
    """A checkout with the desk in it, and what is where as digests."""

    checkout: Checkout
    aws: Any

    def up(self) -> Run:
        run = self.checkout.make("up")
        assert run.code == 0, run.text
        return run

    @property
    def first(self) -> str:
        """What the first `make up` said."""
        return (self.checkout.root / FIRST).read_text()

    def parameters(self) -> dict[str, str]:
        """The digest of each attendee's parameter, by name."""
        return {n: digest(v) for n, v in self.attendees().items()}

    def attendees(self) -> dict[str, str]:
        """Each attendee's parameter, by name."""
        own = (LINK_KEY, QUEUE, "/.event")
        return {n: v for n, v in self.values().items() if not n.endswith(own)}

    def values(self) -> dict[str, str]:
        ssm = self.aws("ssm", self.checkout.cloud.endpoint)
        pages = ssm.get_paginator("get_parameters_by_path").paginate(
            Path="/meetings", Recursive=True, WithDecryption=True
        )
        found = [parameter for page in pages for parameter in page["Parameters"]]
        assert {parameter["Type"] for parameter in found} <= {"SecureString"}
        return {parameter["Name"]: parameter["Value"] for parameter in found}

    def declared(self) -> dict[str, str]:
        """What the parameters should be: each the digest of what the meetings' stack outputs."""
        info = self.checkout.join_info()
        return {
            n: digest(exact([{**info[m][who], "Times": {}}])) for n, (m, who) in ADDRESSES.items()
        }

    def tokens(self) -> dict[str, str]:
        """The join token that the service itself has for each attendee, by parameter."""
        client = self.aws("chime-sdk-meetings", self.checkout.cloud.endpoint)
        meetings = {m.external_meeting_id: m.meeting_id for m in self.checkout.cloud.live()}
        attendees = {
            (name, attendee["ExternalUserId"]): attendee["JoinToken"]
            for name, meeting in meetings.items()
            for attendee in client.list_attendees(MeetingId=meeting)["Attendees"]
        }
        return {address: attendees[who] for address, who in ADDRESSES.items()}

    @property
    def state(self) -> Path:
        return self.checkout.root / ".sandbox/state/.pulumi/stacks/join_desk/dev.json"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def exact(entry: object) -> str:
    return json.dumps(entry, sort_keys=True)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    """A checkout with two meetings in its schedule, and what its first `make up` said."""

    def furnish(checkout: Checkout) -> None:
        checkout.schedule = EVENTS
        run = checkout.make("up")
        assert run.code == 0, run.text
        (checkout.root / FIRST).write_text(run.text)

    made = Template(tmp_path_factory.mktemp("desk"), furnish)
    yield made
    made.close()


@pytest.fixture
def desk(template: Template, aws: Any) -> Desk:
    """A checkout whose schedule and desk are up."""
    return Desk(template.checkout(), aws)


def test_make_up_ends_with_what_everybody_joins_with_at_an_address_that_stays(desk: Desk) -> None:
    assert "+ 14 created" in desk.first
    assert desk.parameters() == desk.declared()
    kept = {n: json.loads(v)[0] for n, v in desk.attendees().items()}
    assert all(entry.keys() == {"Meeting", "Attendee", "Times"} for entry in kept.values())
    joins = {n: digest(entry["Attendee"]["JoinToken"]) for n, entry in kept.items()}
    assert joins == {n: digest(token) for n, token in desk.tokens().items()}

    before = desk.parameters()
    keynote = next(m for m in desk.checkout.cloud.live() if m.external_meeting_id == "keynote")
    desk.checkout.cloud.end(keynote.meeting_id)
    recovered = desk.up()

    assert "~ 3 updated" in recovered.out
    after = desk.parameters()
    assert after == desk.declared()
    assert {n for n in ADDRESSES if after[n] != before[n]} == {
        n for n, (meeting, _) in ADDRESSES.items() if meeting == "keynote"
    }
    successors = {n: digest(token) for n, token in desk.tokens().items()}
    values = desk.values()
    assert successors == {
        n: digest(json.loads(values[n])[0]["Attendee"]["JoinToken"]) for n in ADDRESSES
    }

    assert "14 unchanged" in desk.up().out
    assert desk.parameters() == after


def test_an_events_parameter_names_its_meetings_and_holds_no_token(desk: Desk) -> None:
    """The server asks the service about them; and it knows the queue that the watcher reads."""
    values = desk.values()
    live = {m.external_meeting_id: m for m in desk.checkout.cloud.live()}
    for event, name in (("keynote", "keynote"), ("panel.3A.20day.201.2F2", "panel: day 1/2")):
        (kept,) = json.loads(values[f"/meetings/dev/{event}/.event"])["open"]
        meeting = live[name]
        assert kept == {
            "MeetingId": meeting.meeting_id,
            "MeetingArn": meeting.arn,
            "ExternalMeetingId": name,
        }
    outputs = desk.checkout.outputs()
    assert json.loads(values[QUEUE]) == {"region": "us-east-1", "url": outputs["queue_url"]}


def test_whoever_is_taken_out_loses_the_parameter_and_down_leaves_none(desk: Desk) -> None:
    before = desk.parameters()
    desk.checkout.schedule = EVENTS.replace(", {external_user_id: host-1}", "")

    assert "- 1 deleted" in desk.up().out
    assert desk.parameters() == {n: v for n, v in before.items() if n != HOST}

    ssm = desk.aws("ssm", desk.checkout.cloud.endpoint)
    ssm.delete_parameter(Name="/meetings/dev/keynote/speaker-1")
    desk.up()
    assert desk.parameters() == {n: v for n, v in before.items() if n != HOST}

    down = desk.checkout.make("down")
    assert down.code == 0, down.text
    assert down.out.index("join_desk-dev") < down.out.index("meetings-dev")
    assert json.loads(desk.state.read_text())["checkpoint"]["latest"].get("resources", []) == []


def test_invitations_are_to_the_schedule_and_as_of_the_time_that_the_stack_is_set_to(
    desk: Desk,
) -> None:
    checkout = desk.checkout
    assert "4 links" in checkout.make("invitations").out
    (checkout.root / "later.yaml").write_text(LATER)
    for name, setting in (("schedule", "later.yaml"), ("now", "2027-03-01T09:00:00+01:00")):
        checkout.pulumi("config", "set", name, setting, "--stack", "dev")
    run = checkout.make("invitations")
    assert "1 invitations, 1 new or changed; 0 cancelled; 1 links" in run.out, run.text
    assert "/workshop/" in (checkout.root / ".sandbox/invitations/links.csv").read_text()
    assert "4 links" in checkout.make("invitations", "SCHEDULE=schedule.yaml").out


def test_nothing_that_opens_a_meeting_is_in_plain_text(desk: Desk) -> None:
    said = [desk.first, desk.checkout.make("down").text]
    desk.up()
    values = desk.values()
    key = values[LINK_KEY]
    canaries = [json.loads(v)[0]["Attendee"]["JoinToken"] for v in desk.attendees().values()]
    canaries.append(links.sign(key, addresses.operator("dev")))
    shown = desk.checkout.pulumi("-C", "stacks/join_desk", "stack", "output", "--stack", "dev")
    said += [shown.text, *(p.read_text() for p in kept_files(desk))]
    assert "[secret]" in shown.out
    assert len(canaries) == len(ADDRESSES) + 1
    assert sum(secret in text for secret in (*canaries, key) for text in said) == 0


def test_the_operators_link_is_an_output_and_the_queue_receives_what_happens(desk: Desk) -> None:
    """The link is secret. The queue has another reader than the watcher's."""
    key = desk.values()[LINK_KEY]
    shown = pulumi(desk, "stack", "output", "--json", "--show-secrets")
    outputs = json.loads(shown.out)
    assert outputs["operator_link"] == links.operator("http://127.0.0.1:8047", key, "dev")
    sqs = desk.aws("sqs", desk.checkout.cloud.endpoint)
    meeting = desk.checkout.cloud.live()[0]
    desk.checkout.cloud.join(meeting.meeting_id, meeting.attendees[0].attendee_id)
    joined: list[Any] = []
    while not joined:
        answer = sqs.receive_message(
            QueueUrl=outputs["events_queue_url"], MaxNumberOfMessages=10, WaitTimeSeconds=20
        )
        details = [parse(m["Body"]).detail for m in answer["Messages"]]
        joined = [d for d in details if d.event_type == EventType.ATTENDEE_JOINED]
    assert {(d.meeting_id, d.attendee_id) for d in joined} == {
        (meeting.meeting_id, meeting.attendees[0].attendee_id)
    }
    settings = desk.checkout.root / "stacks/Pulumi.dev.yaml"
    settings.write_text(settings.read_text().rstrip() + "\n  meetings:notifications: false\n")
    desk.up()
    assert "events_queue_url" not in json.loads(pulumi(desk, "stack", "output", "--json").out)
    assert pulumi(desk, "config", "set", "base_url", "desk.example").code == 0
    wrong = pulumi(desk, "preview")
    assert wrong.code != 0
    assert "error: base_url: 'desk.example' is not an http or https address" in wrong.text


def kept_files(desk: Desk) -> list[Path]:
    """What the runs have left, less the emulated service's own memory."""
    state = desk.checkout.root / ".sandbox" / "state"
    files = [p for p in state.rglob("*.json*") if p.is_file()]
    assert desk.state in files
    return [*files, *(desk.checkout.root / "stacks" / "join_desk").glob("*.yaml")]


def pulumi(desk: Desk, *arguments: str, passphrase: str | None = None) -> Run:
    env = {"PULUMI_CONFIG_PASSPHRASE": passphrase} if passphrase else {}
    return desk.checkout.pulumi("-C", "stacks/join_desk", *arguments, "--stack", "dev", env=env)


@pytest.fixture
def stranger(desk: Desk) -> Desk:
    """A desk whose own stack has another passphrase, with the same links."""
    exported = json.loads(pulumi(desk, "stack", "export", "--show-secrets").out)
    settings = desk.checkout.root / "stacks/join_desk/Pulumi.dev.yaml"
    settings.unlink()
    desk.state.unlink()
    in_plain = desk.checkout.root / "export.json"
    for command in (
        ("stack", "init"),
        ("config", "set", "aws:region", "us-east-1"),
        ("config", "set", "base_url", "http://127.0.0.1:8047"),
        ("config", "set", "--secret", "link_key", "another"),
        ("stack", "import", "--file", str(in_plain)),
    ):
        if command[1] == "import":
            salt = yaml.safe_load(settings.read_text())["encryptionsalt"]
            provider = {"type": "passphrase", "state": {"salt": salt}}
            exported["deployment"]["secrets_providers"] = provider
            in_plain.write_text(json.dumps(exported))
        run = pulumi(desk, *command, passphrase="another")
        assert run.code == 0, run.text
    in_plain.unlink()
    return desk


def test_without_the_meetings_passphrase_the_desk_changes_nothing_and_says_why(
    stranger: Desk,
) -> None:
    """Pulumi leaves out secrets that it can't decrypt: an empty one is an error."""
    before = stranger.values()
    run = pulumi(stranger, "up", "--yes", "--skip-preview", passphrase="another")
    assert run.code != 0
    assert "in organization/meetings/dev is empty: Pulumi could not decrypt the secret" in run.text
    assert "passphrase" in run.text
    assert stranger.values() == before


def test_outputs_with_gaps_change_no_link_in_the_preview_as_in_the_update(desk: Desk) -> None:
    """After an update with --target that left out a new meeting, nothing is shown as deleted."""
    desk.checkout.schedule = (
        EVENTS
        + """\
  - name: workshop
    attendees: [{external_user_id: speaker-2}]
"""
    )
    desk.checkout.pulumi(
        *("up", "--yes", "--skip-preview", "--stack", "dev", "--target", "**::keynote")
    )
    before = desk.parameters()
    preview = pulumi(desk, "preview")
    update = pulumi(desk, "up", "--yes", "--skip-preview")
    for run in (preview, update):
        assert run.code == 0, run.text
        assert "delete" not in run.text
        assert "14 unchanged" in run.text
    assert desk.parameters() == before
