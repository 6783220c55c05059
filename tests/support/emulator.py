"""The emulated AWS as a process that can be killed and started again with what it kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from chime_sandbox.admin import Sandbox
from chime_sandbox.server import LISTENING

ROOT: Final = Path(__file__).parents[2]


class Emulator:
    """An emulated AWS that keeps its state in a folder and its port for as long as it is used."""

    def __init__(self, folder: Path) -> None:
        self._state = folder / "cloud"
        self._port = "0"
        self.start()
        self.admin = Sandbox(self.endpoint)

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, with what it kept, on the port of last time."""
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "chime_sandbox.server"),
                *("--port", self._port, "--state-file", str(self._state)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith(LISTENING), "the emulator doesn't start"
        self._port = line.strip().rpartition(":")[2]

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def close(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(timeout=120)
        assert self._process.stdout is not None
        self._process.stdout.close()
