"""The garbage collector, kept away from what stays.

Nearly all that a short process ever allocates is what it imports, and all of that stays to its end.
Looking through it time and again, and once more while the process ends, takes a tenth of a command.
Source: https://docs.python.org/3/library/gc.html
"""

import gc
from typing import Final

_ALLOCATIONS: Final = 50_000


def collect_seldom() -> None:
    """Look for garbage where there can be much of it, and not before."""
    gc.set_threshold(_ALLOCATIONS)


def keep_what_there_is() -> None:
    """Never again look through what there is now."""
    gc.freeze()
