"""What is known of every resource while an operation runs, in the words of the CLI's rows.go."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from sandbox.engine.display.pen import MARKS
from sandbox.engine.display.properties import compare, masked
from sandbox.engine.events import Diagnostic, Op, Started, Step

STACK_TYPE: Final = "pulumi:pulumi:Stack"

#: While it runs, when it is over, and what a preview says.
WORDS: Final = {
    Op.SAME: ("", "", ""),
    Op.CREATE: ("creating", "created", "create"),
    Op.UPDATE: ("updating", "updated", "update"),
    Op.DELETE: ("deleting", "deleted", "delete"),
    Op.REPLACE: ("replacing", "replaced", "replace"),
    Op.CREATE_REPLACEMENT: ("creating replacement", "created replacement", "create replacement"),
    Op.DELETE_REPLACED: ("deleting original", "deleted original", "delete original"),
    Op.REFRESH: ("refreshing", "refresh", "refreshing"),
    Op.READ: ("reading", "read", "read"),
}

COUNTED: Final = {
    "error": ("error", "errors"),
    "warning": ("warning", "warnings"),
    "info": ("message", "messages"),
}


def type_of(urn: str) -> str:
    """The resource's own type, as its urn has it."""
    return urn.split("::")[2].rsplit("$", 1)[-1]


def name_of(urn: str) -> str:
    """The resource's name, which may itself hold colons."""
    return urn.split("::", 3)[3]


def short_type(token: str) -> str:
    """`aws:sns/topic:Topic` as `aws:sns:Topic`: without the file that only repeats the name."""
    package, _, rest = token.partition(":")
    module, _, name = rest.partition(":")
    folder, _, file = module.rpartition("/")
    repeats = folder and name and file == name[0].lower() + name[1:]
    return f"{package}:{folder}:{name}" if repeats else token


def is_stack(urn: str) -> bool:
    """Whether this is the stack's own resource; what belongs to no resource is shown with it."""
    return not urn or type_of(urn) == STACK_TYPE


def without_secrets(step: Step) -> Step:
    """The step with its properties masked."""
    return replace(
        step,
        old_inputs=masked(step.old_inputs),
        new_inputs=masked(step.new_inputs),
        old_outputs=masked(step.old_outputs),
        new_outputs=masked(step.new_outputs),
    )


def text_of(message: Diagnostic) -> str:
    """A message behind its severity, as people are shown it."""
    prefix = "" if message.severity.startswith("info") else f"{message.severity}: "
    return (prefix + message.message).rstrip()


@dataclass
class Row:
    """One resource: the step that it is in, the steps that are over, and what was said about it."""

    urn: str
    step: Step | None = None
    over: dict[Op, Step] = field(default_factory=dict)
    since: float = 0.0
    seconds: float | None = None
    failed: bool = False
    shown: bool = False
    messages: list[Diagnostic] = field(default_factory=list)

    @property
    def op(self) -> Op:
        """What happens to it; SAME as long as nothing is known."""
        return self.step.op if self.step else Op.SAME

    @property
    def is_stack(self) -> bool:
        """Whether it is the row of the stack, which every operation has."""
        return not self.urn

    def count(self, severity: str) -> int:
        """How many messages of that severity will be kept."""
        return sum(m.severity.split("#")[0] == severity for m in self.messages if not m.ephemeral)


class Columns(NamedTuple):
    """A row as it is shown."""

    mark: str
    type: str
    name: str
    status: str
    info: str


class Board:
    """The rows of one operation, in the order in which they were first heard of.

    With `folds`, where a resource has one row for good, the steps of a replacement are shown as the
    one replacement before and after they run.
    """

    def __init__(self, started: Started, *, folds: bool = False) -> None:
        self.started = started
        self.rows: dict[str, Row] = {}
        self.done = False
        self._folds = folds
        self._failed = False
        self.row("")

    def row(self, urn: str) -> Row:
        """The row of a resource, made when it is first asked for."""
        key = "" if is_stack(urn) else urn
        return self.rows.setdefault(key, Row(key, shown=not key))

    def begin(self, step: Step) -> Row:
        """A step starts."""
        row = self.row(step.urn)
        row.step, row.since, row.seconds = step, time.monotonic(), None
        row.over.pop(step.op, None)
        row.shown |= step.op is not Op.SAME
        return row

    def end(self, step: Step, seconds: float) -> Row:
        """A step is over. A refresh on its own then counts as what it found."""
        if step.op is Op.REFRESH and self.started.kind == "refresh":
            step = replace(step, op=step.found or Op.SAME)
        row = self.row(step.urn)
        row.step = row.over[step.op] = step
        row.seconds = seconds
        return row

    def fail(self, step: Step) -> Row:
        """A step has failed."""
        row = self.row(step.urn)
        row.failed = self._failed = True
        return row

    def hear(self, message: Diagnostic) -> Row:
        """A message is kept with the resource that it is about."""
        row = self.row(message.urn)
        row.messages.append(message)
        row.shown = True
        return row

    def is_over(self, row: Row) -> bool:
        """Whether nothing more is expected of a resource. The stack's is over when all is."""
        return row.failed or self.done or (not row.is_stack and row.op in row.over)

    def columns(self, row: Row) -> Columns:
        """The row's texts."""
        stack = f"{self.started.project}-{self.started.stack}"
        kind, name = (
            (STACK_TYPE, stack)
            if row.is_stack
            else (short_type(type_of(row.urn)), name_of(row.urn))
        )
        return Columns(MARKS[self.op(row)], kind, name, self._status(row), self._info(row))

    def op(self, row: Row) -> Op:
        """What the row is shown to do."""
        parts = (Op.CREATE_REPLACEMENT, Op.DELETE_REPLACED)
        settled = self.done or self.started.is_preview
        if self._folds and settled and not self._failed and row.op in parts:
            return Op.REPLACE
        return row.op

    def _status(self, row: Row) -> str:
        running, over, plan = WORDS[self.op(row)]
        failed = row.failed or row.count("error") > 0
        if not self.is_over(row):
            if row.is_stack and row.step and row.op is Op.SAME:
                return "running"
            return plan if self.started.is_preview else self._timed(running, row, row.since)
        if self._is_interrupted(row, failed):
            return f"{running} (interrupted)"
        if self.started.is_preview:
            return WORDS[Op.REFRESH][1] if row.op is Op.REFRESH else plan.split(" ")[0]
        if failed:
            running = f"{running.split(' ')[0]} failed".strip()
            return f"**{self._timed(running, row)}**"
        return self._timed(over, row)

    def _is_interrupted(self, row: Row, failed: bool) -> bool:
        custom = row.step is not None and row.step.custom and not row.is_stack
        return custom and not failed and row.op is not Op.SAME and row.op not in row.over

    @staticmethod
    def _timed(text: str, row: Row, since: float | None = None) -> str:
        if row.op is Op.SAME or (since is None and row.seconds is None):
            return text
        if row.seconds is None or since is not None:
            return f"{text} ({int(time.monotonic() - (since or 0))}s)"
        exact = f"{row.seconds:.2f}" if row.seconds < 1 else f"{int(row.seconds)}"
        return f"{text} ({exact}s)"

    def _info(self, row: Row) -> str:
        pieces = [f"[{changes}]"] if (changes := _short_diff(row)) else []
        if self.done:
            counts = ((row.count(severity), words) for severity, words in COUNTED.items())
            pieces += [f"{n} {words[n != 1]}" for n, words in counts if n]
        else:
            messages = [m for m in row.messages if m.severity != "debug"]
            errors = [m for m in messages if m.severity == "error"] if self._folds else []
            pieces += [text_of(message) for message in (errors or messages)[-1:]]
        return "; ".join(pieces).split("\n")[0]


def _short_diff(row: Row) -> str:
    """`diff: +note~guests,region`: the names of the inputs that differ."""
    step = row.step
    if row.op in (Op.CREATE_REPLACEMENT, Op.DELETE_REPLACED):
        step = row.over.get(Op.REPLACE, step)
    if not step or step.op is Op.SAME or step.old_inputs is None or step.new_inputs is None:
        return ""
    change = compare(step.old_inputs, step.new_inputs)
    if change.op is Op.SAME:
        return ""
    names: Mapping[Op, list[str]] = {Op.CREATE: [], Op.DELETE: [], Op.UPDATE: [], Op.SAME: []}
    for name, part in change.parts.items():
        if not step.diffs or name in step.diffs:
            names[part.op].append(str(name))
    changed = (Op.CREATE, Op.DELETE, Op.UPDATE)
    return "diff: " + "".join(
        MARKS[op].strip() + ",".join(names[op]) for op in changed if names[op]
    )
