"""The client, as a server sees it."""

from __future__ import annotations

import json
import re
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from threading import Thread

import pytest
from support.meetings import declared

from meeting_provider import calls
from meeting_provider.calls import ServiceCalls, control_region_of
from meeting_provider.client import ChimeClient
from meeting_provider.errors import (
    AccessDenied,
    LimitExceeded,
    MeetingEnded,
    ServiceError,
    Throttled,
    UnderWay,
    Unreachable,
)
from meeting_provider.models import MeetingAnswer
from meeting_provider.shapes import Answer

MEETING = MeetingAnswer(
    meeting_id="0b6f5c7e-3e1d-4f0f-a5ad-8dc9a1c0a7f3",
    meeting_arn="arn:0b6f5c7e-3e1d-4f0f-a5ad-8dc9a1c0a7f3",
    external_meeting_id="keynote",
)

#: What is called, and what a method that has an answer to read does with it.
READING: dict[str, Callable[[ChimeClient], object]] = {
    "CreateMeetingWithAttendees": lambda chime: chime.create_meeting_with_attendees(
        declared("ana"), "token"
    ),
    "BatchCreateAttendee": lambda chime: chime.batch_create_attendee(
        MEETING, declared("ana").attendees
    ),
    "ListAttendees": lambda chime: chime.list_attendees(MEETING),
    "ListTagsForResource": lambda chime: chime.list_tags(MEETING, "arn"),
}


#: A configuration of AWS's that can't be used, as environment and file, and what is said of it.
UNUSABLE: dict[str, tuple[dict[str, str], str, str]] = {
    "half a key": ({"AWS_ACCESS_KEY_ID": "sandbox"}, "", "missing: AWS_SECRET_ACCESS_KEY"),
    "no URL": ({"AWS_ENDPOINT_URL": "localhost:4566"}, "", "localhost:4566"),
    "no INI file": ({}, "[default\nregion", "Unable to parse config file"),
    "a process that fails": ({}, "[default]\ncredential_process = false", "custom-process"),
    "no such source": (
        {},
        "[default]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = nosuch",
        "nosuch",
    ),
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
def chime(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ChimeClient]:
    """The client of an endpoint."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "sandbox")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")

    def made(endpoint: str) -> ChimeClient:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        return ChimeClient("us-east-1")

    return made


def answered(
    request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes = b""
) -> None:
    request.send_response(status)
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


def test_a_call_says_who_makes_it(chime: Callable[[str], ChimeClient]) -> None:
    agents: list[str] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        agents.append(request.headers["User-Agent"])
        answered(request, 404, {"x-amzn-ErrorType": "NotFoundException"})

    with serving(answer) as endpoint, pytest.raises(MeetingEnded):
        chime(endpoint).get_meeting(MEETING)
    (agent,) = agents
    assert agent.startswith("meeting-provider/")
    assert "Botocore/" in agent


def throttled(request: BaseHTTPRequestHandler) -> None:
    answered(request, 429, {"x-amzn-ErrorType": "ThrottlingException"}, b"{}")


def listed(request: BaseHTTPRequestHandler) -> None:
    answered(request, 200, {"Content-Type": "application/json"}, b'{"Attendees": []}')


def in_turn(
    answers: Iterator[Callable[[BaseHTTPRequestHandler], None]],
) -> Callable[[BaseHTTPRequestHandler], None]:
    """Another answer for each request."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        next(answers)(request)

    return answer


def test_a_call_is_retried_while_its_operation_has_time(
    chime: Callable[[str], ChimeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the service throttles more attempts than a call without an operation makes."""
    monkeypatch.setattr(calls, "ATTEMPTS", 2)
    answers = iter([throttled] * (calls.ATTEMPTS + 1) + [listed])
    with serving(in_turn(answers)) as endpoint:
        assert chime(endpoint).bounded().list_attendees(MEETING) == []
    assert list(answers) == []


def test_calls_succeed_though_every_second_one_is_throttled(
    chime: Callable[[str], ChimeClient],
) -> None:
    with serving(in_turn(cycle([throttled, listed]))) as endpoint:
        bounded = chime(endpoint).bounded()
        for _ in range(4):
            assert bounded.list_attendees(MEETING) == []


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (throttled, Throttled, r"Throttling \(no message\).*, for \d+ s; the service takes 10"),
        (
            lambda _: time.sleep(0.5),
            Unreachable,
            r"Connection was closed.*, for \d+ s; check",
        ),
    ],
    ids=["throttled", "unanswered"],
)
def test_an_operation_without_an_end_says_what_it_waited_for(
    chime: Callable[[str], ChimeClient],
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[BaseHTTPRequestHandler], None],
    kind: type[ServiceError],
    said: str,
) -> None:
    """And once its time is up, it makes no other call."""
    monkeypatch.setattr(calls, "OPERATION_SECONDS", 2.0)
    with serving(answer) as endpoint:
        bounded = chime(endpoint).bounded()
        with pytest.raises(kind, match=said):
            bounded.list_attendees(MEETING)
        with pytest.raises(Unreachable, match="2 s were up before this call; the service is slow"):
            bounded.delete_meeting(MEETING)


def test_an_operation_ends_within_five_minutes() -> None:
    """Its own time, the call that is under way then, and the delete that undoes a create."""
    attempt = calls.LONGEST_WAIT + calls.CONNECT_TIMEOUT + calls.READ_TIMEOUT
    assert calls.OPERATION_SECONDS + (1 + calls.ATTEMPTS) * attempt <= 300


@pytest.mark.parametrize("operation", READING)
def test_a_page_of_somebody_between_is_no_answer(
    chime: Callable[[str], ChimeClient], operation: str
) -> None:
    """As of a hotel's network before its terms are agreed to: all tokens would seem to be gone."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        answered(request, 200, {"Content-Type": "text/html"}, b"<p>Welcome! Agree and go on.")

    with serving(answer) as endpoint, pytest.raises(Unreachable) as error:
        READING[operation](chime(endpoint))
    said = str(error.value)
    assert operation in said
    assert "the answer is text/html, not JSON" in said
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
    chime: Callable[[str], ChimeClient], operation: str, body: object, lacks: str
) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        answered(request, 200, {"Content-Type": "application/json"}, json.dumps(body).encode())

    with serving(answer) as endpoint, pytest.raises(Unreachable) as error:
        READING[operation](chime(endpoint))
    assert f"the answer has no usable {lacks}" in str(error.value)
    assert "canary" not in "".join(traceback.format_exception(error.value))


@pytest.mark.parametrize("problem", UNUSABLE)
def test_an_unusable_configuration_is_an_error_of_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, problem: str
) -> None:
    environment, file, says = UNUSABLE[problem]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    config = tmp_path / "config"
    config.write_text(file)
    for name, value in {"AWS_CONFIG_FILE": str(config), **environment}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ServiceError, match=re.escape(says)) as error:
        ChimeClient("us-east-1").list_tags(MEETING, "arn")
    assert "\n" not in str(error.value)
    assert "correct the AWS_ environment variables" in str(error.value)


@pytest.mark.parametrize(
    ("said_by", "code"),
    [
        ("AssumeRole", "AccessDenied"),
        # With the code of a meeting that has ended.
        ("AssumeRole", "ResourceNotFoundException"),
        ("ListTagsForResource", "ExpiredTokenException"),
    ],
)
def test_credentials_that_are_refused_are_not_a_missing_permission_or_an_ended_meeting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said_by: str, code: str
) -> None:
    keys = "aws_access_key_id = sandbox\naws_secret_access_key = sandbox\n"
    role = "role_arn = arn:aws:iam::123456789012:role/r\ncredential_source = Environment\n"
    config = tmp_path / "config"
    config.write_text(f"[default]\n{role if said_by == 'AssumeRole' else keys}")

    def answer(request: BaseHTTPRequestHandler) -> None:
        body = f"<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>".encode()
        answered(request, 403, {"x-amzn-ErrorType": code}, body if said_by == "AssumeRole" else b"")

    with serving(answer) as endpoint:
        settings = {"AWS_CONFIG_FILE": str(config), "AWS_ENDPOINT_URL": endpoint}
        environment = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "sandbox")
        for name, value in (settings | environment).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ServiceError) as error:
            ChimeClient("us-east-1", "default").list_tags(MEETING, "arn")
    said = str(error.value)
    assert type(error.value) is ServiceError
    assert "ListTagsForResource failed" in said
    assert said_by in said
    assert code.removesuffix("Exception") in said
    assert "set up AWS credentials" in said


def test_throttled_credentials_are_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    role = "role_arn = arn:aws:iam::123456789012:role/r\ncredential_source = Environment\n"
    config = tmp_path / "config"
    config.write_text(f"[default]\n{role}")
    asked: list[str] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        answered(request, 400, {}, b"<R><Error><Code>Throttling</Code></Error></R>")

    with serving(answer) as endpoint:
        variables = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        for name, value in dict.fromkeys(variables, "sandbox").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        # STS's own retries are not what is tested.
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        monkeypatch.setattr(calls, "ATTEMPTS", 2)
        with pytest.raises(Throttled):
            ChimeClient("us-east-1", "default").list_tags(MEETING, "arn")
    assert len(asked) == calls.ATTEMPTS


class Pipelines(ServiceCalls):
    """Another service of the Chime SDK."""

    service = "chime-sdk-media-pipelines"


@pytest.mark.parametrize(
    ("status", "code", "kind", "remedy"),
    [
        (400, "ResourceLimitExceeded", LimitExceeded, "end what isn't needed, or ask for more in"),
        (403, "Forbidden", AccessDenied, "allow the action chime:GetMediaPipeline in the"),
        (404, "NotFound", ServiceError, "run `pulumi up --refresh`, which finds what is gone"),
        (409, "Conflict", UnderWay, "run `pulumi up` again"),
        (429, "ThrottledClient", Throttled, "run `pulumi up` again, with a smaller --parallel"),
        (503, "ServiceUnavailable", Unreachable, "the service has a problem"),
    ],
)
def test_errors_of_another_service_name_what_the_call_was_for(
    chime: Callable[[str], ChimeClient],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str,
    kind: type[ServiceError],
    remedy: str,
) -> None:
    monkeypatch.setattr(calls, "ATTEMPTS", 1)

    def answer(request: BaseHTTPRequestHandler) -> None:
        error = {"x-amzn-ErrorType": f"{code}Exception", "Content-Type": "application/json"}
        answered(request, status, error, b'{"Message": "no"}')

    with serving(answer) as endpoint:
        chime(endpoint)
        pipelines = Pipelines("us-east-1")
        with pytest.raises(kind) as error:
            pipelines.call("GetMediaPipeline", "recording 'talk'", Answer, MediaPipelineId="-" * 36)
    said = str(error.value)
    assert said.startswith(f"recording 'talk': GetMediaPipeline failed: {code} (no)")
    assert remedy in said
    assert "meeting" not in said


def test_no_region_is_found_in_a_file_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[default\nregion")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with pytest.raises(ServiceError, match="signing in failed"):
        control_region_of(None)
