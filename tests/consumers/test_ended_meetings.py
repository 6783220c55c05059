"""The desk asks the service whether a meeting is there, for all people at once, and requests it."""

from __future__ import annotations

import json
import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from consumers.conftest import Clock
from support import pages

from chime_sandbox.admin import Sandbox
from desk import addresses
from desk.answers import Answers
from desk.meeting_requests import AFTER_FAILURE, AGAIN, MeetingRequests
from desk.meetings import KEPT, KEPT_ENDED, Meetings
from desk.parameters import Parameters
from meeting_provider.errors import InvalidEvent
from meeting_provider.watch import requests

STACK, EVENT = "dev", "keynote"
ABOUT = addresses.about(STACK, EVENT)
QUEUE = addresses.queue(STACK)


class Cloud:
    """An emulated AWS with the desk's parts, and the calls that they made."""

    def __init__(self, endpoint: str, aws: Any) -> None:
        self.admin = Sandbox(endpoint)
        self.clock = Clock()
        self.calls: Counter[str] = Counter()
        self.ssm, self.chime, self.sqs = (
            self._counted(aws(s, endpoint)) for s in ("ssm", "chime-sdk-meetings", "sqs")
        )
        self.queue = self.sqs.create_queue(QueueName="ends")["QueueUrl"]
        self.put(QUEUE, {"region": "us-east-1", "url": self.queue})
        parameters = Parameters(self.ssm)
        self.regions: list[str] = []
        self.meetings = Meetings(self._client, self.clock)
        self.requests = MeetingRequests(parameters, QUEUE, lambda _: self.sqs, self.clock)
        self.answers = Answers(parameters, self.meetings, self.requests, self.clock)
        self.people = [f"person-{n}" for n in range(150)]

    def _counted(self, client: Any) -> Any:
        def count(model: Any, **_: Any) -> None:
            self.calls[model.name] += 1

        client.meta.events.register("before-call.*.*", count)
        return client

    def _client(self, region: str) -> Any:
        self.regions.append(region)
        return self.chime

    def put(self, name: str, value: Any) -> None:
        self.ssm.put_parameter(
            Name=name, Value=json.dumps(value), Type="SecureString", Overwrite=True
        )

    def open(self, account: str | None = None) -> dict[str, Any]:
        """A new meeting of the event, which all links lead to, as of this account."""
        answer = self.chime.create_meeting_with_attendees(
            ClientRequestToken=str(uuid.uuid4()),
            ExternalMeetingId=EVENT,
            MediaRegion="us-east-1",
            Attendees=[{"ExternalUserId": "ann"}],
        )
        meeting: dict[str, Any] = answer["Meeting"]
        if account:
            meeting["MeetingArn"] = meeting["MeetingArn"].replace("123456789012", account)
        entry = {"Meeting": meeting, "Attendee": answer["Attendees"][0], "Times": {}}
        for person in self.people[:3]:
            self.put(addresses.attendee(STACK, EVENT, person), [entry])
        ids = {n: meeting[n] for n in ("MeetingId", "MeetingArn", "ExternalMeetingId")}
        self.put(ABOUT, {"title": "Keynote", "open": [ids]})
        self.calls.clear()
        return meeting

    def ask(self, person: str, has: str | None = None) -> dict[str, Any]:
        return self.answers.session(addresses.attendee(STACK, EVENT, person), ABOUT, has)

    def received(self) -> list[str]:
        found = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return [m["Body"] for m in found.get("Messages", [])]


@pytest.fixture
def cloud(endpoint: str, aws: Any) -> Cloud:
    """An emulated AWS, as new."""
    Sandbox(endpoint).reset()
    return Cloud(endpoint, aws)


def test_a_meeting_that_is_there_is_open(cloud: Cloud) -> None:
    """The region that is asked is that of the meeting's ARN."""
    meeting = cloud.open()
    found = cloud.ask("person-0")
    assert (found["state"], found["Meeting"]["MeetingId"]) == ("open", meeting["MeetingId"])
    assert cloud.regions == ["us-east-1"]


def test_one_that_has_ended_is_reopening_and_its_token_is_kept_back(cloud: Cloud) -> None:
    """The page is given its id, title and times."""
    meeting_id = cloud.open()["MeetingId"]
    cloud.admin.end(meeting_id)
    found = cloud.ask("person-0")
    assert found == {"state": "reopening", "title": "Keynote", "MeetingId": meeting_id}


def test_150_people_who_wait_cost_one_read_and_one_call(cloud: Cloud) -> None:
    """Once a second of the event's parameter, and of the service not even that."""
    meeting_id = cloud.open()["MeetingId"]
    cloud.admin.end(meeting_id)
    cloud.ask("person-0")
    cloud.calls.clear()
    for second in range(5):
        cloud.clock.time = 1.0 + second
        assert {cloud.ask(p, meeting_id)["state"] for p in cloud.people} == {"reopening"}
    assert cloud.calls == {"GetParameter": 5}


def test_150_people_who_connect_cost_one_call_every_two_seconds(cloud: Cloud) -> None:
    """Their meeting is there: they are given nothing that they have."""
    meeting_id = cloud.open()["MeetingId"]
    for second in range(6):
        cloud.clock.time = second * KEPT / 2
        found = [cloud.ask(p, meeting_id) for p in cloud.people]
        assert found == [{"state": "unchanged"}] * len(cloud.people)
    assert cloud.calls == {"GetParameter": 6, "GetMeeting": 3}


def test_the_attendees_parameter_is_read_once_the_event_has_another_meeting(cloud: Cloud) -> None:
    """A page that knows the last one is given the next one."""
    first = cloud.open()["MeetingId"]
    cloud.admin.end(first)
    assert cloud.ask("person-0", first)["state"] == "reopening"
    second = cloud.open()["MeetingId"]
    cloud.clock.time = KEPT
    found = cloud.ask("person-0", first)
    assert (found["state"], found["Meeting"]["MeetingId"]) == ("open", second)
    assert cloud.ask("person-9", first)["state"] == "not_invited"


@pytest.mark.parametrize("kind", ["forbidden", "throttle", "failure", "unavailable", "drop"])
def test_a_meeting_counts_as_there_if_the_service_can_not_be_asked(cloud: Cloud, kind: str) -> None:
    """Nobody is kept out by a missing permission or a quota, and nothing is requested."""
    cloud.admin.end(cloud.open()["MeetingId"])
    cloud.admin.fault(kind, "GetMeeting", count=100)
    assert cloud.ask("person-0")["state"] == "open"
    assert cloud.received() == []
    cloud.admin.clear_faults()
    cloud.clock.time = KEPT
    assert cloud.ask("person-0")["state"] == "reopening"


def test_a_meeting_of_another_account_counts_as_there(cloud: Cloud) -> None:
    """The service doesn't know it in the account of the desk."""
    cloud.admin.end(cloud.open(account="210987654321")["MeetingId"])
    assert cloud.ask("person-0")["state"] == "open"
    assert cloud.calls["GetMeeting"] == 0


def test_people_who_come_at_once_wait_for_one_call(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nobody is led into the meeting that has ended."""
    monkeypatch.setattr("desk.meetings._LONGEST_WAIT", 60.0)
    cloud.admin.end(cloud.open()["MeetingId"])
    cloud.admin.hold("GetMeeting")
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(cloud.ask, "person-0") for _ in range(8)]
        cloud.admin.wait_held()
        cloud.admin.release()
        assert {each.result()["state"] for each in asked} == {"reopening"}
    assert cloud.calls["GetMeeting"] == 1


def test_an_ended_meeting_is_asked_about_again_at_last(cloud: Cloud) -> None:
    """A wrong answer of the service doesn't close a link for good."""
    meeting = cloud.open()
    cloud.meetings.has_ended(meeting)
    cloud.admin.end(meeting["MeetingId"])
    for seconds, calls in ((KEPT, 2), (KEPT_ENDED, 2), (KEPT + KEPT_ENDED, 3)):
        cloud.clock.time = seconds
        assert cloud.meetings.has_ended(meeting)
        assert cloud.calls["GetMeeting"] == calls


@pytest.mark.parametrize("kind", ["forbidden", "throttle", "drop"])
def test_an_ended_meeting_stays_ended_if_the_service_can_not_be_asked_again(
    cloud: Cloud, kind: str
) -> None:
    """Only the service's own answer opens its links."""
    cloud.admin.end(cloud.open()["MeetingId"])
    assert cloud.ask("person-0")["state"] == "reopening"
    cloud.admin.fault(kind, "GetMeeting", count=100)
    cloud.clock.time = KEPT_ENDED
    assert cloud.ask("person-0")["state"] == "reopening"
    assert cloud.calls["GetMeeting"] == 2


def test_20_clicks_send_one_request_that_the_watcher_understands(cloud: Cloud) -> None:
    """It says which meeting, and who asks, and has no token. Another one follows later."""
    meeting_id = cloud.open()["MeetingId"]
    cloud.admin.end(meeting_id)
    barrier = threading.Barrier(20)

    def click(_: int) -> None:
        barrier.wait()
        cloud.ask("person-0")

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(click, range(20)))
    (body,) = cloud.received()
    assert json.loads(body)["source"] == "join-desk"
    assert "JoinToken" not in body
    assert requests.parse(body) == requests.MeetingRequest(
        meeting_id=meeting_id, external_meeting_id=EVENT
    )
    cloud.clock.time = AGAIN - 1
    cloud.ask("person-1")
    assert cloud.received() == []
    cloud.clock.time = AGAIN
    cloud.ask("person-1")
    assert cloud.received() == [body]


def test_a_request_that_failed_is_sent_soon(cloud: Cloud) -> None:
    """The page is answered all the same."""
    cloud.admin.end(cloud.open()["MeetingId"])
    cloud.put(QUEUE, {"region": "us-east-1", "url": f"{cloud.queue}-gone"})
    assert cloud.ask("person-0")["state"] == "reopening"
    cloud.put(QUEUE, {"region": "us-east-1", "url": cloud.queue})
    cloud.clock.time = AFTER_FAILURE
    cloud.ask("person-0")
    assert len(cloud.received()) == 1


@pytest.mark.parametrize("value", ["hello", "[]", '"text"', '{"region": 1, "url": 1}', "null"])
def test_a_damaged_address_of_the_queue_is_logged_and_the_page_is_answered(
    cloud: Cloud, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As if the queue can't be reached."""
    requests = MeetingRequests(Parameters(cloud.ssm), QUEUE)
    cloud.answers = Answers(Parameters(cloud.ssm), cloud.meetings, requests, cloud.clock)
    meeting_id = cloud.open()["MeetingId"]
    cloud.admin.end(meeting_id)
    cloud.ssm.put_parameter(Name=QUEUE, Value=value, Type="SecureString", Overwrite=True)
    assert cloud.ask("person-0")["state"] == "reopening"
    assert f"the meeting {meeting_id} can't be requested by {QUEUE}" in caplog.text


def test_the_documented_policy_allows_what_the_desk_calls_and_no_more(cloud: Cloud) -> None:
    """It is in the desk's README."""
    cloud.admin.end(cloud.open()["MeetingId"])
    cloud.ask("person-0")
    services = {"GetParameter": "ssm", "GetMeeting": "chime", "SendMessage": "sqs"}
    called = {f"{services[operation]}:{operation}" for operation in cloud.calls}
    (block,) = pages.blocks("stacks/join_desk/README.md", "json")
    statements = json.loads(block.text)["Statement"]
    assert {s["Action"] for s in statements} == called
    assert [s["Resource"] for s in statements if s["Resource"] == "*"] == ["*"]


@pytest.mark.parametrize(
    "body",
    [
        "not JSON",
        "[]",
        json.dumps({"detail-type": "Meeting Requested"}),
        json.dumps({"source": "x", "detail-type": "Meeting Requested", "detail": {}}),
        json.dumps({"source": "x", "detail-type": "Another", "detail": {"meetingId": "m"}}),
        json.dumps(
            {"source": "", "detail-type": "Meeting Requested", "detail": {"meetingId": "m"}}
        ),
        "[" * 100_000,
    ],
)
def test_what_is_no_request_is_refused(body: str) -> None:
    """As a message that is no notification is."""
    with pytest.raises(InvalidEvent):
        requests.parse(body)
