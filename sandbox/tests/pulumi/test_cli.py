"""Which Pulumi CLI is taken, and what a build that fails or is ended leaves behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chime_sandbox.pulumi import cli

COMMAND = [sys.executable, cli.__file__]

needs_go = pytest.mark.skipif(
    shutil.which("go") is None, reason="without Go, a build begins with a download of 75 MB"
)


def executable(folder: Path, version: str) -> Path:
    """A program that answers `version` as Pulumi does."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pulumi"
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment without Pulumi, and with an empty cache folder."""
    without = [
        folder
        for folder in os.environ["PATH"].split(os.pathsep)
        if not os.access(Path(folder) / "pulumi", os.X_OK)
    ]
    own = {k: v for k, v in os.environ.items() if k != "PULUMI"}
    return own | {"PATH": os.pathsep.join(without), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        COMMAND, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts builds, each in a process group of its own, and ends those that are left."""
    started = []

    def one() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            COMMAND,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # Where the tests run in the background, they ignore SIGINT, and so would the build.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        started.append(process)
        return process

    yield one
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def read_until(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr
    shown = ""
    for line in process.stderr:
        shown += line
        if text in line:
            return
    pytest.fail(f"{text!r} was never printed: {shown}")


def cache(environment: dict[str, str]) -> Path:
    return Path(environment["XDG_CACHE_HOME"]) / "chime-sandbox"


def test_the_variable_wins_over_path(tmp_path: Path, environment: dict[str, str]) -> None:
    named = executable(tmp_path / "named", "v3.300.0")
    other = executable(tmp_path / "other", "v3.300.0")
    environment |= {"PULUMI": str(named), "PATH": f"{other.parent}:{environment['PATH']}"}
    assert run(environment).stdout == f"{named} (named by PULUMI)\n"


@pytest.mark.parametrize("version", ["v3.260.0", "3.274.1", "v3.277.0-dev.0", "", "unknown"])
def test_a_pulumi_on_path_is_taken_when_it_is_recent_enough_or_has_no_version(
    tmp_path: Path, environment: dict[str, str], version: str
) -> None:
    found = executable(tmp_path / "bin", version)
    environment["PATH"] = f"{found.parent}:{environment['PATH']}"
    done = run(environment)
    assert (done.stdout, done.stderr) == (f"{found} (found on PATH)\n", "")


def test_a_variable_that_names_an_old_version_is_an_error_that_says_which_is_the_oldest(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    named = executable(tmp_path, "v3.259.0")
    done = run(environment | {"PULUMI": str(named)})
    assert done.returncode == 1
    assert done.stderr == (
        f"pulumi: PULUMI is {named}, version v3.259.0, and the oldest that works is 3.260.0: "
        "install a newer one, https://www.pulumi.com/docs/install/\n"
    )


def test_a_variable_that_names_nothing_is_an_error(environment: dict[str, str]) -> None:
    done = run(environment | {"PULUMI": "/nowhere/pulumi"})
    assert done.returncode == 1
    assert done.stderr == "pulumi: PULUMI is /nowhere/pulumi, and there is no such program\n"


def test_an_old_version_on_path_is_passed_over_for_the_one_that_was_built(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    found = executable(tmp_path / "bin", "v3.100.0")
    built = executable(cache(environment) / f"pulumi-cli-{cli.pinned_version()}", "v3.274.1")
    environment["PATH"] = f"{found.parent}:{environment['PATH']}"
    done = run(environment)
    assert done.stdout == f"{built} (built for this machine)\n"
    assert "on PATH is version v3.100.0, and the oldest that works is 3.260.0" in done.stderr


@needs_go
def test_the_yaml_runtime_is_the_one_beside_the_cli_or_the_one_that_was_built(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    pulumi = executable(tmp_path / "pulumi", "v3.274.1")
    runtime = tmp_path / "pulumi" / "pulumi-language-yaml"
    built = cache(environment) / cli.built_yaml_folder().name / "pulumi-language-yaml"
    for file in (runtime, built):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        file.chmod(0o755)
    command = [*COMMAND, "--yaml"]
    for expected in (runtime, built):
        found = subprocess.run(
            command, env=environment | {"PULUMI": str(pulumi)}, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert (found.returncode, found.stdout.splitlines()[-1]) == (0, str(expected))
        runtime.unlink(missing_ok=True)


def test_a_build_without_a_registry_fails_with_one_sentence(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    done = run(environment | {"GOPROXY": "off", "GOMODCACHE": str(tmp_path / "modules")})
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "It needs the Go module proxy and PyPI" in last
    assert "install Pulumi, https://www.pulumi.com/docs/install/" in last
    assert [p.suffix for p in cache(environment).iterdir()] == [".lock"]


def test_without_go_and_without_a_registry_one_sentence_says_what_to_do(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    environment |= {
        "PATH": str(tmp_path),
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "PIP_RETRIES": "0",
    }
    done = run(environment)
    assert done.returncode == 1
    assert "install Pulumi" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert [p.suffix for p in cache(environment).iterdir()] == [".lock"]


@needs_go
def test_an_interrupted_build_leaves_nothing_but_the_lock(
    environment: dict[str, str], start: Callable[[], subprocess.Popen[str]]
) -> None:
    building = start()
    read_until(building, "downloading its modules")
    os.killpg(building.pid, signal.SIGINT)
    _, errors = building.communicate(timeout=120)
    assert building.returncode == 130
    assert "Traceback" not in errors
    assert [p.suffix for p in cache(environment).iterdir()] == [".lock"]


@needs_go
def test_a_killed_build_is_cleared_away_by_the_next(
    environment: dict[str, str], start: Callable[[], subprocess.Popen[str]]
) -> None:
    first = start()
    read_until(first, "downloading its modules")
    first.kill()
    first.communicate()
    (leftover,) = cache(environment).glob("building-*")

    second = start()
    read_until(second, "downloading its modules")
    assert not leftover.exists()


@needs_go
def test_the_second_of_two_builds_at_once_waits_for_the_first(
    environment: dict[str, str], start: Callable[[], subprocess.Popen[str]]
) -> None:
    first = start()
    read_until(first, "downloading its modules")
    second = start()
    read_until(second, "another command is building")
    # As the first does when it is done.
    built = executable(cache(environment) / f"pulumi-cli-{cli.pinned_version()}", "v3.274.1")
    os.killpg(first.pid, signal.SIGKILL)
    second.communicate(timeout=120)
    assert second.returncode == 0
    assert built.exists()
