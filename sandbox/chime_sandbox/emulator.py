"""The emulated AWS of the current folder, as a process in the background.

While it runs, it holds a lock on the file that has its endpoint. So the lock shows whether it runs,
even after a crash.
"""

from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from chime_sandbox import ENDPOINT_FILE, HOME
from chime_sandbox.admin import Sandbox, SandboxError

START_SECONDS: Final = 30
STOP_SECONDS: Final = 20

_LOG_FILE: Final = HOME / "cloud.log"


class NotStarted(Exception):
    """The emulated AWS did not start; the message says why."""


def start() -> str:
    """The endpoint of the emulated AWS, which is started if it isn't running.

    :raises NotStarted: it did not start.
    """
    if not is_running():
        _start()
    return ENDPOINT_FILE.read_text().strip()


def stop() -> bool:
    """Stop the emulated AWS, and return whether it was running and has stopped."""
    if not is_running():
        return False
    with suppress(SandboxError):
        Sandbox(ENDPOINT_FILE.read_text().strip()).stop()
    return _wait(lambda: not is_locked(ENDPOINT_FILE), STOP_SECONDS)


def is_running() -> bool:
    """Whether the emulated AWS of this folder is running and has written its endpoint."""
    return is_locked(ENDPOINT_FILE) and bool(ENDPOINT_FILE.read_text().strip())


def is_locked(path: Path) -> bool:
    """Whether a process holds a lock on a file."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _start() -> None:
    HOME.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "chime_sandbox.server", "--state-file", str(HOME / "cloud")]
    command += ["--endpoint-file", str(ENDPOINT_FILE), "--port", str(_usual_port())]
    with _LOG_FILE.open("w") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    # If two commands start one at the same time, the lock lets only one continue.
    _wait(
        lambda: is_running() or (process.poll() is not None and not is_locked(ENDPOINT_FILE)),
        START_SECONDS,
    )
    if not is_running():
        shown = _LOG_FILE.read_text().strip()
        raise NotStarted(f"the emulated AWS did not start: {shown or 'it printed nothing'}")
    print(f"sandbox: an emulated AWS at {ENDPOINT_FILE.read_text().strip()}", file=sys.stderr)


def _usual_port() -> int:
    """The last port if it is free, because the URLs of queues in a state contain it."""
    try:
        port = int(ENDPOINT_FILE.read_text().rpartition(":")[2])
        with socket.create_server(("127.0.0.1", port)):
            return port
    except (OSError, ValueError):
        return 0


def _wait(until: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not until():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
