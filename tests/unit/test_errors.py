"""The hierarchy of errors, and what each says."""

from __future__ import annotations

import inspect
import re

import pytest

import meeting_provider
from meeting_provider import errors
from meeting_provider.errors import AttendeesRefused, InvalidMeeting, InvalidSchedule, ServiceError

CLASSES = {n: c for n, c in vars(errors).items() if inspect.isclass(c) and issubclass(c, Exception)}


def drawn() -> dict[str, str]:
    """Each class in the picture at the top of errors.py, with the one that it hangs on."""
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"([│├└─ ]*)([A-Z]\w+)(?:  |$)", line)
        if found:
            depth, name = len(found[1]), found[2]
            above = [one for one in above if one[0] < depth]
            parents[name] = above[-1][1] if above else "Exception"
            above.append((depth, name))
    return parents


def test_the_picture_shows_every_class_where_it_hangs():
    assert drawn() == {name: c.__bases__[0].__name__ for name, c in CLASSES.items()}


def test_every_error_is_exported():
    assert set(CLASSES) <= set(meeting_provider.__all__)


def test_every_exported_name_is_there_and_sorted():
    assert list(meeting_provider.__all__) == sorted(set(meeting_provider.__all__))
    for name in meeting_provider.__all__:
        assert getattr(meeting_provider, name).__doc__


def test_every_error_of_this_package_can_be_caught_as_one():
    assert all(issubclass(c, meeting_provider.MeetingProviderError) for c in CLASSES.values())


@pytest.mark.parametrize(
    "error",
    [c for c in CLASSES.values() if issubclass(c, ServiceError) and c is not AttendeesRefused],
)
def test_a_failed_call_is_one_line_with_meeting_operation_cause_and_remedy(error):
    text = str(error("DeleteMeeting", "Forbidden (no)", "allow it", "meeting 'keynote (one)'"))
    assert text == "meeting 'keynote (one)': DeleteMeeting failed: Forbidden (no); allow it"
    assert str(error("signing in", "no profile", "set one")) == (
        "signing in failed: no profile; set one"
    )


def test_refused_attendees_are_listed_with_code_and_message():
    refused = [("ana", "Forbidden", "not she"), ("ben", "Conflict", "nor he")]
    error = AttendeesRefused("BatchCreateAttendee", refused, "meeting 'keynote'")
    assert error.refused == tuple(refused)
    assert str(error) == (
        "meeting 'keynote': BatchCreateAttendee failed: 2 attendees were refused: "
        "'ana' Forbidden (not she), 'ben' Conflict (nor he); "
        "correct or remove them, and run `pulumi up` again"
    )
    assert "1 attendee was refused: 'ana'" in str(AttendeesRefused("x", refused[:1]))


def test_an_invalid_declaration_lists_all_issues():
    error = InvalidMeeting("keynote", ["tags: one", "attendees: two"])
    assert error.issues == ("tags: one", "attendees: two")
    assert str(error) == ("meeting 'keynote' is invalid:\n  tags: one\n  attendees: two")
    assert str(InvalidSchedule("day.yaml", ["one"])) == (
        "the schedule day.yaml has 1 error:\n  one"
    )
    assert "has 2 errors" in str(InvalidSchedule("day.yaml", ["one", "two"]))
