"""Programs in YAML on the real CLI: what a plugin does and a dynamic provider can't."""

from __future__ import annotations

import json
from uuid import UUID

import yaml
from plugin.conftest import REGION, Project, meeting, shown
from support import pages

from meeting_provider import EventType
from meeting_provider.events import parse

MEETING_STARTED = EventType.MEETING_STARTED

RECEIVING = {"audio": "Receive", "video": "Receive", "content": "Receive"}


def test_topic_and_queue_of_the_same_program_receive_the_events(project: Project) -> None:
    """The program is the one that docs/languages.md shows, with two more meetings."""
    [program] = [
        found
        for block in pages.blocks("docs/languages.md", "yaml")
        if (found := yaml.safe_load(block.text))["name"] == "notified"
    ]
    resources = program["resources"]
    resources |= dict.fromkeys(("panel", "party"), resources["keynote"])
    project.write(resources, variables=program["variables"], outputs=program["outputs"])
    project.done("config", "set", "aws:region", REGION)
    project.up()
    project.up("--expect-no-changes")
    url = json.loads(project.done("stack", "output", "--json").out)["url"]
    sqs, started = project.boto3("sqs"), set()
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        events = [parse(message["Body"]).detail for message in found]
        started |= {e.external_meeting_id for e in events if e.event_type == MEETING_STARTED}
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert started == {"keynote", "panel", "party"}
    project.write({})
    project.up()
    assert project.cloud.live() == []


def test_meetings_from_the_first_up_to_the_last(project: Project) -> None:
    topic = project.boto3("sns").create_topic(Name="events")["TopicArn"]
    queue = project.boto3("sqs").create_queue(QueueName="events")["QueueUrl"]
    arn = project.boto3("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    targets = {"snsTopicArn": topic, "sqsQueueArn": arn["Attributes"]["QueueArn"]}
    meetings = {
        "keynote": meeting("ann", "bob", tags={"room": "main"}, notificationsConfiguration=targets),
        "panel": meeting("ann"),
        "party": meeting(*(f"guest-{i}" for i in range(30))),
    }
    outputs = {
        "host": "${keynote.mediaPlacement.audioHostUrl}",
        "ann": '${keynote.joinTokens["ann"]}',
    }
    project.write(meetings, outputs=outputs)
    run = project.up()
    assert "ann : [secret]" in run.out
    tokens = {
        a["JoinToken"]
        for m in project.cloud.live()
        for a in project.boto3("chime-sdk-meetings").list_attendees(MeetingId=m.meeting_id)[
            "Attendees"
        ]
    }
    assert len(tokens) == 33
    state = json.dumps(project.state())
    assert [t for t in tokens if t in run.text + state] == []
    assert "ciphertext" in project.state()["keynote"]["outputs"]["joinTokens"]
    made = project.last_call()
    project.up("--expect-no-changes")
    assert project.calls(made) == []

    keynote = project.state()["keynote"]
    meetings["keynote"]["properties"]["attendees"] = {"ann": {}, "c d": {}}
    project.write(meetings, outputs=outputs)
    preview = shown(project.preview())
    assert "- bob: {}\n+ c d: {}" in preview
    assert "~ 1 to update\n3 unchanged" in preview
    assert "host:" not in preview
    project.up()
    assert project.calls(made) == ["DeleteAttendee", "BatchCreateAttendee"]
    now = project.state()["keynote"]
    assert now["outputs"]["attendeeIds"]["ann"] == keynote["outputs"]["attendeeIds"]["ann"]

    project.cloud.end(project.state()["panel"]["id"])
    assert "+ 1 created\n3 unchanged" in shown(project.up())

    before = project.last_call()
    meetings["panel"]["properties"]["controlRegion"] = "us-east-1"
    project.write(meetings, outputs=outputs)
    preview = shown(project.preview())
    assert '~ controlRegion: "eu-central-1" => "us-east-1"' in preview
    assert "+-1 to replace" in preview
    project.up()
    assert project.calls(before) == ["CreateMeetingWithAttendees", "DeleteMeeting"]

    project.done("destroy", "--yes", "--skip-preview")
    assert project.cloud.live() == []


def test_an_imported_meeting_shows_no_change(project: Project) -> None:
    project.up()
    guests = [{"ExternalUserId": f"guest-{i:02}"} for i in range(30)]
    guests[3]["Capabilities"] = {"Audio": "Send", "Video": "None", "Content": "None"}  # type: ignore[assignment]
    chime = project.boto3("chime-sdk-meetings")
    made = chime.create_meeting_with_attendees(
        ClientRequestToken="mine",
        ExternalMeetingId="town-hall",
        MediaRegion="eu-west-1",
        MeetingFeatures={"Video": {"MaxResolution": "HD"}, "Attendee": {"MaxCount": 100}},
        Tags=[{"Key": "team", "Value": "blue"}],
        TenantIds=["acme"],
        Attendees=guests[:20],
    )["Meeting"]["MeetingId"]
    chime.batch_create_attendee(MeetingId=made, Attendees=guests[20:])
    before = project.last_call()
    file = project.root / "town.yaml"
    project.done("import", "chime-meetings:index:Meeting", "town", made, "--yes", f"--out={file}")
    generated = yaml.safe_load(file.read_text())["resources"]
    found = generated["town"]["properties"]
    assert found["attendees"].keys() == {g["ExternalUserId"] for g in guests}
    assert found["attendees"]["guest-03"] == {
        "capabilities": {"audio": "Send", "video": "None", "content": "None"}
    }
    assert found["meetingFeatures"] == {
        "video": {"maxResolution": "HD"}, "attendee": {"maxCount": 100}
    }  # fmt: skip
    assert (found["tags"], found["tenantIds"]) == ({"team": "blue"}, ["acme"])
    project.write(generated)
    project.up("--expect-no-changes")
    assert project.calls(before) == []

    missing = project.pulumi(
        "import",
        "chime-meetings:index:Meeting",
        "none",
        str(UUID(int=7)),
        "--yes",
        "--stack",
        "dev",
    )
    assert missing.code
    assert "does not exist" in missing.text


def test_resource_options(project: Project) -> None:
    far = {"provider": "${far}"}
    program = {
        "far": {"type": "pulumi:providers:chime-meetings", "properties": {"region": "us-east-1"}},
        "keynote": meeting("ann", "bob", options={"ignoreChanges": ["attendees.ann"]}),
        "copy": meeting(
            "eve", primaryMeetingId="${keynote.id}", tags={"host": "${keynote.controlRegion}"}
        ),
        "abroad": meeting("ann", options=far),
        "fixed": meeting("ann", tags={"day": "1"}, options={"replaceOnChanges": ["tags"]}),
    }
    project.write(program)
    preview = shown(project.preview())
    assert "+ 6 to create" in preview
    assert f'host: "{REGION}"' in preview
    project.up()
    state = project.state()
    assert state["copy"]["inputs"]["primaryMeetingId"] == state["keynote"]["id"]
    assert state["abroad"]["outputs"]["controlRegion"] == "us-east-1"

    # An update in place leaves what is known of a meeting known to others.
    program["keynote"]["properties"]["attendees"] = {
        "ann": {"capabilities": RECEIVING}, "bob": {"capabilities": RECEIVING}
    }  # fmt: skip
    program["fixed"]["properties"]["tags"] = {"day": "2"}
    project.write(program)
    preview = shown(project.preview())
    assert "~ 1 to update\n+-1 to replace\n2 changes. 4 unchanged" in preview
    assert "~ bob: {" in preview
    assert "~ ann" not in preview

    # Only what is targeted changes.
    target = "urn:pulumi:dev::clinic::chime-meetings:index:Meeting::keynote"
    before = project.last_call()
    project.up("--target", target)
    assert project.calls(before) == ["UpdateAttendeeCapabilities"]

    # What is protected is not replaced, and an alias is the same meeting.
    program["fixed"]["properties"]["tags"] = {"day": "1"}
    program["guarded"] = {
        **program.pop("abroad"),
        "options": {**far, "aliases": [target.replace("keynote", "abroad")]},
    }
    program["guarded"]["properties"]["externalMeetingId"] = "abroad"
    program["guarded"]["options"]["protect"] = True
    project.write(program)
    project.up()
    assert project.state()["guarded"]["id"] == state["abroad"]["id"]
    refused = project.pulumi("destroy", "--yes", "--skip-preview", "--stack", "dev")
    assert refused.code
    assert "protected" in refused.text
