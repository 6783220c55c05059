"""A stack of many independent meetings, so that one `up` tries many cases at once."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faults import processes
from support.house import House, Run

PROGRAM = Path(__file__).parent / "program"
MEETING_TYPE = "dynamic/meeting:Meeting"

_BLOCK = re.compile(r"^  pulumi-python:dynamic:Meeting \((?P<name>.+)\):$")


@dataclass(frozen=True)
class Known:
    """A meeting as the stack's state knows it. The tokens are credentials: never for a message."""

    meeting_id: str
    attendee_ids: dict[str, str]
    tokens: dict[str, str]
    replicates: str | None


class Stage:
    """A checkout whose program declares what it is told to."""

    def __init__(self, root: Path) -> None:
        self.house = House.build(root)
        self.orphans: list[processes.Process] = []
        for source in PROGRAM.iterdir():
            shutil.copy2(source, root / source.name)
        self.declare({})
        selected = self.house.pulumi("stack", "select", "--create", "dev")
        assert selected.code == 0, selected.text
        self.house.cloud.knobs(meetings_per_account=10_000)

    def declare(self, meetings: Mapping[str, Mapping[str, Any]]) -> None:
        """Have the next `up` declare these meetings."""
        (self.house.root / "declared.json").write_text(json.dumps(meetings))

    @property
    def up_command(self) -> tuple[str, ...]:
        """What brings the stack up, every meeting for itself."""
        return (
            *("up", "--yes", "--skip-preview", "--stack", "dev"),
            *("--continue-on-error", "--parallel", "256"),
        )

    def up(self, env: Mapping[str, str] | None = None) -> Run:
        return self.house.pulumi(*self.up_command, env=env)

    @contextmanager
    def running(self, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """An `up` in its course."""
        command = subprocess.Popen(
            (sys.executable, "-m", "sandbox", "pulumi", *self.up_command),
            cwd=self.house.root,
            env=self.house.env(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield command
        finally:
            command.kill()
            command.wait()

    def known(self) -> dict[str, list[Known]]:
        """What the state has under each name: one meeting, unless a replacement is under way."""
        run = self.house.pulumi("stack", "export", "--show-secrets", "--stack", "dev")
        assert run.code == 0, run.text
        found: dict[str, list[Known]] = {}
        for resource in json.loads(run.out)["deployment"]["resources"]:
            if resource["type"].endswith(MEETING_TYPE):
                name = resource["urn"].rpartition("::")[2]
                found.setdefault(name, []).append(_known(resource))
        return found

    def close(self) -> None:
        """Stop what the stage started, and what outlived its parents."""
        processes.kill(self.orphans)
        self.house.close()


def _known(resource: dict[str, Any]) -> Known:
    outputs = resource["outputs"]
    return Known(
        meeting_id=resource["id"],
        attendee_ids=outputs["attendee_ids"],
        tokens=_revealed(outputs["join_tokens"]),
        replicates=outputs.get("primary_meeting_id"),
    )


def _revealed(value: Any) -> Any:
    """A secret as `stack export --show-secrets` has it: its value is JSON text."""
    if isinstance(value, dict) and "plaintext" in value:
        return json.loads(value["plaintext"])
    return value


def bearer(token: str) -> str:
    """The AttendeeId that a join token is of."""
    padded = token + "=" * (-len(token) % 4)
    return base64.b64decode(padded).decode().partition(":")[0]


def diagnostics(run: Run) -> dict[str, str]:
    """What a run says in the end about each meeting that failed."""
    said: dict[str, list[str]] = {}
    lines: list[str] | None = None
    for line in run.out.partition("Diagnostics:\n")[2].splitlines():
        if block := _BLOCK.match(line):
            lines = said.setdefault(block["name"], [])
        elif not line.startswith("    ") and line.strip():
            lines = None
        elif lines is not None and line.strip():
            lines.append(line[4:])
    return {name: "\n".join(each) for name, each in said.items()}
