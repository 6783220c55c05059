"""The command line: `python -m meeting_provider.watch --stack live`."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from meeting_provider.watch.errors import StackFailed, WatchError
from meeting_provider.watch.healing import Watcher
from meeting_provider.watch.queue import Queue
from meeting_provider.watch.stack import WatchedStack
from meeting_provider.watch.stopping import Stopping

_ABOUT = """\
Waits for meetings of a stack that end inside their windows, and runs `up` for them.

It needs `pulumi` on PATH, the environment that `pulumi up` needs, and a queue of its own that the
meetings talk to: sqs:ReceiveMessage, sqs:ChangeMessageVisibility and sqs:DeleteMessage. SIGTERM
ends it as soon as the running `up` has. Exit codes: 0 when asked to end, 1 when it can't begin.
"""

_log: Final = logging.getLogger("meeting_provider.watch")


def main(arguments: Sequence[str] | None = None) -> int:
    """Watch until asked to end; the exit code."""
    options = _parser().parse_args(arguments)
    _log_plainly()
    stopping = Stopping()
    stopping.listen()
    try:
        stack = WatchedStack(options.stack, options.cwd)
        consumers = [WatchedStack(options.stack, folder) for folder in options.then]
        url = _url(stack, options.queue_url)
        region, profile = stack.setting("aws:region"), stack.setting("aws:profile")
    except WatchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    _log.info("watching %s at %s", stack, url)

    def queue() -> Queue:
        return Queue(_url(stack, options.queue_url), region, profile)

    Watcher(stack, queue, consumers, stopping).run()
    return 0


def _url(stack: WatchedStack, given: str | None) -> str:
    url = given or stack.output("queue_url")
    if not url:
        raise StackFailed(f"{stack} exports no queue_url; --queue-url can name the queue")
    return url


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m meeting_provider.watch",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stack", required=True, help="the stack, as `pulumi --stack` takes it")
    parser.add_argument(
        "--cwd", type=Path, default=Path(), help="the folder of its program (this one)"
    )
    parser.add_argument("--queue-url", help="the queue (the stack's output queue_url)")
    parser.add_argument(
        "--then",
        metavar="FOLDER",
        type=Path,
        action="append",
        default=[],
        help="a program to bring up whenever meetings have changed, in the stack of the same name",
    )
    return parser


def _log_plainly() -> None:
    """A line for each thing that happens, in UTC. Of libraries only warnings."""
    handler = logging.StreamHandler()
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("meeting_provider").setLevel(logging.INFO)


if __name__ == "__main__":
    sys.exit(main())
