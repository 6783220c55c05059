"""A YAML file with the place of every entry in it, so that a fault can say where it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

from meeting_provider.errors import InvalidProgramme
from meeting_provider.validation import Path as IssuePath
from meeting_provider.validation import ValidationIssue


class Document:
    """A YAML file: its `content`, and the `faults` that YAML itself lets pass."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content: Any = None
        self.faults: list[ValidationIssue] = []
        self._marks: dict[IssuePath, yaml.Mark | None] = {(): None}
        self._open: list[yaml.Node] = []
        self._seen: set[int] = set()

    @classmethod
    def read(cls, path: Path) -> Document:
        """Read a file.

        :raises InvalidProgramme: where it can't be read, or is not YAML.
        """
        document = cls(path)
        try:
            loader = yaml.SafeLoader(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, ReaderError) as error:
            said = " ".join(str(error).split())
            raise InvalidProgramme(str(path), [f"{path}: can't be read: {said}"]) from error
        try:
            node = loader.get_single_node()
            document.content = document._value(loader, node, ()) if node else None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            said = f"{path}:{line}: is not YAML: {error.problem or error.context}"
            raise InvalidProgramme(str(path), [said]) from error
        except RecursionError as error:
            raise InvalidProgramme(str(path), [f"{path}: nests too deep"]) from error
        finally:
            loader.dispose()
        return document

    def place(self, fault: ValidationIssue) -> str:
        """The fault with file and line: the line of what is nearest to its path."""
        mark = self._marks[self._nearest(fault.path)]
        where = f"{self.path}:{mark.line + 1 if mark else 1}: "
        return f"{where}{fault}" if fault.path else f"{where}{fault.message}"

    def places(self, faults: Iterable[ValidationIssue]) -> list[str]:
        """The faults with file and line. What entries share through an alias is said once."""
        first: dict[object, ValidationIssue] = {}
        times: Counter[object] = Counter()
        for fault in faults:
            nearest = self._nearest(fault.path)
            mark = self._marks[nearest]
            same = (mark.index if mark else 0, fault.path[len(nearest) :], fault.message)
            first.setdefault(same, fault)
            times[same] += 1
        return [
            self.place(fault)
            + (f" (the same in {times[same] - 1} more that share it)" if times[same] > 1 else "")
            for same, fault in first.items()
        ]

    def _nearest(self, path: IssuePath) -> IssuePath:
        while path not in self._marks:
            path = path[:-1]
        return path

    def _value(self, loader: yaml.SafeLoader, node: yaml.Node, path: IssuePath) -> Any:
        self._marks.setdefault(path, node.start_mark)
        if node in self._open:
            raise ConstructorError(None, None, "holds itself", node.start_mark)
        self._open.append(node)
        value = self._value_of(loader, node, path)
        self._open.pop()
        return value

    def _value_of(self, loader: yaml.SafeLoader, node: yaml.Node, path: IssuePath) -> Any:
        if isinstance(node, yaml.MappingNode):
            self._note_repetitions(node, path)
            loader.flatten_mapping(node)
            return dict(self._entry(loader, k, v, path) for k, v in node.value)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(loader, v, (*path, i)) for i, v in enumerate(node.value)]
        try:
            return loader.construct_object(node)
        except ValueError as error:
            raise ConstructorError(None, None, str(error), node.start_mark) from error

    def _entry(
        self, loader: yaml.SafeLoader, key: yaml.Node, value: yaml.Node, path: IssuePath
    ) -> tuple[str, Any]:
        name = str(loader.construct_object(key, deep=True))
        self._marks[*path, name] = key.start_mark
        return name, self._value(loader, value, (*path, name))

    def _note_repetitions(self, node: yaml.MappingNode, path: IssuePath) -> None:
        # Through an alias a mapping comes again, with what `<<` has merged into it by now.
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        lines: dict[str, int] = {}
        for key, _ in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if lines.setdefault(name, line) != line:
                self.faults.append(
                    ValidationIssue(
                        (*path, name), f"stands here twice; line {lines[name]} has it already"
                    )
                )
