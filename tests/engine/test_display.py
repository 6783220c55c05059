"""The display says what the CLI says: recorded screens, told again as events, come out the same."""

import codecs
import contextlib
import io
import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.engine.display import listener
from sandbox.engine.events import Diagnostic, Finished, Listener, Op, Started, Step
from sandbox.engine.values import UNKNOWN, Secret

STEPS = Path(__file__).parent / "recordings" / "steps"
CANARY = "canary-sings-in-the-mine"

# Not among them: 42, where the CLI, told of a child before its stack, shows the stack twice.
PLAIN = [
    "04-preview-create",
    "05-up-create",
    "06-up-unchanged",
    "13-up-update",
    "15-up-ignored-change",
    "17-up-update-aws",
    "20-up-replace",
    "22-up-delete-before-replace",
    "23-refresh-drift",
    "24-up-repair",
    "25-preview-gone",
    "26-up-gone",
    "28-up-consumer",
    "31-up-delete",
    "32-up-check-failure",
    "36-up-provider-error",
    "38-preview-expect-no-changes",
    "39-up-after-error",
    "40-preview-no-changes",
    "41-destroy-consumer",
    "43-destroy-empty",
]

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
                severity: Any = found[1]
                message = Diagnostic(severity, found[2], "" if urn == self.root else urn)
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


def told(name: str, *steps: Step, kind: Any = "preview", **options: Any) -> list[str]:
    """What the diff display prints of these steps, each started and done, in a stack as it was."""
    out = io.StringIO()
    to = listener(diff=True, out=out)
    to.started(Started(kind, "producer", "dev", is_preview=kind == "preview"))
    retelling = Retelling(name)
    for step in (*(retelling._step(Op.SAME, urn) for urn in (ROOT, CHANNEL)), *steps):
        to.step_started(step)
        to.step_done(step, 0.1)
    to.finished(Finished(**options))
    return out.getvalue().rstrip("\n").split("\n")


PREFIX = "urn:pulumi:dev::producer::"
ROOT = f"{PREFIX}pulumi:pulumi:Stack::producer-dev"
CHANNEL = f"{PREFIX}demo:index:Channel::alerts"
ROOM = f"{PREFIX}pulumi-python:dynamic/room:Room::"
CHILD = f"{PREFIX}demo:index:Channel$pulumi-python:dynamic/room:Room::"


def diff_screen(name: str) -> list[str]:
    """A recorded diff without the warnings and the refresh before its steps."""
    lines = [line for line in screen(name) if not line.startswith("warning: ")]
    return [lines[0], *lines[lines.index("  pulumi:pulumi:Stack: (same)") :]]


def planned(name: str, op: Op, urn: str, news: dict[str, Any]) -> Step:
    """A previewed step on a recorded room; `news` are its changed inputs."""
    room = Retelling(name).before[urn]
    inputs = {**room["inputs"], **news}
    return Step(
        op,
        urn,
        room["id"],
        old_inputs=room["inputs"],
        new_inputs=inputs,
        old_outputs=room["outputs"],
        new_outputs=inputs if op is Op.REPLACE else None,
        parent=room["parent"],
    )


def test_an_updates_diff_shows_what_changes_among_what_stays() -> None:
    name = "12-preview-update"
    steps = (
        planned(name, Op.UPDATE, f"{ROOM}a", {"guests": ["ann", "eve"]}),
        planned(name, Op.UPDATE, f"{CHILD}c", {"guests": ["dan", UNKNOWN]}),
    )
    assert told(name, *steps, counts={Op.UPDATE: 2, Op.SAME: 6}) == diff_screen(name)


def test_a_replacements_diff_is_told_once_with_the_outputs_that_go() -> None:
    name = "19-preview-replace"
    a = planned(name, Op.REPLACE, f"{ROOM}a", {"region": "eu-central-1"})
    steps = (
        Step(Op.CREATE_REPLACEMENT, a.urn, a.id, a.old_inputs, a.new_inputs, parent=a.parent),
        a,
        planned(name, Op.UPDATE, f"{CHILD}c", {"guests": ["dan", UNKNOWN]}),
        planned(name, Op.UPDATE, f"{ROOM}b", {"note": UNKNOWN}),
        Step(Op.DELETE_REPLACED, a.urn, a.id, a.old_inputs, parent=a.parent),
    )
    counts = {Op.UPDATE: 2, Op.REPLACE: 1, Op.SAME: 5}
    assert told(name, *steps, counts=counts) == diff_screen(name)


def room_lines(old: dict[str, Any] | None, new: dict[str, Any] | None, op: Op) -> list[str]:
    """The property lines of one step on one room, without their common margin."""
    step = Step(op, f"{ROOM}a", old_inputs=old, new_inputs=new)
    lines = told("06-up-unchanged", step, kind="update", counts={})
    body = lines[lines.index(f"        [urn={ROOM}a]") + 1 : lines.index("Resources:")]
    return [line[4:] for line in body if "outputs" not in line]


def test_added_changed_and_removed_parts_are_marked_at_every_depth() -> None:
    old = {"gone": "g", "guests": [{"id": "ann", "tags": {"role": "host"}}, "bob"], "n": 1.0}
    new = {"fresh": True, "guests": [{"id": "ann", "tags": {"role": "guest"}}], "n": 1.0}
    assert room_lines(old, new, Op.UPDATE) == [
        "  + fresh : true",
        '  - gone  : "g"',
        "  ~ guests: [",
        "      ~ [0]: {",
        '                id  : "ann"',
        "              ~ tags: {",
        '                  ~ role: "host" => "guest"',
        "                }",
        "            }",
        '      - [1]: "bob"',
        "    ]",
        "    n     : 1",
    ]


def test_a_string_of_json_is_shown_and_compared_as_what_it_holds() -> None:
    policy = {"policy": '{"account": "1", "queue": "q"}'}
    assert room_lines(None, policy, Op.CREATE) == [
        "    policy: (json) {",
        '        account: "1"',
        '        queue  : "q"',
        "    }",
        "",
    ]
    changed = {"policy": '{"account": "1", "queue": "r"}'}
    assert room_lines(policy, changed, Op.UPDATE) == [
        "  ~ policy: (json) {",
        '        account: "1"',
        '      ~ queue  : "q" => "r"',
        "    }",
    ]


def test_values_of_different_kinds_and_empty_ones_are_taken_away_and_added() -> None:
    lines = room_lines({"a": ["x"], "b": ""}, {"a": "y", "b": "z"}, Op.UPDATE)
    assert lines == ["  - a: [", '  -     [0]: "x"', "    ]", '  + a: "y"', '  + b: "z"']


def test_long_texts_are_cut() -> None:
    (line,) = room_lines(None, {"text": "1\n2\n" + "x" * 200 + "\n4"}, Op.CREATE)
    assert line == '    text: "1\\n2\\n' + "x" * 150 + '...\\n..."'


def test_a_refresh_alone_tells_in_full_what_it_found_and_what_is_gone() -> None:
    drifted = Step(
        Op.REFRESH,
        f"{ROOM}a",
        "id-a",
        old_inputs={"guests": ["ann"]},
        new_inputs={"guests": ["zed"]},
        old_outputs={"guests": ["ann"], "keys": Secret(CANARY)},
        new_outputs={"guests": ["zed"], "keys": Secret("other")},
        found=Op.UPDATE,
        parent=ROOT,
    )
    gone = Step(
        Op.REFRESH, f"{ROOM}b", "id-b", {}, None, {"keys": Secret(CANARY)}, None, (), Op.DELETE
    )
    lines = told(
        "06-up-unchanged", drifted, gone, kind="refresh", counts={Op.UPDATE: 1, Op.DELETE: 1}
    )
    assert lines[3:-6] == [
        "    ~ pulumi-python:dynamic/room:Room: (update)",
        "        [id=id-a]",
        f"        [urn={ROOM}a]",
        "      ~ guests: [",
        '          ~ [0]: "ann" => "zed"',
        "        ]",
        "        keys  : [secret]",
        "    - pulumi-python:dynamic/room:Room: (delete)",
        "        [id=id-b]",
        f"        [urn={ROOM}b]",
        "        --outputs:--",
        "      - keys: [secret]",
    ]


SCALARS = st.sampled_from([None, True, 1, 0.5, "", "text", "two\nlines", '{"a": [1]}', UNKNOWN])
SECRETS = st.sampled_from([Secret(CANARY), Secret({"token": [CANARY]})])
VALUES = st.recursive(
    SCALARS | SECRETS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "__c"]), inner, max_size=3)
    ),
    max_leaves=12,
)
MAPS = st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES, max_size=3)


@settings(deadline=None)
@given(old=MAPS, new=MAPS, op=st.sampled_from(list(Op)), diff=st.booleans())
def test_a_secret_is_never_shown_however_deep(
    old: dict[str, Any], new: dict[str, Any], op: Op, diff: bool
) -> None:
    out = io.StringIO()
    to = listener(diff=diff, out=out)
    to.started(Started("update", "producer", "dev", is_preview=False))
    for found in (None, Op.UPDATE, Op.DELETE):
        step = Step(op, f"{ROOM}a", "id", old, new, old, new, found=found)
        to.step_started(step)
        to.step_done(step, 0.1)
    to.finished(Finished({}, old, new))
    assert CANARY not in out.getvalue()


@pytest.mark.parametrize("diff", [False, True])
def test_secret_outputs_are_shown_to_those_who_ask(diff: bool) -> None:
    out = io.StringIO()
    to = listener(diff=diff, show_secrets=True, out=out)
    to.started(Started("update", "producer", "dev", is_preview=False))
    to.finished(Finished({}, {}, {"tokens": {"ann": Secret("the-token")}}, seconds=3725))
    assert '"the-token"' in out.getvalue()
    assert "Duration: 1h2m5s" in out.getvalue()


@pytest.mark.parametrize("diff", [False, True])
def test_a_preview_leaves_out_of_outputs_what_only_an_update_will_know(diff: bool) -> None:
    """The lines are the CLI's for these outputs; lists keep what is not known yet."""
    old = {
        "alone": ["i"],
        "deep": {"a": {"id": "i"}, "c": 1},
        "mixed": {"place": {"url": "u"}, "tokens": Secret("t")},
        "rooms": ["i", {"id": "i", "name": "n"}],
        "the_longest_of_all": "i",
    }
    new = {
        "alone": [UNKNOWN],
        "deep": {"a": {"id": UNKNOWN}, "c": 1},
        "fresh": {"id": UNKNOWN},
        "mixed": {"n": 1, "place": UNKNOWN, "tokens": UNKNOWN},
        "rooms": [UNKNOWN, {"id": UNKNOWN, "name": "n"}],
        "the_longest_of_all": UNKNOWN,
    }
    out = io.StringIO()
    to = listener(diff=diff, out=out)
    to.started(Started("preview", "producer", "dev", is_preview=True))
    to.finished(Finished({}, old, new))
    lines = out.getvalue().split("\n")
    (start,) = (n for n, line in enumerate(lines) if "alone" in line)
    assert [line for line in lines[start : lines.index("Resources:")] if line] == [
        "  ~ alone: [",
        '      ~ [0]: "i" => [unknown]',
        "    ]",
        "  ~ deep : {",
        "      ~ a: {",
        "        }",
        "        c: 1",
        "    }",
        "  + fresh: {",
        "      + id: [unknown]",
        "    }",
        "  ~ mixed: {",
        "      + n: 1",
        "    }",
        "  ~ rooms: [",
        '      ~ [0]: "i" => [unknown]',
        "      ~ [1]: {",
        '                name: "n"',
        "            }",
        "    ]",
    ]


@pytest.mark.parametrize("diff", [False, True])
def test_outputs_can_be_left_out(diff: bool) -> None:
    out = io.StringIO()
    to = listener(diff=diff, suppress_outputs=True, out=out)
    to.started(Started("update", "producer", "dev", is_preview=False))
    to.finished(Finished({}, {}, {"room": "r"}))
    assert "room" not in out.getvalue()


def test_steps_told_from_many_threads_at_once_come_out_as_whole_lines() -> None:
    out = io.StringIO()
    to = listener(out=out)
    to.started(Started("update", "producer", "dev", is_preview=False))

    def work(name: str) -> None:
        for _ in range(20):
            step = Step(Op.CREATE, ROOM + name, new_inputs={})
            to.step_started(step)
            to.step_done(step, 0.0)

    threads = [threading.Thread(target=work, args=(f"room{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    to.finished(Finished({Op.CREATE: 8}))
    rows = [line for line in out.getvalue().split("\n") if "Room" in line]
    whole = re.compile(r" \+  pulumi-python:dynamic:Room room\d creat(ing|ed) \(\d[\d.]*s\) ")
    assert len(rows) == 8 * 20 * 2
    assert all(whole.fullmatch(row) for row in rows)


class Terminal:
    """A real pseudo-terminal: what is written to it can be awaited while it is written."""

    def __init__(self) -> None:
        self._ours, theirs = pty.openpty()
        self.out = os.fdopen(theirs, "w")
        self.written = ""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")()
        with contextlib.suppress(OSError):  # which says that the other end is closed
            while chunk := os.read(self._ours, 65536):
                with self._news:
                    self.written += decoder.decode(chunk).replace("\r\n", "\n")
                    self._news.notify_all()

    def shows(self, text: str) -> bool:
        """Waits until the text is there."""
        with self._news:
            return self._news.wait_for(lambda: text in self.written, timeout=20)

    def close(self) -> list[str]:
        """The last frame and what follows it, without colours."""
        self.out.close()
        self._reader.join()
        os.close(self._ours)
        frame = self.written.split("\x1b[1A\x1b[2K")[-1]
        plain = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", frame)
        return comparable([line.rstrip() for line in plain.split("\n")])


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("CI", raising=False)
    terminal = Terminal()
    yield terminal
    if not terminal.out.closed:
        terminal.close()


def test_a_terminal_is_left_with_the_tree_of_what_changed_and_its_sections(
    terminal: Terminal,
) -> None:
    Retelling("20-up-replace").tell(listener(out=terminal.out))
    lines = terminal.close()
    tree = lines[next(i for i, line in enumerate(lines) if line.startswith("     Type")) :]
    assert [" ".join(line.split()) for line in tree[:9]] == [
        "Type Name Status Info",
        "pulumi:pulumi:Stack producer-dev 3 warnings",
        "├─ demo:index:Channel alerts",
        "~ │ ├─ pulumi-python:dynamic:Room c updated (0s) [diff: ~guests]",
        "│ ├─ aws:sns:Topic alerts",
        "│ ├─ aws:sqs:Queue alerts",
        "│ └─ aws:sqs:QueuePolicy alerts",
        "+- ├─ pulumi-python:dynamic:Room a replaced (0s) [diff: ~region]",
        "~ └─ pulumi-python:dynamic:Room b updated (0s) [diff: ~note]",
    ]
    assert lines[-14:] == comparable(screen("20-up-replace"))[-14:]


def test_a_terminal_shows_what_runs_and_draws_over_it_what_is_done(terminal: Terminal) -> None:
    to = listener(out=terminal.out)
    to.started(Started("update", "producer", "dev", is_preview=False))
    quiet = Step(Op.SAME, f"{ROOM}quiet", new_inputs={}, parent=ROOT)
    room = Step(Op.CREATE, f"{ROOM}a", new_inputs={"token": Secret(CANARY)}, parent=ROOT)
    to.step_started(quiet)
    to.step_done(quiet, 0.0)
    to.step_started(room)
    assert terminal.shows("creating (")
    assert terminal.shows("1 unchanged")
    to.diagnostic(Diagnostic("error", "it broke\nbadly", room.urn))
    assert terminal.shows("error: it broke")
    to.step_failed(room, 0.1)
    to.finished(Finished({Op.SAME: 1}, failed=True))
    lines = terminal.close()
    assert not any("quiet" in line or "creating (" in line for line in lines)
    assert any("Room  a" in line and "**creating failed**" in line for line in lines)
    assert lines[-6:] == [
        "  pulumi-python:dynamic:Room (a):\n    error: it broke\n    badly",
        "Resources:",
        "    1 unchanged",
        "    1 errored",
        "",
        "Duration: 0s",
    ]
    assert CANARY not in terminal.written


def test_what_a_stop_leaves_unfinished_is_said_to_be_interrupted() -> None:
    out = io.StringIO()
    to = listener(out=out)
    to.started(Started("update", "producer", "dev", is_preview=False))
    to.step_started(Step(Op.CREATE, f"{ROOM}a", new_inputs={}))
    to.finished(Finished({}, failed=True))
    assert " +  pulumi-python:dynamic:Room a creating (interrupted) \n" in out.getvalue()


def test_a_reader_that_goes_away_stops_no_work(tmp_path: Path) -> None:
    script = tmp_path / "talks.py"
    script.write_text(
        "import sys, time\n"
        "from sandbox.engine.display import listener\n"
        "from sandbox.engine.events import Diagnostic, Finished, Started\n"
        "told = listener()\n"
        "told.started(Started('update', 'p', 's', False))\n"
        "sys.stdin.readline()\n"
        "for number in range(100):\n"
        "    told.diagnostic(Diagnostic('info', f'line {number}', 'urn:pulumi:s::p::a:b:C::n'))\n"
        "told.finished(Finished({}))\n"
        "open(sys.argv[1], 'w').write('done')\n"
    )
    done = tmp_path / "done"
    process = subprocess.Popen(
        [sys.executable, str(script), str(done)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.stdin.write(b"\n")
    process.stdin.close()
    process.wait(30)
    assert done.read_text() == "done"
