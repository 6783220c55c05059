"""Kills in the middle of a call: the next `up` brings about what is declared."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import psutil
import pytest
from plugin.conftest import Project, meeting
from support.checkout import PATIENCE

from chime_sandbox.admin import AFTER, BEFORE

PLUGIN, CLI = "the plugin", "the CLI"


def serves(process: psutil.Process, project: Project) -> bool:
    """Whether a process is the plugin's."""
    with suppress(psutil.NoSuchProcess):
        return str(project.root / "plugin") in process.cmdline()
    return False


def interrupted(project: Project, victim: str, when: str, calls: dict[str, str]) -> None:
    """Run `pulumi up` until calls are held, each for its meeting, kill, and let the calls go."""
    for name, operation in calls.items():
        project.cloud.hold(operation, when=when, meeting=name)
    command = [sys.executable, "-m", "chime_sandbox", "pulumi", "up", "--yes", "--skip-preview"]
    with subprocess.Popen(
        [*command, "--stack", "dev"],
        cwd=project.root,
        env=project.env(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        project.cloud.wait_all_held(len(calls), timeout=PATIENCE)
        engine = psutil.Process(process.pid)
        plugins = [p for p in engine.children(recursive=True) if serves(p, project)]
        assert plugins
        for each in [engine] if victim == CLI else plugins:
            each.kill()
        # Where the plugin lives on, it finishes its calls.
        project.cloud.release(drop=when == BEFORE and victim == PLUGIN)
        process.wait(timeout=PATIENCE)
        _, alive = psutil.wait_procs(plugins, timeout=PATIENCE)
        assert alive == []
    if victim == CLI:
        project.done("cancel", "--yes")


@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("victim", [PLUGIN, CLI])
def test_the_next_up_puts_right_what_a_kill_left(project: Project, victim: str, when: str) -> None:
    before = {"changed": meeting("ann", "bob"), "gone": meeting("ann")}
    project.write(before)
    project.up()
    kept = project.state()["changed"]
    after = {"changed": meeting("ann", "cat", tags={"day": "two"}), "made": meeting("eve")}
    project.write(after)
    calls = {"changed": "BatchCreateAttendee", "made": "CreateMeetingWithAttendees"}
    interrupted(project, victim, when, calls)
    project.up()
    state = project.state()
    alive = {m.meeting_id: m.external_user_ids for m in project.cloud.live()}
    assert alive[state["changed"]["id"]] == ["ann", "cat"]
    assert alive[state["made"]["id"]] == ["eve"]
    assert state["changed"]["id"] == kept["id"]
    assert state["changed"]["outputs"]["attendeeIds"].keys() == {"ann", "cat"}
    assert state["made"]["outputs"]["attendeeIds"].keys() == {"eve"}
    project.up("--expect-no-changes")

    project.write({"made": after["made"]})
    interrupted(project, victim, when, {"changed": "DeleteMeeting"})
    project.up()
    assert project.state().keys() & {"changed", "gone", "made"} == {"made"}
    names = {m.external_meeting_id for m in project.cloud.live()}
    assert names == {"made"}
