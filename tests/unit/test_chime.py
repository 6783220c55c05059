"""The client, as a server sees it."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from meeting_provider.chime import Chime
from meeting_provider.errors import MeetingEnded


@pytest.fixture
def agents(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Who called a server that knows no meeting."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["User-Agent"])
            self.send_response(404)
            self.send_header("x-amzn-ErrorType", "NotFoundException")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "sandbox")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")
    yield seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_call_says_who_makes_it(agents: list[str]) -> None:
    with pytest.raises(MeetingEnded):
        Chime("us-east-1").get_meeting("keynote", "0b6f5c7e-3e1d-4f0f-a5ad-8dc9a1c0a7f3")
    (agent,) = agents
    assert agent.startswith("meeting-provider/")
    assert "Botocore/" in agent
