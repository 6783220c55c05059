"""A threaded HTTP/1.1 server for the sandbox: keeps connections alive, and can drop one.

Werkzeug's own handler closes each connection after one answer, which at hundreds of calls a second
takes longer than the calls. This one reads the whole request before it is handled, so that the
connection can be used again.
"""

import socket
import time
import traceback
from email.utils import formatdate
from functools import lru_cache
from io import BytesIO
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app

LOOPBACK = "127.0.0.1"


class ConnectionDropped(Exception):
    """Raised by an application to close the connection without an answer."""


class KeepAliveHandler(WSGIRequestHandler):
    """Answers the requests of a connection one after the other, each with one write."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Handle one request."""
        environ = self.make_environ()
        length = environ.get("CONTENT_LENGTH") or "0"
        if "wsgi.input_terminated" in environ:
            body = environ["wsgi.input"].read()
        elif length.isdecimal():
            body = self.rfile.read(int(length))
        else:
            self.close_connection = True
            self.send_error(400, "Content-Length is not a number")
            return
        environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        try:
            parts, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        except ConnectionDropped:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        except Exception:
            self.log_error("%s", traceback.format_exc())
            self.send_error(500)
        else:
            self._answer(b"".join(parts), status, headers)

    def handle_expect_100(self) -> bool:
        """Send 100 Continue at once, because otherwise it would wait in the buffer."""
        goes_on = super().handle_expect_100()
        self.wfile.flush()
        return goes_on

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The date of an answer, formatted once a second."""
        return _http_date(int(time.time() if timestamp is None else timestamp))

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: the request log has the calls."""

    def _answer(self, body: bytes, status: str, headers: Any) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection"):
                self.send_header(name, value)
        if code != "204":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()


@lru_cache(maxsize=2)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)


class LoopbackServer(ThreadedWSGIServer):
    """A server that only this machine can reach, on `port` or, with 0, on any free one."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self, port: int, application: Any) -> None:
        super().__init__(LOOPBACK, port, application, KeepAliveHandler)

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://{LOOPBACK}:{self.server_port}"
