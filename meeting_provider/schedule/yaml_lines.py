"""Reads a YAML file with the line of every entry, for error messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

from meeting_provider.errors import InvalidSchedule
from meeting_provider.issues import Path as IssuePath
from meeting_provider.issues import ValidationIssue

#: How many entries aliases may add to those that are written.
_MOST_BY_ALIASES: Final = 300_000
#: A text of this length counts as one more entry.
_TEXT: Final = 100

#: Properties that are numbers. If YAML reads another one as a number, that is a mistake.
_NUMBERS: Final = ("opens_before", "stays_after", "max_count")
_KINDS: Final = {
    "bool": "a boolean",
    "int": "a number, {value}",
    "float": "a number, {value}",
    "date": "a date",
    "datetime": "a time",
}


class Document:
    """A YAML file: its `content`, and the `issues` that a YAML parser doesn't report."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content: Any = None
        self.issues: list[ValidationIssue] = []
        self._marks: dict[IssuePath, yaml.Mark | None] = {(): None}
        #: For each value that YAML reads as something other than text, how to write it.
        self._misread: dict[IssuePath, str] = {}
        self._seen: set[int] = set()

    @classmethod
    def read(cls, path: Path) -> Document:
        """Read a file in UTF-8, or in UTF-16 with a byte order mark.

        :raises InvalidSchedule: it can't be read, or is not YAML.
        """
        document = cls(path)
        loader = None
        try:
            data = path.read_bytes()
            loader = yaml.SafeLoader(data)
            node = loader.get_single_node()
            if node:
                _check_size(node)
                document.content = document._value(loader, node, ())
        except OSError as error:
            said = f"{path}: can't be read: {error.strerror}"
        except ReaderError as error:
            said = f"{path}:{_line(data, error)}: can't be read: {_reason(error)}"
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            said = f"{path}:{line}: is not YAML: {error.problem or error.context}"
        except RecursionError:
            said = f"{path}:{loader.line + 1 if loader else 1}: nests too deep"
        else:
            return document
        finally:
            if loader:
                loader.dispose()
        raise InvalidSchedule(str(path), [said])

    def place(self, issue: ValidationIssue) -> str:
        """The issue with file and line: the line of what is nearest to its path."""
        mark = self._marks[self._nearest(issue.path)]
        where = f"{self.path}:{mark.line + 1 if mark else 1}: "
        misread = self._misread.get(issue.path)
        said = f"{issue}" if issue.path else issue.message
        return f"{where}{said}; {misread}" if misread else f"{where}{said}"

    def places(self, issues: Iterable[ValidationIssue]) -> list[str]:
        """The issues with file and line. An issue that aliases repeat is listed once."""
        first: dict[object, ValidationIssue] = {}
        times: Counter[object] = Counter()
        for issue in issues:
            nearest = self._nearest(issue.path)
            mark = self._marks[nearest]
            same = (mark.index if mark else 0, issue.path[len(nearest) :], issue.message)
            first.setdefault(same, issue)
            times[same] += 1
        return [
            self.place(issue)
            + (f" (the same in {times[same] - 1} more that share it)" if times[same] > 1 else "")
            for same, issue in first.items()
        ]

    def _nearest(self, path: IssuePath) -> IssuePath:
        while path not in self._marks:
            path = path[:-1]
        return path

    def _value(self, loader: yaml.SafeLoader, node: yaml.Node, path: IssuePath) -> Any:
        self._marks.setdefault(path, node.start_mark)
        if isinstance(node, yaml.MappingNode):
            self._note_repetitions(node, path)
            loader.flatten_mapping(node)
            return dict(self._entry(loader, k, v, path) for k, v in node.value)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(loader, v, (*path, i)) for i, v in enumerate(node.value)]
        try:
            value = loader.construct_object(node)
        except ValueError as error:
            raise ConstructorError(None, None, str(error), node.start_mark) from error
        kind = _KINDS.get(type(value).__name__)
        if kind and path and path[-1] not in _NUMBERS:
            made = kind.format(value=value)
            self._misread[path] = f"YAML reads {node.value} as {made}; quote it: '{node.value}'"
        return value

    def _entry(
        self, loader: yaml.SafeLoader, key: yaml.Node, value: yaml.Node, path: IssuePath
    ) -> tuple[str, Any]:
        name = _name(key)
        self._marks[*path, name] = key.start_mark
        return name, self._value(loader, value, (*path, name))

    def _note_repetitions(self, node: yaml.MappingNode, path: IssuePath) -> None:
        # An alias repeats a mapping, into which `<<` may have merged other keys by now.
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        lines: dict[str, int] = {}
        for key, _ in node.value:
            name = _name(key)
            if name in lines:
                what = f"is a duplicate key; line {lines[name]} has it already"
                self.issues.append(ValidationIssue((*path, name), what))
            lines.setdefault(name, key.start_mark.line + 1)


def _name(key: yaml.Node) -> str:
    """A key as it is written: `on` is not a boolean."""
    if not isinstance(key, yaml.ScalarNode):
        raise ConstructorError(None, None, "a key must be a string", key.start_mark)
    return str(key.value)


def _check_size(root: yaml.Node) -> None:
    """Refuse collections that contain themselves or that aliases make too large.

    :raises ConstructorError: there is one. It has the place of the smallest one.
    """
    sizes: dict[int, int] = {}
    open_ones: set[int] = set()
    written = 0

    def size(node: yaml.Node) -> int:
        nonlocal written
        if id(node) in open_ones:
            raise ConstructorError(None, None, "contains itself", node.start_mark)
        if id(node) in sizes:
            return sizes[id(node)]
        own = 1
        if isinstance(node, yaml.ScalarNode):
            own += len(node.value) // _TEXT
        written += own
        total = own
        if not isinstance(node, yaml.ScalarNode):
            open_ones.add(id(node))
            pairs = node.value if isinstance(node, yaml.MappingNode) else [node.value]
            total += sum(size(part) for pair in pairs for part in pair)
            open_ones.discard(id(node))
        if total - written > _MOST_BY_ALIASES:
            what = f"has {total} entries with what its aliases stand for, which is too many"
            raise ConstructorError(None, None, what, node.start_mark)
        sizes[id(node)] = total
        return total

    size(root)


def _line(data: bytes, error: ReaderError) -> int:
    """The line of the error, whose position is one in the bytes or in their text."""
    if error.encoding != "unicode":
        return data[: error.position].count(b"\n") + 1
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return data.decode(encoding, "replace")[: error.position].count("\n") + 1


def _reason(error: ReaderError) -> str:
    if error.encoding == "unicode":
        return f"the character U+{error.character:04X} is not allowed in YAML"
    return f"it is not {error.encoding.upper()}: {error.reason}"
