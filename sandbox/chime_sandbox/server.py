"""One loopback endpoint for all AWS services of the sandbox.

A call's signature names its service and region, so clients need only `AWS_ENDPOINT_URL`. Amazon
Chime SDK Meetings and Media Pipelines are answered by `chime_sandbox.chime`, S3, SNS, SQS, STS and
SSM by moto. The events of a meeting are delivered to its queue and topic, and media pipelines write
to their buckets.

    python -m chime_sandbox.server --port 0 --state-file .sandbox/cloud

Signatures are read, never verified, and every caller is account 123456789012.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import click
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.request import Request
from werkzeug.wrappers import Response

from .buckets import Buckets
from .chime.admin import PREFIX, Admin
from .chime.request_log import Entry
from .chime.service import ChimeService
from .delivery import Delivery
from .http_server import ConnectionDropped, LoopbackServer
from .moto_services import SERVICES, MotoServices
from .sqlite_store import StateFileError, Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CHIME = "chime"
TICK_SECONDS = 1.0
LISTENING = "listening on "
STOP_SECONDS = 10
POLL_SECONDS = 0.1

#: How long to try to lock the endpoint's file: who checks the lock holds it for a moment.
LOCK_SECONDS = 2.0


class Scope(NamedTuple):
    """The region and the service in a signature."""

    region: str
    service: str


class Emulator:
    """The WSGI application, and a thread that ends due meetings and saves the state."""

    def __init__(self, state_file: Path | None, stop: Callable[[], None]) -> None:
        self._store = Store(state_file)
        self._moto = MotoServices(self._store)
        self._chime = ChimeService(self._store, Buckets(self._moto.changed))
        self._delivery = Delivery(self._chime, self._moto.changed)
        self._admin = Admin(self._chime, self._moto.reset, self._delivery.settle, stop)
        self._stopping = Event()
        self._ticking = Thread(target=self._tick, name="tick", daemon=True)
        self._ticking.start()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request. Raises ConnectionDropped once `close` has been called."""
        if self._stopping.is_set():
            raise ConnectionDropped
        return self._answer(Request(environ))(environ, start_response)

    def close(self) -> None:
        """Write unsaved state, and close the file.

        Calls that are still running don't continue: they wait for the end of the process.
        """
        self._stopping.set()
        self._ticking.join()
        self._chime.lock.acquire()
        self._delivery.close()
        self._moto.save()
        self._store.close()

    def _answer(self, request: Request) -> Response:
        if request.path.startswith(PREFIX):
            return self._admin.handle(request)
        scope = _scope(request)
        if scope is None:
            return _refusal(403, "MissingAuthenticationTokenException", "The request isn't signed")
        if scope.service == CHIME:
            return self._chime.handle(request, DEFAULT_ACCOUNT_ID, scope.region)
        if scope.service in SERVICES:
            return self._ask_moto(request, scope)
        served = ", ".join((CHIME, *SERVICES))
        return _refusal(
            400, "UnknownServiceException", f"The sandbox serves {served}, not {scope.service}"
        )

    def _ask_moto(self, request: Request, scope: Scope) -> Response:
        operation, response = self._moto.handle(request, scope.service)
        outcome = "OK" if response.status_code < 400 else str(response.status_code)
        self._chime.requests.record(
            Entry(
                time=self._chime.clock.now(),
                service=scope.service,
                region=scope.region,
                operation=operation,
                outcome=outcome,
                status=response.status_code,
            )
        )
        return response

    def _tick(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            try:
                self._chime.tick()
                self._moto.tick()
            except Exception:
                # For example, the disk is full. Unsaved state is written at a later time.
                traceback.print_exc()


def _scope(request: Request) -> Scope | None:
    """The credential scope of a signed or presigned request."""
    authorization = request.headers.get("Authorization", "")
    _, _, credential = authorization.partition("Credential=")
    scope = credential.partition(",")[0] or request.args.get("X-Amz-Credential", "")
    parts = scope.strip().split("/")
    return Scope(parts[2], parts[3].lower()) if len(parts) == 5 else None


def _refusal(status: int, code: str, message: str) -> Response:
    body = json.dumps({"__type": code, "message": message})
    headers = {"x-amzn-ErrorType": code, "Content-Type": "application/json"}
    return Response(body, status, headers)


@click.command(help=__doc__)
@click.option("--port", default=0, show_default=True, help="Port on 127.0.0.1; 0 for a free one.")
@click.option(
    "--state-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file that keeps the state.",
)
@click.option(
    "--endpoint-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the endpoint there, and lock the file while this runs.",
)
def main(port: int, state_file: Path | None, endpoint_file: Path | None) -> None:
    """Serve until SIGTERM or SIGINT, or until the admin route stops it."""

    def stop(*_: Any) -> None:
        Thread(target=server.shutdown).start()

    with _locked(endpoint_file) as announce:
        try:
            cloud = Emulator(state_file, stop)
        except StateFileError as error:
            raise click.ClickException(str(error)) from error
        server = LoopbackServer(port, cloud)
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        announce(server.endpoint)
        click.echo(f"{LISTENING}{server.endpoint}")
        try:
            server.serve_forever(POLL_SECONDS)
        finally:
            server.server_close()
            cloud.close()


@contextmanager
def _locked(path: Path | None) -> Iterator[Callable[[str], None]]:
    """Hold a lock on a file while this process runs. Yields a function that writes a line to it."""
    if path is None:
        yield lambda _: None
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        until = time.monotonic() + LOCK_SECONDS
        while not _has_locked(file):
            if time.monotonic() > until:
                raise click.ClickException(f"{path} is locked: one is running already")
            time.sleep(POLL_SECONDS)
        file.truncate(0)

        def announce(line: str) -> None:
            file.write(line + "\n")
            file.flush()

        yield announce


def _has_locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def running(state_file: Path | None = None, port: int = 0) -> Iterator[str]:
    """Run the emulator as a child process, and yield its endpoint.

    Raises RuntimeError if it doesn't start. Its errors are on stderr.
    """
    command = [sys.executable, "-m", "chime_sandbox.server", "--port", str(port)]
    if state_file is not None:
        command += ["--state-file", str(state_file)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=_child_environment()
    ) as process:
        try:
            yield _endpoint(process)
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _endpoint(process: "subprocess.Popen[str]") -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line.startswith(LISTENING):
        raise RuntimeError(f"the emulated AWS did not start: it exited with {process.wait()}")
    return line.removeprefix(LISTENING).strip()


def _child_environment() -> dict[str, str]:
    """This process's environment, with a PYTHONPATH on which the child finds this package."""
    root = str(Path(__file__).parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (root, inherited)))}


if __name__ == "__main__":
    main()
