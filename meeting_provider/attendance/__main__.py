"""The command line: `python -m meeting_provider.attendance events.jsonl`."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from meeting_provider.attendance import report
from meeting_provider.attendance.archive import STANDARD_INPUT, Archive, BadMessage
from meeting_provider.attendance.collecting import collect
from meeting_provider.attendance.matching import attendance
from meeting_provider.events import MeetingEvent
from meeting_provider.watch.errors import QueueFailed
from meeting_provider.watch.queue import Queue

_ABOUT: Final = """\
Reports who joined and left each meeting, and when, as a table or as CSV.

The messages come from files with one JSON message on each line, in EventBridge's form or in SNS's
envelope, or from a queue that has no other reader. Messages of a queue are kept in the file
--archive, and deleted from the queue once they are on the disk; the report covers the whole file.
Exit codes: 0 with a report, 1 if a file or the queue can't be used, 2 for wrong usage.
"""

#: How long to wait for a message, in seconds, before the queue counts as empty.
_QUIET_SECONDS: Final = 2

#: How many unreadable messages are listed.
_MOST_NAMED: Final = 50
_LONGEST_LINE: Final = 500


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report, and return the exit code."""
    options = _options(arguments)
    # A terminal's encoding may not have the characters of a name.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    logging.basicConfig(format="warning: %(message)s", level=logging.WARNING)
    try:
        if options.queue_url:
            _drain(Queue(options.queue_url, options.region, options.profile), options.archive)
        events = _events([*options.files, *([options.archive] if options.archive else [])])
        if events is None:
            return 1
        found = report.rows(attendance(events), options.timezone)
        _write(found, options.csv)
    except BrokenPipeError:
        # The interpreter flushes the stream once more at its end, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"error: {error.filename or options.archive}: {error.strerror}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(
            f"error: a table needs {error.name}: pip install 'meeting-provider[attendance]', or "
            "use --csv",
            file=sys.stderr,
        )
        return 1
    except QueueFailed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _drain(queue: Queue, archive: Path) -> None:
    while collect(queue, Archive(archive), _QUIET_SECONDS) is not None:
        pass


def _events(files: Sequence[Path]) -> list[MeetingEvent] | None:
    """The events of all files; None if a file can't be read. Bad messages are listed on stderr."""
    events: list[MeetingEvent] = []
    bad: list[BadMessage] = []
    failed = False
    for path in files:
        try:
            for found in Archive(path).read():
                if isinstance(found, BadMessage):
                    bad.append(found)
                else:
                    events.append(found)
        except OSError as error:
            print(f"error: {path}: {error.strerror}", file=sys.stderr)
            failed = True
    for each in bad[:_MOST_NAMED]:
        print(str(each)[:_LONGEST_LINE], file=sys.stderr)
    if bad:
        count = "1 message" if len(bad) == 1 else f"{len(bad)} messages"
        print(f"warning: {count} could not be read", file=sys.stderr)
    return None if failed else events


def _write(found: Sequence[report.Row], target: str | None) -> None:
    try:
        if target is None:
            print(report.table(found))
        elif target == STANDARD_INPUT:
            report.write_csv(sys.stdout, found)
        else:
            with open(target, "w", encoding="utf-8", newline="") as file:
                report.write_csv(file, found)
        sys.stdout.flush()
    except OSError as error:
        # An error of writing names no file.
        error.filename = target if target not in (None, STANDARD_INPUT) else "the output"
        raise


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m meeting_provider.attendance",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files", metavar="FILE", type=Path, nargs="*", help="a file of messages; - is stdin"
    )
    parser.add_argument("--csv", metavar="FILE", help="write CSV instead of a table; - is stdout")
    parser.add_argument(
        "--timezone", metavar="NAME", type=_zone, default=UTC, help="an IANA zone (default: UTC)"
    )
    parser.add_argument("--queue-url", help="a queue that has no other reader")
    parser.add_argument(
        "--archive", metavar="FILE", type=Path, help="where the queue's messages are kept"
    )
    parser.add_argument("--region", help="the queue's region (default: boto3's)")
    parser.add_argument("--profile", help="a profile of AWS's configuration (default: boto3's)")
    options = parser.parse_args(arguments)
    if not options.files and not options.queue_url and not options.archive:
        parser.error("name a FILE, or a queue with --queue-url")
    if options.queue_url and not options.archive:
        parser.error("--queue-url needs --archive, which keeps the messages")
    if options.archive and not options.queue_url:
        parser.error("--archive needs --queue-url")
    return options


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError) as error:
        raise argparse.ArgumentTypeError(f"'{name}' is not a time zone") from error


if __name__ == "__main__":
    # An interrupt ends it at once: what it has received is in the archive, or still in the queue.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(main())
