"""Pulumi commands on the benchmarks' program, timed as whole processes against an emulator."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chime_sandbox.admin import Sandbox
from chime_sandbox.server import running

ROOT: Final = Path(__file__).parents[1]

#: The service's quota for each operation, per second and at once, and the duration of a call.
RATE: Final = 10.0
BURST: Final = 20.0
LATENCY_SECONDS: Final = 0.15

#: Pulumi writes the state at the end, and not around every step.
SKIP: Final = {"PULUMI_SKIP_CHECKPOINTS": "true"}


def minimum(calls: int) -> float:
    """The least seconds that the service takes for this many calls of one operation."""
    return max(0.0, (calls - BURST) / RATE) + LATENCY_SECONDS


@dataclass(frozen=True)
class Figure:
    """A measured command that succeeded.

    :param what: the command, for a table.
    :param seconds: from its start to its end.
    :param megabytes: the largest resident memory of one of its processes.
    :param minimum: the least that the service's quotas allow, in seconds; None without quotas.
    :param first: seconds from its start to the first write to Chime; None without any.
    """

    what: str
    seconds: float
    megabytes: float = 0.0
    minimum: float | None = None
    first: float | None = None


class Stack:
    """A stack of the benchmarks' program, and an emulator for it alone."""

    def __init__(self, sandbox: Sandbox, folder: Path, **settings: int | str) -> None:
        self._sandbox = sandbox
        self._folder = folder / "program"
        shutil.copytree(Path(__file__).parent / "program", self._folder)
        self._pulumi("stack", "init", "dev")
        self.set(**{"kind": "meeting", **settings})

    def set(self, **settings: int | str) -> None:
        """Set the program's settings."""
        for name, value in settings.items():
            self._pulumi("config", "set", name, str(value), "--stack", "dev")

    def time(self, command: str, what: str, least: float | None = None, /, **env: str) -> Figure:
        """Time a command such as `up`, for a figure of this name with this minimum."""
        self._sandbox.clear_requests()
        started, clock = time.monotonic(), self._sandbox.now()
        megabytes = self._pulumi(command, "--yes", "--skip-preview", "--stack", "dev", **env)
        seconds = time.monotonic() - started
        writes = self._sandbox.writes()
        first = writes[0].time - clock if writes else None
        return Figure(what, seconds, megabytes, least, first)

    def _pulumi(self, *arguments: str, **env: str) -> float:
        """Run a command; the largest resident memory of one of its processes, in megabytes.

        :raises RuntimeError: it failed; with the end of its output.
        """
        log = self._folder / "log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "chime_sandbox", "pulumi", *arguments],
                cwd=self._folder,
                env={
                    **os.environ,
                    "PULUMI_PYTHON_CMD": sys.executable,
                    "PYTHONPATH": str(ROOT),
                    # The plugin's executable is beside Python's.
                    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                    "AWS_ENDPOINT_URL": self._sandbox.endpoint,
                    "AWS_ACCESS_KEY_ID": "sandbox",
                    "AWS_SECRET_ACCESS_KEY": "sandbox",
                    "AWS_REGION": "us-east-1",
                    **env,
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"pulumi {' '.join(arguments)} failed:\n{log.read_text()[-4000:]}")
        return usage.ru_maxrss / 1024


@contextmanager
def emulator(*, limited: bool) -> Iterator[tuple[Sandbox, Path]]:
    """An emulator, with the service's quotas and latency or without, and a folder."""
    with tempfile.TemporaryDirectory() as folder, running() as endpoint:
        sandbox = Sandbox(endpoint)
        sandbox.settings(meetings_per_account=100_000)
        if limited:
            sandbox.quota(rate=RATE, burst=BURST)
            sandbox.settings(latency=LATENCY_SECONDS)
        yield sandbox, Path(folder)
