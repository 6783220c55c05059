"""Programs that need nothing of AWS, and the CLI that runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = """\
name: program
runtime:
  name: python
  options: {{virtualenv: "{virtualenv}"}}
backend: {{url: "file://{folder}"}}
"""


@dataclass
class Program:
    """A Pulumi program in a folder of its own."""

    folder: Path
    environment: dict[str, str]

    def command(self, *arguments: str) -> list[str]:
        """Pulumi's command line, in the sandbox."""
        return [sys.executable, "-m", "chime_sandbox", "pulumi", *arguments, "--stack", "dev"]

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.environment, capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip

    def up(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `pulumi up`."""
        return self.pulumi("up", "--yes", "--skip-preview", *arguments)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command at a terminal of its own, so to speak: in a process group."""
        return subprocess.Popen(
            self.command(*arguments), cwd=self.folder, env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Program]:
    """Lays out a program with this source, and a stack."""

    def lay_out(source: str) -> Program:
        (tmp_path / "__main__.py").write_text(source)
        (tmp_path / "Pulumi.yaml").write_text(
            PROJECT.format(virtualenv=sys.prefix, folder=tmp_path)
        )
        own = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PULUMI_"))}
        # Nothing here asks AWS anything.
        laid = Program(tmp_path, own | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
        made = laid.pulumi("stack", "init")
        assert made.returncode == 0, made.stderr
        return laid

    return lay_out
