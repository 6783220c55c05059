"""A week of recurring events has exactly the right meetings at every time that is looked at.

The schedule is examples/week.yaml with its calendar, examples/team.ics. Windows open ten minutes
before, and close half an hour after, unless said. Berlin is at UTC+1 until 28 March 2027 and at
UTC+2 from then on. By hand, in Berlin's time:

- standup, Monday to Friday but not on 4 March, 09:00-09:15: open 08:50-09:45
- planning, every second Monday from 1 March, 14:00-16:00: open 13:50-16:30
- town-hall, on 4 March, 18:00-19:00: open 17:50-21:00
- retro, on Fridays from 5 March, 15:00-16:00: open 14:50-16:30
- open-door, without times: always open

| now, UTC        | in Berlin       | open beside open-door | opens next                     |
| --------------- | --------------- | --------------------- | ------------------------------ |
| Mon 1 Mar 08:00 | Mon 1 Mar 09:00 | standup               | planning, the same day, 13:50  |
| Mon 1 Mar 15:29 | Mon 1 Mar 16:29 | planning              | standup, Tuesday, 08:50        |
| Thu 4 Mar 08:00 | Thu 4 Mar 09:00 | nothing               | town-hall, the same day, 17:50 |
| Thu 4 Mar 19:59 | Thu 4 Mar 20:59 | town-hall             | standup, Friday, 08:50         |
| Fri 2 Apr 13:00 | Fri 2 Apr 15:00 | retro                 | standup, Mon 5 April, 08:50    |

The times in the names are those of the starts, in UTC.
"""

from __future__ import annotations

import pytest
from support.checkout import Checkout, Run

TABLE: tuple[tuple[str, set[str], str], ...] = (
    (
        "2027-03-01T08:00:00Z",
        {"standup-20270301T0800Z"},
        "planning-20270301T1300Z opens at 2027-03-01T13:50+01:00",
    ),
    (
        "2027-03-01T15:29:00Z",
        {"planning-20270301T1300Z"},
        "standup-20270302T0800Z opens at 2027-03-02T08:50+01:00",
    ),
    ("2027-03-04T08:00:00Z", set(), "town-hall opens at 2027-03-04T17:50+01:00"),
    (
        "2027-03-04T19:59:00Z",
        {"town-hall"},
        "standup-20270305T0800Z opens at 2027-03-05T08:50+01:00",
    ),
    (
        "2027-04-02T13:00:00Z",
        {"retro@harbor.example-20270402T1300Z"},
        "standup-20270405T0700Z opens at 2027-04-05T08:50+02:00",
    ),
)


@pytest.fixture
def checkout(checkout: Checkout) -> Checkout:
    """A checkout whose schedule has a week, and no join desk."""
    checkout.leave_desk()
    return checkout


def configure(checkout: Checkout, **settings: str) -> None:
    for key, value in settings.items():
        run = checkout.pulumi("config", "set", key, value, "--stack", "dev")
        assert run.code == 0, run.text


def live(checkout: Checkout) -> set[str]:
    return {m.external_meeting_id for m in checkout.cloud.live()}


def first_opening(run: Run) -> str:
    return next(line for line in run.text.splitlines() if " opens at " in line)


def test_each_time_of_the_week_has_exactly_its_meetings(checkout: Checkout) -> None:
    run = checkout.pulumi("stack", "select", "--create", "dev")
    assert run.code == 0, run.text
    configure(checkout, schedule="examples/week.yaml")
    before: set[str] = set()
    for now, names, opening in TABLE:
        expected = {*names, "open-door"}
        configure(checkout, now=now)

        preview = checkout.make("preview")
        assert preview.code == 0, preview.text
        assert opening in first_opening(preview)
        assert all(f"{name} is open until" in preview.text for name in names)
        if before:
            assert live(checkout) == before

        run = checkout.make("up")
        assert run.code == 0, run.text
        assert live(checkout) == expected, now
        assert set(checkout.outputs()["meeting_ids"]) == expected, now
        before = expected


def test_who_is_who_is_a_secret_and_nobody_is_named_in_the_clear(checkout: Checkout) -> None:
    run = checkout.pulumi("stack", "select", "--create", "dev")
    assert run.code == 0, run.text
    configure(checkout, schedule="examples/team.ics", now="2027-03-05T14:00:00Z")

    run = checkout.make("up")

    assert run.code == 0, run.text
    outputs = checkout.outputs()
    assert set(outputs["attendee_directory"].values()) == {
        "ann@harbor.example",
        "bo@harbor.example",
    }
    (info,) = checkout.join_info().values()
    assert info.keys() == outputs["attendee_directory"].keys()
    shown = checkout.make("outputs")
    said = run.text + shown.text + checkout.state_file.read_text()
    assert [who for who in ("ann@", "bo@", "Ann", "Quay") if who in said] == []


def test_what_a_calendar_has_that_cannot_be_used_is_warned_of(checkout: Checkout) -> None:
    run = checkout.pulumi("stack", "select", "--create", "dev")
    assert run.code == 0, run.text
    (checkout.root / "bad.ics").write_text(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:bad\nDTSTART:soon\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    configure(checkout, schedule="bad.ics")

    run = checkout.make("preview")

    assert run.code == 0, run.text
    assert "bad.ics:4: event 'bad': DTSTART: 'soon' is not a time" in run.text
    assert "Traceback" not in run.text


def test_a_now_that_is_no_time_is_one_clear_error(checkout: Checkout) -> None:
    run = checkout.pulumi("stack", "select", "--create", "dev")
    assert run.code == 0, run.text
    configure(checkout, now="noon")
    run = checkout.make("preview")
    assert run.code != 0
    assert "'noon' is not a time" in run.text
    assert "Traceback" not in run.text
