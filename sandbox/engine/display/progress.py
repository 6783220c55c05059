"""The story that the plain lines and the live tree share: a board of rows, then the sections."""

import threading
from dataclasses import replace

from sandbox.engine.display import sections
from sandbox.engine.display.board import Board, Row, name_of, short_type, type_of, without_secrets
from sandbox.engine.display.pen import HEADLINE, Line, Pen
from sandbox.engine.events import Diagnostic, Finished, Op, Started, Step


class Progress:
    """Keeps the board and prints the sections; how rows are shown is for subclasses to say."""

    folds = False

    def __init__(self, pen: Pen, *, show_secrets: bool, suppress_outputs: bool) -> None:
        self._pen = pen
        self._show_secrets = show_secrets
        self._suppress_outputs = suppress_outputs
        self._lock = threading.RLock()
        self._board = Board(Started("update", "", "", is_preview=False))

    def opened(self) -> None:
        """An operation begins."""

    def changed(self, row: Row) -> None:
        """A row has something new to say."""

    def closing(self) -> None:
        """An operation is over; its sections come next."""

    def started(self, event: Started) -> None:
        """Begin a new board."""
        with self._lock:
            self._board = Board(event, folds=self.folds)
            self._pen.write([sections.title(event)])
            self.opened()

    def step_started(self, step: Step) -> None:
        """Show a step as running."""
        with self._lock:
            if not self._is_reading(step):
                self.changed(self._board.begin(without_secrets(step)))

    def step_done(self, step: Step, seconds: float) -> None:
        """Show a step as over."""
        with self._lock:
            if self._is_reading(step):
                return
            was_refresh = self._board.row(step.urn).op is Op.REFRESH
            row = self._board.end(without_secrets(step), seconds)
            if was_refresh or self._says_more(row):
                self.changed(row)

    def _says_more(self, row: Row) -> bool:
        """Whether the end of a step is news: not in a preview, nor where nothing was done."""
        custom = row.step is not None and row.step.custom and not row.is_stack
        return not self._board.started.is_preview and custom and row.op is not Op.SAME

    def step_failed(self, step: Step, seconds: float) -> None:
        """Show a step as failed."""
        with self._lock:
            if step.op is not Op.READ:
                self.changed(self._board.fail(step))

    def _is_reading(self, step: Step) -> bool:
        """A read makes no row; the stack's tells of it in passing."""
        if step.op is not Op.READ:
            return False
        text = f"read {short_type(type_of(step.urn))} {name_of(step.urn)}"
        self.changed(self._board.hear(Diagnostic("info", text, ephemeral=True)))
        return True

    def diagnostic(self, event: Diagnostic) -> None:
        """Show a message with its resource and keep it for the end."""
        with self._lock:
            if event.severity != "debug":
                self.changed(self._board.hear(replace(event, message=event.message.rstrip())))

    def finished(self, event: Finished) -> None:
        """Settle the rows and print the sections."""
        self.closing()
        with self._lock:
            board = self._board
            is_preview = board.started.is_preview
            self._pen.write(sections.diagnostics(board))
            if not self._suppress_outputs:
                is_new = board.row("").op is Op.CREATE
                lines = sections.outputs(
                    event, is_new=is_new, is_preview=is_preview, reveal=self._show_secrets
                )
                if lines:
                    self._pen.write([Line("Outputs:", HEADLINE), *lines, Line("")])
            errored = sum(row.count("error") > 0 for row in board.rows.values())
            self._pen.write(sections.summary(event, errored, is_preview=is_preview))
            self._pen.write([Line("")])
