"""What differs between two meetings, and the fewest calls that make one of the other."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from functools import cache
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.meetings import EVERYTHING, LISTENING, NOTHING, attendee, declared, people, properties

from meeting_provider import diff
from meeting_provider.issues import UNKNOWN
from meeting_provider.models import MAX_ATTENDEES, MAX_ATTENDEES_A_BATCH

EMPTY = diff.Plan([], [], [], {})
ABILITIES = (EVERYTHING, LISTENING, NOTHING)

names = st.sampled_from(["ana", "ben", "cleo", "dan", "eve", "finn"])
abilities = st.sampled_from(ABILITIES)
meetings = st.dictionaries(names, abilities)


@st.composite
def declarations(draw):
    wanted = draw(st.dictionaries(names, st.none() | abilities, min_size=1))
    return declared(
        attendees=[attendee(i, **({"capabilities": c} if c else {})) for i, c in wanted.items()],
    )


def carried_out(plan, known):
    """What a meeting becomes by the plan's calls, in the plan's order."""
    now = {i: c for i, c in known.items() if i not in plan.remove}
    now |= {
        a.external_user_id: a.capabilities.properties() if a.capabilities else EVERYTHING
        for a in plan.add
    }
    for capabilities, excluded in plan.update_except:
        assert excluded
        now = {i: c if i in excluded else capabilities for i, c in now.items()}
    now |= plan.update
    return now


def wanted_by(meeting):
    return {
        a.external_user_id: a.capabilities.properties() if a.capabilities else EVERYTHING
        for a in meeting.attendees
    }


class TestPlan:
    @given(meetings, declarations())
    def test_makes_exactly_the_declared_meeting_of_any_other(self, known, wanted):
        plan = diff.plan(known, wanted)
        assert carried_out(plan, known) == wanted_by(wanted)

    @given(meetings, declarations())
    def test_touches_only_what_differs(self, known, wanted):
        plan, after = diff.plan(known, wanted), wanted_by(wanted)
        assert set(plan.remove) == known.keys() - after.keys()
        assert {a.external_user_id for a in plan.add} == after.keys() - known.keys()
        changed = {i for i in known if after.get(i, known[i]) != known[i]}
        assert plan.update.keys() <= changed
        assert bool(plan.update) == bool(changed) or plan.update_except

    @given(meetings, declarations())
    def test_has_nothing_left_to_do_once_it_is_carried_out(self, known, wanted):
        known = carried_out(diff.plan(known, wanted), known)
        assert diff.plan(known, wanted) == EMPTY

    def test_recreates_an_attendee_whose_default_capabilities_cannot_be_set(self):
        """In a meeting without video, the service's default is to receive it, for the content."""
        wanted = declared("ana", "ben", meeting_features={"video": {"max_resolution": "None"}})
        plan = diff.plan({"ana": NOTHING, "ben": EVERYTHING | {"video": "Receive"}}, wanted)
        assert plan == replace(EMPTY, remove=["ana"], add=[wanted.attendees[0]])

    def test_says_nothing_of_abilities_that_nobody_knows(self):
        assert diff.plan({"ana": None}, declared("ana")) == EMPTY

    def test_leaves_no_moment_with_more_attendees_than_a_meeting_takes(self):
        old, new = people(MAX_ATTENDEES), people(MAX_ATTENDEES, start=100)
        plan = diff.plan(dict.fromkeys(old, EVERYTHING), declared(*new))
        assert list(plan.remove) == old[:100]
        assert len(plan.add) == 100

    def test_updates_one_by_one_where_undeclared_attendees_are_to_be_left_alone(self):
        wanted = declared(*people(5), ignore_undeclared_attendees=True)
        plan = diff.plan(dict.fromkeys(people(5), LISTENING), wanted)
        assert plan.update_except == []
        assert plan.update == dict.fromkeys(people(5), EVERYTHING)

    def test_gives_several_sets_of_abilities_with_one_call_each(self):
        """A hundred become listeners, a hundred lose everything, fifty stay: two calls."""
        can = {**dict.fromkeys(people(100), LISTENING), **dict.fromkeys(people(100, 100), NOTHING)}
        wanted = [attendee(i, capabilities=can.get(i, EVERYTHING)) for i in people(250)]
        plan = diff.plan(dict.fromkeys(people(250), EVERYTHING), declared(attendees=wanted))
        assert [len(excluded) for _, excluded in plan.update_except] == [150, 150]
        assert plan.update == {}

    def test_excludes_somebody_where_all_are_to_become_the_same(self):
        """The service takes no empty list of the excluded."""
        plan = diff.plan(dict.fromkeys(people(9), LISTENING), declared(*people(9)))
        assert [len(excluded) for _, excluded in plan.update_except] == [1]
        assert len(plan.update) == 1


@cache
def fewest_calls_from(start):
    """The length of the shortest way from one assignment of abilities to every other."""
    calls, line = {start: 0}, deque([start])
    everybody = range(len(start))
    kept_out = [set(k) for n in range(1, len(start)) for k in combinations(everybody, n)]
    groups = [{i} for i in everybody] + [set(everybody) - k for k in kept_out]
    while line:
        now = line.popleft()
        for group in groups:
            for can in range(len(ABILITIES)):
                then = tuple(can if i in group else c for i, c in enumerate(now))
                if then not in calls:
                    calls[then] = calls[now] + 1
                    line.append(then)
    return calls


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=5))
def test_no_sequence_of_calls_is_shorter_than_the_planned_one(pairs):
    before, after = zip(*pairs, strict=True)
    who = people(len(pairs))
    plan = diff.plan(
        {i: ABILITIES[c] for i, c in zip(who, before, strict=True)},
        declared(
            attendees=[
                attendee(i, capabilities=ABILITIES[c]) for i, c in zip(who, after, strict=True)
            ]
        ),
    )
    assert len(plan.update_except) + len(plan.update) == fewest_calls_from(before)[after]


class TestBatches:
    @given(st.integers(0, MAX_ATTENDEES))
    def test_are_as_few_as_the_service_allows_and_hold_everybody_once(self, count):
        everybody = declared(*people(max(count, 1))).attendees[:count]
        made = diff.batches(everybody)
        assert [a for b in made for a in b] == everybody
        assert all(1 <= len(b) <= MAX_ATTENDEES_A_BATCH for b in made)
        assert len(made) == -(-count // MAX_ATTENDEES_A_BATCH)


class TestDiffering:
    def test_a_meeting_does_not_differ_from_itself(self):
        assert diff.differing(properties("ana"), properties("ana")) == []

    @given(st.permutations(["ana", "ben", "cleo"]))
    def test_the_order_of_attendees_means_nothing(self, shuffled):
        assert diff.differing(properties("ana", "ben", "cleo"), properties(*shuffled)) == []

    @pytest.mark.parametrize(
        "empty",
        [
            {"tags": {}},
            {"meeting_features": {}},
            {"meeting_features": {"video": {}}},
            {"notifications_configuration": {"sqs_queue_arn": None}},
            {"meeting_host_id": None},
            {"ignore_undeclared_attendees": False},
        ],
    )
    def test_what_is_absent_equals_what_is_empty(self, empty):
        assert diff.differing(properties("ana"), properties("ana", **empty)) == []
        assert diff.differing(properties("ana", **empty), properties("ana")) == []

    def test_capabilities_that_are_absent_equal_the_services_default(self):
        explicit = properties(attendees={"ana": {"capabilities": EVERYTHING}})
        assert diff.differing(properties("ana"), explicit) == []

    def test_the_default_without_video_is_to_receive_it_where_content_is_left(self):
        features = {"meeting_features": {"video": {"max_resolution": "None"}}}
        can = EVERYTHING | {"video": "Receive"}
        explicit = properties(attendees={"ana": {"capabilities": can}}, **features)
        assert diff.differing(properties("ana", **features), explicit) == []

    @pytest.mark.parametrize(
        "unknown",
        [
            {"attendees": UNKNOWN},
            {"attendees": [UNKNOWN]},
            {"attendees": [{"external_user_id": UNKNOWN}]},
            {"attendees": {"ana": UNKNOWN}},
            {"attendees": {"ana": {"capabilities": UNKNOWN}}},
        ],
    )
    def test_what_is_not_known_yet_differs(self, unknown):
        assert diff.differing(properties("ana"), properties(**unknown)) == ["attendees"]

    @pytest.mark.parametrize(
        ("name", "value", "replaces"),
        [
            ("tags", {"day": "one"}, False),
            ("attendees", {"ben": {}}, False),
            ("attendees", {"ana": {"tags": {"role": "host"}}}, False),
            ("ignore_undeclared_attendees", True, False),
            ("external_meeting_id", "closing", True),
            ("media_region", "us-east-1", True),
            ("control_region", "us-east-1", True),
            ("profile", "clinic", True),
            ("client_request_token", "token", True),
            ("meeting_host_id", "host", True),
            ("media_placement_network_type", "DualStack", True),
            ("meeting_features", {"audio": {"echo_reduction": "AVAILABLE"}}, True),
            ("notifications_configuration", {"sqs_queue_arn": "arn:aws:sqs"}, True),
            ("primary_meeting_id", "primary", True),
            ("tenant_ids", ["acme"], True),
        ],
    )
    def test_each_property_changes_in_place_or_needs_another_meeting(self, name, value, replaces):
        names = diff.differing(properties("ana"), properties("ana") | {name: value})
        assert names == [name]
        assert diff.replacing(names) == ([name] if replaces else [])

    def test_the_order_of_tenants_means_nothing(self):
        old, new = (properties("ana", tenant_ids=ids) for ids in (["t1", "t2"], ["t2", "t1"]))
        assert diff.differing(old, new) == []
        unknown = properties("ana", tenant_ids=["t2", UNKNOWN])
        assert diff.differing(old, unknown) == ["tenant_ids"]
