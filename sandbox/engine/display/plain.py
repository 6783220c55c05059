"""Progress as lines for a pipe or a log: one whenever a resource has news."""

from sandbox.engine.display.board import Row
from sandbox.engine.display.pen import STYLES, Line
from sandbox.engine.display.progress import Progress


class Plain(Progress):
    """Prints a row each time that it changes."""

    def opened(self) -> None:
        """Nothing is printed yet."""
        self._printed = 0
        self._set_off = False

    def changed(self, row: Row) -> None:
        """Print the row as it is now, set off from the title and from the first words before it."""
        if not row.shown:
            return
        if self._printed or row.step:
            self._open_space()
        self._printed += 1
        line = " ".join(["", *self._board.columns(row)])
        self._pen.write([Line(line, STYLES[self._board.op(row)])])

    def closing(self) -> None:
        """Print the rows that had no end of their own."""
        with self._lock:
            self._open_space()
            waiting = [row for row in self._board.rows.values() if not self._board.is_over(row)]
            self._board.done = True
            for row in waiting:
                if row.step or row.messages:
                    self.changed(row)

    def _open_space(self) -> None:
        if not self._set_off:
            self._pen.write([Line("")])
            self._set_off = True
