"""What happens in a meeting reaches its queue and its topic, where those let the service in."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread
from typing import Any

import pytest

from chime_sandbox.admin import Sandbox, SandboxError
from chime_sandbox.pytest_plugin import client
from chime_sandbox.server import running
from meeting_provider.events import EventType, MeetingEvent, parse
from meeting_provider.notifications import QUEUE_ACTIONS, TOPIC_ACTIONS, policy

ACCOUNT = "123456789012"
REGION = "us-east-1"
ALL = {"Audio": "SendReceive", "Video": "SendReceive", "Content": "SendReceive"}
LISTEN = {"Audio": "Receive", "Video": "Receive", "Content": "Receive"}


def letting_in(arn: str, actions: tuple[str, ...]) -> dict[str, Any]:
    return policy(arn, actions, partition="aws", region=arn.split(":")[3], account=ACCOUNT)


@dataclass
class Queue:
    """A queue, by boto3."""

    sqs: Any
    url: str
    arn: str

    @classmethod
    def make(cls, sqs: Any, name: str, **attributes: str) -> "Queue":
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return cls(sqs, url, found["Attributes"]["QueueArn"])

    def allow(self, document: Any) -> None:
        self.sqs.set_queue_attributes(
            QueueUrl=self.url, Attributes={"Policy": json.dumps(document)}
        )

    def bodies(self, number: int) -> list[str]:
        """The next messages, as many as are asked for, and that there are no more."""
        found: list[str] = []
        while messages := self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=20 if len(found) < number else 0,
        ).get("Messages"):
            for each in messages:
                found.append(each["Body"])
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=each["ReceiptHandle"])
        assert len(found) == number
        return found

    def events(self, number: int) -> list[MeetingEvent]:
        return [parse(body) for body in self.bodies(number)]


@pytest.fixture
def queue(clients: Callable[..., Any], sandbox: Sandbox) -> Queue:  # noqa: ARG001
    """A queue that lets the service in."""
    made = Queue.make(clients("sqs"), "events")
    made.allow(letting_in(made.arn, QUEUE_ACTIONS))
    return made


@pytest.fixture
def topic(clients: Callable[..., Any], sandbox: Sandbox) -> str:  # noqa: ARG001
    """The ARN of a topic that lets the service in."""
    sns = clients("sns")
    arn: str = sns.create_topic(Name="events")["TopicArn"]
    sns.set_topic_attributes(
        TopicArn=arn,
        AttributeName="Policy",
        AttributeValue=json.dumps(letting_in(arn, TOPIC_ACTIONS)),
    )
    return arn


def notifying(queue: Queue) -> dict[str, Any]:
    return {"NotificationsConfiguration": {"SqsQueueArn": queue.arn}}


def types(events: list[MeetingEvent]) -> list[str]:
    return [str(each.detail.event_type).removeprefix("chime:") for each in events]


def dropped(sandbox: Sandbox) -> list[str]:
    """Why notifications were dropped."""
    return [each.fault or "" for each in sandbox.notifications() if not each.is_delivered]


def test_all_events_of_a_meeting_arrive_in_order(chime, sandbox, new, queue):
    answer = new("ana", "ben", **notifying(queue))
    meeting_id = answer["Meeting"]["MeetingId"]
    ana, ben = (each["AttendeeId"] for each in answer["Attendees"])
    chime.update_attendee_capabilities(MeetingId=meeting_id, AttendeeId=ben, Capabilities=LISTEN)
    sandbox.join(meeting_id, ana)
    sandbox.join(meeting_id, ana)
    sandbox.leave(meeting_id, ana)
    sandbox.join(meeting_id, ben)
    sandbox.drop(meeting_id, ben)
    chime.create_attendee(MeetingId=meeting_id, ExternalUserId="cleo")
    chime.delete_attendee(MeetingId=meeting_id, AttendeeId=ben)
    chime.delete_meeting(MeetingId=meeting_id)
    events = queue.events(12)
    assert types(events) == [
        "MeetingStarted",
        "AttendeeAdded",
        "AttendeeAdded",
        "AttendeeCapabilitiesUpdated",
        "AttendeeJoined",
        "AttendeeAuthorized",
        "AttendeeLeft",
        "AttendeeJoined",
        "AttendeeDropped",
        "AttendeeAdded",
        "AttendeeDeleted",
        "MeetingEnded",
    ]
    assert {each.detail.meeting_id for each in events} == {meeting_id}
    assert {each.detail.external_meeting_id for each in events} == {"keynote"}
    assert [each.detail.external_user_id for each in events] == [
        None, "ana", "ben", "ben", "ana", "ana", "ana", "ben", "ben", "cleo", "ben", None,
    ]  # fmt: skip
    assert [each.outcome for each in sandbox.notifications()] == ["delivered"] * 12


def test_a_message_says_what_aws_documents(chime, sandbox, new, queue):
    answer = new("ana", **notifying(queue))
    meeting_id, ana = answer["Meeting"]["MeetingId"], answer["Attendees"][0]["AttendeeId"]
    chime.update_attendee_capabilities(MeetingId=meeting_id, AttendeeId=ana, Capabilities=LISTEN)
    sandbox.join(meeting_id, ana)
    started, added, recast, joined = (json.loads(body) for body in queue.bodies(4))
    about = {"version": "0", "meetingId": meeting_id, "externalMeetingId": "keynote",
             "mediaRegion": "eu-central-1"}  # fmt: skip
    ana_is = {"attendeeId": ana, "externalUserId": "ana"}
    envelope = {"version": "0", "source": "aws.chime", "account": ACCOUNT, "region": REGION,
                "detail-type": "Chime Meeting State Change", "resources": []}  # fmt: skip
    for message, detail in (
        (started, {"eventType": "chime:MeetingStarted"}),
        (added, {"eventType": "chime:AttendeeAdded", **ana_is}),
        (joined, {"eventType": "chime:AttendeeJoined", "networkType": "Voip", **ana_is}),
        (
            recast,
            {
                "eventType": "chime:AttendeeCapabilitiesUpdated",
                "success": "1",
                "attendeeCapabilities": {"audio": "Receive", "video": "Receive",
                                         "content": "Receive"},
                **ana_is,
            },
        ),
    ):  # fmt: skip
        said = message.pop("detail")
        stamp = said.pop("timestamp")
        assert said == about | detail
        assert len(message.pop("id")) == 36
        assert message.pop("time").endswith("Z")
        assert message == envelope
        assert abs(stamp / 1000 - sandbox.now()) < 60


def test_video_and_content_are_published_on_request(sandbox, new, queue):
    answer = new("ana", **notifying(queue))
    meeting_id, ana = answer["Meeting"]["MeetingId"], answer["Attendees"][0]["AttendeeId"]
    media = [each for each in EventType if "Video" in each or "Content" in each]
    for kind in media:
        sandbox.publish(meeting_id, ana, kind)
    assert [each.detail.event_type for each in queue.events(2 + len(media))[2:]] == media
    with pytest.raises(SandboxError, match="is published when it happens"):
        sandbox.publish(meeting_id, ana, "chime:AttendeeJoined")
    with pytest.raises(SandboxError, match="chime:Nonsense"):
        sandbox.publish(meeting_id, ana, "chime:Nonsense")


@pytest.mark.parametrize(
    ("seconds", "joined", "after"), [(301, False, 300), (86_401, True, 86_400)]
)
def test_the_end_that_time_brings_is_published_with_its_time(
    sandbox, new, queue, seconds, joined, after
):
    answer = new("ana", **notifying(queue))
    if joined:
        sandbox.join(answer["Meeting"]["MeetingId"], answer["Attendees"][0]["AttendeeId"])
    sandbox.advance(seconds)
    events = queue.events(4 if joined else 3)
    assert types(events)[-1] == "MeetingEnded"
    (meeting,) = sandbox.meetings()
    assert events[-1].detail.timestamp == int((meeting.created_at + after) * 1000)


def test_a_topic_passes_it_on_to_who_subscribes(clients, sandbox, new, topic):
    plain, raw = (Queue.make(clients("sqs"), name) for name in ("plain", "raw"))
    for each, attributes in ((plain, {}), (raw, {"RawMessageDelivery": "true"})):
        clients("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=each.arn, Attributes=attributes
        )
    new("ana", NotificationsConfiguration={"SnsTopicArn": topic})
    for each in (plain, raw):
        assert types(each.events(2)) == ["MeetingStarted", "AttendeeAdded"]
    assert [each.target for each in sandbox.notifications()] == [topic, topic]


def test_a_meeting_without_configuration_tells_nobody(sandbox, new, queue):
    new("ana", "ben")
    assert sandbox.notifications() == []
    assert queue.bodies(0) == []


def without(document: dict[str, Any], *path: str) -> dict[str, Any]:
    """The policy with something taken out of its statement."""
    changed: dict[str, Any] = json.loads(json.dumps(document))
    *parents, last = path
    part = changed["Statement"][0]
    for each in parents:
        part = part[each]
    del part[last]
    return changed


@pytest.mark.parametrize(
    ("taken_out", "why"),
    [
        (("Condition", "StringEquals"), "has no condition on aws:SourceAccount"),
        (("Condition",), "has no condition on aws:SourceAccount"),
        (("Principal",), "is not for the principal meetings.chime.amazonaws.com"),
        (("Action",), "is not for the action"),
        (("Resource",), "is not for the resource"),
    ],
)
def test_what_is_taken_out_of_a_policy_silences_it(
    clients, sandbox, new, queue, topic, taken_out, why
):
    queue.allow(without(letting_in(queue.arn, QUEUE_ACTIONS), *taken_out))
    clients("sns").set_topic_attributes(
        TopicArn=topic,
        AttributeName="Policy",
        AttributeValue=json.dumps(without(letting_in(topic, TOPIC_ACTIONS), *taken_out)),
    )
    new(NotificationsConfiguration={"SqsQueueArn": queue.arn, "SnsTopicArn": topic})
    assert queue.bodies(0) == []
    reasons = dropped(sandbox)
    assert len(reasons) == 2
    for reason in reasons:
        assert f"is refused: the statement AllowChimeSdkMeetings {why}" in reason


@pytest.mark.parametrize("action", QUEUE_ACTIONS)
def test_a_queue_needs_both_actions(sandbox, new, queue, action):
    queue.allow(letting_in(queue.arn, (action,)))
    new(**notifying(queue))
    assert queue.bodies(0) == []
    (missing,) = {*QUEUE_ACTIONS} - {action}
    (reason,) = dropped(sandbox)
    assert reason.startswith(f"{missing} is refused: ")


def test_a_new_queue_and_a_new_topic_let_nobody_in(clients, sandbox, new):
    queue = Queue.make(clients("sqs"), "closed")
    topic = clients("sns").create_topic(Name="closed")["TopicArn"]
    new(NotificationsConfiguration={"SqsQueueArn": queue.arn, "SnsTopicArn": topic})
    by_target = {each.target: each.fault for each in sandbox.notifications()}
    assert by_target[queue.arn] == "sqs:GetQueueUrl is refused: it has no policy"
    assert "aws:SourceOwner" in by_target[topic].replace("AWS:", "aws:")


@pytest.mark.parametrize(
    ("arn", "why"),
    [
        (f"arn:aws:sqs:{REGION}:{ACCOUNT}:absent", "there is no such queue"),
        (f"arn:aws:sns:{REGION}:{ACCOUNT}:absent", "there is no such topic"),
        (f"arn:aws:sqs:eu-west-2:{ACCOUNT}:events",
         "it is in eu-west-2, and the meeting's control region is us-east-1"),
        (f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f", "the sandbox has no lambda"),
        ("arn:aws:short", "that is not an ARN"),
    ],
)  # fmt: skip
def test_what_cannot_be_reached_is_logged(sandbox, new, arn, why):
    new(NotificationsConfiguration={"SqsQueueArn": arn})
    (sent,) = sandbox.notifications()
    assert (sent.operation, sent.target) == ("chime:MeetingStarted", arn)
    assert (sent.outcome, sent.fault) == ("dropped", why)


def test_the_queue_of_another_region_stays_empty(clients, sandbox, new):
    far = Queue.make(clients("sqs", "eu-west-2"), "far")
    far.allow(letting_in(far.arn, QUEUE_ACTIONS))
    new(**notifying(far))
    assert far.bodies(0) == []
    assert len(dropped(sandbox)) == 1


def test_either_form_of_the_meetings_arn_gets_in(sandbox, new, queue):
    for number, setting in enumerate(("regional", "global"), 1):
        sandbox.settings(source_arn=setting)
        new(**notifying(queue), ClientRequestToken=f"events-{number}")
        assert types(queue.events(1)) == ["MeetingStarted"]


@pytest.mark.parametrize(
    ("form", "source_arn"),
    [("arn:aws:chime::{account}:*", "regional"), ("arn:aws:chime:{region}:{account}:*", "global")],
)
def test_the_other_form_of_the_meetings_arn_stays_out(sandbox, new, queue, form, source_arn):
    document = letting_in(queue.arn, QUEUE_ACTIONS)
    said = form.format(account=ACCOUNT, region=REGION)
    document["Statement"][0]["Condition"]["ArnLike"]["aws:SourceArn"] = said
    queue.allow(document)
    sandbox.settings(source_arn=source_arn)
    new(**notifying(queue))
    assert queue.bodies(0) == []
    assert f"asks ArnLike aws:SourceArn {said}, and it is arn:aws:chime:" in dropped(sandbox)[0]


def test_a_fifo_queue_takes_nothing(clients, sandbox, new):
    queue = Queue.make(clients("sqs"), "events.fifo", FifoQueue="true")
    queue.allow(letting_in(queue.arn, QUEUE_ACTIONS))
    new(**notifying(queue))
    assert dropped(sandbox) == ["a FIFO queue rejects messages without a group"]
    assert queue.bodies(0) == []


def test_a_topic_whose_subscriber_is_gone_is_logged(clients, sandbox, new, topic):
    queue = Queue.make(clients("sqs"), "gone")
    clients("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    clients("sqs").delete_queue(QueueUrl=queue.url)
    new(NotificationsConfiguration={"SnsTopicArn": topic})
    (reason,) = dropped(sandbox)
    assert "queue does not exist" in reason


def test_a_slow_subscriber_keeps_nobody_waiting(chime, clients, sandbox, new, topic):
    """The subscriber answers once the meeting that it was notified of has been deleted."""
    deleted, asked = Event(), Event()

    class Subscriber(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.set()
            assert deleted.wait(120)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Subscriber) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        clients("sns").subscribe(
            TopicArn=topic, Protocol="http", Endpoint=f"http://127.0.0.1:{server.server_port}/"
        )
        answer = new(NotificationsConfiguration={"SnsTopicArn": topic})
        assert asked.wait(120)
        chime.delete_meeting(MeetingId=answer["Meeting"]["MeetingId"])
        deleted.set()
        assert [each.outcome for each in sandbox.notifications()] == ["delivered", "delivered"]
        server.shutdown()


def test_what_was_delivered_outlives_the_cloud(tmp_path):
    state = tmp_path / "cloud"
    with running(state) as endpoint:
        queue = Queue.make(client(endpoint, "sqs"), "kept")
        queue.allow(letting_in(queue.arn, QUEUE_ACTIONS))
        made = client(endpoint).create_meeting(
            ClientRequestToken="one",
            MediaRegion=REGION,
            ExternalMeetingId="one",
            **notifying(queue),
        )
    with running(state) as endpoint:
        client(endpoint).delete_meeting(MeetingId=made["Meeting"]["MeetingId"])
        assert Sandbox(endpoint).notifications()[0].is_delivered
        again = Queue(client(endpoint, "sqs"), f"{endpoint}/{ACCOUNT}/kept", queue.arn)
        assert types(again.events(2)) == ["MeetingStarted", "MeetingEnded"]


def test_the_state_is_saved_while_somebody_waits_for_messages(clients, sandbox, queue):
    waiting = Thread(
        target=queue.sqs.receive_message, kwargs={"QueueUrl": queue.url, "WaitTimeSeconds": 20}
    )
    waiting.start()
    for _ in range(10):
        clients("sns").create_topic(Name="saved")
        waiting.join(0.1)
    queue.sqs.send_message(QueueUrl=queue.url, MessageBody="the last")
    waiting.join()
    saving = sandbox.requests(service="sns")
    assert {each.outcome for each in saving} == {"OK"}
    assert sandbox.requests(service="sqs")[-1].number > saving[0].number


def test_notifications_hold_neither_ids_that_people_chose_nor_tokens(sandbox, new, queue):
    answer = new("somebody@example", **notifying(queue))
    shown = repr(sandbox.notifications())
    assert "somebody@example" not in shown
    assert (answer["Attendees"][0]["JoinToken"] in shown) is False
    assert (any(answer["Attendees"][0]["JoinToken"] in body for body in queue.bodies(2))) is False
