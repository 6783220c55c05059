"""Programs and plugins in Python, run by the CLI that runs all other tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from .conftest import Program

LayOut = Callable[[str], Program]

#: Creates that begin and then wait for the file `go-on`.
SLOW = """
import os, time
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class Slow(ResourceProvider):
    def create(self, props):
        open(f"{props['folder']}/started-{props['number']:.0f}", "w").close()
        while props["number"] and not os.path.exists(f"{props['folder']}/go-on"):
            time.sleep(0.05)
        return CreateResult(str(props["number"]), props)

class Thing(Resource):
    def __init__(self, number, opts=None):
        super().__init__(Slow(), f"thing-{number}", {"number": number, "folder": os.getcwd()}, opts)

last = None
for number in range(4):
    last = Thing(number, pulumi.ResourceOptions(depends_on=[last] if last else []))
"""


def state(program: Program) -> list[str]:
    """The names of what the state has, but for the stack itself and providers."""
    exported = json.loads(program.pulumi("stack", "export").stdout)
    urns = [r["urn"] for r in exported["deployment"].get("resources", [])]
    return sorted(u.rpartition("::")[2] for u in urns if "dynamic" in u and "providers" not in u)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} never came"
        time.sleep(0.05)


def read_until_cancelling(running: subprocess.Popen[str]) -> str:
    """What is shown until the CLI says that it was interrupted."""
    shown = ""
    for line in running.stdout or ():
        shown += line
        if "cancel" in line.lower():
            return shown
    pytest.fail(f"no interrupt was noticed: {shown}")


def assert_nothing_is_left(folder: Path) -> None:
    """That every process which was at work in a folder ends."""
    deadline = time.monotonic() + 120
    while left := [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(folder)]:
        assert time.monotonic() < deadline, f"still running: {[p.info for p in left]}"
        time.sleep(0.05)


def test_a_program_runs_in_the_virtual_environment_that_its_project_names(program: LayOut) -> None:
    laid = program("import pulumi, sys; pulumi.export('prefix', sys.prefix)")
    done = laid.up()
    assert done.returncode == 0, done.stdout
    assert f'prefix: "{sys.prefix}"' in done.stdout


def test_a_missing_virtual_environment_is_named(program: LayOut) -> None:
    laid = program("")
    text = (laid.folder / "Pulumi.yaml").read_text()
    (laid.folder / "Pulumi.yaml").write_text(text.replace(sys.prefix, "nowhere"))
    done = laid.up()
    assert done.returncode != 0
    assert "nowhere" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_settings_reach_the_program_and_secrets_stay_secret(program: LayOut) -> None:
    laid = program("""
import pulumi
config = pulumi.Config()
pulumi.export("plain", config.require("plain"))
pulumi.export("hidden", config.require_secret("hidden"))
pulumi.export("where", [pulumi.get_project(), pulumi.get_stack(), pulumi.get_organization()])
pulumi.export("preview", pulumi.runtime.is_dry_run())
""")
    laid.pulumi("config", "set", "plain", "to be seen")
    laid.pulumi("config", "set", "--secret", "hidden", "not to be seen")
    done = laid.up()
    assert done.returncode == 0, done.stdout
    assert "not to be seen" not in done.stdout
    outputs = json.loads(laid.pulumi("stack", "output", "--json", "--show-secrets").stdout)
    assert outputs == {
        "plain": "to be seen",
        "hidden": "not to be seen",
        "where": ["program", "dev", "organization"],
        "preview": False,
    }


def test_an_error_for_the_user_is_shown_alone(program: LayOut) -> None:
    laid = program("import pulumi; raise pulumi.RunError('the schedule has no events')")
    done = laid.up()
    assert done.returncode != 0
    assert "the schedule has no events" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_an_unexpected_error_is_shown_with_its_place_and_fails(program: LayOut) -> None:
    laid = program("raise ValueError('what is this')")
    done = laid.up()
    assert done.returncode != 0
    assert "ValueError: what is this" in done.stdout
    assert "__main__.py" in done.stdout


def test_an_exit_code_of_the_program_is_named(program: LayOut) -> None:
    laid = program("import os; os._exit(7)")
    done = laid.up()
    assert done.returncode != 0
    assert "non-zero exit code: 7" in done.stdout + done.stderr


def test_what_a_program_prints_is_shown_line_by_line_as_it_comes(program: LayOut) -> None:
    laid = program("""
import time
from pathlib import Path
print("before")
while not Path("go-on").exists():
    time.sleep(0.05)
print("after")
""")
    running = laid.start("preview", "--diff")
    assert running.stdout
    shown = ""
    for line in running.stdout:
        shown += line
        if "before" in line:
            (laid.folder / "go-on").touch()
    assert running.wait(120) == 0, shown
    assert shown.index("before") < shown.index("after")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_lets_what_runs_finish_and_saves_it(
    program: LayOut, number: signal.Signals
) -> None:
    laid = program(SLOW)
    running = laid.start("up", "--yes", "--skip-preview")
    wait_for(laid.folder / "started-1")
    os.killpg(running.pid, number)
    shown = read_until_cancelling(running)
    (laid.folder / "go-on").touch()
    shown += running.communicate(timeout=120)[0]

    assert running.returncode != 0
    assert "Traceback" not in shown
    assert state(laid) == ["thing-0", "thing-1"]
    assert_nothing_is_left(laid.folder)
    done = laid.up()
    assert done.returncode == 0, done.stdout
    assert state(laid) == ["thing-0", "thing-1", "thing-2", "thing-3"]


def test_a_second_interrupt_ends_at_once(program: LayOut) -> None:
    laid = program(SLOW)
    running = laid.start("up", "--yes", "--skip-preview")
    wait_for(laid.folder / "started-1")
    os.killpg(running.pid, signal.SIGINT)
    shown = read_until_cancelling(running)
    os.killpg(running.pid, signal.SIGINT)
    shown += running.communicate(timeout=120)[0]
    assert running.returncode != 0
    assert "Traceback" not in shown
    (laid.folder / "go-on").touch()
    assert_nothing_is_left(laid.folder)


def test_nothing_of_the_runtime_outlives_a_killed_cli(program: LayOut) -> None:
    laid = program("""
import time
open("started", "w").close()
time.sleep(600)
""")
    running = laid.start("preview")
    wait_for(laid.folder / "started")
    running.kill()
    running.communicate()
    assert_nothing_is_left(laid.folder)


def test_a_plugin_in_python_is_run(
    program: LayOut, tmp_path_factory: pytest.TempPathFactory
) -> None:
    plugin = tmp_path_factory.mktemp("pulumi-resource-greeting")
    (plugin / "PulumiPlugin.yaml").write_text(
        f"runtime:\n  name: python\n  options: {{virtualenv: '{sys.prefix}'}}\n"
    )
    (plugin / "__main__.py").write_text("""
import sys
from pulumi.provider import Provider, main

class Greeting(Provider):
    def __init__(self):
        super().__init__("0.1.0", schema='{"name": "greeting", "version": "0.1.0"}')

if __name__ == "__main__":
    main(Greeting(), sys.argv[1:])
""")
    laid = program("")
    shown = subprocess.run(
        [sys.executable, "-m", "chime_sandbox", "pulumi", "package", "get-schema", str(plugin)],
        cwd=laid.folder, env=laid.environment, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["name"] == "greeting"
    assert_nothing_is_left(plugin)
