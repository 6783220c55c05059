"""Progress as a tree of resources on a terminal, redrawn in place and left standing at the end."""

import atexit
import time
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.live import Live as Screen
from rich.table import Table
from rich.text import Text

from sandbox.engine.display.board import Board, Row
from sandbox.engine.display.pen import HEADLINE, STYLES, Line
from sandbox.engine.display.progress import Progress
from sandbox.engine.events import Op


class Live(Progress):
    """Draws the board eight times a second."""

    folds = True
    _screen: Screen | None = None

    def opened(self) -> None:
        """Start drawing."""
        self._screen = Screen(
            console=self._pen.console, get_renderable=self._frame, refresh_per_second=8
        )
        atexit.register(self._screen.stop)
        self._screen.start()

    def closing(self) -> None:
        """Draw the last frame."""
        with self._lock:
            self._board.done = True
            screen, self._screen = self._screen, None
        if screen:  # awaited without the lock, which its drawing thread takes too
            screen.stop()
            atexit.unregister(screen.stop)
        self._pen.write([Line("")])

    def _frame(self) -> RenderableType:
        with self._lock:
            board = self._board
            table = _tree(board)
            same = sum(row.op is Op.SAME and row.op in row.over for row in board.rows.values())
            if board.done or not same:
                return table
            return Group(table, Text("\nResources:", HEADLINE), Text(f"    {same} unchanged"))


def _tree(board: Board) -> Table:
    table = Table(
        box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="underline bright_blue"
    )
    for name in ("", "Type", "Name", "Plan" if board.started.is_preview else "Status"):
        table.add_column(name, no_wrap=True)
    table.add_column("Info" if any(board.columns(r).info for r in board.rows.values()) else "")
    for row, guide in _branches(board):
        mark, kind, name, status, info = board.columns(row)
        style = STYLES[board.op(row)] if board.is_over(row) else f"bold {STYLES[board.op(row)]}"
        status += f"{_pulse(board, row):<3}"
        table.add_row(
            Text(f" {mark}", style),
            f"{guide}{kind}",
            name,
            Text(status, "red" if status.startswith("**") else style),
            Text(info, no_wrap=True, overflow="crop"),
        )
    return table


def _pulse(board: Board, row: Row) -> str:
    moves = not board.is_over(row) and (row.is_stack or row.op is not Op.SAME)
    return "." * (int(time.monotonic()) % 4) if moves else ""


def _branches(board: Board) -> Iterator[tuple[Row, str]]:
    """The rows to show, parents first, with the lines that lead to them."""
    parents = {urn: _parent(board, row) for urn, row in board.rows.items() if urn}
    children: dict[str, list[str]] = {}
    for urn, parent in parents.items():
        children.setdefault(parent, []).append(urn)

    def is_wanted(urn: str) -> bool:
        return board.rows[urn].shown or any(is_wanted(child) for child in children.get(urn, []))

    def walk(urn: str, guide: str, below: str) -> Iterator[tuple[Row, str]]:
        yield board.rows[urn], guide
        wanted = [child for child in children.get(urn, []) if is_wanted(child)]
        for child in wanted:
            last = child == wanted[-1]
            yield from walk(
                child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")
            )

    yield from walk("", "", "")


def _parent(board: Board, row: Row) -> str:
    parent = row.step.parent if row.step else ""
    return parent if parent in board.rows else ""
