"""The token by which a create finds the meeting that an earlier try of it made."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.constraints import input_shape

from meeting_provider import tokens

NOW = 1_800_000_000.0
MEETING = {"ExternalMeetingId": "keynote", "MediaRegion": "eu-central-1"}
TOKEN = tokens.derive("conference", MEETING, NOW, 0)


@given(st.text(), st.dictionaries(st.text(), st.text()), st.floats(0, 1e11), st.integers(0, 100))
def test_a_token_is_one_that_the_service_takes(identity, create_only, now, attempt):
    limits = input_shape("CreateMeetingWithAttendees").members["ClientRequestToken"].metadata
    token = tokens.derive(identity, create_only, now, attempt)
    assert limits["min"] <= len(token) <= limits["max"]
    assert re.fullmatch(limits["pattern"], token)


@given(st.integers(0, tokens.WINDOW - 1))
def test_it_stays_the_same_for_as_long_as_the_service_keeps_an_idle_meeting(later):
    assert tokens.derive("conference", MEETING, NOW + later, 0) == TOKEN


@pytest.mark.parametrize("moved", [-1, tokens.WINDOW])
def test_it_is_another_in_another_window(moved):
    assert tokens.derive("conference", MEETING, NOW + moved, 0) != TOKEN


def test_the_order_of_properties_means_nothing():
    assert tokens.derive("conference", dict(reversed(MEETING.items())), NOW, 0) == TOKEN


def test_the_order_of_tenants_means_nothing():
    one, other = (
        tokens.derive("conference", {**MEETING, "TenantIds": ids}, NOW, 0)
        for ids in (["t1", "t2"], ["t2", "t1"])
    )
    assert one == other != TOKEN


@pytest.mark.parametrize(
    ("identity", "create_only", "attempt"),
    [
        ("other", MEETING, 0),
        ("conference", MEETING | {"MediaRegion": "us-east-1"}, 0),
        ("conference", MEETING | {"MeetingHostId": "host"}, 0),
        ("conference", MEETING, 1),
    ],
)
def test_it_is_another_for_another_declarer_meeting_or_attempt(identity, create_only, attempt):
    assert tokens.derive(identity, create_only, NOW, attempt) != TOKEN
