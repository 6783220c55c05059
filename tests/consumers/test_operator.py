"""The operator's data say what is there, and hold no join token."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from support.checkout import until
from werkzeug.test import Client

from desk import addresses, entries, links
from desk.messages import Messages
from desk.operator import LONGEST_KEPT
from desk.parameters import CONFIG, LinkKey, Parameters
from desk.server import PAGE, Desk
from meeting_provider.watch.queue import Queue

STACK, KEY = "dev", "what the links are signed with"
KEYNOTE, PANEL = (f"{n}0000000-0000-4000-8000-000000000000" for n in (1, 2))
NOW = datetime.now(UTC).replace(microsecond=0)
TIMES = {
    n: (NOW + timedelta(minutes=m)).isoformat()
    for n, m in {"opens": -30, "start": -15, "end": 345, "closes": 360}.items()
}
TOMORROW = {
    n: (datetime.fromisoformat(t) + timedelta(days=1)).isoformat() for n, t in TIMES.items()
}
RECORDING = {"status": "InProgress", "destination": "s3://acme-recordings/keynote/"}
LONG = "viewer-" * 30 + "1"
TOKEN = "a-join-token"
NUMBERS = count()

#: What the meetings' stack outputs.
OUTPUTS: dict[str, Any] = {
    "meeting_ids": {"keynote": KEYNOTE, "panel: 1/2": PANEL},
    "join_data": {
        name: {
            "Meeting": {"MeetingId": meeting},
            "Attendees": {
                who: {"AttendeeId": f"{who}-id", "ExternalUserId": who, "JoinToken": TOKEN}
                for who in people
            },
        }
        for name, meeting, people in (
            ("keynote", KEYNOTE, ("ann@example.org", "bob", LONG)),
            ("panel: 1/2", PANEL, ("ann@example.org",)),
        )
    },
    "events": {"keynote": {"title": "Opening keynote", "event": "keynote", **TIMES}},
    "upcoming": {"stand-up-1": {"title": "Stand-up", "event": "stand-up", **TOMORROW}},
    "recordings": {"keynote": {**RECORDING, "concatenated": None}, "panel: 1/2": None},
}


@dataclass
class Office:
    """A desk, its emulated AWS, and a clock that a test sets."""

    client: Client
    ssm: Any
    sqs: Any
    queue: str
    messages: Messages | None
    calls: list[str]
    reading: Any
    time: float = 0.0

    def put(self, **outputs: Any) -> None:
        """Have the desk's parameters be those of a stack's outputs."""
        for kept in entries.parameters(STACK, {**OUTPUTS, **outputs}, "meetings"):
            self.ssm.put_parameter(
                Name=kept.address, Value=kept.value, Type="SecureString", Overwrite=True
            )
        self.time += LONGEST_KEPT

    def send(self, kind: str, who: str = "", meeting: str = KEYNOTE, minutes: float = -5) -> None:
        about = {"attendeeId": f"{who}-id", "externalUserId": who} if who else {}
        stamp = int((NOW + timedelta(minutes=minutes)).timestamp() * 1000)
        detail = {"eventType": f"chime:{kind}", "meetingId": meeting, "timestamp": stamp, **about}
        event = {
            "source": "aws.chime",
            "detail-type": "Chime Meeting State Change",
            "detail": {"externalMeetingId": "keynote", **detail},
        }
        body = json.dumps({"Type": "Notification", "Message": json.dumps(event)})
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=body)

    def get(self, tail: str = "/data") -> Any:
        signature = links.sign(KEY, addresses.operator(STACK))
        return self.client.get(f"/operator{tail}?signature={signature}")

    def data(self) -> Any:
        answer = self.get()
        assert answer.status_code == 200
        return answer.json

    def event(self, name: str) -> Any:
        [found] = [e for e in self.data()["events"] if e["event"] == name]
        return found


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """The page, with its built files left empty."""
    (tmp_path / "page/build").mkdir(parents=True)
    for file in PAGE.glob("*.*"):
        (tmp_path / "page" / file.name).write_bytes(file.read_bytes())
    for name in ("join.js", "join.css"):
        (tmp_path / "page/build" / name).touch()
    return tmp_path / "page"


@pytest.fixture
def office(
    endpoint: str, aws: Any, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Office]:
    """A desk that receives the meetings' events."""
    yield from opened(endpoint, aws, page, tmp_path, monkeypatch, has_queue=True)


@pytest.fixture
def silent_office(
    endpoint: str, aws: Any, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Office]:
    """A desk that receives none."""
    yield from opened(endpoint, aws, page, tmp_path, monkeypatch, has_queue=False)


def opened(
    endpoint: str, aws: Any, page: Path, folder: Path, patch: pytest.MonkeyPatch, *, has_queue: bool
) -> Iterator[Office]:
    for name, value in (
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
    ):
        patch.setenv(name, value)
    ssm, sqs = aws("ssm", endpoint), aws("sqs", endpoint)
    ssm.put_parameter(
        Name=addresses.link_key(STACK), Value=KEY, Type="SecureString", Overwrite=True
    )
    # The threads of other tests still wait for theirs.
    url = sqs.create_queue(QueueName=f"operator-{next(NUMBERS)}")["QueueUrl"]
    messages = Messages(Queue(url, "us-east-1"), folder / "events.jsonl") if has_queue else None
    if messages:
        threading.Thread(target=messages.follow, daemon=True).start()
    reading = boto3.client("ssm", "us-east-1")
    calls: list[str] = []
    reading.meta.events.register("before-call.ssm.*", lambda model, **_: calls.append(model.name))
    parameters = Parameters(reading)
    key = LinkKey(parameters, addresses.link_key(STACK))
    desk = Desk(parameters, STACK, key, page, messages=messages)
    office = Office(Client(desk), ssm, sqs, url, messages, calls, reading)
    desk._operator._now = lambda: office.time
    office.put()
    yield office
    for found in ssm.describe_parameters(MaxResults=50)["Parameters"]:
        ssm.delete_parameter(Name=found["Name"])


def test_the_data_have_meetings_links_and_recordings_by_time(silent_office: Office) -> None:
    data = silent_office.data()
    assert (data["state"], data["connections"]) == ("ready", "unknown")
    assert [(e["event"], e["title"]) for e in data["events"]] == [
        ("panel.3A.201.2F2", "panel: 1/2"),
        ("keynote", "Opening keynote"),
        ("stand-up", "Stand-up"),
    ]
    panel, keynote, standup = data["events"]
    assert panel["open"] == [{"MeetingId": PANEL}]
    assert keynote["open"] == [{**TIMES, "MeetingId": KEYNOTE, "recording": RECORDING}]
    assert (standup["open"], standup["next"], standup["attendees"]) == ([], TOMORROW, [])
    assert [a["name"] for a in keynote["attendees"][:2]] == ["ann@example.org", "bob"]
    assert keynote["attendees"][2]["name"].startswith("viewer-viewer-")
    assert keynote["attendees"][2]["name"].endswith("…")
    wanted = links.link("https://desk.example", KEY, STACK, "keynote", "ann@example.org")
    assert f"https://desk.example/{keynote['attendees'][0]['link']}" == wanted
    assert silent_office.client.get(f"/{keynote['attendees'][2]['link']}").status_code == 200


def test_no_join_token_is_in_the_page_or_read_for_it(silent_office: Office) -> None:
    """Only the parameters of events are decrypted, and again only once they have changed."""
    office = silent_office
    office.calls.clear()
    texts = [office.get(tail).text for tail in ("", "/data")]
    assert not [text for text in texts if TOKEN in text]
    assert office.calls.count("GetParameter") == 3
    office.time += LONGEST_KEPT
    office.data()
    office.data()
    assert office.calls.count("GetParameter") == 3
    assert office.calls.count("GetParametersByPath") == 2
    office.put(events={"keynote": {"title": "Another", "event": "keynote", **TIMES}})
    assert office.event("keynote")["title"] == "Another"
    assert office.calls.count("GetParameter") == 6


@pytest.mark.parametrize("tail", ["", "/data"])
@pytest.mark.parametrize(
    "signature",
    [
        "",
        "wrong",
        links.sign("another key", addresses.operator(STACK)),
        links.sign(KEY, addresses.operator("live")),
        links.sign(KEY, addresses.attendee(STACK, "keynote", "bob")),
    ],
)
def test_another_signature_opens_nothing(silent_office: Office, signature: str, tail: str) -> None:
    refused = silent_office.client.get(f"/operator{tail}?signature={signature}")
    assert refused.status_code == 403
    assert "keynote" not in refused.text
    assert ("operator_link" in refused.text) is (tail == "")


@pytest.mark.parametrize("tail", ["", "/data"])
def test_answers_are_kept_nowhere(silent_office: Office, tail: str) -> None:
    headers = silent_office.get(tail).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_who_is_connected_comes_from_the_messages(office: Office) -> None:
    """Also who is in no declaration; a meeting that ended has nobody, and says so."""
    for who in ("bob", LONG, "guest"):
        office.send("AttendeeJoined", who)
    office.send("AttendeeJoined", "ann@example.org", minutes=-9)
    office.send("AttendeeLeft", "ann@example.org", minutes=-7)

    def connected() -> dict[str, str]:
        attendees = office.event("keynote")["attendees"]
        return {a["name"]: a["connected"] for a in attendees if "connected" in a}

    until(lambda: len(connected()) == 3, "three are connected")
    since = (NOW - timedelta(minutes=5)).isoformat()
    assert connected() == dict.fromkeys(("bob", LONG, "guest"), since)
    links_of = {a["name"]: a.get("link") for a in office.event("keynote")["attendees"]}
    assert links_of["guest"] is None
    assert links_of[LONG] is not None
    until(lambda: office.data()["connections"] == "known", "the queue is read")
    office.send("MeetingEnded", minutes=-1)
    until(lambda: "ended" in office.event("keynote")["open"][0], "the end is known")
    assert connected() == {}
    # Its successor has another MeetingId.
    office.put(meeting_ids={"keynote": PANEL, "panel: 1/2": KEYNOTE})
    assert "ended" not in office.event("keynote")["open"][0]


def test_messages_are_kept_over_a_restart(office: Office, tmp_path: Path) -> None:
    """They are in the file before they leave the queue, and the report reads the same file."""
    office.send("AttendeeJoined", "eve", PANEL, minutes=-60 * 24 * 8)
    office.send("AttendeeJoined", "bob")
    until(
        lambda: any("connected" in a for a in office.event("keynote")["attendees"]),
        "somebody is connected",
    )
    again = Messages(Queue(office.queue, "us-east-1"), tmp_path / "events.jsonl")
    [bob] = again.meetings()[KEYNOTE].connected(NOW)
    assert bob.external_user_id == "bob"
    assert again.meetings().keys() == {KEYNOTE}
    assert not again.is_current


def test_a_queue_that_is_gone_makes_the_connections_stale(office: Office) -> None:
    until(lambda: office.data()["connections"] == "known", "the queue is read")
    office.sqs.delete_queue(QueueUrl=office.queue)
    until(lambda: office.data()["connections"] == "stale", "the queue is missed")


def test_when_the_links_were_updated_follows_a_replacement(silent_office: Office) -> None:
    office = silent_office
    first = datetime.fromisoformat(office.event("keynote")["updated"])
    assert "updated" not in office.event("stand-up")
    office.put(meeting_ids={"keynote": PANEL, "panel: 1/2": KEYNOTE})
    assert datetime.fromisoformat(office.event("keynote")["updated"]) > first


def test_without_ssm_the_data_are_unavailable_and_ask_it_no_more_often(
    silent_office: Office, page: Path
) -> None:
    office = silent_office
    # A port that is taken, and where nobody listens.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
        gone = boto3.client("ssm", "us-east-1", endpoint_url=nowhere, config=CONFIG)
        calls: list[str] = []
        gone.meta.events.register("before-call.ssm.*", lambda model, **_: calls.append(model.name))
        key = LinkKey(Parameters(office.ssm), addresses.link_key(STACK))
        office.client = Client(Desk(Parameters(gone), STACK, key, page))
        answers = [office.get() for _ in range(3)]
    assert {(a.status_code, a.json["state"]) for a in answers} == {(503, "unavailable")}
    assert answers[0].headers["Retry-After"] == "15"
    assert calls == ["GetParametersByPath"]


@pytest.mark.parametrize(
    "value",
    [
        "hello",
        "[]",
        "null",
        "[" * 4000,
        '{"open": {}}',
        '{"open": [1]}',
        '{"open": [{"MeetingId": ["hello"]}]}',
        '{"open": [{"closes": "hello"}]}',
        '{"open": [{"closes": "2027-03-01T09:00:00"}]}',
        '{"open": [{"start": "2027-03-01T09:00:00"}]}',
        '{"next": {"start": 1}}',
        '{"next": "hello"}',
        '{"title": {"hello": 1}}',
    ],
)
def test_an_event_whose_parameter_is_damaged_is_left_out_and_logged_once(
    silent_office: Office, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    """By the parameter's name, never by its value. The others are shown, and read no more often."""
    office = silent_office
    name = addresses.about(STACK, "keynote")
    office.ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
    office.calls.clear()
    shown = [office.data()["events"] for _ in range(3)]
    assert [[e["event"] for e in events] for events in shown] == [
        ["panel.3A.201.2F2", "stand-up"]
    ] * 3
    assert office.calls.count("GetParametersByPath") == 1
    office.time += LONGEST_KEPT
    office.data()
    # Other tests' threads still log.
    [said] = [text for text in caplog.messages if name in text]
    assert said.startswith(f"{name} has an invalid value: ")
    assert "hello" not in said
    office.put()
    assert office.event("keynote")["title"] == "Opening keynote"


def test_an_event_without_times_is_shown(silent_office: Office) -> None:
    """They are missing if the meetings' stack doesn't export them."""
    office = silent_office
    office.put(events={}, upcoming={"stand-up": {"title": "Stand-up"}})
    assert office.event("keynote")["open"] == [{"MeetingId": KEYNOTE, "recording": RECORDING}]
    assert office.event("stand-up")["next"] == {}


def test_while_one_request_lists_the_parameters_others_get_the_data_of_before(
    silent_office: Office,
) -> None:
    office = silent_office
    before = office.data()
    office.put(events={"keynote": {"title": "Another", "event": "keynote", **TIMES}})
    lists, goes_on = threading.Event(), threading.Event()

    def wait(**_: Any) -> None:
        lists.set()
        goes_on.wait()

    office.reading.meta.events.register("before-call.ssm.GetParametersByPath", wait)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(office.data)
        try:
            assert lists.wait(60)
            assert pool.submit(office.data).result(60) == before
        finally:
            goes_on.set()
        assert "Another" in [e["title"] for e in first.result()["events"]]


def test_until_the_parameters_are_listed_for_the_first_time_the_data_are_unavailable(
    silent_office: Office, page: Path
) -> None:
    """An empty page would be a lie."""
    office = silent_office
    lists, goes_on = threading.Event(), threading.Event()

    def wait(**_: Any) -> None:
        lists.set()
        goes_on.wait()

    office.reading.meta.events.register("before-call.ssm.GetParametersByPath", wait)
    key = LinkKey(Parameters(office.ssm), addresses.link_key(STACK))
    office.client = Client(Desk(Parameters(office.reading), STACK, key, page))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(office.data)
        try:
            assert lists.wait(60)
            second = pool.submit(office.get).result(60)
            assert (second.status_code, second.json["state"]) == (503, "unavailable")
        finally:
            goes_on.set()
        assert len(first.result()["events"]) == 3


@pytest.mark.parametrize(
    "text", ["ann", "ann@example.org", "a.b~c_d-e", "panel: day 1/2", "語" * 10, "a" * 128]
)
def test_a_segment_says_the_text_that_it_was_made_of(text: str) -> None:
    assert addresses.text(addresses.segment(text)) == text
