"""Lines on the output, coloured by what they say where the output is a terminal."""

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Final, NamedTuple, TextIO

from rich.console import Console

from sandbox.engine.events import Op

HEADLINE: Final = "bold bright_magenta"

STYLES: Final = {
    Op.SAME: "",
    Op.CREATE: "green",
    Op.UPDATE: "yellow",
    Op.DELETE: "red",
    Op.REPLACE: "bright_magenta",
    Op.CREATE_REPLACEMENT: "bright_green",
    Op.DELETE_REPLACED: "bright_red",
    Op.REFRESH: "yellow",
    Op.READ: "bright_cyan",
}

MARKS: Final = {
    Op.SAME: "  ",
    Op.CREATE: "+ ",
    Op.UPDATE: "~ ",
    Op.DELETE: "- ",
    Op.REPLACE: "+-",
    Op.CREATE_REPLACEMENT: "++",
    Op.DELETE_REPLACED: "--",
    Op.REFRESH: "~ ",
    Op.READ: "> ",
}


class Line(NamedTuple):
    """One line of text and a rich style for it."""

    text: str
    style: str = ""


class _Console(Console):
    """A console whose reader may go away: the work goes on unseen, and is finished and saved."""

    def on_broken_pipe(self) -> None:
        # Rich would end the thread that writes, and with it the step that the thread is about.
        self.quiet = True
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


class Pen:
    """Writes lines. `console` is for what redraws itself."""

    def __init__(self, out: TextIO, *, terminal: bool) -> None:
        self.console = _Console(file=out, force_terminal=terminal, highlight=False)

    def write(self, lines: Iterable[Line]) -> None:
        """Write the lines as they are: neither wrapped nor interpreted."""
        for line in lines:
            self.console.out(line.text, style=line.style or None, highlight=False)
