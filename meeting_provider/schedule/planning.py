"""Plans a schedule: the meetings that should exist now, and those that open next.

A schedule is a YAML file: `events`, a list of events, and `defaults`, the arguments of events that
don't set their own. An event with a `start` has a meeting while its window is open (times.py has
the arguments); an event without one always has a meeting. `calendars` names iCalendar files, or
folders of them, relative to the schedule. A section whose name begins with `x-` is ignored: it is
for anchors.

    defaults:
      zone: Europe/Berlin
      tags: {conference: acme-summit}
    events:
      - name: keynote
        start: 2027-03-01T09:00
        end: 2027-03-01T10:00
        media_region: eu-central-1
        attendees:
          - external_user_id: speaker-1
            tags: {role: speaker}
    calendars: [team.ics]

An iCalendar file, or a folder of them, is a schedule by itself too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from meeting_provider.errors import InvalidSchedule
from meeting_provider.issues import UNKNOWN, ValidationIssue, by_model
from meeting_provider.issues import Path as IssuePath
from meeting_provider.models import MeetingInput
from meeting_provider.recordings.models import RecordingInput
from meeting_provider.schedule import calendars, times
from meeting_provider.schedule.disclosure import Disclosure
from meeting_provider.schedule.occurrences import Margins, Series, Window, at
from meeting_provider.schedule.yaml_lines import Document
from meeting_provider.validation import validate

#: The arguments of an event besides its name and times: every argument of Meeting.
ARGUMENTS: Final = tuple(MeetingInput.model_fields)

#: The arguments of an event's recording.
RECORDING: Final = ("artifacts_configuration", "concatenate", "source_configuration", "tags")

_SECTIONS: Final = ("calendars", "defaults", "events")
_SHARED: Final = (*ARGUMENTS, "recording", *times.SHARED)
_TEXTS: Final = ("title", "description")
_OWN: Final = ("name", *_TEXTS, *ARGUMENTS, "recording", *times.ARGUMENTS)
#: The argument that meetings can't share: the same token returns the same meeting.
_SINGULAR: Final = "client_request_token"
_LONGEST_NAME: Final = 64 - times.STAMP_LENGTH
_RECURRENCE: Final = re.compile(r"-\d{8}(T\d{4}(\d\d)?Z)?\Z")

#: How many of the next openings are shown, and how many of the open meetings.
_SHOWN_NEXT: Final = 5
_SHOWN_OPEN: Final = 20


@dataclass(frozen=True)
class Event:
    """A meeting that should exist now.

    :param name: the name of the resource.
    :param arguments: the arguments of the Meeting.
    :param window: when the meeting should exist; None for always.
    :param recording: the arguments of its Recording; None if it isn't recorded.
    """

    name: str
    arguments: Mapping[str, Any]
    window: Window | None = None
    title: str = ""
    description: str = ""
    recording: Mapping[str, Any] | None = None

    def details(self) -> dict[str, str]:
        """The event's name, title, description and times in RFC 3339.

        All occurrences of a recurring event have the name of the event.
        """
        found = {"title": self.title, "description": self.description}
        times = _details(self.name, self.window) if self.window else {"event": self.name}
        return {**{name: text for name, text in found.items() if text}, **times}


@dataclass(frozen=True)
class Opening:
    """A meeting that will exist."""

    name: str
    window: Window
    title: str = ""

    def details(self) -> dict[str, str]:
        """The event's name, title and times in RFC 3339."""
        return {**({"title": self.title} if self.title else {}), **_details(self.name, self.window)}


def _details(name: str, window: Window) -> dict[str, str]:
    times = {n: getattr(window, n).isoformat() for n in ("opens", "start", "end", "closes")}
    return {"event": name.removesuffix(f"-{window.recurrence}"), **times}


@dataclass(frozen=True)
class Plan:
    """The open and the next meetings of a schedule at one instant.

    :param upcoming: the next opening of each event, in order.
    :param reports: the parts of calendars that can't be used, and why.
    :param records: whether any meeting is recorded, now or at another time.
    :param directory: the mail address of each external_user_id in the open meetings of calendars,
        which is personal data.
    """

    now: datetime
    open: tuple[Event, ...]
    upcoming: tuple[Opening, ...] = ()
    reports: tuple[str, ...] = ()
    records: bool = False
    directory: Mapping[str, str] = field(default_factory=dict, repr=False)

    def news(self) -> Iterator[str]:
        """Lines that name the open meetings with their ends, and the next ones with their times.

        Events without times are left out.
        """
        timed = [(e.name, e.window) for e in self.open if e.window]
        for name, window in timed[:_SHOWN_OPEN]:
            yield f"{name} is open until {_shown(window.closes)}"
        if len(timed) > _SHOWN_OPEN:
            yield f"{len(timed) - _SHOWN_OPEN} more are open"
        for opening in self.upcoming[:_SHOWN_NEXT]:
            window = opening.window
            yield (
                f"{opening.name} opens at {_shown(window.opens)}, "
                f"for {_shown(window.start)} to {_shown(window.end)}"
            )


def _shown(time: datetime) -> str:
    return time.isoformat(timespec="minutes")


def load(path: str | Path, now: datetime | None = None) -> tuple[Event, ...]:
    """The meetings of a schedule that should exist at an instant.

    :param path: a YAML file, an iCalendar file, or a folder of iCalendar files.
    :param now: the instant, with a zone; by default the present one.
    :raises InvalidSchedule: with all issues at once, each with file, line and path.
    """
    return plan(path, now).open


def plan(
    path: str | Path, now: datetime | None = None, disclosure: Disclosure | None = None
) -> Plan:
    """The plan of a schedule at an instant.

    :param path: as for `load`.
    :param now: as for `load`.
    :param disclosure: which personal data in calendars may be outside of secrets; by default none.
    :raises InvalidSchedule: with all issues at once, each with file, line and path. Unusable parts
        of a calendar are not issues: they are in `reports`.
    """
    path = Path(path)
    draft = _Draft((now or datetime.now(UTC)).astimezone(UTC), disclosure or Disclosure())
    draft.add(path)
    return draft.plan()


@dataclass(frozen=True)
class Entry:
    """An event, or a part of one with its own times or attendees, whenever it takes place.

    :param name: the event's name, without the time of a recurrence.
    :param series: its times; None if it has none.
    :param attendees: each external_user_id with its mail address, or "" if none is known.
    """

    name: str
    title: str
    description: str
    series: Series | None
    margins: Margins
    attendees: Mapping[str, str] = field(repr=False)


def entries(path: str | Path, disclosure: Disclosure | None = None) -> tuple[Entry, ...]:
    """All events of a schedule, including past ones.

    :param path: as for `load`.
    :param disclosure: as for `plan`.
    :raises InvalidSchedule: as for `plan`.
    """
    draft = _Draft(datetime.now(UTC), disclosure or Disclosure())
    draft.add(Path(path))
    return tuple(draft.entries)


class _Draft:
    """A plan in the making."""

    def __init__(self, now: datetime, disclosure: Disclosure) -> None:
        self._now = now
        self._disclosure = disclosure
        self._open: dict[str, Event] = {}
        self._upcoming: list[Opening] = []
        self._reports: list[str] = []
        self._records = False
        self._directory: dict[str, str] = {}
        self.entries: list[Entry] = []

    def add(self, path: Path) -> None:
        """Add a schedule, which is a YAML file, a calendar, or a folder of calendars."""
        if path.is_dir() or path.suffix.lower() == ".ics":
            self.add_calendar(path, {})
        else:
            self.add_document(path)

    def plan(self) -> Plan:
        upcoming = tuple(sorted(self._upcoming, key=lambda o: (o.window.opens, o.name)))
        events, reports = tuple(self._open.values()), tuple(dict.fromkeys(self._reports))
        return Plan(self._now, events, upcoming, reports, self._records, self._directory)

    def add_document(self, path: Path) -> None:
        """Add a YAML file."""
        document = Document.read(path)
        # An issue of the defaults is found for each event, and reported once.
        if issues := dict.fromkeys([*document.issues, *_issues(document.content, path.parent)]):
            raise InvalidSchedule(str(path), document.places(issues))
        defaults = document.content.get("defaults") or {}
        for place, entry in enumerate(document.content.get("events") or ()):
            self._add_entry(
                entry["name"],
                _merged(defaults, entry),
                document.place(ValidationIssue(("events", place), "")),
            )
        for calendar in document.content.get("calendars") or ():
            self.add_calendar(path.parent / calendar, defaults)

    def _add_entry(self, name: str, said: Mapping[str, Any], where: str) -> None:
        own, _ = times.read(said)
        arguments = {k: v for k, v in said.items() if k in ARGUMENTS}
        texts = {k: said[k] for k in _TEXTS if k in said}
        more = {**texts, "recording": _recording(said)}
        self._records |= more["recording"] is not None
        shown = (texts.get("title", ""), texts.get("description", ""))
        attendees = {i: i if "@" in i else "" for i in _ids(said["attendees"])}
        self.entries.append(Entry(name, *shown, own.series, own.margins, attendees))
        if own.series is None:
            self._open[name] = Event(name, arguments, **more)
            return
        try:
            windows, coming = at(self._now, own.series, own.margins)
        except ValueError as error:
            self._reports.append(f"{where}{error}")
            return
        for window in windows:
            self._add(Event(_name(name, window), arguments, window, **more))
        if coming:
            self._upcoming.append(Opening(_name(name, coming), coming, texts.get("title", "")))

    def add_calendar(self, path: Path, defaults: Mapping[str, Any]) -> None:
        """Add the events of a calendar, or of a folder of calendars."""
        shared, _ = times.read({k: v for k, v in defaults.items() if k in times.SHARED})
        zone = times.zone_of(defaults)
        try:
            invitations, reports = calendars.read(path, zone)
        except calendars.NoCalendar as error:
            raise InvalidSchedule(str(path), [str(error)]) from error
        self._reports += map(str, reports)
        arguments = {k: v for k, v in defaults.items() if k in (*ARGUMENTS, "recording")}
        self._records |= bool(invitations) and _recording(defaults) is not None
        for invitation in invitations:
            try:
                windows, coming = at(self._now, invitation.series, shared.margins)
            except (ValueError, ArithmeticError) as error:
                self._reports.append(str(invitation.report(str(error))))
                continue
            if windows or coming:
                self._reports += map(str, invitation.reports())
            if invitation.can_meet:
                shown = invitation.texts(self._disclosure)
                people = invitation.directory(self._disclosure)
                self.entries.append(
                    Entry(invitation.name, *shown, invitation.series, shared.margins, people)
                )
                self._add_invitation(invitation, arguments, windows)
                if coming:
                    opening = Opening(
                        _name(invitation.name, coming),
                        coming,
                        shown[0],
                    )
                    self._upcoming.append(opening)

    def _add_invitation(
        self,
        invitation: calendars.Invitation,
        arguments: Mapping[str, Any],
        windows: Sequence[Window],
    ) -> None:
        if not windows:
            return
        declared = {**arguments, "attendees": invitation.attendees(self._disclosure)}
        recording = _recording(declared)
        declared.pop("recording", None)
        name = _name(invitation.name, windows[0])
        if issues := _meeting_issues(name, declared):
            self._reports += [str(invitation.report(str(f))) for f in issues]
            return
        self._directory.update(invitation.directory(self._disclosure))
        for window in windows:
            texts = invitation.texts(self._disclosure)
            event = Event(_name(invitation.name, window), declared, window, *texts, recording)
            if not self._add(event):
                what = f"is a duplicate; the meeting '{event.name}' belongs to the first one"
                self._reports.append(str(invitation.report(what)))

    def _add(self, event: Event) -> bool:
        return self._open.setdefault(event.name, event) is event


def _recording(said: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The arguments of the recording; None if the event isn't recorded."""
    recording = said.get("recording")
    return {} if recording is True else None if recording is False else recording


def _ids(attendees: Any) -> Iterator[str]:
    """The external_user_ids of attendees in either form."""
    yield from (
        attendees
        if isinstance(attendees, Mapping)
        else (each["external_user_id"] for each in attendees)
    )


def _name(name: str, window: Window) -> str:
    return f"{name}-{window.recurrence}" if window.recurrence else name


def _merged(defaults: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    """The event's own arguments, completed by the defaults; tags are merged."""
    merged = {**defaults, **event}
    own, shared = event.get("tags"), defaults.get("tags")
    if isinstance(own, Mapping) and isinstance(shared, Mapping):
        merged["tags"] = {**shared, **own}
    return merged


def _issues(content: Any, folder: Path) -> Iterator[ValidationIssue]:
    if not isinstance(content, Mapping):
        yield ValidationIssue((), "is not a schedule: it has no `events`")
        return
    for key in content:
        if key not in _SECTIONS and not str(key).startswith("x-"):
            yield ValidationIssue(
                (key,), f"is not a section of a schedule{_nearest(key, _SECTIONS)}"
            )
    defaults = content.get("defaults") or {}
    if not isinstance(defaults, Mapping):
        yield ValidationIssue(("defaults",), "is not a mapping")
        defaults = {}
    yield from _default_issues(defaults)
    calendars = content.get("calendars")
    if calendars is not None:
        yield from _calendar_issues(calendars, folder)
    events = content.get("events", [] if calendars else None)
    if not isinstance(events, list):
        yield ValidationIssue(("events",), "is required, and a list")
        return
    for place, event in enumerate(events):
        yield from _event_issues(("events", place), event, defaults)
    yield from _name_issues(events)


def _default_issues(defaults: Mapping[str, Any]) -> Iterator[ValidationIssue]:
    yield from _unknown_keys(("defaults",), defaults, _SHARED)
    if defaults.get(_SINGULAR) is not None:
        why = "is for one meeting only; set it in that meeting's event, or leave it out"
        yield ValidationIssue(("defaults", _SINGULAR), why)
    # Meetings of calendars take all of them, even if each event overrides an invalid one.
    arguments = {k: v for k, v in defaults.items() if k in ARGUMENTS}
    of_meetings = _meeting_issues("defaults", {"attendees": UNKNOWN, **arguments})
    _, of_times = times.read({k: v for k, v in defaults.items() if k in times.SHARED})
    for issue in (*of_meetings, *of_times):
        yield ValidationIssue(("defaults", *issue.path), issue.message)
    yield from _recording_issues(("defaults",), defaults)


def _calendar_issues(calendars: Any, folder: Path) -> Iterator[ValidationIssue]:
    if not isinstance(calendars, list):
        yield ValidationIssue(("calendars",), "is not a list of files and folders")
        return
    for place, name in enumerate(calendars):
        if not isinstance(name, str) or not (folder / name).exists():
            yield ValidationIssue(("calendars", place), f"'{name}' is neither a file nor a folder")


def _name_issues(events: Sequence[Any]) -> Iterator[ValidationIssue]:
    """Names that two meetings would share."""
    names: dict[object, int] = {}
    recurring: set[object] = set()
    for place, event in enumerate(events):
        name = event.get("name") if isinstance(event, Mapping) else None
        if not isinstance(name, str):
            continue
        if names.setdefault(name, place) != place:
            yield ValidationIssue(
                ("events", place, "name"), f"'{name}' is the name of events[{names[name]}] already"
            )
        if "recurrence" in event:
            recurring.add(name)
    for name, place in names.items():
        if (base := _RECURRENCE.sub("", str(name))) != name and base in recurring:
            yield ValidationIssue(
                ("events", place, "name"), f"'{name}' may be an occurrence of '{base}' too"
            )


def _event_issues(
    path: IssuePath, event: Any, defaults: Mapping[str, Any]
) -> Iterator[ValidationIssue]:
    if not isinstance(event, Mapping):
        yield ValidationIssue(path, "is not an event: it has no `name` and no `attendees`")
        return
    name = event.get("name")
    if not isinstance(name, str) or not name:
        yield ValidationIssue((*path, "name"), "is required, and a string")
        name = "unnamed"
    for text in _TEXTS:
        if not isinstance(event.get(text, ""), str):
            yield ValidationIssue((*path, text), "is not a string")
    yield from _unknown_keys(path, event, _OWN)
    yield from _recording_issues(path, event)
    if "recurrence" in event:
        yield from _recurring_issues(path, name, event)
        # Unknown arguments are already reported.
        name = name[:_LONGEST_NAME]
    merged = _merged(defaults, event)
    declared = {k: v for k, v in merged.items() if k in ARGUMENTS}
    for issue in _meeting_issues(name, declared):
        yield ValidationIssue(_source(path, issue.path, event, defaults), issue.message)
    for issue in times.read(merged)[1]:
        yield ValidationIssue(_source(path, issue.path, event, defaults), issue.message)


def _recording_issues(path: IssuePath, said: Mapping[str, Any]) -> Iterator[ValidationIssue]:
    recording = said.get("recording")
    if recording is None or isinstance(recording, bool):
        return
    if not isinstance(recording, Mapping):
        yield ValidationIssue((*path, "recording"), "is neither a boolean nor a mapping")
        return
    yield from _unknown_keys((*path, "recording"), recording, RECORDING, "a recording")
    if not isinstance(recording.get("concatenate", True), bool):
        yield ValidationIssue((*path, "recording", "concatenate"), "is not a boolean")
    # The program that declares the recording adds these arguments.
    added = dict.fromkeys(("source_arn", "sink_arn", "control_region"), UNKNOWN)
    given = {k: v for k, v in recording.items() if k in RECORDING and k != "concatenate"}
    for issue in by_model(RecordingInput, {**added, **given})[1]:
        yield ValidationIssue((*path, "recording", *issue.path), issue.message)


def _recurring_issues(
    path: IssuePath, name: str, event: Mapping[str, Any]
) -> Iterator[ValidationIssue]:
    """Arguments that a recurring event can't have, because each recurrence is a meeting."""
    if len(name) > _LONGEST_NAME:
        yield ValidationIssue(
            (*path, "name"),
            f"has {len(name)} characters; at most {_LONGEST_NAME}, since the time of each "
            "recurrence is added",
        )
    if event.get(_SINGULAR) is not None:
        why = "is for one meeting only, and each recurrence is one; leave it out"
        yield ValidationIssue((*path, _SINGULAR), why)


def _meeting_issues(name: str, declared: Mapping[str, Any]) -> list[ValidationIssue]:
    own = {"external_meeting_id": name, "media_region": UNKNOWN, "control_region": UNKNOWN}
    return validate({**own, **declared})[1]


def _source(
    path: IssuePath, issue: IssuePath, event: Mapping[str, Any], defaults: Mapping[str, Any]
) -> IssuePath:
    """The path of an issue: in the event at `path`, in the defaults, or at the event's name."""
    head, *rest = issue
    if head == "external_meeting_id" and head not in event and head not in defaults:
        return (*path, "name")
    own = event.get(str(head))
    added = head == "tags" and isinstance(own, Mapping) and rest and rest[0] not in own
    is_shared = head in defaults and (head not in event or added)
    return (*(("defaults",) if is_shared else path), *issue)


def _unknown_keys(
    path: IssuePath, mapping: Mapping[str, Any], known: Sequence[str], what: str = "a meeting"
) -> Iterator[ValidationIssue]:
    for key in mapping:
        if key not in known:
            text = f"is not an argument of {what}{_nearest(str(key), known)}"
            yield ValidationIssue((*path, key), text)


def _nearest(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
