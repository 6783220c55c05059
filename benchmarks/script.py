"""Runs the plain script, and reads what it says."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

from .stage import Stage


@dataclass(frozen=True)
class Part:
    """A part of the script: how long it took, and how often it failed through all retries."""

    seconds: float
    failed: int


def run(stage: Stage, part: str, mode: str, count: int, attendees: int) -> Part:
    """One part, which finds what the part before it left on the same stage."""
    options = (f"--count={count}", f"--attendees={attendees}", f"--mode={mode}", "--kept=kept.json")
    command = (sys.executable, "-m", "benchmarks.plain", part, *options)
    timed = stage.timed(command, stage.root, {"AWS_DEFAULT_REGION": "us-east-1"})
    failed = re.search(r"failed: (\d+)", timed.said)
    assert failed, timed.said
    return Part(timed.seconds, int(failed[1]))
