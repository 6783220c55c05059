"""The display says what the CLI says: recorded screens, told again as events, come out the same."""

import io
import json
import os
import pty
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.engine.display import listener
from sandbox.engine.events import Diagnostic, Finished, Listener, Op, Started, Step
from sandbox.engine.values import UNKNOWN, Secret

STEPS = Path(__file__).parent / "recordings" / "steps"
CANARY = "canary-sings-in-the-mine"

# Not among them: 42, where the CLI, told of a child before its stack, shows the stack twice.
PLAIN = (
    "04-preview-create 05-up-create 06-up-unchanged 13-up-update 15-up-ignored-change "
    "17-up-update-aws 20-up-replace 22-up-delete-before-replace 23-refresh-drift 24-up-repair "
    "25-preview-gone 26-up-gone 28-up-consumer 31-up-delete 32-up-check-failure "
    "36-up-provider-error 38-preview-expect-no-changes 39-up-after-error 40-preview-no-changes "
    "41-destroy-consumer 43-destroy-empty"
).split()

# What the program asked of room a where no state tells, since the step failed or was a preview.
WANTED = {
    "36-up-provider-error": {"region": "us-west-2", "guests": ["ann", "bob"], "note": "fail"},
    "38-preview-expect-no-changes": {"region": "us-west-2", "guests": ["ann", "bob"]},
}

STARTS = {
    "creating": Op.CREATE,
    "creating replacement": Op.CREATE_REPLACEMENT,
    "updating": Op.UPDATE,
    "deleting": Op.DELETE,
    "deleting original": Op.DELETE_REPLACED,
    "replacing": Op.REPLACE,
    "refreshing": Op.REFRESH,
    "running": Op.SAME,
    "": Op.SAME,
}
ENDS = {
    "created": Op.CREATE,
    "created replacement": Op.CREATE_REPLACEMENT,
    "updated": Op.UPDATE,
    "deleted": Op.DELETE,
    "deleted original": Op.DELETE_REPLACED,
    "replaced": Op.REPLACE,
    "refresh": Op.REFRESH,
}
PLANS = {
    "create": Op.CREATE,
    "create replacement": Op.CREATE_REPLACEMENT,
    "delete original": Op.DELETE_REPLACED,
    "replace": Op.REPLACE,
}
STATUSES = sorted({*STARTS, *ENDS, *PLANS}, key=len, reverse=True)
ROW = re.compile(
    r" .. (?P<type>\S+) (?P<name>\S+) "
    rf"(?P<status>\*\*.*?\*\*|{'|'.join(STATUSES)})(?: \(\d[\d.]*s\))? "
    r"(?:\[diff: \S+\](?:; )?)?(?P<said>.*)"
)
COUNTS = {"+ ": Op.CREATE, "~ ": Op.UPDATE, "- ": Op.DELETE, "+-": Op.REPLACE}


def recorded(name: str, file: str) -> str:
    return (STEPS / name / file).read_text()


def screen(name: str) -> list[str]:
    """A recorded screen, without the CLI's heartbeat and without what its commands add."""
    text = re.split(r"The resources in the stack|error: no changes", recorded(name, "screen.txt"))
    return [line for line in text[0].rstrip("\n").split("\n") if not line.startswith("@ ")]


def comparable(lines: list[str]) -> list[str]:
    """The lines without their times, and the diagnostics in an order: the CLI's is random."""
    text = re.sub(r"\d+(\.\d+)?s\b", "0s", "\n".join(lines).rstrip("\n"))
    if "Diagnostics:\n" not in text:
        return text.split("\n")
    head, tail = text.split("Diagnostics:\n")
    body, rest = re.split(r"\n(?=Outputs:|Resources:)", tail, maxsplit=1)
    groups = sorted(group.strip("\n") for group in re.split(r"^(?=  \S)", body, flags=re.M))
    return [*head.split("\n"), *groups, *rest.split("\n")]


def secretive(value: Any) -> Any:
    """A stored value with its ciphertexts as secrets."""
    if isinstance(value, dict):
        if "ciphertext" in value:
            return Secret([CANARY])
        return {key: secretive(item) for key, item in value.items()}
    return [secretive(item) for item in value] if isinstance(value, list) else value


def resources(name: str) -> dict[str, dict[str, Any]]:
    found = json.loads(recorded(name, "state.json"))["deployment"].get("resources") or []
    return {resource["urn"]: secretive(resource) for resource in found}


def program(name: str) -> str:
    return recorded(name, "command").split("\t")[0]


class Retelling:
    """Turns a recorded screen back into the events behind it, with the recorded properties."""

    def __init__(self, name: str) -> None:
        self.name = name
        earlier = [p.name for p in sorted(STEPS.iterdir()) if p.name < name]
        self.before = resources([e for e in earlier if program(e) == program(name)][-1])
        self.after = resources(name)
        self.lines = screen(name)
        self.kind, self.stack = re.findall(r"(\w+) \((\w+)\):$", self.lines[0])[0]
        self.kind = {"Updating": "update", "Refreshing": "refresh", "Destroying": "destroy"}.get(
            self.kind, self.kind
        )
        self.is_preview = self.lines[0].startswith("Previewing")
        project = program(name)
        self.prefix = f"urn:pulumi:{self.stack}::{project}::"
        self.root = f"{self.prefix}pulumi:pulumi:Stack::{project}-{self.stack}"
        self.last: dict[str, str] = {}
        self.refreshing: set[str] = set()

    def tell(self, to: Listener) -> None:
        to.started(Started(self.kind, program(self.name), self.stack, self.is_preview))
        self.messages = self._messages()
        first = next(i for i, line in enumerate(self.lines[1:], 1) if re.match(r"\w+:$", line))
        for line in self.lines[1:first]:
            row = ROW.fullmatch(line)
            if row and not re.match(r"\d+ (warning|error)", row["said"]):
                self._tell_row(row, to)
        if not self.is_preview and self.last.get(self.root) == "creating":
            to.step_done(self._step(Op.CREATE, self.root), 0.1)
        to.finished(self._finished())

    def _tell_row(self, row: re.Match[str], to: Listener) -> None:
        urn, status, said = self._urn(row["type"], row["name"]), row["status"], row["said"]
        again = self.last.get(urn, "") == status
        self.last[urn] = status
        if said.startswith("read "):
            read = Step(Op.READ, f"{self.prefix}{said[5:].replace(' ', '::')}")
            told = to.step_started if read.urn not in self.last else None
            self.last[read.urn] = "read"
            return told(read) if told else to.step_done(read, 0.1)
        if said and status.startswith("**refreshing"):
            return to.diagnostic(self.messages[urn].pop(0))
        if status.startswith("**"):
            return to.step_failed(self._step(Op.CREATE_REPLACEMENT, urn), 0.1)
        if again and said and not (status == "refreshing" and urn in self.refreshing):
            return to.diagnostic(self.messages[urn].pop(0))
        return self._tell_step(urn, status, again, to)

    def _tell_step(self, urn: str, status: str, again: bool, to: Listener) -> None:
        alone = self.kind == "refresh" and urn in self.refreshing
        if (again and urn in self.refreshing) or alone or status == "refresh":
            found = Op.UPDATE if status == "updated" else Op.SAME
            self.refreshing.discard(urn)
            return to.step_done(self._step(Op.REFRESH, urn, found=found if alone else None), 0.1)
        if status in ENDS:
            return to.step_done(self._step(ENDS[status], urn), 0.01)
        op = {**STARTS, **PLANS}[status]
        step = self._step(op, urn)
        to.step_started(step)
        if op is Op.REFRESH:
            self.refreshing.add(urn)
        elif urn != self.root and (self.is_preview or op is Op.SAME or not step.custom):
            to.step_done(step, 0.1)
        return None

    def _urn(self, kind: str, name: str) -> str:
        """Finds a resource by the short form of its type."""
        for urn in {**self.before, **self.after}:
            token = urn.split("::")[2].rsplit("$", 1)[-1]
            if urn.endswith(f"::{name}") and re.sub(r"/\w+:", ":", token) == kind:
                return urn
        token = {"Room": "pulumi-python:dynamic/room:Room"}.get(kind.split(":")[-1], kind)
        return f"{self.prefix}{token}::{name}"

    def _step(self, op: Op, urn: str, found: Op | None = None) -> Step:
        old, new = self.before.get(urn, {}), self.after.get(urn, {})
        news = new.get("inputs", {})
        if urn.endswith("room:Room::a") and self.name in WANTED:
            news = {**old["inputs"], **WANTED[self.name]}
        if op is Op.REFRESH and not found:
            news = old.get("inputs", {})
        return Step(
            op,
            urn,
            old_inputs=None if op is Op.CREATE else old.get("inputs", {}),
            new_inputs=None if op in (Op.DELETE, Op.DELETE_REPLACED) else news,
            old_outputs=old.get("outputs"),
            new_outputs=new.get("outputs"),
            found=found,
            parent=new.get("parent") or old.get("parent", ""),
            custom=urn.split("::")[2] not in ("pulumi:pulumi:Stack", "demo:index:Channel"),
        )

    def _messages(self) -> dict[str, list[Diagnostic]]:
        """What the Diagnostics say in full, for the rows told it only in part."""
        messages: dict[str, list[Diagnostic]] = {}
        if "Diagnostics:" not in self.lines:
            return messages
        urn, fresh = "", False
        for line in self.lines[self.lines.index("Diagnostics:") + 1 :]:
            if header := re.fullmatch(r"  (\S+) \((\S+)\):", line):
                urn, fresh = self._urn(*header.groups()), False
            elif found := re.fullmatch(r"    (warning|error): (.*)", line):
                message = Diagnostic(found[1], found[2], "" if urn == self.root else urn)
                messages.setdefault(urn, []).append(message)
            elif line in ("Outputs:", "Resources:"):
                break
            elif line and fresh:
                messages[urn].append(Diagnostic("info#err", line[4:], stream=1))
            elif line:
                last = messages[urn].pop()
                text = f"{last.message}\n{line[4:]}"
                messages[urn].append(Diagnostic(last.severity, text, last.urn))
            else:
                fresh = True
        return messages

    def _finished(self) -> Finished:
        counts: dict[Op, int] = {}
        for line in self.lines[self.lines.index("Resources:") :]:
            if found := re.match(r"    (\+-|[-+~] )(\d+) ", line):
                counts[COUNTS[found[1]]] = int(found[2])
            elif found := re.search(r"(\d+) unchanged", line):
                counts[Op.SAME] = int(found[1])
        old, new = (state.get(self.root, {}).get("outputs", {}) for state in self._states())
        return Finished(counts, old, new, seconds=0.5)

    def _states(self) -> tuple[dict[str, Any], dict[str, Any]]:
        if self.name == "04-preview-create":
            keys = {"keys": UNKNOWN, "owner": Secret(CANARY), "queue": UNKNOWN, "room_id": UNKNOWN}
            return {}, {self.root: {"outputs": keys}}
        # A program that fails has not said what its outputs are.
        return self.before, {} if "errored" in " ".join(self.lines) else self.after


@pytest.mark.parametrize("name", PLAIN)
def test_a_pipe_gets_the_very_lines_that_the_cli_printed(name: str) -> None:
    out = io.StringIO()
    Retelling(name).tell(listener(out=out))
    assert comparable(out.getvalue().split("\n")) == comparable(screen(name))
    assert CANARY not in out.getvalue()
