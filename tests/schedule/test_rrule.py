"""Recurrence rules give the instants that libical gives."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from meeting_provider.schedule.rrule import Rule

RULES = json.loads(Path(__file__).with_name("libical_rules.json").read_text())["rules"]

_WEEKS = (
    "libical counts the interval in ISO years, RFC 5545 doesn't say; dateutil in calendar years"
)
_MONTHS = "libical keeps to DTSTART's month; by RFC 5545, 3.3.10, BYMONTHDAY expands to every month"
_SKIP = "SKIP is supported with months and their days only; others get an error that names it"

#: Where the instants differ from libical's, and why.
DIFFERENT = {
    "FREQ=YEARLY;BYMONTHDAY=29;COUNT=3": _MONTHS,
    "FREQ=YEARLY;BYMONTHDAY=-29,-1;COUNT=4": _MONTHS,
    "FREQ=YEARLY;BYWEEKNO=53;BYDAY=TU,SA;INTERVAL=6;UNTIL=20170101T000000Z": _WEEKS,
    "FREQ=YEARLY;BYWEEKNO=53;BYDAY=TU,SA;INTERVAL=5;UNTIL=20170101T000000Z": _WEEKS,
    "FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO,TU;INTERVAL=3;UNTIL=20320101": _WEEKS,
    "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=30;BYWEEKNO=1;UNTIL=20320101": "libical refuses it",
    "RSCALE=GREGORIAN;FREQ=YEARLY;BYYEARDAY=366;SKIP=FORWARD;COUNT=9": _SKIP,
    "RSCALE=GREGORIAN;FREQ=YEARLY;BYYEARDAY=366;SKIP=BACKWARD;COUNT=9": _SKIP,
    "RSCALE=GREGORIAN;FREQ=YEARLY;BYYEARDAY=-366;SKIP=FORWARD;COUNT=9": _SKIP,
    "RSCALE=GREGORIAN;FREQ=YEARLY;BYYEARDAY=-366;SKIP=BACKWARD;COUNT=9": _SKIP,
}


def time(text: str) -> datetime:
    return datetime.strptime(text.rstrip("Z"), "%Y%m%dT%H%M%S" if "T" in text else "%Y%m%d")


def starts(text: str, first: str, expected: int, since: str) -> list[datetime]:
    rule = Rule.parse(text)
    if "T" not in first:
        rule = rule.for_days()
    begin = time(since).replace(tzinfo=UTC)
    found = rule.starts(time(first), UTC, begin, begin + timedelta(days=40_000))
    # One more than expected would be too many.
    return [start.replace(tzinfo=None) for start in islice(found, expected + 1)]


@pytest.mark.parametrize(
    "vector", [v for v in RULES if v[2] and v[0] not in DIFFERENT], ids=lambda v: v[0]
)
def test_a_rule_gives_the_instants_that_libical_gives(vector: list[Any]) -> None:
    rule, first, expected, since = [*vector, vector[1]][:4]
    wanted = [t for t in map(time, expected) if t >= time(since)]
    assert starts(rule, first, len(wanted), since) == wanted


@pytest.mark.parametrize("rule", [rule for rule, why in DIFFERENT.items() if why == _SKIP])
def test_a_rule_whose_skip_is_not_supported_is_refused_by_that_name(rule: str) -> None:
    with pytest.raises(ValueError, match=r"SKIP=.* is supported with"):
        Rule.parse(rule)


@pytest.mark.parametrize("rule", [rule for rule, why in DIFFERENT.items() if why != _SKIP])
def test_what_is_listed_as_different_still_is(rule: str) -> None:
    ((_, first, expected, *_),) = [v for v in RULES if v[0] == rule]
    wanted = list(map(time, expected or ()))
    assert starts(rule, first, len(wanted), first) != wanted


def test_a_calendar_other_than_the_gregorian_is_refused() -> None:
    (rule,) = [v[0] for v in RULES if "RUSSIAN" in v[0]]
    with pytest.raises(ValueError, match="RSCALE=RUSSIAN is not supported"):
        Rule.parse(rule)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=5",
        "FREQ=SECONDLY;INTERVAL=2;BYSECOND=1",
        "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30;COUNT=3",
        "FREQ=HOURLY;INTERVAL=2;BYHOUR=9",
        "FREQ=HOURLY;INTERVAL=168;BYDAY=TU",
        "FREQ=SECONDLY;INTERVAL=9999;BYMONTH=4;BYMONTHDAY=31",
    ],
)
def test_a_rule_that_never_matches_ends(rule: str) -> None:
    """It ends within the span that is asked for, and not after all years there are."""
    first = datetime(2027, 1, 1, 12)
    until = datetime(2028, 1, 1, tzinfo=UTC)
    first -= timedelta(days=first.weekday())
    found = Rule.parse(rule).starts(first, UTC, first.replace(tzinfo=UTC), until)
    assert list(found) == []
