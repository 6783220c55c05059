"""Pulumi commands on the benchmarks' program, timed as whole processes against an emulator."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, Popen
from typing import Any, Final

from chime_sandbox.admin import Sandbox
from chime_sandbox.server import running

from .ideal import BURST, LATENCY_SECONDS, RATE

ROOT: Final = Path(__file__).parents[1]

#: Pulumi writes the state at the end, and not around every step.
SKIP: Final = {"PULUMI_SKIP_CHECKPOINTS": "true"}


@dataclass(frozen=True)
class Figure:
    """A measured command that succeeded.

    :param what: the command, for a table.
    :param seconds: from its start to its end.
    :param megabytes: the largest resident memory of one of its processes.
    :param minimum: the seconds of a provider that only waits for the quotas; None without quotas.
    :param first: seconds from its start to the first write to Chime; None without any.
    """

    what: str
    seconds: float
    megabytes: float = 0.0
    minimum: float | None = None
    first: float | None = None


class Stack:
    """A stack of the benchmarks' program, whose environment has the settings."""

    def __init__(self, sandbox: Sandbox, folder: Path, **settings: int | str) -> None:
        self._sandbox = sandbox
        self._folder = folder / "program"
        self._settings = {"KIND": "meeting", "REVISION": 0, **settings}
        shutil.copytree(Path(__file__).parent / "program", self._folder)
        self._pulumi("stack", "init", "dev")

    def time(self, command: str, what: str, revision: int = 0) -> Figure:
        """Time a command such as `up --refresh`, for a figure of this name."""
        self._settings["REVISION"] = revision
        self._sandbox.clear_requests()
        started, clock = time.monotonic(), self._sandbox.now()
        options = ("--yes", "--skip-preview", "--stack", "dev")
        megabytes = self._pulumi(*command.split(), *options)
        seconds = time.monotonic() - started
        first = next((call.time - clock for call in self._sandbox.writes()), None)
        return Figure(what, seconds, megabytes, first=first)

    def _pulumi(self, *arguments: str) -> float:
        """Run a command, or raise a RuntimeError; its largest process in megabytes of memory."""
        environment = {
            **os.environ,
            "PULUMI_PYTHON_CMD": sys.executable,
            "PYTHONPATH": str(ROOT),
            # The plugin's executable is beside Python's.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            **{name: str(value) for name, value in self._settings.items()},
        }
        command = [sys.executable, "-m", "chime_sandbox", "pulumi", *arguments]
        pipes: Any = {"stdin": DEVNULL, "stdout": PIPE, "stderr": STDOUT}
        process = Popen(command, cwd=self._folder, env=environment, text=True, **pipes)
        said = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"pulumi {' '.join(arguments)} failed:\n{said[-4000:]}")
        return usage.ru_maxrss / 1024


@contextmanager
def emulator(*, limited: bool) -> Iterator[tuple[Sandbox, Path]]:
    """An emulator for this process, with the service's quotas or without, and a folder."""
    with tempfile.TemporaryDirectory() as folder, running() as endpoint:
        keys = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "sandbox")
        os.environ.update(AWS_ENDPOINT_URL=endpoint, AWS_DEFAULT_REGION="us-east-1", **keys)
        sandbox = Sandbox(endpoint)
        sandbox.settings(meetings_per_account=100_000)
        if limited:
            sandbox.quota(rate=RATE, burst=BURST)
            sandbox.settings(latency=LATENCY_SECONDS)
        yield sandbox, Path(folder)
