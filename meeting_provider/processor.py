"""Keeps the threads of a host on one processor while they make calls.

Python runs one thread of a process at a time, whichever processors they are on. A call waits for
the network several times, and at each another thread goes on: handing over to one on another
processor costs a good part of the call itself. Source: https://bugs.python.org/issue7946
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def one() -> Iterator[None]:
    """Keep this thread, and those that it starts, on one processor; this one only while it lasts.

    All threads of a process get the same, and other processes others. Where the system has no such
    setting or refuses it, nothing changes.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    _keep_on({sorted(allowed)[os.getpid() % len(allowed)]})
    try:
        yield
    finally:
        _keep_on(allowed)


def _keep_on(processors: set[int]) -> None:
    with suppress(OSError):
        os.sched_setaffinity(0, processors)
