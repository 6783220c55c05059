"""Pulumi commands on the benchmarks' programs, timed as whole processes against an emulator."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
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


def minimum(calls: int) -> float:
    """The least seconds that the service takes for this many calls of one operation."""
    return max(0.0, (calls - BURST) / RATE) + LATENCY_SECONDS


@dataclass(frozen=True)
class Run:
    """A command that succeeded.

    :param seconds: from its start to its end.
    :param megabytes: the largest resident memory of one of its processes.
    :param first: seconds from its start to the first write to Chime; None without any.
    """

    seconds: float
    megabytes: float
    first: float | None


class Stack:
    """A stack of one of the benchmarks' programs, and an emulator for it alone."""

    def __init__(self, program: str, sandbox: Sandbox, folder: Path, **settings: int) -> None:
        self.sandbox = sandbox
        self._folder = folder / program
        shutil.copytree(Path(__file__).parent / "programs" / program, self._folder)
        self.pulumi("stack", "init", "dev")
        self.set(**settings)

    def set(self, **settings: int) -> None:
        """Set the program's settings."""
        for name, value in settings.items():
            self.pulumi("config", "set", name, str(value), "--stack", "dev")

    def up(self, **env: str) -> Run:
        """Time `pulumi up`."""
        return self.pulumi("up", "--yes", "--skip-preview", "--stack", "dev", env=env)

    def connect_all(self) -> None:
        """Connect an attendee to each meeting, so that none ends while others are changed."""
        for meeting in self.sandbox.live():
            self.sandbox.join(meeting.meeting_id, meeting.attendees[0].attendee_id)

    def refresh(self) -> Run:
        """Time `pulumi refresh`."""
        return self.pulumi("refresh", "--yes", "--skip-preview", "--stack", "dev")

    def destroy(self, **env: str) -> Run:
        """Time `pulumi destroy`."""
        return self.pulumi("destroy", "--yes", "--skip-preview", "--stack", "dev", env=env)

    def pulumi(self, *arguments: str, env: Mapping[str, str] | None = None) -> Run:
        """Time a command. Raises RuntimeError with the end of its output if it fails."""
        self.sandbox.clear_requests()
        log = self._folder / "log"
        with log.open("w") as output:
            started, clock = time.monotonic(), self.sandbox.now()
            process = subprocess.Popen(
                [sys.executable, "-m", "chime_sandbox", "pulumi", *arguments],
                cwd=self._folder,
                env=self._environment(env or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"pulumi {' '.join(arguments)} failed:\n{log.read_text()[-4000:]}")
        writes = self.sandbox.writes()
        first = writes[0].time - clock if writes else None
        return Run(seconds, usage.ru_maxrss / 1024, first)

    def _environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        return {
            **os.environ,
            "PULUMI_PYTHON_CMD": sys.executable,
            "PYTHONPATH": str(ROOT),
            # The plugin's executable is beside Python's.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "AWS_ENDPOINT_URL": self.sandbox.endpoint,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_REGION": "us-east-1",
            **extra,
        }


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
