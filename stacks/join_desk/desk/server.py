"""An example desk: shows the page to whoever has a signed link, and hands out what it joins with.

    python -m desk.server --stack dev --region eu-central-1

A link is all that it asks for. In production put your own login in front of it, and TLS.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError
from werkzeug.exceptions import Forbidden, HTTPException, NotFound, ServiceUnavailable
from werkzeug.routing import Map, Rule
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from desk import addresses, links

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PAGE: Final = Path(__file__).parents[1] / "page"

_ROUTES: Final = Map(
    [
        Rule("/join/<meeting>/<attendee>", endpoint="page", methods=["GET"]),
        # Apart from the page, so that whatever looks into links on their way is handed no token.
        Rule("/join/<meeting>/<attendee>/session", endpoint="session", methods=["GET"]),
        Rule("/<file>", endpoint="file", methods=["GET"]),
    ],
    merge_slashes=False,
)
_FILES: Final = {"join.js": "text/javascript", "join.css": "text/css"}

# What the client needs: https://aws.github.io/amazon-chime-sdk-js/modules/contentsecurity_policy.html
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; media-src 'self' blob:;"
    " worker-src blob:; connect-src 'self' https://*.chime.aws wss://*.chime.aws",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Parameters:
    """What the stack `join_desk` has put into SSM.

    Args:
        client: boto3's SSM client.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def get(self, name: str) -> str | None:
        """A parameter's value, or None where there is none.

        Raises:
            ClientError, BotoCoreError: SSM can't be asked.
        """
        try:
            found = self._client.get_parameter(Name=name, WithDecryption=True)
        except self._client.exceptions.ParameterNotFound:
            return None
        return str(found["Parameter"]["Value"])


class Desk:
    """The desk, as a WSGI application.

    Args:
        parameters: where the join information is.
        stack: the stack of the meetings.
        key: what its links are signed with.
        page: the folder of the page, built.
    """

    def __init__(self, parameters: Parameters, stack: str, key: str, page: Path = PAGE) -> None:
        self._parameters = parameters
        self._stack = stack
        self._key = key
        self._html = (page / "index.html").read_bytes()
        self._files = {name: (page / "build" / name).read_bytes() for name in _FILES}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        request = Request(environ)
        try:
            endpoint, arguments = _ROUTES.bind_to_environ(environ).match()
            if endpoint == "file":
                response = self._file(**arguments)
            else:
                response = self._open(endpoint, request.args.get("signature", ""), **arguments)
        except HTTPException as error:
            response = Response(f"{error.description}\n", error.code)
        response.headers.update(_HEADERS)
        return response(environ, start_response)

    def _file(self, file: str) -> Response:
        if file not in _FILES:
            raise NotFound
        return Response(self._files[file], mimetype=_FILES[file])

    def _open(self, endpoint: str, signature: str, meeting: str, attendee: str) -> Response:
        address = addresses.within(self._stack, meeting, attendee)
        if not links.opens(self._key, address, signature):
            raise Forbidden("This is not the link that you were given.")
        if endpoint == "page":
            return Response(self._html, mimetype="text/html")
        return Response(self._join_info(address), mimetype="application/json")

    def _join_info(self, address: str) -> str:
        try:
            value = self._parameters.get(address)
        except (ClientError, BotoCoreError) as error:
            print(f"{address} can't be read: {error}", file=sys.stderr)
            raise ServiceUnavailable("The desk can't be asked right now.") from error
        if value is None:
            raise NotFound("This meeting is not open to you now.")
        return value


class _Handler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say what was asked for, without the signature."""
        path = quote(self.path.partition("?")[0], safe="/%")
        self.log("info", "%s %s %s", self.command, path, code)


@click.command(help=__doc__)
@click.option("--stack", required=True, help="The stack of the meetings.")
@click.option("--region", help="Where its parameters are; boto3 finds one by default.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=8047, show_default=True, help="The port; 0 for any that is free.")
def main(stack: str, region: str | None, host: str, port: int) -> None:
    """Serve until a signal says to end."""
    # Botocore's debugging messages have the join information in them.
    logging.disable(logging.DEBUG)
    parameters = Parameters(boto3.client("ssm", region_name=region))
    address = addresses.link_key(stack)
    key = parameters.get(address)
    if not key:
        raise click.ClickException(f"there is no {address}: bring the stack join_desk up first")
    if not (PAGE / "build").exists():
        raise click.ClickException(f"the page isn't built: npm install && npm run build, in {PAGE}")
    desk = Desk(parameters, stack, key)
    server = make_server(host, port, desk, threaded=True, request_handler=_Handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    click.echo(f"the desk is at http://{host}:{server.server_port}")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        click.echo("closed")
    finally:
        server.server_close()


if __name__ == "__main__":
    main()
