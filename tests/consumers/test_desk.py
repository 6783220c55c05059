"""The desk hands out join information for a signed link, and says nothing to anybody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from chime_sandbox import cloud
from desk import addresses, links
from desk.server import Desk, Parameters

STACK = "dev"
KEY = "what the links are signed with"
INFO = json.dumps({"Attendee": {"AttendeeId": "a"}, "Meeting": {"MeetingId": "m"}})
ANN = (STACK, "opening: day 1/2", "ann@example.org")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An emulated AWS."""
    with cloud.running() as found:
        yield found


@pytest.fixture
def parameters(endpoint: str, aws: Any) -> Parameters:
    """A stack's parameters, with Ann's among them."""
    ssm = aws("ssm", endpoint)
    name = addresses.attendee(*ANN)
    ssm.put_parameter(Name=name, Value=INFO, Type="SecureString", Overwrite=True)
    return Parameters(ssm)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A folder of a page."""
    (tmp_path / "build").mkdir()
    for file in ("index.html", "build/join.js", "build/join.css"):
        (tmp_path / file).write_text(f"this is {file}")
    return tmp_path


@pytest.fixture
def browser(parameters: Parameters, page: Path) -> Client:
    """Whoever asks the desk."""
    return Client(Desk(parameters, STACK, KEY, page))


def path(link: str) -> str:
    return link.removeprefix("https://desk.example")


def session(*who: str, key: str = KEY) -> str:
    page, _, query = path(links.link("https://desk.example", key, *who)).partition("?")
    return f"{page}/session?{query}"


def test_a_signed_link_shows_the_page_and_its_session_is_the_parameter(browser: Client) -> None:
    shown = browser.get(path(links.link("https://desk.example", KEY, *ANN)))
    assert (shown.status_code, shown.text) == (200, "this is index.html")
    handed = browser.get(session(*ANN))
    assert (handed.status_code, handed.text) == (200, INFO)
    assert handed.mimetype == "application/json"


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
    where = path(links.link("", KEY, *ANN)).partition("?")[0]
    refused = browser.get(f"{where}{tail}{signature}")
    assert refused.status_code == 403
    assert "MeetingId" not in refused.text


def test_a_link_opens_nothing_while_there_is_no_meeting_for_it(browser: Client) -> None:
    refused = browser.get(session(STACK, "opening: day 1/2", "bob"))
    assert (refused.status_code, refused.text) == (404, "This meeting is not open to you now.\n")


def test_the_key_of_the_links_is_at_no_link(browser: Client) -> None:
    assert browser.get("/join/link-key?signature=x").status_code == 404
    assert browser.get("/join/link-key/?signature=x").status_code == 404


def test_every_answer_forbids_to_keep_it_and_to_tell_where_it_came_from(browser: Client) -> None:
    for where in (session(*ANN), session(*ANN, key="wrong"), "/join.js", "/nowhere"):
        headers = browser.get(where).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_only_the_files_of_the_page_are_served_and_only_to_read(browser: Client) -> None:
    assert browser.get("/join.js").text == "this is build/join.js"
    assert browser.get("/join.css").mimetype == "text/css"
    for other in ("/index.html", "/package.json", "/..%2Findex.html", "/../index.html", "/"):
        assert browser.get(other).status_code == 404
    assert browser.post(session(*ANN)).status_code == 405


def test_where_ssm_cannot_be_asked_the_desk_says_to_come_back(aws: Any, page: Path) -> None:
    nobody = Parameters(aws("ssm", "http://127.0.0.1:1"))
    refused = Client(Desk(nobody, STACK, KEY, page)).get(session(*ANN))
    assert (refused.status_code, refused.text) == (503, "The desk can't be asked right now.\n")
