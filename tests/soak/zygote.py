"""Gives out dynamic hosts: the real `python -u -m pulumi.dynamic`, forked with its imports done.

Every `up` has a host of its own, as with Pulumi; a fork spares it the seconds that imports take.
Each line on stdin forks one; it writes its process id and then, as always, its port to stdout.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys

import dill  # noqa: F401
import grpc  # noqa: F401
import meeting_provider.chime
import pulumi.dynamic
import pulumi.runtime  # noqa: F401

import meeting_provider.lifecycle
import meeting_provider.provider  # noqa: F401


def main() -> None:
    """Fork until stdin ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while sys.stdin.readline():
        if os.fork() == 0:
            _become_host()


def _become_host() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.write(1, f"{os.getpid()}\n".encode())
    runpy.run_module("pulumi.dynamic", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
