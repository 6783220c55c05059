"""An emulated cloud and checkouts of small programs, to time whole runs of the engine in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import psutil

from sandbox import cloud
from sandbox.admin import Sandbox

from .settings import SETTINGS

ROOT = Path(__file__).parents[1]
PROGRAMS = Path(__file__).parent / "programs"

#: Brings a stack up, with nobody to ask.
UP = ("up", "--yes", "--skip-preview")

#: What the service is known to allow for each operation, and how long its answers take here.
RATE, BURST = SETTINGS["rate"], SETTINGS["burst"]
LATENCY_SECONDS = SETTINGS["latency_ms"] / 1000

#: So that the stacks' meetings are as many as a benchmark wants them.
_MEETINGS = 100_000

_SAMPLE_SECONDS = 0.25

#: What each process of a run is, told by a part of its command line.
_ROLES = {
    "host": ("pulumi.dynamic",),
    "engine": ("sandbox.engine", "pulumi up", "pulumi refresh", "pulumi destroy"),
}


@dataclass(frozen=True)
class Timed:
    """A run that succeeded.

    :param ended: when, in seconds since the epoch.
    :param peaks: each role's largest resident memory, in MiB.
    """

    seconds: float
    ended: float
    peaks: Mapping[str, float]
    said: str


@dataclass
class Stage:
    """An emulated cloud, and a folder for checkouts."""

    root: Path
    cloud: Sandbox
    _checkouts: set[Path] = field(default_factory=set)

    @classmethod
    @contextmanager
    def limited(cls) -> Iterator[Stage]:
        """With the latency and the quotas that the service is known for."""
        with cls.unlimited() as stage:
            stage.cloud.latency(LATENCY_SECONDS)
            stage.cloud.quota(rate=RATE, burst=BURST)
            yield stage

    @classmethod
    @contextmanager
    def unlimited(cls) -> Iterator[Stage]:
        """Without latency and quotas."""
        with tempfile.TemporaryDirectory() as folder, cloud.running() as endpoint:
            stage = cls(Path(folder), Sandbox(endpoint))
            stage.forget()
            yield stage

    def forget(self) -> None:
        """Have the cloud forget all meetings: what a token made before is not found again."""
        self.cloud.reset()
        self.cloud.knobs(meetings_per_account=_MEETINGS)

    def pulumi(
        self,
        program: str,
        *command: str,
        stack: str = "dev",
        env: Mapping[str, str] | None = None,
        **settings: object,
    ) -> Timed:
        """Run a command of the engine on a program's stack, with settings for the program."""
        checkout = self._checkout(program, stack)
        bench = {f"BENCH_{name.upper()}": str(value) for name, value in settings.items()}
        whole = (sys.executable, "-m", "sandbox", "pulumi", *command, "--stack", stack)
        return self.timed(whole, checkout, {**bench, **(env or {})})

    def timed(
        self, command: tuple[str, ...], folder: Path, env: Mapping[str, str] | None = None
    ) -> Timed:
        """Run a command to its end. Raises RuntimeError, with what it said, where it fails."""
        log = folder / "log"
        with log.open("w") as out:
            begun = time.monotonic()
            process = psutil.Popen(
                command,
                cwd=folder,
                env=self.environment(env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            with _sampled(process) as peaks:
                code = process.wait()
            took = time.monotonic() - begun
        said = log.read_text()
        if code:
            raise RuntimeError(f"{' '.join(command)} exited with {code}\n{said[-4000:]}")
        return Timed(took, time.time(), peaks, said)

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """What leads a command to the emulated cloud."""
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        # Or each process would compile anew what it imports, which is no part of what is measured.
        inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return {
            **inherited,
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
            "PYTHONPATH": path,
            "AWS_ENDPOINT_URL": self.cloud.endpoint,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "PULUMI_SKIP_CHECKPOINTS": "true",
            **(extra or {}),
        }

    def _checkout(self, program: str, stack: str) -> Path:
        folder = self.root / program
        if not folder.exists():
            shutil.copytree(PROGRAMS / program, folder)
        if folder / stack not in self._checkouts:
            self._checkouts.add(folder / stack)
            select = (sys.executable, "-m", "sandbox", "pulumi", "stack", "select", "--create")
            self.timed((*select, stack), folder)
        return folder


@contextmanager
def _sampled(process: psutil.Process) -> Iterator[dict[str, float]]:
    """The largest resident memory of each role while the block runs, in MiB."""
    peaks: dict[str, float] = {}
    ended = Event()

    def sample() -> None:
        while not ended.wait(_SAMPLE_SECONDS):
            try:
                family = [process, *process.children(recursive=True)]
            except psutil.Error:
                continue
            for each in family:
                try:
                    line, size = " ".join(each.cmdline()), each.memory_info().rss / 2**20
                except psutil.Error:
                    continue
                for role, marks in _ROLES.items():
                    if any(mark in line for mark in marks):
                        peaks[role] = max(peaks.get(role, 0.0), size)

    sampler = Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield peaks
    finally:
        ended.set()
        sampler.join()
