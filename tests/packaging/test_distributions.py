"""The wheels: what is in them, and a program that uses them in environments of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """
import pulumi
from meeting_provider import Meeting

keynote = Meeting("keynote", attendees=[{"external_user_id": "ann"}])
pulumi.export("meeting_id", keynote.id)
pulumi.export("join_info", keynote.join_info)
"""


def uv(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "uv", "--quiet", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The distributions of both projects, each built from its own sdist."""
    folder, source = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("source")
    tracked = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(tracked, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    for project in (source, source / "sandbox"):
        uv("build", "--out-dir", str(folder), str(project))
    return folder


def one(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def test_the_wheel_has_the_package_and_nothing_else(built: Path) -> None:
    names = zipfile.ZipFile(one(built, "meeting_provider-*.whl")).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"meeting_provider", "meeting_provider-0.1.0.dist-info"}
    assert "meeting_provider/py.typed" in names
    assert "meeting_provider-0.1.0.dist-info/licenses/LICENSE" in names


def test_the_sandboxs_wheel_has_what_it_builds_the_cli_from(built: Path) -> None:
    names = zipfile.ZipFile(one(built, "chime_sandbox-*.whl")).namelist()
    assert {name.partition("/")[0] for name in names} == {
        "chime_sandbox",
        "chime_sandbox-0.1.0.dist-info",
    }
    assert {"chime_sandbox/pulumi/go.mod", "chime_sandbox/pulumi/go.sum"} <= set(names)


def test_the_sdist_has_the_readme_and_the_licence(built: Path) -> None:
    with tarfile.open(one(built, "meeting_provider-*.tar.gz")) as sdist:
        names = sdist.getnames()
    assert {"meeting_provider-0.1.0/README.md", "meeting_provider-0.1.0/LICENSE"} <= set(names)


@pytest.fixture
def environment(tmp_path: Path) -> Callable[..., Path]:
    """Makes an environment with packages installed into it, and gives its folder."""

    def make(*packages: str) -> Path:
        venv = tmp_path / "venv"
        uv("venv", "--python", sys.executable, str(venv))
        uv("pip", "install", "--python", str(venv / "bin" / "python"), *packages)
        return venv

    return make


def test_the_sandbox_alone_runs_the_emulator(
    built: Path, environment: Callable[..., Path], tmp_path: Path
) -> None:
    venv = environment(str(one(built, "chime_sandbox-*.whl")))
    command = str(venv / "bin" / "chime-sandbox")
    folder = tmp_path / "empty"
    folder.mkdir()

    # A build of the CLI would fail, and leave its lock here.
    cache = tmp_path / "cache"
    own = {k: v for k, v in os.environ.items() if not k.startswith("AWS_") and k != "PULUMI"}
    own |= {"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(cache), "GOPROXY": "off"}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [command, *arguments], cwd=folder, capture_output=True, text=True, timeout=180,
            env=own, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        assert "export AWS_ENDPOINT_URL=http://127.0.0.1:" in run("up")
        assert run("admin", "meetings") == ""
        assert run("run", "--", "echo", "without Pulumi") == "without Pulumi\n"
        assert not cache.exists()
    finally:
        assert run("down") == "stopped\n"


OLDEST = ("boto3==1.40.0", "pydantic==2.12.0", "pulumi==3.231.0", "pulumi-aws==7.16.0")


@pytest.mark.parametrize("pins", [OLDEST, ()], ids=["oldest", "newest"])
def test_a_program_runs_with_the_oldest_and_the_newest_of_what_is_needed(
    built: Path, environment: Callable[..., Path], tmp_path: Path, pins: tuple[str, ...]
) -> None:
    venv = environment(
        f"{one(built, 'meeting_provider-*.whl')}[schedule,notifications]",
        f"{one(built, 'chime_sandbox-*.whl')}[pulumi]",
        *pins,
    )
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "__main__.py").write_text(PROGRAM)
    (folder / "Pulumi.yaml").write_text(
        f"name: program\nruntime: {{name: python, options: {{virtualenv: '{venv}'}}}}\n"
        "options: {refresh: always}\n"
    )
    command = str(venv / "bin" / "chime-sandbox")
    own = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PULUMI_"))}

    def pulumi(*arguments: str) -> str:
        done = subprocess.run(
            [command, "pulumi", *arguments], cwd=folder, env=own | {"AWS_REGION": "us-east-1"},
            capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    try:
        pulumi("stack", "init", "dev")
        pulumi("config", "set", "aws:region", "us-east-1")
        pulumi("up", "--yes", "--skip-preview")
        outputs = json.loads(pulumi("stack", "output", "--json"))
        assert outputs["join_info"] == "[secret]"
        assert len(outputs["meeting_id"]) == 36
        pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
        pulumi("destroy", "--yes", "--skip-preview")
    finally:
        subprocess.run([command, "down"], cwd=folder, env=own, check=True, capture_output=True)
