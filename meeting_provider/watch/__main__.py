"""The command line: `python -m meeting_provider.watch --stack live`."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from meeting_provider.watch.consumers import Consumers
from meeting_provider.watch.errors import StackFailed, WatchError
from meeting_provider.watch.queue import Queue
from meeting_provider.watch.reconciler import Reconciler
from meeting_provider.watch.shutdown import Shutdown
from meeting_provider.watch.stack import WatchedStack

_ABOUT = """\
Waits for a stack's meetings to end, and runs `up` for those that are still declared.

It needs `pulumi` on PATH, the environment that `pulumi up` needs, and a queue that receives the
meetings' events and has no other reader, with sqs:ReceiveMessage, sqs:ChangeMessageVisibility and
sqs:DeleteMessage. SIGTERM ends it once the running `up` has ended. Exit codes: 0 after a signal, 1
if it can't start, 2 for wrong usage.
"""

#: The most characters of a line of the log.
_LONGEST_LINE: Final = 2000

_log: Final = logging.getLogger("meeting_provider.watch")


def main(arguments: Sequence[str] | None = None) -> int:
    """Watch until a signal comes, and return the exit code."""
    options = _parser().parse_args(arguments)
    _log_plainly()
    shutdown = Shutdown()
    shutdown.listen()
    try:
        stack = WatchedStack(options.stack, options.cwd)
        stacks = [WatchedStack(options.stack, folder) for folder in options.then]
        url = _url(stack, options.queue_url)
        region, profile = stack.setting("aws:region"), stack.setting("aws:profile")
    except WatchError as error:
        if shutdown.requested.is_set():
            # A terminal sends the signal to Pulumi too, which then fails.
            _log.info("ended by a signal")
            return 0
        print(f"error: {error}", file=sys.stderr)
        return 1
    _log.info("watching %s at %s", stack, url)

    def queue() -> Queue:
        return Queue(_url(stack, options.queue_url), region, profile)

    consumers = Consumers(stacks, shutdown)
    Reconciler(stack, queue, consumers, shutdown, on_request=options.on_request).run()
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
        "--cwd", type=Path, default=Path(), help="the program's folder (default: the current one)"
    )
    parser.add_argument("--queue-url", help="the queue (default: the stack's output queue_url)")
    parser.add_argument(
        "--on-request",
        action="store_true",
        help="create a meeting only when a message requests it, as the join desk's server sends "
        "with --request-meetings",
    )
    parser.add_argument(
        "--then",
        metavar="FOLDER",
        type=Path,
        action="append",
        default=[],
        help="a program whose stack of the same name is updated when meetings have changed: first "
        "all of it, then the resources named after these meetings or their events",
    )
    return parser


class _Line(logging.Formatter):
    """One line for each record: text from messages can't add lines or control a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The record, with its control characters escaped, and cut."""
        text = super().format(record)
        if len(text) > _LONGEST_LINE:
            text = f"{text[:_LONGEST_LINE]}…"
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _log_plainly() -> None:
    """Log the watcher's own records with times in UTC, and only warnings of libraries."""
    handler = logging.StreamHandler()
    formatter = _Line("%(asctime)s.%(msecs)03dZ %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("meeting_provider").setLevel(logging.INFO)


if __name__ == "__main__":
    sys.exit(main())
