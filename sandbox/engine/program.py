"""Runs a Python program as Pulumi's language host runs it: in the project's own environment."""

import json
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

from sandbox.engine import loopback
from sandbox.engine.deployment import Options
from sandbox.engine.errors import EngineError
from sandbox.engine.events import Diagnostic
from sandbox.engine.project import ConfigValue, Project

_LAUNCHER: Final = Path(__file__).with_name("launcher.py")
#: The launcher's exit code where it has told the person what went wrong.
_SAID: Final = 32


class Program:
    """A program's process.

    Args:
        project: what to run, and with which interpreter.
        options: the operation that it is run for.
        config: the stack's settings.
        address: the monitor's and engine's.
        tell: hears what it prints.
        stack_urn: whom its words are put down to.
    """

    def __init__(
        self,
        project: Project,
        options: Options,
        config: dict[str, ConfigValue],
        address: str,
        tell: Callable[[Diagnostic], None],
        stack_urn: str,
    ) -> None:
        self._folder, main = project.entry()
        launcher = [str(project.python), "-u", "-P", str(_LAUNCHER)]
        self._command = [*launcher, address, main, str(project.root)]
        self._environment = {
            **loopback.guarded(os.environ),
            "PULUMI_PROJECT": options.project,
            "PULUMI_STACK": options.stack,
            "PULUMI_ORGANIZATION": "organization",
            "PULUMI_DRY_RUN": str(options.preview).lower(),
            "PULUMI_PARALLEL": str(options.parallel),
            "PULUMI_CONFIG": json.dumps({key: value.text for key, value in config.items()}),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(
                [key for key, value in config.items() if value.secret]
            ),
        }
        self._tell = tell
        self._urn = stack_urn
        self._stopped = threading.Event()
        self._process: subprocess.Popen[str] | None = None

    def run(self) -> None:
        """Runs the program to its end.

        Raises:
            EngineError: it failed by itself.
        """
        process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._process = process
        if self._stopped.is_set():
            process.kill()
        readers = [
            self._relay(process.stdout, "info"),
            self._relay(process.stderr, "info#err"),
        ]
        code = process.wait()
        for reader in readers:
            reader.join(timeout=5)
        if self._stopped.is_set() or code == 0:
            return
        if code == _SAID:
            raise EngineError("")
        raise EngineError(
            f"an unhandled error occurred: program exited with non-zero exit code: {code}"
        )

    def stop(self) -> None:
        """Ends the program, whose resources can come no further."""
        self._stopped.set()
        if self._process is not None:
            self._process.kill()

    def _relay(self, stream: IO[str] | None, severity: Any) -> threading.Thread:
        def relay() -> None:
            for line in stream or ():
                if not self._stopped.is_set():
                    self._tell(Diagnostic(severity, line.rstrip("\n"), self._urn))

        thread = threading.Thread(target=relay, daemon=True)
        thread.start()
        return thread
