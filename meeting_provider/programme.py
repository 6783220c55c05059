"""A programme file -> the meetings that should exist.

A programme is a YAML file: `events`, one entry a meeting, and `defaults`, which hold for all of
them. A section whose name begins with `x-` is for anchors, and otherwise left alone.

    defaults:
      tags: {conference: acme-summit}
    events:
      - name: keynote
        media_region: eu-central-1
        attendees:
          - external_user_id: speaker-1
            tags: {role: speaker}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

from meeting_provider.errors import InvalidProgramme
from meeting_provider.faults import UNKNOWN, Fault, faults_of
from meeting_provider.faults import Path as FaultPath
from meeting_provider.models import MeetingInput

#: What an event may say beside its name: every argument of Meeting.
ARGUMENTS: Final = tuple(
    n for n in MeetingInput.model_fields if n not in ("control_region", "identity")
)

_SECTIONS: Final = ("defaults", "events")


@dataclass(frozen=True)
class Event:
    """One entry of a programme: the name of a meeting, and the arguments to declare it with."""

    name: str
    arguments: Mapping[str, Any]


def load(path: str | Path) -> tuple[Event, ...]:
    """The events of a programme file, in its order.

    :raises InvalidProgramme: with every fault at once, each with file, line and path.
    """
    document = _Document.read(Path(path))
    # A fault of the defaults is found once for each event, and said once.
    if faults := dict.fromkeys([*document.faults, *_faults(document.content)]):
        raise InvalidProgramme(str(path), [document.place(f) for f in faults])
    defaults = document.content.get("defaults") or {}
    return tuple(
        Event(e["name"], _merged(defaults, {k: v for k, v in e.items() if k != "name"}))
        for e in document.content["events"]
    )


def _merged(defaults: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    """The event's own arguments over the defaults; tags add up."""
    merged = {**defaults, **event}
    own, shared = event.get("tags"), defaults.get("tags")
    if isinstance(own, Mapping) and isinstance(shared, Mapping):
        merged["tags"] = {**shared, **own}
    return merged


def _faults(content: Any) -> Iterator[Fault]:
    if not isinstance(content, Mapping):
        yield Fault((), "is not a programme: it has no `events`")
        return
    for key in content:
        if key not in _SECTIONS and not str(key).startswith("x-"):
            yield Fault((key,), f"is no section of a programme{_nearest(key, _SECTIONS)}")
    defaults = content.get("defaults") or {}
    if not isinstance(defaults, Mapping):
        yield Fault(("defaults",), "is not a mapping")
        defaults = {}
    yield from _unknown_keys(("defaults",), defaults, ARGUMENTS)
    events = content.get("events")
    if not isinstance(events, list):
        yield Fault(("events",), "is required, and a list")
        return
    names: dict[object, int] = {}
    for place, event in enumerate(events):
        yield from _event_faults(("events", place), event, defaults)
        name = event.get("name") if isinstance(event, Mapping) else None
        if isinstance(name, str) and names.setdefault(name, place) != place:
            yield Fault(
                ("events", place, "name"), f"'{name}' is the name of events[{names[name]}] already"
            )


def _event_faults(path: FaultPath, event: Any, defaults: Mapping[str, Any]) -> Iterator[Fault]:
    if not isinstance(event, Mapping):
        yield Fault(path, "is not an event: it has no `name` and no `attendees`")
        return
    name = event.get("name")
    if not isinstance(name, str) or not name:
        yield Fault((*path, "name"), "is required, and a text")
        name = "unnamed"
    yield from _unknown_keys(path, event, ("name", *ARGUMENTS))
    declared = {
        "external_meeting_id": name,
        "media_region": UNKNOWN,
        "control_region": UNKNOWN,
        **{k: v for k, v in _merged(defaults, event).items() if k in ARGUMENTS},
    }
    for fault in faults_of(declared):
        yield Fault(_source(path, fault.path, event, defaults), fault.message)


def _source(
    path: FaultPath, fault: FaultPath, event: Mapping[str, Any], defaults: Mapping[str, Any]
) -> FaultPath:
    """Where what is at fault stands: in the event at `path`, in the defaults, or in its name."""
    head, *rest = fault
    if head == "external_meeting_id" and head not in event and head not in defaults:
        return (*path, "name")
    own = event.get(str(head))
    added = head == "tags" and isinstance(own, Mapping) and rest and rest[0] not in own
    is_shared = head in defaults and (head not in event or added)
    return (*(("defaults",) if is_shared else path), *fault)


def _unknown_keys(
    path: FaultPath, mapping: Mapping[str, Any], known: Sequence[str]
) -> Iterator[Fault]:
    for key in mapping:
        if key not in known:
            yield Fault((*path, key), f"is no argument of a meeting{_nearest(str(key), known)}")


def _nearest(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


class _Document:
    """A YAML file with the line of every entry in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content: Any = None
        self.faults: list[Fault] = []
        self._lines: dict[FaultPath, int] = {(): 1}
        self._open: list[yaml.Node] = []
        self._seen: set[int] = set()

    @classmethod
    def read(cls, path: Path) -> _Document:
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

    def place(self, fault: Fault) -> str:
        """The fault with file and line: the line of what is nearest to its path."""
        path = fault.path
        while path not in self._lines:
            path = path[:-1]
        where = f"{self.path}:{self._lines[path]}: "
        return f"{where}{fault}" if fault.path else f"{where}{fault.message}"

    def _value(self, loader: yaml.SafeLoader, node: yaml.Node, path: FaultPath) -> Any:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if node in self._open:
            raise ConstructorError(None, None, "holds itself", node.start_mark)
        self._open.append(node)
        value = self._value_of(loader, node, path)
        self._open.pop()
        return value

    def _value_of(self, loader: yaml.SafeLoader, node: yaml.Node, path: FaultPath) -> Any:
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
        self, loader: yaml.SafeLoader, key: yaml.Node, value: yaml.Node, path: FaultPath
    ) -> tuple[str, Any]:
        name = str(loader.construct_object(key, deep=True))
        self._lines[*path, name] = key.start_mark.line + 1
        return name, self._value(loader, value, (*path, name))

    def _note_repetitions(self, node: yaml.MappingNode, path: FaultPath) -> None:
        # Through an alias a mapping comes again, with what `<<` has merged into it by now.
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        lines: dict[str, int] = {}
        for key, _ in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if lines.setdefault(name, line) != line:
                self.faults.append(
                    Fault((*path, name), f"stands here twice; line {lines[name]} has it already")
                )
