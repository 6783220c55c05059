"""Where the engine's tests run: a folder with the recorded programs, and an engine.

`PULUMI` names the engine's command; without it, the tests are about the sandbox engine.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
RECORDINGS = HERE / "recordings"
REPOSITORY = HERE.parent.parent
PASSPHRASE = "sandbox"
SANDBOX_ENGINE = [sys.executable, "-m", "sandbox.engine"]


@dataclass(frozen=True)
class Bench:
    """A folder with programs, plugins, a backend and a home, and the engine that works on them."""

    root: Path
    command: list[str]

    @property
    def is_real(self) -> bool:
        return self.command != SANDBOX_ENGINE

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: os.environ[key] for key in ("HOME", "USER", "LANG") if key in os.environ}
        path = [self.root / "plugins", Path(sys.executable).parent, os.environ["PATH"]]
        return {
            **kept,
            "PATH": os.pathsep.join(map(str, path)),
            "PYTHONPATH": str(REPOSITORY),
            "PULUMI_BACKEND_URL": f"file://{self.root / 'backend'}",
            "PULUMI_HOME": str(self.root / "home"),
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "ROOMS": str(self.root / "rooms"),
        }

    def start(
        self, *arguments: str, folder: str = "producer", **environment: str
    ) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*self.command, *arguments],
            cwd=self.root / folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, folder: str = "producer", **environment: str) -> tuple[int, str]:
        """Runs a command: its exit code, and what it showed."""
        process = self.start(*arguments, folder=folder, **environment)
        screen, _ = process.communicate(timeout=120)
        return process.returncode, screen

    def ok(self, *arguments: str, folder: str = "producer", **environment: str) -> str:
        """Runs a command that must succeed: what it showed."""
        code, screen = self.run(*arguments, folder=folder, **environment)
        assert code == 0, screen
        return screen

    def file(self, stack: str = "dev", project: str = "producer") -> Path:
        return self.root / "backend" / ".pulumi" / "stacks" / project / f"{stack}.json"


def engine_command() -> list[str]:
    return shlex.split(os.environ["PULUMI"]) if os.environ.get("PULUMI") else SANDBOX_ENGINE


def make_bench(root: Path) -> Bench:
    for source in (*RECORDINGS.glob("programs/*"), RECORDINGS / "plugins"):
        shutil.copytree(source, root / source.name)
    shutil.copytree(HERE / "things", root / "things")
    for plugin in (root / "plugins").iterdir():
        plugin.chmod(0o755)
    (root / "venv").symlink_to(sys.prefix)
    (root / "backend").mkdir()
    return Bench(root, engine_command())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)


@dataclass(frozen=True)
class Things:
    """A stack of the program `things`."""

    bench: Bench

    @property
    def folder(self) -> Path:
        return self.bench.root / "things"

    def declare(self, **things: dict[str, Any]) -> None:
        (self.folder / "things.json").write_text(json.dumps(things))

    def run(self, *arguments: str, **environment: str) -> tuple[int, str]:
        return self.bench.run(*arguments, folder="things", **environment)

    def ok(self, *arguments: str, **environment: str) -> str:
        return self.bench.ok(*arguments, folder="things", **environment)

    def up(self, *arguments: str) -> str:
        return self.ok("up", "--yes", "--skip-preview", *arguments)

    def log(self) -> list[str]:
        """What was done to the things since the last look."""
        log = self.folder / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def state(self) -> dict[str, Any]:
        stored = json.loads(self.bench.file(project="things").read_text())
        return dict(stored["checkpoint"]["latest"])

    def resources(self) -> dict[str, dict[str, Any]]:
        found = self.state().get("resources", [])
        return {r["urn"].split("::")[-1]: r for r in found if "Thing" in r["type"]}

    def found(self, name: str, props: dict[str, Any] | None) -> None:
        """Let reads find a thing so, or gone."""
        (self.folder / f"found-{name}").write_text(json.dumps(props))

    def gate(self, what: str, name: str) -> Path:
        gate = self.folder / f"gate-{what}-{name}"
        gate.touch()
        return gate

    def wait_for(self, line: str) -> None:
        for _ in range(1500):
            log = self.folder / "log"
            if log.exists() and line in log.read_text().splitlines():
                return
            time.sleep(0.02)
        raise AssertionError(f"never saw {line!r}")

    def urn(self, name: str) -> str:
        return f"urn:pulumi:dev::things::pulumi-python:dynamic/thing:Thing::{name}"


@pytest.fixture
def things(bench: Bench) -> Things:
    bench.ok("stack", "init", "dev", folder="things")
    return Things(bench)
