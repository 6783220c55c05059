"""Pulumi's CLI is killed in the middle of an update: `pulumi cancel` and the next `up` recover.

The dynamic host outlives the CLI and finishes its call, whose answer gets into no state.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from faults import checks
from faults.matrix import SIX_MINUTES
from faults.scenarios import MAIN, SCENARIOS, Declared, Scenario
from faults.trial import Trial
from support.checkout import PATIENCE, Checkout
from support.host import Resource

from chime_sandbox.admin import AFTER, BEFORE

PROGRAM = Path(__file__).parent / "program"
MEETING_TYPE = "dynamic/meeting:Meeting"

#: What waits at its call when the CLI is killed. A host serves four calls at a time.
CREATES_AND_UPDATES = (
    ("create", "CreateMeetingWithAttendees", AFTER),
    ("create-25", "BatchCreateAttendee", BEFORE),
    ("exchange", "DeleteAttendee", AFTER),
    ("replace", "CreateMeetingWithAttendees", AFTER),
)
#: The engine deletes when everything else is done.
DELETES = (("delete", "DeleteMeeting", AFTER), ("replace", "DeleteMeeting", BEFORE))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout with a program that declares what a file lists."""
    with closing(Checkout.build(tmp_path_factory.mktemp("cli") / "checkout")) as built:
        for source in PROGRAM.iterdir():
            shutil.copy2(source, built.root / source.name)
        yield built


class CliStack:
    """A stack of the CLI's with the meetings of some trials."""

    def __init__(self, checkout: Checkout, name: str, trials: Sequence[Trial]) -> None:
        self.name = name
        self._checkout = checkout
        self._trials = trials
        self.said: list[str] = []
        settings = checkout.root / "stacks"
        shutil.copy(settings / "Pulumi.dev.yaml", settings / f"Pulumi.{name}.yaml")
        self.pulumi("stack", "init", name)

    def declare(self, *, before: bool) -> None:
        """Have the next `up` bring about the scenarios' first or second declarations."""
        meetings = {
            trial.external_id(part): arguments
            for trial in self._trials
            for part, arguments in _declared(trial.scenario, before).items()
        }
        (self._checkout.root / "declared.json").write_text(json.dumps(meetings))

    def up(self) -> None:
        """Bring the declaration up, and give each trial its part of the state."""
        self.pulumi(*self._up)
        run = self._checkout.pulumi("stack", "export", "--show-secrets", "--stack", self.name)
        assert run.code == 0, run.err
        exported = json.loads(run.out)["deployment"]["resources"]
        resources = [_resource(r) for r in exported if r["type"].endswith(MEETING_TYPE)]
        for trial in self._trials:
            trial.stack.resources = [r for r in resources if r.name == trial.external_id(MAIN)]
            trial.note_tokens()

    @property
    def _up(self) -> Sequence[str]:
        return "up", "--yes", "--skip-preview", "--stack", self.name

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """An `up` while it runs. The process of the sandbox's command becomes the CLI's."""
        with subprocess.Popen(
            (sys.executable, "-m", "chime_sandbox", "pulumi", *self._up),
            cwd=self._checkout.root,
            env=self._checkout.env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as cli:
            try:
                yield cli
            finally:
                cli.kill()

    def pulumi(self, *arguments: str) -> None:
        """Run a command of Pulumi's, which has to succeed."""
        run = self._checkout.pulumi(*arguments)
        assert run.code == 0, run.text
        self.said.append(run.text)


def _declared(scenario: Scenario, before: bool) -> Declared:
    return scenario.before if before else scenario.after


def _resource(exported: dict[str, Any]) -> Resource:
    inputs, outputs = (_plain(exported[which]) for which in ("inputs", "outputs"))
    name = exported["urn"].rpartition("::")[2]
    return Resource(name, exported["id"], inputs, outputs, exported.get("delete", False))


def _plain(properties: dict[str, Any]) -> dict[str, Any]:
    """Properties with their secrets revealed, which `--show-secrets` exports as JSON text."""
    return {
        name: json.loads(value["plaintext"])
        if isinstance(value, dict) and "plaintext" in value
        else value
        for name, value in properties.items()
    }


@pytest.mark.parametrize(
    "kills", [CREATES_AND_UPDATES, DELETES], ids=["creates-and-updates", "deletes"]
)
def test_cancel_and_the_next_up_recover(
    checkout: Checkout, kills: Sequence[tuple[str, str, str]], request: pytest.FixtureRequest
) -> None:
    scenarios = {s.name: s for s in SCENARIOS}
    name = request.node.callspec.id
    trials = [Trial(f"{name}-{scenario}", scenarios[scenario]) for scenario, _, _ in kills]
    stack = CliStack(checkout, name, trials)
    stack.declare(before=True)
    stack.up()
    for trial in trials:
        trial.keep()
    stack.declare(before=False)
    for trial, (_, operation, when) in zip(trials, kills, strict=True):
        checkout.cloud.hold(operation, when=when, meeting=trial.external_id(MAIN))
    with stack.running() as cli:
        checkout.cloud.wait_all_held(len(kills), timeout=PATIENCE)
        cli.kill()
        cli.wait()
        checkout.cloud.release()
    stack.pulumi("cancel", "--yes", "--stack", stack.name)
    stack.up()

    meetings = checkout.cloud.meetings()
    assert {
        t.name: problems for t in trials if (problems := [*checks.not_as_declared(t, meetings)])
    } == {}
    left = {t.name: {m.meeting_id for m in checks.orphaned(t, meetings)} for t in trials}
    creating = {
        t.name for t, (_, operation, _) in zip(trials, kills, strict=True) if "Create" in operation
    }
    assert {name: len(ids) for name, ids in left.items() if len(ids) > (name in creating)} == {}
    checkout.cloud.advance(SIX_MINUTES)
    assert set().union(*left.values()) & {m.meeting_id for m in checkout.cloud.live()} == set()
    tokens = set().union(*(trial.tokens for trial in trials))
    leaked = checks.leaked(tokens, stack.said)
    assert leaked == 0, "join tokens in the output of Pulumi"
