"""A file of notification messages, with one JSON message on each line."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from meeting_provider.attendance.matching import read
from meeting_provider.errors import InvalidEvent
from meeting_provider.events import MeetingEvent

#: Standard input, as the name of a file.
STANDARD_INPUT: Final = "-"

#: Only the owner may read who was in which meeting.
_PRIVATE: Final = 0o600

#: What CloudWatch Logs writes before each event that it exports.
_EXPORT_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z\s+")


@dataclass(frozen=True)
class BadMessage:
    """A message in a file that can't be used.

    :param source: the file.
    :param line: its line in the file, from 1.
    :param problem: what is wrong with it.
    """

    source: str
    line: int
    problem: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: {self.problem}"


class Archive:
    """A file of messages.

    :param path: the file; `-` is standard input.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)

    def read(self) -> Iterator[MeetingEvent | BadMessage]:
        """The file's messages, in order.

        A message is in EventBridge's form or in SNS's envelope. A line may begin with a time, as in
        exports of CloudWatch Logs, and have several messages, as Data Firehose writes them by
        default. Empty lines are skipped.

        :raises OSError: the file can't be read.
        """
        with self._open() as file:
            for number, line in enumerate(file, 1):
                try:
                    for message in _messages(line):
                        yield self._event(message, number)
                except InvalidEvent as error:
                    yield BadMessage(str(self._path), number, str(error))

    def _event(self, message: str, number: int) -> MeetingEvent | BadMessage:
        try:
            return read(message)
        except InvalidEvent as error:
            return BadMessage(str(self._path), number, str(error))

    def append(self, bodies: Iterable[str]) -> None:
        """Add messages that `read` accepts, and return once they are on the disk.

        :param bodies: JSON as text.
        :raises OSError: the file can't be written.
        """
        lines = [json.dumps(json.loads(body)) for body in bodies]
        if not lines:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        with open(os.open(self._path, flags, _PRIVATE), "r+b") as file:
            # If a crash cut off the last line, it stays a separate, unreadable line.
            size = file.seek(0, os.SEEK_END)
            if size and file.seek(size - 1) >= 0 and file.read(1) != b"\n":
                lines.insert(0, "")
            file.write("".join(f"{line}\n" for line in lines).encode())
            file.flush()
            os.fsync(file.fileno())

    def _open(self) -> nullcontext[BinaryIO] | BinaryIO:
        if str(self._path) == STANDARD_INPUT:
            return nullcontext(sys.stdin.buffer)
        return self._path.open("rb")


def _messages(line: bytes) -> Iterator[str]:
    """The JSON texts of a line.

    :raises InvalidEvent: the line has something else.
    """
    try:
        text = line.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise InvalidEvent(f"it is not UTF-8: {error.reason}") from error
    text = _EXPORT_TIME.sub("", text, count=1) if _EXPORT_TIME.match(text) else text
    decoder = json.JSONDecoder()
    start = 0
    while start < len(text):
        try:
            _, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            raise InvalidEvent(f"it is not JSON: {error}") from error
        yield text[start:end]
        start = end + len(text[end:]) - len(text[end:].lstrip())
