"""An iCalendar stream -> its components, with the line of everything in it.

Source: RFC 5545 3.1 to 3.6. A stream is taken as programs write it, not as the RFC wants it: any
line ends, a fold within a character, a byte order mark, lines that were broken without a fold,
components that are never ended. What a component holds is parsed when it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from icalendar.parser import Contentline

_LINE_END: Final = re.compile(rb"\r*\n|\r")
_NAME: Final = re.compile(r"([A-Za-z0-9-]+)[;:]")
_PARAMETER: Final = re.compile(r';([A-Za-z0-9-]+)=("[^"]*"|[^;]*)')
# A line without escapes and lists in its parameters, as nearly all are.
_PLAIN: Final = re.compile(
    r"""([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"^\\]*"|[^",;:^\\]*))*):(.*)""", re.DOTALL
)
_TIMES: Final = ("DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE", "RDATE")
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Property:
    """A line with its name, its parameters (names in upper case) and its value as it stands."""

    line: int
    name: str
    parameters: Mapping[str, str]
    value: str

    @classmethod
    def parse(cls, line: int, text: str) -> Property:
        """Read a content line.

        :raises ValueError: where it is none.
        """
        name, colon, value = text.partition(":")
        if colon and ";" not in name:
            return cls(line, name.upper(), {}, value)
        if _name(text) in _TIMES:
            # A time has no colon, but a zone may have one and stand unquoted: tzone://Microsoft/Utc.
            head, _, value = text.rpartition(":")
            found = {n.upper(): v.strip('"') for n, v in _PARAMETER.findall(head)}
            return cls(line, _name(text), found, value)
        if plain := _PLAIN.fullmatch(text):
            found = {n.upper(): v.strip('"') for n, v in _PARAMETER.findall(plain[2])}
            return cls(line, plain[1].upper(), found, plain[3])
        try:
            name, given, value = Contentline(text).parts()  # type: ignore[no-untyped-call]
        except ValueError:
            # The cause quotes the line, and with it whoever is named there.
            raise ValueError("it is no property of a calendar") from None
        parameters = {
            str(k).upper(): ",".join(v) if isinstance(v, list) else str(v) for k, v in given.items()
        }
        return cls(line, str(name).upper(), parameters, str(value))


@dataclass
class Component:
    """A component: `VEVENT` and the line that it begins at. `is_ended` tells a torn one."""

    name: str
    line: int
    lines: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    components: list[Component] = field(default_factory=list)
    is_ended: bool = False

    def all(self, name: str) -> list[Property]:
        """Every property of a name.

        :raises ValueError: where one can't be read.
        """
        return [Property.parse(*line) for line in self.lines.get(name, ())]

    def first(self, name: str) -> Property | None:
        """The first property of a name.

        :raises ValueError: where it can't be read.
        """
        found = self.lines.get(name)
        return Property.parse(*found[0]) if found else None

    def text(self, name: str) -> str:
        """The value of the first property of a name, trimmed; empty where there is none."""
        try:
            found = self.first(name)
        except ValueError:
            return ""
        return found.value.strip() if found else ""

    @cached_property
    def uid(self) -> str:
        """The UID, or nothing."""
        return self.text("UID")


def components(data: bytes) -> list[Component]:
    """The outermost components of a stream."""
    root = Component("", 0)
    open_ones = [root]
    for line, text in _whole_lines(data):
        name = _name(text)
        if name == "BEGIN":
            _begin(open_ones, text.partition(":")[2].strip().upper(), line)
        elif name == "END":
            _end(open_ones, text.partition(":")[2].strip().upper())
        elif name:
            open_ones[-1].lines.setdefault(name, []).append((line, text))
    return root.components


def _name(text: str) -> str:
    match = _NAME.match(text)
    return match[1].upper() if match else ""


def _begin(open_ones: list[Component], name: str, line: int) -> None:
    # One event is never within another: the one before was torn.
    enclosing = [c.name for c in open_ones[1:]]
    if name in enclosing:
        del open_ones[enclosing.index(name) + 1 :]
    component = Component(name, line)
    open_ones[-1].components.append(component)
    open_ones.append(component)


def _end(open_ones: list[Component], name: str) -> None:
    names = [c.name for c in open_ones]
    if name in names[1:]:
        place = len(names) - 1 - names[::-1].index(name)
        open_ones[place].is_ended = True
        del open_ones[place:]


def _whole_lines(data: bytes) -> Iterator[tuple[int, str]]:
    """The unfolded lines, each with the number of its first."""
    if data.startswith(_UTF_16):
        data = data.decode("utf-16", "replace").encode()
    number, whole = 0, b""
    for place, line in enumerate(_LINE_END.split(data.removeprefix(b"\xef\xbb\xbf")), 1):
        if line[:1] in (b" ", b"\t") and number:
            whole += line[1:]
            continue
        if number:
            yield number, _decoded(whole)
        number, whole = place, line
    yield number, _decoded(whole)


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")
