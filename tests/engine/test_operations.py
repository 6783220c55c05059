"""What an operation does to a stack: on the sandbox engine, or on the one that PULUMI names."""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.engine.conftest import SANDBOX_ENGINE, Bench, Things


def test_what_is_replaced_is_created_before_its_original_is_deleted(things: Things) -> None:
    things.declare(a={"props": {"kind": "x"}}, b={"of": "a"})
    things.up()
    things.log()
    things.declare(a={"props": {"kind": "y"}}, b={"of": "a"})
    things.up()
    assert things.log() == ["create a", "create b", "delete b", "delete a"]


def test_what_is_deleted_first_takes_along_what_cannot_do_without_it(things: Things) -> None:
    things.declare(a={"props": {"kind": "x", "first": True}}, b={"of": "a"}, c={"after": ["a"]})
    things.up()
    things.log()
    things.declare(a={"props": {"kind": "y", "first": True}}, b={"of": "a"}, c={"after": ["a"]})
    things.up()
    assert things.log() == ["delete b", "delete a", "create a", "create b"]


def test_delete_before_replace_is_the_programs_to_decide(things: Things) -> None:
    for kind in "xy":
        things.log()
        things.declare(a={"props": {"kind": kind}, "options": {"delete_before_replace": True}})
        things.up()
    assert things.log() == ["delete a", "create a"]


def test_a_diff_that_leaves_open_whether_there_are_changes_says_what_replaces(
    things: Things,
) -> None:
    def up(**props: object) -> list[str]:
        things.declare(a={"props": {"says": "nothing", **props}})
        things.up()
        return things.log()

    assert up(kind="x") == ["create a"]
    assert up(kind="x") == []
    assert up(kind="y") == ["create a", "delete a"]
    assert up(kind="y", size=1) == ["update a"]


def test_what_replaces_counts_only_where_there_are_changes(things: Things) -> None:
    for kind in "xy":
        things.declare(a={"props": {"kind": kind, "says": "no"}})
        things.up()
    assert things.log() == ["create a"]


def test_things_that_need_nothing_of_each_other_are_made_at_once(things: Things) -> None:
    gates = [things.gate("create", name) for name in "abc"]
    things.declare(a={}, b={}, c={})
    process = things.bench.start("up", "--yes", "--skip-preview", folder="things")
    for name in "abc":
        things.wait_for(f"create {name}")
    for gate in gates:
        gate.unlink()
    assert process.wait(timeout=60) == 0, process.stdout


def test_parallel_1_makes_one_after_the_other(things: Things) -> None:
    gate = things.gate("create", "a")
    things.declare(a={}, b={"after": []})
    process = things.bench.start("up", "--yes", "-f", "--parallel", "1", folder="things")
    things.wait_for("create a") if not (things.folder / "log").exists() else None
    assert (things.folder / "log").read_text().splitlines() in (
        ["create a"],
        ["create b", "create a"],
    )
    gate.unlink()
    assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("option", "environment"),
    [(("--parallel", "0"), {}), ((), {"PULUMI_PARALLEL": "1"})],
    ids=["--parallel 0", "PULUMI_PARALLEL=1"],
)
def test_what_asks_for_one_at_a_time_gets_it(
    things: Things, option: tuple[str, ...], environment: dict[str, str]
) -> None:
    things.declare(a={}, b={})
    gates = [things.gate("create", name) for name in "ab"]
    process = things.bench.start(
        "up", "--yes", "--skip-preview", *option, folder="things", **environment
    )
    for _ in range(1500):
        if (things.folder / "log").exists():
            break
        time.sleep(0.02)
    time.sleep(1)
    assert len((things.folder / "log").read_text().splitlines()) == 1
    for gate in gates:
        gate.unlink()
    assert process.wait(timeout=60) == 0


def test_what_a_target_leaves_alone_stays_behind_what_it_needed(things: Things) -> None:
    things.declare(a={}, b={"after": ["a"]}, c={})
    things.up()
    things.log()
    things.declare(b={}, c={"props": {"size": 1}})
    things.up("--target", things.urn("c"))
    assert things.log() == ["update c"]
    names = list(things.resources())
    assert names.index("a") < names.index("b")
    assert things.resources()["b"]["dependencies"] == [things.urn("a")]
    code, screen = things.run("destroy", "--yes", "--skip-preview", "--target", things.urn("a"))
    assert (code != 0, things.urn("b") in screen) == (True, True)
    assert set(things.resources()) == {"a", "b", "c"}


def test_a_first_run_may_have_a_target(things: Things) -> None:
    things.declare(a={}, b={})
    things.up("--refresh", "--target", things.urn("a"))
    assert things.log() == ["create a"]


def test_a_target_that_is_nowhere_is_named(things: Things) -> None:
    things.declare(a={})
    things.up()
    unasked, target = ("--yes", "--skip-preview"), ("--target", things.urn("x"))
    for command in (("up", "--refresh", *unasked), ("preview",)):
        code, screen = things.run(*command, *target)
        assert code != 0
        assert f"Target '{things.urn('x')}' could not be found in the stack." in screen
    for name in ("refresh", "destroy"):
        code, screen = things.run(name, *unasked, *target)
        assert (code, f"no resource named '{things.urn('x')}' found" in screen) == (1, True)
    assert things.log() == ["create a"]


def test_targets_alone_are_touched(things: Things) -> None:
    things.declare(a={"props": {"size": 1}}, b={"props": {"size": 1}})
    things.up()
    things.log()
    things.declare(a={"props": {"size": 2}}, b={"props": {"size": 2}}, c={})
    things.up("--target", things.urn("a"))
    assert things.log() == ["update a"]
    assert things.resources()["b"]["inputs"]["size"] == 1
    assert "c" not in things.resources()


def test_destroy_of_a_target_leaves_the_rest(things: Things) -> None:
    things.declare(a={}, b={})
    things.up()
    things.log()
    screen = things.ok("destroy", "--yes", "--skip-preview", "--target", things.urn("a"))
    assert things.log() == ["delete a"]
    # The other thing, and the stack itself.
    assert "2 unchanged" in screen
    assert list(things.resources()) == ["b"]


def test_a_target_that_others_need_is_not_destroyed_without_them(things: Things) -> None:
    things.declare(a={}, b={"after": ["a"]}, c={"after": ["a"]})
    things.up()
    things.log()
    code, screen = things.run("destroy", "--yes", "--skip-preview", "--target", things.urn("a"))
    assert code != 0
    for name in "bc":
        assert f"Resource '{things.urn(name)}' will be destroyed but was not specified" in screen
    assert "pass --target-dependents to proceed" in screen
    assert "update failed" in screen
    assert things.log() == []


def test_what_fails_at_once_is_summed_up_once(things: Things) -> None:
    gates = [things.gate("create", name) for name in "ab"]
    things.declare(a={"props": {"fail": True}}, b={"props": {"fail": True}})
    process = things.bench.start("up", "--yes", "--skip-preview", folder="things")
    for name in "ab":
        things.wait_for(f"create {name}")
    for gate in gates:
        gate.unlink()
    screen, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert ("no a today" in screen, "no b today" in screen) == (True, True)
    assert screen.partition("Diagnostics:")[2].count("error: update failed") == 1


def test_a_look_that_fails_says_so_and_leaves_the_rest_of_it_to_go_on(things: Things) -> None:
    things.declare(a={}, b={})
    things.up()
    things.log()
    things.found("a", {"fail": True})
    things.found("b", {"size": 3})
    code, screen = things.run("refresh", "--yes", "--skip-preview")
    assert (code != 0, "no word of a today" in screen, "update failed" in screen) == (True,) * 3
    assert things.resources()["b"]["outputs"]["size"] == 3
    code, screen = things.run("preview", "--refresh")
    assert code != 0
    assert ("Preview failed: " in screen, "preview failed" in screen) == (True, True)


def test_a_provider_finds_the_projects_own_settings(things: Things) -> None:
    things.declare(a={})
    things.ok("config", "set", "mood", "calm")
    things.up()
    assert things.resources()["a"]["outputs"]["mood"] == "calm"


def test_what_is_asked_to_be_replaced_is_although_it_has_not_changed(things: Things) -> None:
    things.declare(a={}, b={"of": "a"})
    things.up()
    things.log()
    before = things.resources()
    screen = things.up("--replace", things.urn("a"))
    assert things.log() == ["create a", "delete a"]
    assert things.resources()["a"]["id"] != before["a"]["id"]
    assert things.resources()["b"]["id"] == before["b"]["id"]
    assert "+-1 replaced" in screen
    things.up("--replace", things.urn("*"), "--replace", things.urn("nothing*"))
    done = [f"{what} {name}" for what in ("create", "delete") for name in "ab"]
    assert sorted(things.log()) == done


def test_what_is_asked_to_be_replaced_goes_first_where_the_program_says_so(things: Things) -> None:
    things.declare(a={"options": {"delete_before_replace": True}}, b={"of": "a"})
    things.up()
    things.log()
    things.up("--replace", things.urn("a"))
    assert things.log() == ["delete b", "delete a", "create a", "create b"]


def test_target_replace_touches_nothing_else(things: Things) -> None:
    things.declare(a={"props": {"size": 1}}, b={"props": {"size": 1}})
    things.up()
    things.log()
    things.declare(a={"props": {"size": 1}}, b={"props": {"size": 2}})
    assert things.run("preview", "--target-replace", things.urn("a"), "--expect-no-changes")[0] == 7
    assert things.log() == []
    things.up("--target-replace", things.urn("a"))
    assert things.log() == ["create a", "delete a"]
    # What is to be replaced has to be there before.
    things.declare(a={}, b={}, c={})
    code, screen = things.run("up", "--yes", "--skip-preview", "--replace", things.urn("c"))
    assert (code != 0, f"Target '{things.urn('c')}' could not be found" in screen) == (True, True)
    assert things.log() == []


def test_expect_no_changes_exits_7_where_there_are_some(things: Things) -> None:
    things.declare(a={"props": {"size": 1}})
    assert things.run("preview", "--expect-no-changes")[0] == 7
    assert things.run("up", "--yes", "--skip-preview", "--expect-no-changes")[0] == 7
    assert things.run("up", "--yes", "--skip-preview", "--expect-no-changes")[0] == 0
    assert things.run("preview", "--expect-no-changes")[0] == 0
    assert things.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")[0] == 0


def test_a_failed_step_leaves_what_was_done_and_nothing_that_needs_it(things: Things) -> None:
    things.declare(a={}, b={"after": ["a"], "props": {"fail": True}}, c={"after": ["b"]})
    code, screen = things.run("up", "--yes", "--skip-preview")
    assert code == 1
    assert "RuntimeError: no b today" in screen
    assert list(things.resources()) == ["a"]
    assert "pending_operations" not in things.state()


def test_a_program_that_fails_deletes_nothing(things: Things) -> None:
    things.declare(a={})
    things.up()
    things.log()
    things.declare()
    code, screen = things.run("up", "--yes", "--skip-preview", THINGS_FAIL="1")
    assert code == 1
    assert "ValueError: the program gave up" in screen
    assert "launcher.py" not in screen
    assert list(things.resources()) == ["a"]


def test_what_the_program_prints_is_shown(things: Things) -> None:
    things.declare()
    assert "a word on standard output" in things.up()


def test_up_without_leave_does_nothing_where_nobody_can_be_asked(things: Things) -> None:
    things.declare(a={})
    code, screen = things.run("up", "--non-interactive")
    assert code == 2
    assert "--yes" in screen
    assert things.log() == []


def test_up_previews_first_unless_told_not_to(things: Things) -> None:
    things.declare(a={})
    screen = things.ok("up", "--yes")
    assert screen.index("Previewing update (dev)") < screen.index("Updating (dev)")
    assert things.log() == ["create a"]


def test_duplicate_names_are_refused(bench: Bench) -> None:
    program = "import pulumi\nfor _ in 'ab': pulumi.ComponentResource('t:i:C', 'c')\n"
    (bench.root / "consumer" / "__main__.py").write_text(program)
    bench.ok("stack", "init", "dev", folder="consumer")
    code, screen = bench.run("up", "--yes", "--skip-preview", folder="consumer")
    assert code == 1
    assert "Duplicate resource URN" in screen


def test_a_state_moves_out_and_in_again(things: Things, tmp_path: Path) -> None:
    things.declare(a={"props": {"kind": "x"}}, b={"of": "a"})
    things.up()
    file = tmp_path / "state.json"
    things.ok("stack", "export", "--file", str(file))
    exported = json.loads(file.read_text())
    assert exported["version"] == 3
    assert exported["deployment"]["resources"] == things.state()["resources"]
    things.ok("stack", "import", "--file", str(file))
    things.ok("preview", "--expect-no-changes")


def test_a_state_in_disorder_is_taken_only_by_force(things: Things, tmp_path: Path) -> None:
    things.declare(a={}, b={"after": ["a"]})
    things.up()
    file = tmp_path / "state.json"
    state = json.loads(things.ok("stack", "export"))
    state["deployment"]["resources"].reverse()
    file.write_text(json.dumps(state))
    code, screen = things.run("stack", "import", "--file", str(file))
    assert (code != 0, "state file contains errors" in screen) == (True, True)
    assert list(things.resources()) == ["a", "b"]
    screen = things.ok("stack", "import", "--force", "--file", str(file))
    assert "state file contains errors" in screen
    assert list(things.resources()) == ["b", "a"]
    things.log()
    for command in (("preview",), ("destroy", "--yes", "-f")):
        code, screen = things.run(*command)
        assert (code, "snapshot integrity failure; refusing to use it" in screen) == (1, True)
    assert things.log() == []


def test_a_state_that_contradicts_itself_is_not_imported(things: Things, tmp_path: Path) -> None:
    things.declare(a={})
    things.up()
    file = tmp_path / "state.json"
    exported = things.ok("stack", "export")
    twice, elsewhere = json.loads(exported), json.loads(exported)
    twice["deployment"]["resources"].append(twice["deployment"]["resources"][-1])
    elsewhere["deployment"]["resources"][-1]["provider"] += "0"
    for state in (twice, elsewhere):
        file.write_text(json.dumps(state))
        code, screen = things.run("stack", "import", "--file", str(file))
        assert (code != 0, "state file contains errors" in screen) == (True, True)
    assert things.state()["resources"] == json.loads(exported)["deployment"]["resources"]


def test_a_state_moves_between_the_engines(things: Things, tmp_path: Path) -> None:
    """From the engine that PULUMI names to the sandbox engine, and back again."""
    other = Things(Bench(things.bench.root, SANDBOX_ENGINE))
    things.declare(a={"props": {"kind": "x"}}, b={"of": "a"}, c={"component": True})
    for giver, taker in ((things, other), (other, things)):
        giver.up()
        file = tmp_path / "state.json"
        giver.ok("stack", "export", "--file", str(file))
        taker.ok("stack", "import", "--file", str(file))
        taker.ok("preview", "--expect-no-changes")
        assert taker.ok("stack", "output", "a") == "a-x\n"
    assert things.log() == ["create a", "create b"]


def test_an_export_shows_secrets_only_if_asked(bench: Bench, tmp_path: Path) -> None:
    program = "import pulumi\npulumi.export('s', pulumi.Output.secret('hush'))\n"
    (bench.root / "consumer" / "__main__.py").write_text(program)
    bench.ok("stack", "init", "dev", folder="consumer")
    bench.ok("up", "--yes", "--skip-preview", folder="consumer")
    assert "hush" not in bench.ok("stack", "export", folder="consumer")
    shown = bench.ok("stack", "export", "--show-secrets", folder="consumer")
    assert '"hush\\"' in shown
    file = tmp_path / "shown.json"
    file.write_text(shown)
    bench.ok("stack", "import", "--file", str(file), folder="consumer")
    assert "hush" not in bench.file(project="consumer").read_text()
    assert bench.ok("stack", "output", "s", "--show-secrets", folder="consumer") == "hush\n"


def test_checkpoints_can_be_skipped(things: Things) -> None:
    gate = things.gate("create", "b")
    things.declare(a={}, b={"after": ["a"]})
    process = things.bench.start(
        "up", "--yes", "--skip-preview", folder="things", PULUMI_SKIP_CHECKPOINTS="true"
    )
    things.wait_for("create b")
    assert things.resources() == {}
    gate.unlink()
    assert process.wait(timeout=60) == 0
    assert set(things.resources()) == {"a", "b"}


def _descendants(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    return [found for child in children for found in (child, *_descendants(child))]


def _kill(process: "subprocess.Popen[str]") -> None:
    """Kills an engine without warning, and then what it has started and can no longer end."""
    orphans = _descendants(process.pid)
    process.kill()
    process.wait()
    for orphan in orphans:
        with contextlib.suppress(ProcessLookupError):
            os.kill(orphan, signal.SIGKILL)


def test_a_killed_run_leaves_a_lock_and_what_it_was_about_to_do(things: Things) -> None:
    gate = things.gate("create", "b")
    things.declare(a={}, b={"after": ["a"], "props": {"kind": "x"}})
    process = things.bench.start("up", "--yes", "--skip-preview", folder="things")
    things.wait_for("create b")
    _kill(process)
    gate.unlink()
    [pending] = things.state()["pending_operations"]
    assert (pending["type"], pending["resource"]["urn"]) == ("creating", things.urn("b"))
    assert pending["resource"]["inputs"]["kind"] == "x"
    assert list(things.resources()) == ["a"]

    code, screen = things.run("up", "--yes", "--skip-preview")
    assert code != 0
    assert "the stack is currently locked by 1 lock(s)" in screen
    assert "pulumi cancel" in screen

    things.ok("cancel", "--yes")
    state = things.ok("stack", "export")
    screen = things.up()
    assert "1 pending operations" in screen
    assert f"{things.urn('b')}, interrupted while creating" in screen
    assert set(things.resources()) == {"a", "b"}
    # Whether the first create took place, nobody knows; so it stays until somebody says so.
    assert len(things.state()["pending_operations"]) == 1
    things.ok("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
    assert "pending_operations" not in things.state()

    # To move the state out and in again clears them as well.
    file = things.folder / "state.json"
    file.write_text(state)
    assert json.loads(state)["deployment"]["pending_operations"]
    assert "removing pending operation 'creating'" in things.ok(
        "stack", "import", "--file", str(file)
    )
    assert "pending_operations" not in things.state()


def test_an_original_that_a_killed_run_left_behind_is_deleted_by_the_next(things: Things) -> None:
    things.declare(a={"props": {"kind": "x"}})
    things.up()
    gate = things.gate("delete", "a")
    things.declare(a={"props": {"kind": "y"}})
    process = things.bench.start("up", "--yes", "--skip-preview", folder="things")
    things.wait_for("delete a")
    _kill(process)
    gate.unlink()
    things.log()
    things.ok("cancel", "--yes")
    left = [r.get("delete", False) for r in things.state()["resources"] if "Thing" in r["type"]]
    assert sorted(left) == [False, True]
    things.up()
    assert things.log() == ["delete a"]
    assert len(things.resources()) == 1


def test_a_replacement_that_a_killed_run_still_owed_is_made_by_the_next(things: Things) -> None:
    def declare(kind: str) -> None:
        things.declare(a={"props": {"kind": kind}, "options": {"delete_before_replace": True}})

    declare("x")
    things.up()
    things.log()
    gate = things.gate("create", "a")
    declare("y")
    process = things.bench.start("up", "--yes", "--skip-preview", folder="things")
    things.wait_for("create a")
    _kill(process)
    gate.unlink()
    assert things.resources()["a"]["pendingReplacement"]
    things.log()
    things.ok("cancel", "--yes")
    things.up()
    assert things.log() == ["create a"]
    assert things.ok("stack", "output", "a") == "a-y\n"


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "^C"), (signal.SIGTERM, "SIGTERM")], ids=str
)
def test_a_first_interrupt_lets_what_runs_finish_and_saves_it(
    things: Things, number: int, name: str
) -> None:
    gate = things.gate("create", "a")
    things.declare(a={}, b={"after": ["a"]})
    process = things.bench.start("up", "--yes", "--skip-preview", folder="things")
    things.wait_for("create a")
    process.send_signal(number)
    assert process.stdout is not None
    while f"{name} received" not in (line := process.stdout.readline()):
        assert line
    gate.unlink()
    screen, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "error: update canceled" in screen
    assert things.log() == ["create a"]
    assert list(things.resources()) == ["a"]
    assert "pending_operations" not in things.state()
    # Nor is there a lock.
    things.up()


def test_a_second_interrupt_ends_the_run_where_it_stands(things: Things) -> None:
    gate = things.gate("create", "a")
    things.declare(a={})
    process = things.bench.start("up", "--yes", "--skip-preview", folder="things")
    things.wait_for("create a")
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    while "^C received" not in (line := process.stdout.readline()):
        assert line
    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)
    gate.unlink()
    assert process.returncode != 0
    assert things.resources() == {}
    # Nor is there a lock: only a kill leaves one.
    assert f"{things.urn('a')}, interrupted while creating" in things.up()


@pytest.mark.parametrize("command", [("up", "--yes", "-f"), ("stack", "output"), ("config",)])
def test_a_stack_that_is_not_there_exits_6(bench: Bench, command: tuple[str, ...]) -> None:
    code, screen = bench.run(*command, "--stack", "nosuch")
    assert (code, "no stack named 'nosuch' found" in screen) == (6, True)
    assert bench.run("stack", "select", "nosuch")[0] == 6


def test_a_selected_stack_that_is_not_there_is_none(things: Things) -> None:
    for name in ("nosuch", ""):
        code, screen = things.run("up", "--yes", "-f", PULUMI_STACK=name)
        assert code == 1
        assert "please use `pulumi stack select` or `pulumi stack init` to choose one" in screen
    things.bench.file(project="things").unlink()
    code, screen = things.run("stack", "output")
    assert (code, "please use `pulumi stack select` to choose one" in screen) == (1, True)


def test_removing_any_stack_leaves_none_selected(things: Things) -> None:
    things.ok("stack", "init", "other", "--no-select")
    things.ok("stack", "output")
    things.ok("stack", "rm", "other", PULUMI_SKIP_CONFIRMATIONS="true")
    code, screen = things.run("stack", "output")
    assert (code, "no stack selected" in screen) == (1, True)


def test_a_command_that_makes_no_sense_exits_1(things: Things) -> None:
    for command, says in (
        (("config", "set", "k", "v", "--secret", "--plaintext"), "secret"),
        (("stack", "init"), "missing stack name"),
        (("up", "--yes", "-f", "--refresh=maybe"), "unable to determine value for --refresh"),
    ):
        code, screen = things.run(*command)
        assert (code, says in screen) == (1, True), screen


def test_a_stack_with_resources_is_not_removed(things: Things) -> None:
    things.declare(a={})
    things.up()
    code, screen = things.run("stack", "rm", "dev", "--yes")
    assert (code, "still has resources" in screen) == (1, True)
    things.ok("stack", "rm", "dev", "--yes", "--force")
    code, screen = things.run("stack", "output")
    assert (code, "no stack selected" in screen) == (1, True)


def test_a_wrong_passphrase_is_told(things: Things) -> None:
    things.ok("config", "set", "--secret", "word", "hush")
    things.declare(a={})
    code, screen = things.run("config", "get", "word", PULUMI_CONFIG_PASSPHRASE="wrong")
    assert code != 0
    assert "passphrase" in screen


def test_with_a_wrong_passphrase_nothing_is_made(things: Things) -> None:
    things.declare(a={})
    code, screen = things.run("up", "--yes", "--skip-preview", PULUMI_CONFIG_PASSPHRASE="wrong")
    assert (code != 0, "incorrect passphrase" in screen) == (True, True)
    assert things.log() == []


def test_another_stacks_plain_outputs_need_no_passphrase_of_it(bench: Bench) -> None:
    (bench.root / "producer" / "__main__.py").write_text(
        "import pulumi\n"
        "pulumi.export('plain', 'seen')\n"
        "pulumi.export('hidden', pulumi.Output.secret('hush'))\n"
    )
    (bench.root / "consumer" / "__main__.py").write_text(
        "import pulumi\n"
        "s = pulumi.StackReference('organization/producer/dev')\n"
        "pulumi.export('plain', s.get_output('plain'))\n"
        "pulumi.export('hidden', s.get_output('hidden'))\n"
    )
    bench.ok("stack", "init", "dev")
    bench.ok("up", "--yes", "--skip-preview")
    other = {"folder": "consumer", "PULUMI_CONFIG_PASSPHRASE": "another"}
    bench.ok("stack", "init", "dev", **other)
    screen = bench.ok("up", "--yes", "--skip-preview", **other)
    assert "eliding undecryptable secrets for stack reference 'organization/producer/dev'" in screen
    outputs = json.loads(bench.ok("stack", "output", "--json", "--show-secrets", **other))
    assert outputs == {"plain": "seen", "hidden": {}}


def test_the_passphrase_may_stand_in_a_file(things: Things, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("sandbox\n")
    things.ok("config", "set", "--secret", "word", "hush")
    environment = {**things.bench.environment, "PULUMI_CONFIG_PASSPHRASE_FILE": str(file)}
    del environment["PULUMI_CONFIG_PASSPHRASE"]
    shown = subprocess.run(
        [*things.bench.command, "config", "get", "word"],
        cwd=things.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "hush\n"


def test_settings_are_set_shown_and_removed(bench: Bench) -> None:
    bench.ok("stack", "init", "dev")
    bench.ok("config", "set", "plain", "7200")
    bench.ok("config", "set", "--path", "deep.list[0]", "one")
    bench.ok("config", "set", "--path", "deep.on", "true")
    bench.ok("config", "set", "--path", "--secret", "deep.word", "hush")
    assert bench.ok("config").splitlines()[1:] == [
        'deep   {"list":["one"],"on":true,"word":"[secret]"}',
        "plain  7200",
    ]
    assert bench.ok("config", "get", "--path", "deep.list[0]") == "one\n"
    assert bench.ok("config", "get", "deep") == '{"list":["one"],"on":true,"word":"hush"}\n'
    bench.ok("config", "rm", "--path", "deep.word")
    assert json.loads(bench.ok("config", "--json"))["producer:deep"] == {
        "value": '{"list":["one"],"on":true}',
        "objectValue": {"list": ["one"], "on": True},
        "secret": False,
    }
    assert bench.run("config", "get", "nosuch")[0] == 1


def test_the_selected_stack_is_the_one_meant(bench: Bench) -> None:
    bench.ok("stack", "init", "one")
    bench.ok("stack", "init", "two")
    bench.ok("stack", "select", "one")
    listed = json.loads(bench.ok("stack", "ls", "--json"))
    assert [(s["name"], s["current"]) for s in listed] == [("one", True), ("two", False)]
    assert bench.run("stack", "init", "one")[0] == 1


WITH_THE_PROGRAM = ("--refresh", "--run-program")


@pytest.mark.parametrize(
    ("options", "environment", "comes_first"),
    [
        (("--refresh",), {}, "read b"),
        (WITH_THE_PROGRAM, {}, "create a"),
        (("--refresh",), {"PULUMI_RUN_PROGRAM": "true"}, "create a"),
    ],
)
def test_a_look_comes_before_the_program_or_with_what_it_declares(
    things: Things, options: tuple[str, ...], environment: dict[str, str], comes_first: str
) -> None:
    things.declare(a={}, b={"of": "a"})
    things.up()
    things.log()
    things.found("a", None)
    things.found("b", {})
    things.ok("up", "--yes", "--skip-preview", *options, **environment)
    log = things.log()
    assert sorted(log) == ["create a", "read a", "read b"]
    assert next(line for line in log if line in ("read b", "create a")) == comes_first
    assert things.resources()["b"]["dependencies"] == [things.urn("a")]


def test_no_look_comes_with_the_program_where_none_is_asked_for(things: Things) -> None:
    things.declare(a={})
    things.up()
    things.found("a", None)
    things.log()
    things.up("--run-program")
    assert things.log() == []


def test_a_look_with_the_program_finds_what_to_repair(things: Things) -> None:
    things.declare(a={"props": {"size": 1}}, b={"after": ["a"]}, c={})
    things.up()
    things.log()
    things.found("a", {"size": 9})
    things.found("c", {"size": 9})
    things.declare(a={"props": {"size": 1}}, b={"after": ["a"]})

    code, said = things.run("preview", *WITH_THE_PROGRAM)
    assert (code, things.log()) == (0, ["read a"]), said
    assert things.resources()["a"]["outputs"]["size"] == 1

    # What is declared no longer is not looked at.
    things.up(*WITH_THE_PROGRAM)
    assert things.log() == ["read a", "update a", "delete c"]
    assert list(things.resources()) == ["a", "b"]
    assert things.resources()["a"]["outputs"]["size"] == 1


def test_what_a_look_with_the_program_finds_gone_leaves_nothing_dangling(things: Things) -> None:
    things.declare(a={}, b={"of": "a", "after": ["a"]})
    things.up()
    things.found("a", None)
    things.declare(a={"props": {"fail": True}}, b={"of": "a", "after": ["a"]})
    code, said = things.run("up", "--yes", "--skip-preview", *WITH_THE_PROGRAM)
    assert code != 0
    assert "no a today" in said
    assert list(things.resources()) == ["b"]
    assert "dependencies" not in things.resources()["b"]
    assert not any(things.resources()["b"].get("propertyDependencies", {}).values())
    things.declare(a={}, b={"of": "a"})
    things.up()
    assert list(things.resources()) == ["a", "b"]


def test_a_target_limits_a_look_with_the_program(things: Things) -> None:
    things.declare(a={}, b={})
    things.up()
    things.log()
    things.found("a", {"size": 9})
    things.found("b", {"size": 9})
    things.up(*WITH_THE_PROGRAM, "--target", things.urn("b"))
    assert things.log() == ["read b", "update b"]
