"""The processes of a run, as /proc has them: which is the engine, and which are dynamic hosts."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
DYNAMIC_HOST = "pulumi.dynamic"


@dataclass(frozen=True)
class Process:
    """A process. When it started tells it from a later one of the same number.

    Its parent is no part of who it is: an orphan gets another.
    """

    pid: int
    started: str
    parent: int = field(compare=False)
    command: tuple[str, ...] = field(compare=False)

    @property
    def is_host(self) -> bool:
        """Whether it runs dynamic providers."""
        return DYNAMIC_HOST in self.command


def below(pid: int) -> list[Process]:
    """All descendants of a process, its children first."""
    every = list(_processes())
    found: list[Process] = []
    generation = {pid}
    while generation:
        children = [each for each in every if each.parent in generation]
        found += children
        generation = {each.pid for each in children}
    return found


def kill(processes: Iterable[Process]) -> None:
    """SIGKILL to each that still runs."""
    running = set(_processes())
    for process in processes:
        if process in running:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)


def _processes() -> Iterator[Process]:
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                # The name in parentheses may hold anything.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                command = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if fields[0] != "Z":
                    yield Process(int(folder.name), fields[19], int(fields[1]), tuple(command))
