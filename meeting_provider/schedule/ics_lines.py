"""Parses an iCalendar stream into components and properties, with their lines.

Source: RFC 5545 3.1 to 3.6. The parser also accepts what programs really write: any line ends,
folds within a character, byte order marks, and lines broken without a fold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from icalendar.parser import Contentline

_LINE_END: Final = re.compile(rb"\r*\n|\r")
_NAME: Final = re.compile(r"([A-Za-z0-9-]+)\s*[;:]")
_PARAMETER: Final = re.compile(r';([A-Za-z0-9-]+)=("(?:\\.|[^"\\])*"|[^;]*)')
# A line without escapes and lists in its parameters. Nearly all lines are like this.
_PLAIN: Final = re.compile(
    r"""([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"^\\]*"|[^",;:^\\]*))*):(.*)""", re.DOTALL
)
_TIMES: Final = ("DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE", "RDATE")
# Both a time and a zone's name without quotes may have colons: tzone://Microsoft/Utc.
_TIMES_VALUE: Final = re.compile(r":(\s*\d{4}-?\d\d[-+:.,/\w\s]*)\Z")
_BEGIN: Final = "BEGIN:VCALENDAR"
_PEOPLE: Final = ("ATTENDEE", "ORGANIZER")
_MAIL_VALUE: Final = re.compile(r":(\s*(?:mailto|smtp):.*)\Z", re.IGNORECASE | re.DOTALL)
#: Components at the top level of a calendar. Their BEGIN ends any component that is still open.
_OUTER: Final = ("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VTIMEZONE")
#: Properties of an event. In these components they are what is left of a damaged event.
_OF_EVENTS: Final = ("DTSTAMP", "ORGANIZER")
_WITHOUT_EVENTS: Final = ("", "VCALENDAR", "VTIMEZONE", "STANDARD", "DAYLIGHT", "VALARM")


@dataclass(frozen=True)
class Property:
    """A line with its name, its parameters (names in upper case) and its raw value."""

    line: int
    name: str
    parameters: Mapping[str, str]
    value: str

    @classmethod
    def parse(cls, line: int, text: str) -> Property:
        """Read a content line.

        :raises ValueError: it isn't one.
        """
        name, colon, value = text.partition(":")
        if colon and ";" not in name:
            return cls(line, name.strip().upper(), {}, value)
        if _name(text) in _TIMES:
            found = _TIMES_VALUE.search(text)
            head, _, value = text.rpartition(":")
            return cls._split(
                line, *((text[: found.start()], found[1]) if found else (head, value))
            )
        if plain := _PLAIN.fullmatch(text):
            return cls._split(line, plain[1] + plain[2], plain[3])
        try:
            name, given, value = Contentline(text).parts()  # type: ignore[no-untyped-call]
        except ValueError:
            if _name(text) in _PEOPLE:
                return cls.loosely(line, text)
            # The cause quotes the line, which may contain personal data.
            raise ValueError("it is not a property of a calendar") from None
        parameters = {
            str(k).upper(): ",".join(v) if isinstance(v, list) else str(v) for k, v in given.items()
        }
        return cls(line, str(name).upper(), parameters, str(value))

    @classmethod
    def loosely(cls, line: int, text: str) -> Property:
        """Read a line with a person whose name is not quoted correctly, for its address.

        :raises ValueError: it has no value.
        """
        if found := _MAIL_VALUE.search(text):
            return cls._split(line, text[: found.start()], found[1])
        head, colon, value = text.rpartition(":")
        if not colon:
            raise ValueError("it is not a property of a calendar")
        return cls._split(line, head, value)

    @classmethod
    def _split(cls, line: int, head: str, value: str) -> Property:
        parameters = {n.upper(): v.strip('"') for n, v in _PARAMETER.findall(head)}
        return cls(line, _name(head + ":"), parameters, value)


@dataclass
class Component:
    """A component, such as a VEVENT.

    :param line: the line of its BEGIN.
    :param ended_at: the line of its END, or else of the BEGIN of the next one; None if it was
        truncated.
    :param has_end: whether it has an END.
    """

    name: str
    line: int
    lines: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    components: list[Component] = field(default_factory=list)
    ended_at: int | None = None
    has_end: bool = False

    def first(self, name: str) -> Property | None:
        """The first property with a name.

        :raises ValueError: it can't be read.
        """
        found = self.lines.get(name)
        return Property.parse(*found[0]) if found else None

    def text(self, name: str) -> str:
        """The value of the first property with a name, trimmed; empty if there is none."""
        try:
            found = self.first(name)
        except ValueError:
            return ""
        return found.value.strip() if found else ""

    def prose(self, name: str) -> str:
        """The text of the first property with a name, without escapes (RFC 5545, 3.3.11)."""
        return re.sub(r"\\(.)", lambda m: "\n" if m[1] in "nN" else m[1], self.text(name))

    @cached_property
    def uid(self) -> str:
        """The UID; empty if there is none."""
        return self.text("UID")


@dataclass
class Stream:
    """The calendars of a stream.

    :param damage: by line, why events may be missing: the stream was cut off or joined from parts.
    :param notes: by line, problems without an effect on events.
    """

    calendars: list[Component] = field(default_factory=list)
    damage: list[tuple[int, str]] = field(default_factory=list)
    notes: list[tuple[int, str]] = field(default_factory=list)


def read(data: bytes) -> Stream:
    """Read a stream."""
    reader = _Reader()
    line, text = 1, ""
    for line, text in _whole_lines(data):
        name = _name(text)
        if name == "BEGIN":
            reader.begin(_value(text), line)
        elif name == "END":
            reader.end(_value(text), line)
        elif name:
            reader.add(name, line, text)
    reader.close_calendar()
    if 0 < len(text.rstrip()) < len(_BEGIN) and _BEGIN.startswith(text.rstrip().upper()):
        reader.stream.damage.append((line, "is cut off within a BEGIN:VCALENDAR"))
    return reader.stream


class _Reader:
    """Assembles components from lines."""

    def __init__(self) -> None:
        self.stream = Stream()
        self.open: list[Component] = []

    def begin(self, name: str, line: int) -> None:
        if name == "VCALENDAR":
            self.close_calendar()
            self.open = [Component(name, line)]
            self.stream.calendars.append(self.open[0])
            return
        if name in _OUTER:
            self._end_open(1, line)
            if not self.open and not self._reopen(line):
                self.stream.damage.append((line, f"has a {name} before BEGIN:VCALENDAR"))
                return
        component = Component(name, line)
        if self.open:
            self.open[-1].components.append(component)
            self.open.append(component)

    def add(self, name: str, line: int, text: str) -> None:
        inner = self.open[-1].name if self.open else ""
        if name in _OF_EVENTS and inner in _WITHOUT_EVENTS:
            what = f"has {name} outside of an event, which may be the rest of one"
            self.stream.notes.append((line, what))
        if self.open:
            self.open[-1].lines.setdefault(name, []).append((line, text))

    def end(self, name: str, line: int) -> None:
        names = [c.name for c in self.open]
        if name in names:
            place = len(names) - 1 - names[::-1].index(name)
            self._end_open(place + 1, line)
            self.open[place].ended_at = line
            self.open[place].has_end = True
            del self.open[place:]
        elif name == "VEVENT":
            self.stream.damage.append((line, "has an END:VEVENT without its BEGIN"))

    def _end_open(self, depth: int, line: int) -> None:
        for component in self.open[depth:]:
            component.ended_at = line
        del self.open[depth:]

    def _reopen(self, line: int) -> bool:
        """Read components after the end of a calendar as parts of it."""
        if self.stream.calendars:
            self.open = [self.stream.calendars[-1]]
            self.stream.notes.append(
                (line, "follows END:VCALENDAR; read as a part of the calendar")
            )
        return bool(self.open)

    def close_calendar(self) -> None:
        """Check the calendar before the end of the stream or the next calendar."""
        calendar = self.open[0] if self.open else None
        if calendar is None or (calendar.has_end and len(self.open) == 1):
            return
        events = [c for c in calendar.components if c.name == "VEVENT"]
        # Outlook's feeds of December 2023 have an END only for the last event.
        is_outlook = (
            len(events) > 1 and events[-1].has_end and not any(e.has_end for e in events[:-1])
        )
        if not is_outlook or len(self.open) > 1:
            what = "is cut off: the calendar has no END:VCALENDAR"
            self.stream.damage.append((calendar.line, what))
        else:
            self.stream.notes.append((calendar.line, "has no END:VCALENDAR"))


def _name(text: str) -> str:
    match = _NAME.match(text)
    return match[1].upper() if match else ""


def _value(text: str) -> str:
    return text.partition(":")[2].strip().upper()


def _whole_lines(data: bytes) -> Iterator[tuple[int, str]]:
    """The unfolded lines, each with the number of its first line."""
    if encoding := _utf_16(data):
        data = data.decode(encoding, "replace").encode()
    number = 0
    parts: list[bytes] = []
    for place, line in enumerate(_LINE_END.split(data), 1):
        if line[:1] in (b" ", b"\t") and number:
            parts.append(line[1:])
            continue
        if number:
            yield number, _decoded(b"".join(parts))
        # In joined files, each part may begin with a byte order mark.
        number, parts = place, [line.removeprefix(b"\xef\xbb\xbf")]
    yield number, _decoded(b"".join(parts))


def _utf_16(data: bytes) -> str:
    """The encoding if the data is UTF-16, with or without a byte order mark; else empty."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    return {b"B\0": "utf-16-le", b"\0B": "utf-16-be"}.get(data[:2], "")


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")
