"""How the engine shows its work: plain lines in a pipe, a live tree on a terminal, or full diffs.

The words and the layout are those of the `pulumi` CLI (pkg/backend/display), so that a person or a
pipeline that reads one can read the other.
"""

import os
import sys
from typing import TextIO

from sandbox.engine.display.diffs import Diffs
from sandbox.engine.display.live import Live
from sandbox.engine.display.pen import Pen
from sandbox.engine.display.plain import Plain
from sandbox.engine.events import Listener

__all__ = ["listener"]


def listener(
    *,
    diff: bool = False,
    show_secrets: bool = False,
    suppress_outputs: bool = False,
    interactive: bool | None = None,
    out: TextIO | None = None,
) -> Listener:
    """The display for one run of the engine; it may show several operations, one after the other.

    `diff` prints every changed property instead of a line or a row for each resource.
    `show_secrets` reveals secret stack outputs; the properties of resources stay masked.
    `suppress_outputs` leaves out outputs. `interactive` chooses the live tree (True) or lines
    (False); by default the tree is drawn where `out` is a terminal that can redraw, outside of CI.
    `out` is standard output unless given. Every operation that is started must be finished, or the
    terminal keeps being redrawn until the process ends.
    """
    out = out or sys.stdout
    if interactive is None:
        interactive = out.isatty() and os.environ.get("TERM") != "dumb" and "CI" not in os.environ
    pen = Pen(out, terminal=interactive or out.isatty())
    if diff:
        return Diffs(pen, show_secrets=show_secrets, suppress_outputs=suppress_outputs)
    progress = Live if interactive else Plain
    return progress(pen, show_secrets=show_secrets, suppress_outputs=suppress_outputs)
