"""Meetings that come up with the schedule tell queue and topic what happens in them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

import boto3
import pytest
from support.checkout import PATIENCE, ROOT, Checkout, Run
from support.template import Template

from meeting_provider.events import MeetingEvent, parse

SCHEDULE = """\
events:
  - name: keynote
    media_region: us-east-1
    attendees:
      - {external_user_id: speaker-1}
      - {external_user_id: viewer-1}
  - name: panel
    attendees:
      - {external_user_id: speaker-2}
"""
DECLARED = "MeetingNotifications(pulumi.get_project())"
KEPT_FOR_AN_HOUR = "MeetingNotifications(pulumi.get_project(), message_retention_seconds=3600)"
STARTED = {"MeetingStarted": 2, "AttendeeAdded": 3}


class Notified:
    """A checkout whose schedule is up, and its queue and topic, by boto3."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout
        outputs = checkout.outputs()
        self.queue_url: str = outputs["queue_url"]
        self.queue_arn: str = outputs["queue_arn"]
        self.topic_arn: str = outputs["topic_arn"]
        self.sqs, self.sns = self.client("sqs"), self.client("sns")

    def client(self, service: Literal["sqs", "sns"]) -> Any:
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=self.checkout.cloud.endpoint,
            aws_access_key_id="somebody",
            aws_secret_access_key="else",
        )

    def events(self, url: str | None = None) -> list[MeetingEvent]:
        """What has arrived in the queue, by now taken out of it."""
        self.checkout.cloud.notifications()  # which waits for what is still on its way
        queue, found = {"QueueUrl": url or self.queue_url}, []
        while messages := self.sqs.receive_message(**queue, MaxNumberOfMessages=10).get("Messages"):
            for each in messages:
                found.append(parse(each["Body"]))
                self.sqs.delete_message(**queue, ReceiptHandle=each["ReceiptHandle"])
        return found

    def subscribe(self) -> str:
        """The URL of a second queue, which hears what the topic says."""
        url: str = self.sqs.create_queue(QueueName="second")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        self.sns.subscribe(
            TopicArn=self.topic_arn, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"]
        )
        return url

    def calls(self, operation: str) -> int:
        """How many calls of the queue's service were answered."""
        return [c.operation for c in self.checkout.cloud.requests(service="sqs")].count(operation)

    def attributes(self) -> dict[str, str]:
        found = self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["All"])
        return dict(found["Attributes"])


def types(events: list[MeetingEvent]) -> Counter[str]:
    return Counter(str(each.detail.event_type).removeprefix("chime:") for each in events)


@pytest.fixture
def checkout(checkout: Checkout) -> Checkout:
    """A checkout where nothing has run yet."""
    checkout.leave_desk()
    return checkout


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    """A checkout whose schedule is up, for each test."""

    def furnish(checkout: Checkout) -> None:
        checkout.leave_desk()
        checkout.schedule = SCHEDULE
        succeed(checkout.make("up"))

    made = Template(tmp_path_factory.mktemp("notifications"), furnish)
    yield made
    made.close()


@pytest.fixture
def notified(template: Template) -> Notified:
    return Notified(template.checkout())


def succeed(run: Run) -> Run:
    assert run.code == 0, run.text
    return run


def test_a_meetings_start_attendees_and_end_arrive_in_the_queue_and_through_the_topic(
    notified: Notified,
) -> None:
    checkout = notified.checkout
    started = notified.events()
    assert types(started) == STARTED
    assert {each.detail.meeting_id for each in started} == {
        m.meeting_id for m in checkout.cloud.live()
    }
    second = notified.subscribe()
    keynote = next(m for m in checkout.cloud.live() if m.external_meeting_id == "keynote")
    checkout.cloud.join(keynote.meeting_id, keynote.attendees[0].attendee_id)
    checkout.cloud.drop(keynote.meeting_id, keynote.attendees[0].attendee_id)
    checkout.schedule = SCHEDULE.replace("viewer-1", "viewer-2").split("  - name: panel")[0]
    succeed(checkout.make("up"))

    for heard in (notified.events(), notified.events(second)):
        assert types(heard) == {
            "AttendeeJoined": 1,
            "AttendeeDropped": 1,
            "AttendeeAdded": 1,
            "AttendeeDeleted": 1,
            "MeetingEnded": 1,
        }
        (ended,) = (each for each in heard if each.detail.external_meeting_id == "panel")
        assert str(ended.detail.event_type) == "chime:MeetingEnded"
    assert all(each.is_delivered for each in checkout.cloud.notifications())


def test_an_up_that_changes_nothing_publishes_nothing(notified: Notified) -> None:
    checkout = notified.checkout
    notified.events()
    succeed(checkout.pulumi("up", "--yes", "--expect-no-changes", "--stack", "dev"))
    assert notified.events() == []


@pytest.mark.parametrize("taken_out", ["aws:SourceAccount", "Principal", "Action"])
def test_a_policy_that_lacks_something_swallows_all_and_the_log_says_why(
    notified: Notified, taken_out: str
) -> None:
    checkout = notified.checkout
    notified.events()
    policy = notified.sns.get_topic_attributes(TopicArn=notified.topic_arn)["Attributes"]["Policy"]
    notified.sns.set_topic_attributes(
        TopicArn=notified.topic_arn,
        AttributeName="Policy",
        AttributeValue=lacking(policy, taken_out),
    )
    second = notified.subscribe()
    mute = lacking(notified.attributes()["Policy"], taken_out)
    notified.sqs.set_queue_attributes(QueueUrl=notified.queue_url, Attributes={"Policy": mute})
    checkout.cloud.clear_requests()

    checkout.cloud.end(checkout.cloud.live()[0].meeting_id)

    assert notified.events() == notified.events(second) == []
    dropped = {each.target: each.fault for each in checkout.cloud.notifications()}
    assert dropped.keys() == {notified.queue_arn, notified.topic_arn}
    wanting = taken_out if taken_out.startswith("aws:") else f"the {taken_out.lower()}"
    assert all(wanting in str(why) for why in dropped.values()), dropped
    shown = sandbox_admin(checkout, "requests", "--all")
    assert len(re.findall(rf"chime:MeetingEnded +dropped .*{wanting}", shown)) == 2
    assert len(re.findall(r"^ +1  dropped", sandbox_admin(checkout, "notifications"), re.M)) == 2


def lacking(policy: str, taken_out: str) -> str:
    document = json.loads(policy)
    (statement,) = document["Statement"]
    statement.pop(taken_out, None)
    statement["Condition"]["StringEquals"].pop(taken_out, None)
    return json.dumps(document)


def sandbox_admin(checkout: Checkout, *arguments: str) -> str:
    return succeed(checkout.run(".venv/bin/chime-sandbox", "admin", *arguments)).out


def test_the_next_up_repairs_a_policy_that_lacks_something(notified: Notified) -> None:
    checkout = notified.checkout
    mute = lacking(notified.attributes()["Policy"], "Principal")
    notified.sqs.set_queue_attributes(QueueUrl=notified.queue_url, Attributes={"Policy": mute})
    meetings = checkout.outputs()["meeting_ids"]
    succeed(checkout.make("up"))
    assert checkout.outputs()["meeting_ids"] == meetings
    notified.events()
    checkout.cloud.end(meetings["panel"])
    assert types(notified.events()) == {"MeetingEnded": 1}


def test_a_queue_that_was_deleted_is_created_again_and_so_are_the_meetings(
    notified: Notified,
) -> None:
    checkout = notified.checkout
    before = checkout.outputs()["meeting_ids"]
    notified.sqs.delete_queue(QueueUrl=notified.queue_url)

    preview = succeed(checkout.make("preview"))
    assert re.search(r"\+ +aws:sqs/queue:Queue: \(create\)", preview.text), preview.text
    for name in before:
        replaced = rf"\+-pulumi-python:dynamic/meeting:Meeting: \(replace\)[^(]*::{name}\]"
        assert re.search(replaced, preview.text), preview.text
    assert checkout.outputs()["meeting_ids"] == before
    assert len(checkout.cloud.live()) == 2

    succeed(checkout.make("up"))
    after = checkout.outputs()["meeting_ids"]
    assert after.keys() == before.keys()
    assert not {*after.values()} & {*before.values()}
    assert {m.meeting_id for m in checkout.cloud.live()} == {*after.values()}
    again = Notified(checkout)
    assert again.queue_arn != notified.queue_arn
    assert types(again.events()) == STARTED


def test_a_queue_that_keeps_messages_for_less_long_is_the_same_with_the_same_meetings(
    notified: Notified,
) -> None:
    checkout = notified.checkout
    before = checkout.outputs()
    checkout.cloud.clear_requests()
    program = checkout.root / "__main__.py"
    assert DECLARED in program.read_text()
    program.write_text(program.read_text().replace(DECLARED, KEPT_FOR_AN_HOUR))

    run = succeed(checkout.make("up"))

    assert re.search(r"~ +1 updated", run.text), run.text
    assert "replaced" not in run.text
    assert notified.attributes()["MessageRetentionPeriod"] == "3600"
    assert checkout.outputs() == before
    assert checkout.cloud.writes() == []


def test_an_event_of_the_schedule_can_have_targets_of_its_own_or_none(checkout: Checkout) -> None:
    own = "arn:aws:sqs:us-east-1:123456789012:elsewhere"
    checkout.schedule = SCHEDULE.replace(
        "media_region: us-east-1", f"notifications_configuration: {{sqs_queue_arn: '{own}'}}"
    ).replace("name: panel", "name: panel\n    notifications_configuration:")
    succeed(checkout.make("up"))
    assert {each.target for each in checkout.cloud.notifications()} == {own}


def test_a_stack_can_do_without(checkout: Checkout) -> None:
    checkout.schedule = SCHEDULE
    settings = checkout.root / "stacks" / "Pulumi.dev.yaml"
    settings.write_text(settings.read_text().rstrip() + "\n  meetings:notifications: false\n")
    run = succeed(checkout.make("up"))
    assert re.search(r"\+ +3 created", run.text), run.text
    assert "queue_arn" not in checkout.outputs()
    assert checkout.cloud.notifications() == []


def test_a_queue_in_another_region_is_refused_before_any_call(checkout: Checkout) -> None:
    checkout.schedule = SCHEDULE
    program, far = checkout.root / "__main__.py", "arn:aws:sqs:eu-central-1:123456789012:far"
    declared = DECLARED.removesuffix(")") + f", queue_arn='{far}')"
    program.write_text(program.read_text().replace(DECLARED, declared))

    run = checkout.make("up")

    assert run.code != 0
    assert f"queue_arn '{far}' is not in the control region us-east-1" in run.text
    calls = checkout.cloud.requests(service=None)
    assert [each for each in calls if each.is_write and each.service != "sts"] == []


def test_a_region_without_an_endpoint_is_an_error_of_one_sentence(checkout: Checkout) -> None:
    for command in (("stack", "init", "dev"), ("config", "set", "aws:region", "eu-west-1")):
        made = checkout.pulumi(*command)
        assert made.code == 0, made.text
    run = checkout.pulumi("preview", "--stack", "dev")
    assert run.code != 0
    assert "'eu-west-1' has no meetings endpoint" in run.text
    assert "Traceback" not in run.text


def test_a_meetings_own_queue_in_another_region_is_refused_before_any_call(
    checkout: Checkout,
) -> None:
    far = "arn:aws:sqs:eu-central-1:123456789012:far"
    checkout.schedule = SCHEDULE.replace(
        "media_region: us-east-1", f"notifications_configuration: {{sqs_queue_arn: '{far}'}}"
    )
    run = checkout.make("up")
    assert run.code != 0
    assert f"'{far}' is not in the control region" in run.text
    assert "keynote" not in {m.external_meeting_id for m in checkout.cloud.live()}


def test_make_events_follows_what_happens(notified: Notified) -> None:
    checkout = notified.checkout
    run = succeed(checkout.make("events", "FOLLOW=--count 5"))
    heard = [line.split() for line in run.out.splitlines() if line.startswith("20")]
    live = {m.external_meeting_id: m.meeting_id for m in checkout.cloud.live()}
    assert Counter((each[2], *each[3:]) for each in heard) == Counter(
        [
            ("MeetingStarted", live["keynote"], "keynote"),
            ("MeetingStarted", live["panel"], "panel"),
            ("AttendeeAdded", live["keynote"], "keynote", "speaker-1"),
            ("AttendeeAdded", live["keynote"], "keynote", "viewer-1"),
            ("AttendeeAdded", live["panel"], "panel", "speaker-2"),
        ]
    )
    assert "MeetingStarted" not in succeed(checkout.make("events", "FOLLOW=--idle 1")).out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_subscriber_shows_events_live_and_stops_on_a_signal(
    notified: Notified, number: signal.Signals
) -> None:
    checkout = notified.checkout
    notified.sqs.send_message(QueueUrl=notified.queue_url, MessageBody="no event")
    with subprocess.Popen(
        [".venv/bin/python", "examples/subscriber.py", notified.queue_arn],
        cwd=checkout.root,
        env=checkout.env(
            {
                "AWS_ENDPOINT_URL": checkout.cloud.endpoint,
                "AWS_ACCESS_KEY_ID": "somebody",
                "AWS_SECRET_ACCESS_KEY": "else",
            }
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert [process.stdout.readline().split()[2] for _ in range(5)].count("AttendeeAdded") == 3
        panel = next(m for m in checkout.cloud.live() if m.external_meeting_id == "panel")
        checkout.cloud.end(panel.meeting_id)
        assert process.stdout.readline().split()[2:] == ["MeetingEnded", panel.meeting_id, "panel"]
        # The queue has nothing more to tell: by now the subscriber waits for what comes.
        while notified.calls("DeleteMessage") < 6:
            assert process.poll() is None
            time.sleep(0.05)
        waits = notified.calls("ReceiveMessage")
        os.kill(process.pid, number)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, "")
    # It leaves the wait that it is in, and begins no other.
    assert notified.calls("ReceiveMessage") == waits
    assert "this is not an event of a meeting: it is not JSON" in err
    assert "Traceback" not in err
    left = notified.attributes()
    assert left["ApproximateNumberOfMessagesNotVisible"] == "1"
    assert left["ApproximateNumberOfMessages"] == "0"


def test_the_subscriber_says_in_one_line_that_an_arn_is_none() -> None:
    run = subprocess.run(
        [sys.executable, "examples/subscriber.py", "meetings"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr == "Error: 'meetings' is not the ARN of a queue\n"


def test_the_subscriber_says_in_one_line_that_there_is_no_queue(notified: Notified) -> None:
    checkout = notified.checkout
    notified.sqs.delete_queue(QueueUrl=notified.queue_url)
    run = checkout.make("events", "FOLLOW=--idle 1")
    assert run.code != 0
    assert "Error: An error occurred" in run.err
    assert "Traceback" not in run.err
