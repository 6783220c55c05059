"""The zone that a calendar means by a TZID.

Programs name zones by IANA, by Windows, by a path of their own, or by what a person reads in a
list, and mostly, not always, say the rules with it. A name that is known goes before the rules that
come along, which were cut short or grew old with the file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import timedelta, timezone, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from dateutil.tz import tzical
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from meeting_provider.contentlines import Component

_OFFSET: Final = re.compile(r"\((?:UTC|GMT)(?:([+-])(\d{1,2})[:.](\d{2}))?\)\s*(.*)")
_OBSERVANCES: Final = ("STANDARD", "DAYLIGHT")
_RULES: Final = ("DTSTART", "TZOFFSETFROM", "TZOFFSETTO", "RRULE", "RDATE")
_ANCIENT: Final = re.compile(r"(DTSTART[^:]*:)1[0-8]\d\d(\d{4}T)")


@cache
def named(name: str) -> tzinfo | None:
    """The zone of a name, by IANA or Windows, also at the end of a path; None for no such name."""
    name = name.strip().strip('"').replace("\\", "")
    parts = name.strip("/").split("/")
    for depth in (len(parts), 3, 2, 1):
        if depth <= len(parts) and (zone := _iana("/".join(parts[-depth:]))):
            return zone
    windows = re.sub(r"\s+\d+$", "", name).replace("Daylight Time", "Standard Time")
    return _iana(WINDOWS_TO_OLSON.get(windows, ""))


def _iana(name: str) -> ZoneInfo | None:
    known = _known().get(name.casefold())
    try:
        return ZoneInfo(known) if known else None
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return None


@cache
def _known() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones()}


def of(tzid: str, definition: Component | None) -> tzinfo | None:
    """The zone of a TZID whose VTIMEZONE, where there is one, is `definition`."""
    if zone := named(tzid):
        return zone
    if definition:
        located = definition.text("X-LIC-LOCATION")
        if zone := (named(located) if located else None) or _defined(definition):
            return zone
    return _listed(tzid)


def _defined(definition: Component) -> tzinfo | None:
    """The zone that a VTIMEZONE's own rules make; None where they can't be followed."""
    try:
        return tzical(io.StringIO("\n".join(_essence(definition)))).get()
    except (ValueError, TypeError, KeyError, IndexError, OverflowError):
        return None


def _essence(definition: Component) -> Iterator[str]:
    """A VTIMEZONE without what dateutil doesn't know, in this century's terms."""
    yield from ("BEGIN:VTIMEZONE", "TZID:own")
    for observance in definition.components:
        if observance.name not in _OBSERVANCES:
            continue
        yield f"BEGIN:{observance.name}"
        for name in _RULES:
            for _, text in observance.lines.get(name, ()):
                # 1601, where Windows begins to count, is 400 and some steps from now.
                yield _ANCIENT.sub(r"\g<1>1970\2", text)
        yield f"END:{observance.name}"
    yield "END:VTIMEZONE"


def _listed(tzid: str) -> tzinfo | None:
    """The zone of an entry of a list: `(UTC+01:00) Amsterdam, Berlin`, by its first known city."""
    match = _OFFSET.match(tzid.strip().strip('"').replace("\\", ""))
    if not match:
        return None
    sign, hours, minutes, cities = match.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    offset = -offset if sign == "-" else offset
    american = named(re.sub(r"\s*\(US & Canada\)", "", cities).replace(" Time", " Standard Time"))
    if american:
        return american
    for city in re.split(r"[,/]", cities):
        if zone := _cities().get(city.strip().casefold().replace(" ", "_")):
            return zone
    return timezone(offset)


@cache
def _cities() -> dict[str, ZoneInfo]:
    """Zones by the last part of their names, as far as no two share it."""
    found: dict[str, list[str]] = {}
    for name in available_timezones():
        area, _, city = name.rpartition("/")
        if area and not area.startswith(("Etc", "SystemV", "posix", "right")):
            found.setdefault(city.casefold(), []).append(name)
    return {city: ZoneInfo(names[0]) for city, names in found.items() if len(names) == 1}
