"""Progress as full differences: every property that a step adds, changes or takes away."""

import threading
from collections.abc import Iterator

from sandbox.engine.display import sections
from sandbox.engine.display.board import is_stack, text_of, type_of, without_secrets
from sandbox.engine.display.pen import MARKS, STYLES, Line, Pen
from sandbox.engine.display.properties import diff_lines, object_lines, output_lines
from sandbox.engine.events import Diagnostic, Finished, Op, Started, Step

_MESSAGE_STYLES = {"error": "red", "warning": "yellow"}


class Diffs:
    """Prints each step as it starts, and the outputs that it brings as it ends."""

    def __init__(self, pen: Pen, *, show_secrets: bool, suppress_outputs: bool) -> None:
        self._pen = pen
        self._show_secrets = show_secrets
        self._suppress_outputs = suppress_outputs
        self._lock = threading.Lock()

    def started(self, event: Started) -> None:
        """Print the title."""
        with self._lock:
            self._operation = event
            self._steps: dict[str, Step] = {}
            self._stack_op = Op.SAME
            self._errored = 0
            self._pen.write([sections.title(event)])

    def step_started(self, step: Step) -> None:
        """Print what the step is about to do. What a refresh does is known at its end."""
        step = without_secrets(step)
        with self._lock:
            self._steps[step.urn] = step
            if is_stack(step.urn):
                self._stack_op = step.op
            if step.op is not Op.REFRESH and _is_told(step, step.op):
                self._pen.write(self._header(step, step.op))
                self._pen.write(_details(step, self._indent(step) + 1))

    def step_done(self, step: Step, seconds: float) -> None:
        """Print the outputs that differ, and what a refresh found."""
        step = without_secrets(step)
        with self._lock:
            alone = step.op is Op.REFRESH and self._operation.kind == "refresh"
            op = (step.found or Op.SAME) if alone else step.op
            if not _is_told(step, op):
                return
            lines = self._outputs(step)
            if alone and op is Op.UPDATE:
                self._pen.write(self._header(step, op))
                news = step.new_outputs or {}
                self._pen.write(diff_lines(step.old_outputs or {}, news, self._indent(step) + 1))
                return
            if step.op is Op.REFRESH and (alone or lines or is_stack(step.urn)):
                self._pen.write(self._header(step, op))
            self._write_outputs(lines, self._indent(step) + 1, op)

    def _outputs(self, step: Step) -> list[Line]:
        """The stack's own come last, unless a refresh reads them back."""
        preview, refresh = self._operation.is_preview, step.op is Op.REFRESH
        if (preview and not refresh and step.op is not Op.READ) or (
            is_stack(step.urn) and not refresh
        ):
            return []
        lines = output_lines(
            None if step.old_inputs is None else step.old_outputs,
            step.new_outputs or {},
            self._indent(step) + 1,
            inputs=None if refresh else step.new_inputs,
            sames=is_stack(step.urn) and not preview,
        )
        return list(lines)

    def _write_outputs(self, lines: list[Line], indent: int, op: Op) -> None:
        if lines and not self._suppress_outputs:
            self._pen.write([Line("    " * indent + "--outputs:--", STYLES[op]), *lines])

    def step_failed(self, step: Step, seconds: float) -> None:
        """Count it; why it failed comes as a message."""
        with self._lock:
            self._errored += 1

    def diagnostic(self, event: Diagnostic) -> None:
        """Print the message."""
        if event.severity != "debug":
            with self._lock:
                style = _MESSAGE_STYLES.get(event.severity, "")
                self._pen.write([Line(text_of(event), style)])

    def finished(self, event: Finished) -> None:
        """Print the stack's outputs, the counts and the duration."""
        with self._lock:
            preview = self._operation.is_preview
            is_new = self._stack_op is Op.CREATE
            lines = sections.outputs(
                event, is_new=is_new, is_preview=preview, reveal=self._show_secrets
            )
            if self._stack_op is not Op.REFRESH:
                self._write_outputs(lines, 1, self._stack_op)
            self._pen.write(sections.summary(event, self._errored, is_preview=preview))

    def _header(self, step: Step, op: Op) -> Iterator[Line]:
        margin = "    " * self._indent(step)
        quiet = STYLES[op] if op in (Op.CREATE, Op.DELETE) else ""
        yield Line(f"{margin}{MARKS[op]}{type_of(step.urn)}: ({op.value})", STYLES[op])
        if step.id and step.old_inputs is not None:
            yield Line(f"{margin}    [id={step.id}]", quiet)
        yield Line(f"{margin}    [urn={step.urn}]", quiet)
        if step.provider and "::default::" not in step.provider:
            yield Line(f"{margin}    [provider={step.provider}]", quiet)

    def _indent(self, step: Step) -> int:
        """One level for each ancestor that is shown."""
        stack = next((urn for urn in self._steps if is_stack(urn)), "")
        indent, urn = 0, step.urn
        while urn in self._steps and not is_stack(urn):
            urn = self._steps[urn].parent or stack
            ancestor = self._steps.get(urn)
            indent += ancestor is not None and _is_told(ancestor, ancestor.op)
        return indent


def _is_told(step: Step, op: Op) -> bool:
    """Replacements are told as one; what stays the same isn't, but for the stack itself."""
    untold = (Op.SAME, Op.CREATE_REPLACEMENT, Op.DELETE_REPLACED)
    return is_stack(step.urn) or op not in untold


def _details(step: Step, indent: int) -> Iterator[Line]:
    if step.op is Op.SAME:
        return
    if step.old_inputs is None:
        yield from object_lines(step.new_outputs or step.new_inputs or {}, indent, step.op)
    elif step.new_inputs is None:
        yield from object_lines(step.old_inputs, indent, step.op)
    elif step.new_outputs:
        yield from diff_lines(step.old_outputs or {}, step.new_outputs, indent)
    else:
        yield from diff_lines(step.old_inputs, step.new_inputs, indent)
