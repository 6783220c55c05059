"""A checkout of the project with a sandbox of its own, to run commands in."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from chime_sandbox.admin import Meeting, Sandbox
from meeting_provider import join_info

ROOT = Path(__file__).parents[2]

#: How long anything is waited for that has to happen, in seconds. Far more than it takes.
PATIENCE: Final = 180.0

#: What a checkout has, less what is linked because it is large or is the code under test.
COPIED = (
    *("Makefile", "Pulumi.yaml", "__main__.py", "schedule.yaml", "community.ics"),
    *("constraints.txt", "pyproject.toml", "stacks"),
)
LINKED = ("examples", "meeting_provider", "sandbox")

_BUILT = shutil.ignore_patterns("node_modules", "build")

#: What would lead a run out of its own sandbox.
FOREIGN = ("AWS_", "PULUMI_", "MAKE", "MFLAGS")


@dataclass(frozen=True)
class Run:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All that it said."""
        return self.out + self.err


@dataclass
class Checkout:
    """A checkout to run commands in, as a user would."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def build(cls, root: Path) -> Checkout:
        """Lay out a checkout in `root`, which uses the environment that runs the tests."""
        root.mkdir(parents=True, exist_ok=True)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, root / name, ignore=_BUILT)
            else:
                shutil.copy2(source, root / name)
        for name in LINKED:
            (root / name).symlink_to(ROOT / name)
        _lay_out_venv(root / ".venv")
        return cls(root)

    def run(self, *command: str, env: Mapping[str, str] | None = None, timeout: float = 240) -> Run:
        """Run a command to its end."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.env(env),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    def env(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of a user with nothing of Pulumi or AWS set up, but for the engine."""
        own = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        return {**own, **self.environment, **(extra or {})}

    def make(self, *targets: str, env: Mapping[str, str] | None = None) -> Run:
        """Run make."""
        return self.run("make", *targets, env=env)

    def pulumi(self, *arguments: str, env: Mapping[str, str] | None = None) -> Run:
        """Run Pulumi, or its stand-in, in the checkout's sandbox."""
        return self.run(sys.executable, "-m", "chime_sandbox", "pulumi", *arguments, env=env)

    def outputs(self) -> dict[str, Any]:
        """The outputs of the stack dev, secrets in plain."""
        run = self.pulumi("stack", "output", "--json", "--show-secrets", "--stack", "dev")
        assert run.code == 0, run.text
        outputs: dict[str, Any] = json.loads(run.out)
        return outputs

    def join_info(self) -> dict[str, dict[str, dict[str, Any]]]:
        """What each attendee joins with, by meeting, put together from the stack's outputs."""
        return {name: join_info(data) for name, data in self.outputs()["join_data"].items()}

    def join_tokens(self) -> dict[str, dict[str, str]]:
        """The join tokens in the stack's outputs, by meeting and attendee."""
        return {
            name: {who: info["Attendee"]["JoinToken"] for who, info in attendees.items()}
            for name, attendees in self.join_info().items()
        }

    @property
    def cloud(self) -> Sandbox:
        """The admin client of the checkout's emulated AWS."""
        return Sandbox((self.root / ".sandbox" / "endpoint").read_text().strip())

    @property
    def state_file(self) -> Path:
        """Where the stack dev has its state."""
        return self.root / ".sandbox/state/.pulumi/stacks/meetings/dev.json"

    @property
    def schedule(self) -> str:
        """The text of the schedule."""
        return (self.root / "schedule.yaml").read_text()

    @schedule.setter
    def schedule(self, text: str) -> None:
        (self.root / "schedule.yaml").write_text(text)

    def leave_desk(self) -> None:
        """Have the stack be without a join desk, for what is about its meetings alone."""
        (self.root / "stacks" / "join_desk" / "Pulumi.dev.yaml").unlink()

    def close(self) -> None:
        """Stop what the checkout started, and what outlived a process that a test killed."""
        self.run(sys.executable, "-m", "chime_sandbox", "down")
        for process in _processes_in(self.root):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def until(true: Callable[[], object], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.1)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """One at a time of the processes that run tests."""
    with file.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def attend(cloud: Sandbox, meetings: Iterable[Meeting]) -> None:
    """Have somebody be in each meeting: however long a test takes, the service ends none."""
    for meeting in meetings:
        last = max(meeting.attendees, key=lambda each: each.external_user_id)
        cloud.join(meeting.meeting_id, last.attendee_id)


def _processes_in(folder: Path) -> list[int]:
    """The processes at work in a folder, where the system tells."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (entry / "cwd").readlink().is_relative_to(folder):
                found.append(int(entry.name))
    return found


def _lay_out_venv(venv: Path) -> None:
    """A `.venv` that is the environment of the tests, up to date in make's eyes."""
    (venv / "bin").mkdir(parents=True)
    prefix = Path(sys.prefix)
    for name in ("lib", "pyvenv.cfg"):
        if (prefix / name).exists():
            (venv / name).symlink_to(prefix / name)
    for tool in (prefix / "bin").iterdir():
        (venv / "bin" / tool.name).symlink_to(tool)
    for stamp in (".sandbox", ".dev"):
        (venv / stamp).touch()
