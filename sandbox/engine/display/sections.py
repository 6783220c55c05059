"""What is said when an operation is over: diagnostics, outputs, counts, duration."""

import math
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from sandbox.engine.display.board import Board, Row, text_of
from sandbox.engine.display.pen import HEADLINE, MARKS, STYLES, Line
from sandbox.engine.display.properties import masked, output_lines
from sandbox.engine.events import Diagnostic, Finished, Op, Started

VERBS = {"update": "Updating", "refresh": "Refreshing", "destroy": "Destroying"}
PAST = {Op.CREATE: "created", Op.UPDATE: "updated", Op.DELETE: "deleted", Op.REPLACE: "replaced"}


def title(started: Started) -> Line:
    """`Updating (dev):` and the like."""
    kind = "update" if started.kind == "preview" else started.kind
    verb = f"Previewing {kind}" if started.is_preview else VERBS[kind]
    return Line(f"{verb} ({started.stack}):", HEADLINE)


def diagnostics(board: Board) -> Iterator[Line]:
    """All that was said and is worth keeping, resource by resource."""
    said = [(row, list(_blocks(row))) for row in board.rows.values()]
    said = [(row, blocks) for row, blocks in said if blocks]
    if said:
        yield Line("Diagnostics:", HEADLINE)
    for row, blocks in said:
        columns = board.columns(row)
        yield Line(f"  {columns.type} ({columns.name}):", "bright_blue")
        for block in blocks:
            yield from (Line(f"    {line}".rstrip()) for line in block)
            yield Line("")


def _blocks(row: Row) -> Iterator[list[str]]:
    """The messages, stream by stream; those of a numbered stream are pieces of one text."""
    kept = [m for m in row.messages if not m.ephemeral and m.severity != "debug"]
    for stream, group in groupby(sorted(kept, key=lambda m: m.stream), key=lambda m: m.stream):
        messages = list(group)
        if stream:
            joined = "\n".join(message.message.rstrip() for message in messages)
            messages = [Diagnostic(messages[0].severity, joined)]
        lines = [line for message in messages for line in text_of(message).split("\n")]
        if any(lines):
            yield lines


def outputs(finished: Finished, *, is_new: bool, is_preview: bool, reveal: bool) -> list[Line]:
    """The stack's outputs and how they changed; a preview shows only changes."""
    old, new = (_masked(props, reveal) for props in (finished.old_outputs, finished.new_outputs))
    return list(output_lines(None if is_new else old, new, 1, sames=not is_preview))


def _masked(props: Mapping[str, Any], reveal: bool) -> dict[str, Any]:
    return {name: masked(value, reveal=reveal) for name, value in props.items()}


def summary(finished: Finished, errored: int, *, is_preview: bool) -> Iterator[Line]:
    """How many resources were, or are to be, treated how; and how long it took."""
    yield Line("Resources:", HEADLINE)
    changes = {op: finished.counts.get(op, 0) for op in PAST if finished.counts.get(op)}
    for op, count in changes.items():
        words = f"to {op.value}" if is_preview else PAST[op]
        yield Line(f"    {MARKS[op]}{count} {words}", STYLES[op])
    pieces = [f"{sum(changes.values())} changes"] if len(changes) > 1 else []
    if same := finished.counts.get(Op.SAME, 0):
        pieces.append(f"{same} unchanged")
    if pieces:
        yield Line("    " + ". ".join(pieces))
    if errored:
        yield Line(f"    {errored} errored", "red")
    if not is_preview:
        yield Line("")
        yield Line(f"Duration: {_duration(math.ceil(finished.seconds))}")


def _duration(seconds: int) -> str:
    hours, minutes = seconds // 3600, seconds // 60 % 60
    text = f"{seconds % 60}s"
    if seconds >= 60:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text
