"""The desk returns join information for a signed link, and nothing for any other."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from click import ClickException
from click.testing import CliRunner
from consumers.conftest import Clock
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from desk import addresses, links
from desk.parameters import CONFIG, KEPT_ON_MISMATCH, LONGEST_KEPT, LinkKey, Parameters
from desk.server import PAGE, Desk, listen, main
from desk.sessions import session

STACK = "dev"
KEY = "what the links are signed with"
JOIN = {"Attendee": {"AttendeeId": "a"}, "Meeting": {"MeetingId": "m"}}
EVENT = "opening: day 1/2"
ANN = (STACK, EVENT, "ann@example.org")


@pytest.fixture
def ssm(endpoint: str, aws: Any) -> Any:
    """Its SSM, with a key, an event and Ann's join information."""
    client = aws("ssm", endpoint)
    put(client, addresses.link_key(STACK), KEY)
    put(client, addresses.about(STACK, addresses.segment(EVENT)), json.dumps({"title": "Opening"}))
    put(client, addresses.attendee(*ANN), json.dumps([{**JOIN, "Times": {}}]))
    return client


def put(ssm: Any, name: str, value: str) -> None:
    ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A folder of a page."""
    (tmp_path / "build").mkdir()
    operator = ("operator.html", "operator.js", "operator.css")
    for file in ("index.html", "icon.svg", "build/join.js", "build/join.css", *operator):
        (tmp_path / file).write_text(f"this is {file}")
    (tmp_path / "message.html").write_text("$root|$title|$text")
    return tmp_path


@pytest.fixture
def clock() -> Clock:
    """The clock that the link key's age is measured by."""
    return Clock()


@pytest.fixture
def desk(ssm: Any, page: Path, clock: Clock) -> Desk:
    """The desk of the stack."""
    parameters = Parameters(ssm)
    return Desk(parameters, STACK, LinkKey(parameters, addresses.link_key(STACK), clock), page)


@pytest.fixture
def browser(desk: Desk) -> Client:
    """A client of the desk."""
    return Client(desk)


def path(link: str) -> str:
    return link.removeprefix("https://desk.example")


def join(*who: str, key: str = KEY) -> str:
    return path(links.link("https://desk.example", key, *who))


def session_of(*who: str, key: str = KEY) -> str:
    page, _, query = join(*who, key=key).partition("?")
    return f"{page}/session?{query}"


def test_a_signed_link_shows_the_page_and_its_session_has_what_the_client_takes(
    browser: Client,
) -> None:
    """Meeting and Attendee are the parameter's, and the event's title is with them."""
    shown = browser.get(join(*ANN))
    assert (shown.status_code, shown.text) == (200, "this is index.html")
    handed = browser.get(session_of(*ANN))
    assert (handed.status_code, handed.mimetype) == (200, "application/json")
    assert handed.json == {"state": "open", "title": "Opening", **JOIN}


@pytest.mark.parametrize("tail", ["", "/session"])
@pytest.mark.parametrize(
    "signature",
    [
        "",
        "?signature=",
        "?signature=wrong",
        "?signature=%C3%A9",
        f"?signature={links.sign('another key', addresses.attendee(*ANN))}",
        f"?signature={links.sign(KEY, addresses.attendee(STACK, ANN[1], 'bob'))}",
        f"?signature={links.sign(KEY, addresses.attendee('live', *ANN[1:]))}",
    ],
)
def test_another_signature_opens_nothing(browser: Client, signature: str, tail: str) -> None:
    """A wrong signature is refused with 403, by a page or in JSON."""
    where = join(*ANN).partition("?")[0]
    refused = browser.get(f"{where}{tail}{signature}")
    assert refused.status_code == 403
    assert "MeetingId" not in refused.text
    assert ("Wrong link" in refused.text) is (tail == "")


def test_the_key_of_the_links_is_at_no_link(browser: Client) -> None:
    """The parameter with the key has no address that a link could lead to."""
    assert browser.get("/join/link-key?signature=x").status_code == 404
    assert browser.get("/join/link-key/?signature=x").status_code == 404


TIMES = {
    "opens": "2027-03-01T08:45:00+01:00",
    "start": "2027-03-01T09:00:00+01:00",
    "end": "2027-03-01T10:00:00+01:00",
    "closes": "2027-03-01T10:30:00+01:00",
}
LATER = {name: time.replace("-01T", "-02T") for name, time in TIMES.items()}
OVERLAPPING = {
    "opens": "2027-03-01T09:45:00+01:00",
    "start": "2027-03-01T10:00:00+01:00",
    "end": "2027-03-01T11:00:00+01:00",
    "closes": "2027-03-01T11:30:00+01:00",
}


@pytest.mark.parametrize(
    ("entries", "about", "now", "state", "more"),
    [
        (None, None, "09:00", "over", {}),
        (None, {"open": [], "next": LATER}, "09:00", "upcoming", {"opens": LATER["opens"]}),
        (None, {"open": [TIMES]}, "09:30", "not_invited", {}),
        (None, {"open": [{}]}, "09:30", "not_invited", {}),
        ([TIMES], {"open": [TIMES]}, "09:30", "open", {"end": TIMES["end"]}),
        ([TIMES], {"open": [TIMES]}, "10:31", "over", {}),
        ([TIMES], {"open": [TIMES], "next": LATER}, "10:31", "upcoming", {"start": LATER["start"]}),
        ([TIMES, OVERLAPPING], {"open": [TIMES, OVERLAPPING]}, "09:50", "open", {"MeetingId": 0}),
        ([TIMES, OVERLAPPING], {"open": [TIMES, OVERLAPPING]}, "10:05", "open", {"MeetingId": 1}),
        ([TIMES, OVERLAPPING], {"open": [TIMES, OVERLAPPING]}, "10:45", "open", {"MeetingId": 1}),
    ],
)
def test_a_session_says_the_truth_about_the_time(
    entries: Any, about: Any, now: str, state: str, more: dict[str, Any]
) -> None:
    """Not open yet, over, open, or somebody else's: also where the desk was updated long ago."""
    kept = entries and [
        {"Meeting": {"MeetingId": place}, "Attendee": {}, "Times": times}
        for place, times in enumerate(entries)
    ]
    found = session(
        kept or [],
        about or {},
        datetime.fromisoformat(f"2027-03-01T{now}:00+01:00").astimezone(UTC),
    )
    assert found["state"] == state
    assert {**found, **found.get("Meeting", {})}.items() >= more.items()
    assert ("Meeting" in found) is (state == "open")


def test_a_link_without_an_open_meeting_shows_a_message(browser: Client, ssm: Any) -> None:
    """Not open yet is 404 with the time of the opening; unknown is over."""
    about = addresses.about(STACK, "later")
    put(ssm, about, json.dumps({"open": [], "next": {"opens": "2090-01-01T00:00:00+00:00"}}))
    refused = browser.get(session_of(STACK, "later", "bob"))
    assert refused.status_code == 404
    assert refused.json == {"state": "upcoming", "opens": "2090-01-01T00:00:00+00:00"}
    assert browser.get(session_of(STACK, "gone", "bob")).json == {"state": "over"}


@pytest.mark.parametrize("where", [session_of(*ANN), session_of(*ANN, key="x"), "/nowhere", "/"])
def test_answers_with_or_without_a_token_are_kept_nowhere(browser: Client, where: str) -> None:
    """Only the page's files may be kept, and no answer is shown in another site's frame."""
    headers = browser.get(where).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_files_are_compressed_and_not_sent_again_while_they_are_the_same(browser: Client) -> None:
    """A browser keeps them, and asks by ETag."""
    first = browser.get("/join.js", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(first.data) == b"this is build/join.js"
    assert first.headers["Cache-Control"] == "no-cache"
    etag = {"If-None-Match": first.headers["ETag"], "Accept-Encoding": "gzip"}
    again = browser.get("/join.js", headers=etag)
    assert (again.status_code, again.data) == (304, b"")
    assert browser.get("/join.js").text == "this is build/join.js"


def test_only_the_files_of_the_page_are_served(browser: Client) -> None:
    """Nothing else of the folder has an address."""
    assert browser.get("/join.css").mimetype == "text/css"
    for other in ("/index.html", "/package.json", "/..%2Findex.html", "/../index.html"):
        assert browser.get(other).status_code == 404


def test_unknown_paths_and_the_front_have_pages(browser: Client) -> None:
    """A person who cut off a link, or opens the host alone, reads what this is."""
    front = browser.get("/")
    assert (front.status_code, front.mimetype) == (200, "text/html")
    assert "join meetings here" in front.text
    lost = browser.get("/join/a")
    assert (lost.status_code, lost.mimetype) == (404, "text/html")
    assert lost.text.startswith("../|Not found|")


def test_what_can_only_be_read_says_which_methods_there_are(browser: Client) -> None:
    """405 has Allow."""
    refused = browser.post(session_of(*ANN))
    assert refused.status_code == 405
    assert {m.strip() for m in refused.headers["Allow"].split(",")} == {"GET", "HEAD"}


def test_a_path_that_a_proxy_leaves_on_leads_to_the_same_pages(desk: Desk) -> None:
    """Under a path of its own the page finds its files, by relative addresses."""

    def nothing(_: Any, start_response: Any) -> list[bytes]:
        start_response("404 Not Found", [])
        return []

    browser = Client(DispatcherMiddleware(nothing, {"/desk": desk}))
    assert browser.get(f"/desk{join(*ANN)}").text == "this is index.html"
    assert browser.get("/desk/join/a").text.startswith("../|Not found|")
    assert browser.get("/desk/join.css").status_code == 200


@pytest.mark.parametrize(
    ("damaged", "value"),
    [
        ("event", "hello"),
        ("event", "[]"),
        ("event", '{"open": [{"closes": "hello"}]}'),
        ("event", '{"open": [{"closes": "2027-03-01T09:00:00"}]}'),
        ("event", '{"next": "hello"}'),
        ("attendee", "hello"),
        ("attendee", "{}"),
        ("attendee", '["hello"]'),
        ("attendee", '[{"Times": {}}]'),
        ("attendee", '[{"Times": {"end": 1}, "Meeting": {}, "Attendee": {}}]'),
        ("attendee", '[{"Meeting": {"JoinToken": "hello"}, "Attendee": {}}]'),
        ("attendee", '[{"Times": {}, "Meeting": "hello", "Attendee": {}}]'),
    ],
)
def test_a_damaged_parameter_makes_the_session_unavailable_and_is_logged(
    browser: Client, ssm: Any, damaged: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    """By its name and what is wrong, never by its value, which may have a join token."""
    name = {
        "event": addresses.about(STACK, addresses.segment(EVENT)),
        "attendee": addresses.attendee(*ANN),
    }[damaged]
    put(ssm, name, value)
    answer = browser.get(session_of(*ANN))
    assert (answer.status_code, answer.json) == (503, {"state": "unavailable"})
    assert f"{name} has an invalid value: " in caplog.text
    assert "hello" not in caplog.text


class TestKey:
    """A new link key takes the place of the old one while the desk runs."""

    def test_old_links_end_and_new_ones_open(self, browser: Client, ssm: Any, clock: Clock) -> None:
        """At the first link with the new key, and after LONGEST_KEPT at the latest."""
        put(ssm, addresses.link_key(STACK), "new")
        assert browser.get(join(*ANN)).status_code == 200
        clock.time = KEPT_ON_MISMATCH
        assert browser.get(join(*ANN, key="new")).status_code == 200
        assert browser.get(join(*ANN)).status_code == 403
        put(ssm, addresses.link_key(STACK), "newer")
        clock.time += LONGEST_KEPT
        assert browser.get(join(*ANN, key="new")).status_code == 403

    def test_guesses_read_it_no_more_often(self, browser: Client, ssm: Any, clock: Clock) -> None:
        """Wrong signatures, however many, make one call for each KEPT_ON_MISMATCH seconds."""
        calls: list[str] = []
        ssm.meta.events.register("before-call.ssm.*", lambda model, **_: calls.append(model.name))
        for guess in range(50):
            clock.time = KEPT_ON_MISMATCH + guess * KEPT_ON_MISMATCH / 50
            browser.get(f"{join(*ANN).partition('?')[0]}?signature={guess}")
        assert calls == ["GetParameter"]


class TestSilence:
    """SSM takes connections and answers nothing."""

    @pytest.fixture
    def silent(self) -> Iterator[Any]:
        """SSM's client, as the desk makes it, for a host that is silent."""
        with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
            endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
            yield boto3.client(
                "ssm",
                region_name="us-east-1",
                endpoint_url=endpoint,
                config=CONFIG,
                aws_access_key_id="x",
                aws_secret_access_key="x",
            )

    def test_a_request_gets_503_and_pages_are_served(
        self, silent: Any, ssm: Any, page: Path
    ) -> None:
        """Each session ends with 503 within the client's few tries; at most MOST_READERS wait."""
        key = LinkKey(Parameters(ssm), addresses.link_key(STACK))
        browser = Client(Desk(Parameters(silent), STACK, key, page))
        answers: list[Any] = []
        calls: list[str] = []
        silent.meta.events.register("before-call.ssm.*", lambda **_: calls.append("call"))
        threads = [
            threading.Thread(target=lambda: answers.append(browser.get(session_of(*ANN))))
            for _ in range(30)
        ]
        for thread in threads:
            thread.start()
        assert browser.get(join(*ANN)).text == "this is index.html"
        for thread in threads:
            thread.join()
        assert {(a.status_code, a.json["state"]) for a in answers} == {(503, "unavailable")}
        assert {a.headers["Retry-After"] for a in answers} == {"15"}
        assert len(answers) == 30
        assert 0 < len(calls) < 30
        limits = silent.meta.config
        waits = (limits.connect_timeout + limits.read_timeout) * limits.retries[
            "total_max_attempts"
        ]
        assert waits <= 6


class TestTheCommand:
    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            (("--port", "99999"), "99999 is not in the range 0<=x<=65535"),
            (("--path", "desk"), "--path has to begin with a slash: /desk"),
            (("--events-queue", "x"), "--events-queue and --events-file need each other"),
        ],
    )
    def test_refuses_wrong_usage(self, options: tuple[str, ...], problem: str) -> None:
        run = CliRunner().invoke(main, ["--stack", STACK, *options])
        assert run.exit_code == 2
        assert problem in run.output

    def test_says_in_one_line_that_there_is_no_region(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
        environment = {**os.environ, "PYTHONPATH": str(PAGE.parent)}
        run = subprocess.run(
            [sys.executable, "-m", "desk.server", "--stack", STACK],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == 1
        assert run.stderr == "Error: SSM can't be called: You must specify a region.\n"

    def test_says_in_one_line_that_it_can_not_listen(self, desk: Desk) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(ClickException) as error:
                listen(desk, "127.0.0.1", port, "")
        assert error.value.message.startswith(f"can't listen at 127.0.0.1:{port}: ")
        with pytest.raises(ClickException, match=r"can't listen at nowhere\.invalid:0: "):
            listen(desk, "nowhere.invalid", 0, "")
