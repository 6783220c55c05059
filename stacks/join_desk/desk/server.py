"""An example web server for join links: serves the join page, its data and the operator's page.

    python -m desk.server --stack dev --region eu-central-1

It has no login: the link is enough. In production put your own login and TLS in front of it.
"""

from __future__ import annotations

import gzip
import json
import logging
import signal
import sys
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import boto3
import click
from botocore.exceptions import BotoCoreError
from waitress.server import create_server
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from desk import addresses
from desk.answers import Answers
from desk.meeting_requests import MeetingRequests
from desk.meetings import Meetings, of_account
from desk.messages import Messages
from desk.operator import Operator
from desk.parameters import CONFIG, LinkKey, Parameters, Unavailable
from meeting_provider.watch.errors import QueueFailed
from meeting_provider.watch.queue import Queue

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PAGE: Final = Path(__file__).parents[1] / "page"

_ROUTES: Final = Map(
    [
        Rule("/", endpoint="front", methods=["GET"]),
        Rule("/join/<event>/<attendee>", endpoint="page", methods=["GET"]),
        # Separate from the page, so that programs that scan links get no token.
        Rule("/join/<event>/<attendee>/session", endpoint="session", methods=["GET"]),
        Rule("/operator", endpoint="operator", methods=["GET"]),
        Rule("/operator/data", endpoint="operator_data", methods=["GET"]),
        Rule("/<any('join.js', 'join.css', 'icon.svg'):file>", endpoint="file", methods=["GET"]),
        Rule("/<any('operator.js', 'operator.css'):file>", endpoint="file", methods=["GET"]),
    ],
    merge_slashes=False,
)
_FILES: Final = {
    "join.js": ("build/join.js", "text/javascript"),
    "join.css": ("build/join.css", "text/css"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
    "operator.js": ("operator.js", "text/javascript"),
    "operator.css": ("operator.css", "text/css"),
}

# Source: https://aws.github.io/amazon-chime-sdk-js/modules/contentsecurity_policy.html
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; media-src 'self' blob:;"
    " worker-src blob:; connect-src 'self' https://*.chime.aws wss://*.chime.aws",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

#: Threads that answer requests: more than may wait for SSM, so that pages can still be served.
_THREADS: Final = 16
#: Seconds after which a connection without traffic is closed.
_IDLE_SECONDS: Final = 15
_LONGEST_PATH: Final = 300

#: The HTTP status of each state of a session.
_STATUS: Final = {
    **{"open": 200, "unchanged": 200, "reopening": 404},
    **{"upcoming": 404, "not_invited": 404, "over": 404},
}
_PAGES: Final = {
    403: (
        "Wrong link",
        "This link is not complete, or it is no longer valid. Open the link in your latest "
        "invitation, or ask the person who invited you for a new one.",
    ),
    404: (
        "Not found",
        "There is no page at this address. To join a meeting, open the whole link in your "
        "invitation.",
    ),
    405: ("Not possible", "This address can only be read."),
}
_WRONG_OPERATOR: Final = (
    "Wrong link",
    "This link is not complete, or it is no longer valid. The current one is the output "
    "operator_link of the stack join_desk.",
)
_FRONT: Final = (
    "Join desk",
    "People join meetings here, by a link of their own. To join yours, open the link in your "
    "invitation.",
)

_log = logging.getLogger("desk")


class Desk:
    """The desk, as a WSGI application.

    :param parameters: the parameters of the join desk's stack.
    :param stack: the stack of the meetings.
    :param key: the key that signs its links.
    :param page: the folder of the page, which has to be built.
    :param meetings: asks the service whether a meeting exists. Without it, all are assumed to
        exist.
    :param requests: requests the replacement of an ended meeting. Without it, none is requested.
    :param messages: the messages that say who is connected, for the operator's page.
    """

    def __init__(
        self,
        parameters: Parameters,
        stack: str,
        key: LinkKey,
        page: Path = PAGE,
        *,
        meetings: Meetings | None = None,
        requests: MeetingRequests | None = None,
        messages: Messages | None = None,
    ) -> None:
        self._answers = Answers(parameters, meetings, requests)
        self._stack = stack
        self._key = key
        self._operator = Operator(parameters, stack, key, messages)
        self._html = (page / "index.html").read_bytes()
        self._operator_html = (page / "operator.html").read_bytes()
        self._message = Template((page / "message.html").read_text())
        self._files = {name: (page / file).read_bytes() for name, (file, _) in _FILES.items()}
        self._packed = {name: gzip.compress(content) for name, content in self._files.items()}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        request = Request(environ)
        response = self._answer(request)
        for name, value in _HEADERS.items():
            response.headers[name] = value
        response.headers.setdefault("Cache-Control", "no-store")
        # Without the query string, so that no signature is logged.
        path = quote(request.path, safe="/")[:_LONGEST_PATH]
        _log.info("%s %s %d", request.method, path, response.status_code)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        try:
            endpoint, arguments = _ROUTES.bind_to_environ(request.environ).match()
        except HTTPException as error:
            response = self._page(request, *_PAGES[error.code or 404], status=error.code or 404)
            response.headers.extend(h for h in error.get_headers() if h[0] == "Allow")
            return response
        if endpoint == "front":
            return self._page(request, *_FRONT, status=200)
        if endpoint == "file":
            return self._file(request, **arguments)
        signature = request.args.get("signature", "")
        if endpoint in ("operator", "operator_data"):
            return self._operate(request, endpoint == "operator_data", signature)
        return self._open(request, endpoint == "session", signature, **arguments)

    def _page(self, request: Request, title: str, text: str, *, status: int) -> Response:
        root = "../" * (request.path.count("/") - 1) or "./"
        return Response(
            self._message.substitute(title=title, text=text, root=root),
            status,
            mimetype="text/html",
        )

    def _file(self, request: Request, file: str) -> Response:
        """A file, which browsers cache by its ETag."""
        mimetype = _FILES[file][1]
        is_packed = bool(request.accept_encodings["gzip"])
        response = Response(
            self._packed[file] if is_packed else self._files[file], mimetype=mimetype
        )
        if is_packed:
            response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = "no-cache"
        response.add_etag()
        return response.make_conditional(request)

    def _open(
        self, request: Request, is_session: bool, signature: str, event: str, attendee: str
    ) -> Response:
        address = addresses.within(self._stack, event, attendee)
        if not self._key.opens(address, signature):
            if is_session:
                return _json({"state": "wrong_link"}, 403)
            return self._page(request, *_PAGES[403], status=403)
        if not is_session:
            return Response(self._html, mimetype="text/html")
        about = addresses.about(self._stack, event)
        try:
            found = self._answers.session(address, about, request.args.get("meeting"))
        except Unavailable as error:
            _log.error("%s can't be opened: %s", quote(address, safe="/"), error)
            return _unavailable()
        return _json(found, _STATUS[found["state"]])

    def _operate(self, request: Request, is_data: bool, signature: str) -> Response:
        if not self._operator.opens(signature):
            if is_data:
                return _json({"state": "wrong_link"}, 403)
            return self._page(request, *_WRONG_OPERATOR, status=403)
        if not is_data:
            return Response(self._operator_html, mimetype="text/html")
        try:
            return _json(self._operator.data(datetime.now(UTC)), 200)
        except Unavailable as error:
            _log.error("the parameters of %s can't be read: %s", self._stack, error)
            return _unavailable()


def _unavailable() -> Response:
    response = _json({"state": "unavailable"}, 503)
    response.headers["Retry-After"] = "15"
    return response


def _json(value: dict[str, Any], status: int) -> Response:
    return Response(json.dumps(value), status, mimetype="application/json")


@click.command(help=__doc__)
@click.option("--stack", required=True, help="The stack of the meetings.")
@click.option("--region", help="The region of its parameters; by default boto3's.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8047,
    show_default=True,
    help="The port; 0 for any that is free.",
)
@click.option(
    "--path",
    default="",
    help="The path of base_url, if a proxy passes it on: /desk for https://example.org/desk.",
)
@click.option(
    "--request-meetings",
    is_flag=True,
    help="Have the watcher create a meeting that has ended when somebody opens its link.",
)
@click.option("--events-queue", metavar="URL", help="The desk's own queue of meeting events.")
@click.option(
    "--events-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the messages of the queue are kept.",
)
def main(
    stack: str,
    region: str | None,
    host: str,
    port: int,
    path: str,
    request_meetings: bool,
    events_queue: str | None,
    events_file: Path | None,
) -> None:
    """Serve until a signal comes."""
    if bool(events_queue) is not bool(events_file):
        raise click.UsageError("--events-queue and --events-file need each other")
    if path and not path.startswith("/"):
        raise click.UsageError(f"--path has to begin with a slash: /{path}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    # botocore's DEBUG logs contain the join information.
    logging.disable(logging.DEBUG)
    try:
        parameters = Parameters(boto3.client("ssm", region_name=region, config=CONFIG))
    except (BotoCoreError, ValueError) as error:
        raise click.ClickException(f"SSM can't be called: {error}") from error
    address = addresses.link_key(stack)
    try:
        key = LinkKey(parameters, address)
    except Unavailable as error:
        raise click.ClickException(f"{address} can't be read: {error}") from error
    if not key.exists:
        raise click.ClickException(f"there is no {address}: deploy the stack join_desk first")
    requests = _requests(parameters, stack) if request_meetings else None
    if not (PAGE / "build").exists():
        raise click.ClickException(f"the page isn't built: npm install && npm run build, in {PAGE}")
    messages = _messages(events_queue, events_file, region)
    desk = Desk(parameters, stack, key, meetings=of_account(), requests=requests, messages=messages)
    server = listen(desk, host, port, path)
    if messages:
        threading.Thread(target=messages.follow, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # A name like localhost may have several addresses.
    found = getattr(server, "effective_listen", None) or [(host, server.effective_port)]
    click.echo(f"the desk is at http://{host}:{found[0][1]}{path.rstrip('/')}")
    server.run()
    click.echo("closed")


def listen(desk: Desk, host: str, port: int, path: str) -> Any:
    """Waitress's server of a desk.

    :param host: the name or address to listen at.
    :param port: the port; 0 for any that is free.
    :param path: the path of the addresses, as a proxy passes them on.
    :raises click.ClickException: it can't listen there.
    """
    try:
        return create_server(
            desk,
            host=host,
            port=port,
            threads=_THREADS,
            channel_timeout=_IDLE_SECONDS,
            cleanup_interval=_IDLE_SECONDS // 3,
            url_prefix=path.rstrip("/"),
            ident="",
        )
    except (OSError, ValueError) as error:
        raise click.ClickException(f"can't listen at {host}:{port}: {error}") from error


def _requests(parameters: Parameters, stack: str) -> MeetingRequests:
    address = addresses.queue(stack)
    requests = MeetingRequests(parameters, address)
    try:
        if requests.can_be_sent:
            return requests
    except Unavailable as error:
        raise click.ClickException(f"{address} can't be read: {error}") from error
    raise click.ClickException(
        f"--request-meetings needs {address}: the stack of the meetings has no output queue_url, "
        "or the stack join_desk is not up to date"
    )


def _messages(url: str | None, file: Path | None, region: str | None) -> Messages | None:
    if not url or not file:
        return None
    try:
        return Messages(Queue(url, region), file)
    except (OSError, QueueFailed) as error:
        raise click.ClickException(f"messages can't be received: {error}") from error


if __name__ == "__main__":
    main()
