"""Lines on the output, coloured by what they say where the output is a terminal."""

from collections.abc import Iterable
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


class Pen:
    """Writes lines. `console` is for what redraws itself."""

    def __init__(self, out: TextIO, *, terminal: bool) -> None:
        self.console = Console(file=out, force_terminal=terminal, highlight=False)

    def write(self, lines: Iterable[Line]) -> None:
        """Write the lines as they are: neither wrapped nor interpreted."""
        for line in lines:
            self.console.out(line.text, style=line.style or None, highlight=False)
