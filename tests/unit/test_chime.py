"""The client, as a server sees it."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from support.meetings import declared

from meeting_provider.chime import Chime
from meeting_provider.errors import MeetingEnded, Unreachable

MEETING = "0b6f5c7e-3e1d-4f0f-a5ad-8dc9a1c0a7f3"

#: What is called, and what a method that has an answer to read does with it.
READING: dict[str, Callable[[Chime], object]] = {
    "CreateMeetingWithAttendees": lambda chime: chime.create_meeting_with_attendees(
        declared("ana"), declared("ana").attendees, "token"
    ),
    "BatchCreateAttendee": lambda chime: chime.batch_create_attendee(
        "keynote", MEETING, declared("ana").attendees
    ),
    "ListAttendees": lambda chime: chime.list_attendees("keynote", MEETING),
    "ListTagsForResource": lambda chime: chime.list_tags("keynote", f"arn:{MEETING}"),
}


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """The endpoint of a server that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer(self)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def chime(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Chime]:
    """The client of an endpoint."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "sandbox")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")

    def client(endpoint: str) -> Chime:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        return Chime("us-east-1")

    return client


def answered(
    request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes = b""
) -> None:
    request.send_response(status)
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


def test_a_call_says_who_makes_it(chime: Callable[[str], Chime]) -> None:
    agents: list[str] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        agents.append(request.headers["User-Agent"])
        answered(request, 404, {"x-amzn-ErrorType": "NotFoundException"})

    with serving(answer) as endpoint, pytest.raises(MeetingEnded):
        chime(endpoint).get_meeting("keynote", MEETING)
    (agent,) = agents
    assert agent.startswith("meeting-provider/")
    assert "Botocore/" in agent


@pytest.mark.parametrize("operation", READING)
def test_a_page_of_somebody_between_is_no_answer(
    chime: Callable[[str], Chime], operation: str
) -> None:
    """As of a hotel's network before its terms are agreed to: all tokens would seem to be gone."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        answered(request, 200, {"Content-Type": "text/html"}, b"<p>Welcome! Agree and go on.")

    with serving(answer) as endpoint, pytest.raises(Unreachable) as error:
        READING[operation](chime(endpoint))
    said = str(error.value)
    assert operation in said
    assert "the answer is text/html, and no JSON" in said
    assert "check the network, its proxies and the endpoint" in said


@pytest.mark.parametrize(
    ("operation", "body", "lacks"),
    [
        ("CreateMeetingWithAttendees", {}, "Meeting"),
        ("CreateMeetingWithAttendees", {"Meeting": {}}, "Meeting.MeetingId"),
        (
            "ListAttendees",
            {"Attendees": [{"ExternalUserId": "ana", "JoinToken": "a-canary"}]},
            "Attendees.0.AttendeeId",
        ),
    ],
)
def test_an_answer_that_lacks_what_every_answer_has_is_none(
    chime: Callable[[str], Chime], operation: str, body: object, lacks: str
) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        answered(request, 200, {"Content-Type": "application/json"}, json.dumps(body).encode())

    with serving(answer) as endpoint, pytest.raises(Unreachable) as error:
        READING[operation](chime(endpoint))
    assert f"the answer has no usable {lacks}" in str(error.value)
    assert "canary" not in "".join(traceback.format_exception(error.value))
