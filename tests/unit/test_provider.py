"""Pulumi's calls, as far as they need no service: configure, check and diff."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from pulumi.output import Unknown
from pulumi.runtime.rpc import UNKNOWN
from support.meetings import EVERYTHING, LISTENING, answered, attendee, properties, provider

from meeting_provider import MeetingProviderError
from meeting_provider.checking import redacted
from meeting_provider.models import CONTROL_REGIONS, MeetingAnswer, MeetingInput
from meeting_provider.provider import MeetingProvider
from meeting_provider.shapes import declared_in
from meeting_provider.state import State

ARGUMENTS = {"attendees": [attendee("ana")], "external_meeting_id": "keynote"}
PICKLED = "gAWV"

UNKNOWNS = [UNKNOWN, Unknown()]


@pytest.fixture(autouse=True)
def no_aws(monkeypatch, tmp_path):
    """A machine with no configuration of AWS."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def check(news, olds=None, config=None):
    """The inputs that check leaves, and its failures by the path that each begins with."""
    result = provider(config).check(olds or {}, {"__provider": PICKLED, **news})
    assert {f.property for f in result.failures} <= {""}
    return result.inputs, dict(f.reason.split(": ", 1) for f in result.failures)


def failures(**changed):
    return check(ARGUMENTS | changed)[1]


def outputs(**changed):
    """What the state holds of a meeting declared so."""
    made = State(
        properties("ana", "ben") | changed,
        MeetingAnswer(meeting_id="one"),
        {i: answered(i, f"id-{i}", f"token-{i}", EVERYTHING) for i in ("ana", "ben")},
    ).outputs()
    return {"__provider": PICKLED, **made}


def diff(olds, news):
    result = provider().diff("one", olds, {"__provider": PICKLED, **news})
    return result.changes, result.replaces


def test_the_provider_is_stored_by_reference():
    """A class stored by value would show a difference with every release."""
    stored = pickle.dumps(MeetingProvider())
    assert b"meeting_provider.provider" in stored
    assert len(stored) < 100


class TestTheRegion:
    def test_comes_from_the_stacks_settings(self, monkeypatch):
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        inputs, failures = check(ARGUMENTS, config={"aws:region": "eu-west-2"})
        assert failures == {}
        assert (inputs["control_region"], inputs["media_region"]) == ("eu-west-2", "eu-west-2")

    @pytest.mark.parametrize("config", [{"aws:region": "eu-west-2"}, {}])
    def test_that_is_declared_wins(self, config):
        inputs, failures = check(ARGUMENTS | {"control_region": "us-east-1"}, config=config)
        assert failures == {}
        assert (inputs["control_region"], inputs["media_region"]) == ("us-east-1", "us-east-1")

    def test_of_a_declared_profile_comes_before_that_of_the_stacks(self, tmp_path):
        (tmp_path / "config").write_text(
            "[profile here]\nregion = af-south-1\n[profile there]\nregion = eu-west-2\n"
        )
        inputs, _ = check(ARGUMENTS | {"profile": "there"}, config={"aws:profile": "here"})
        assert (inputs["control_region"], inputs["profile"]) == ("eu-west-2", "there")

    @pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
    def test_comes_else_from_the_environment(self, monkeypatch, name):
        monkeypatch.setenv(name, "il-central-1")
        inputs, failures = check(ARGUMENTS, config={})
        assert failures == {}
        assert (inputs["control_region"], inputs["media_region"]) == ("il-central-1", "us-east-1")

    def test_comes_else_from_the_profile(self, tmp_path):
        (tmp_path / "config").write_text("[profile here]\nregion = af-south-1\n")
        inputs, failures = check(ARGUMENTS, config={"aws:profile": "here"})
        assert failures == {}
        assert inputs["control_region"] == "af-south-1"

    def test_that_nothing_names_is_one_fault_which_lists_them_all(self):
        _, failures = check(ARGUMENTS, config={})
        assert list(failures) == ["control_region"]
        assert "pulumi config set aws:region" in failures["control_region"]
        assert all(region in failures["control_region"] for region in CONTROL_REGIONS)

    @pytest.mark.parametrize("region", ["eu-west-1", "sa-east-1", "mars"])
    def test_without_an_endpoint_is_one_fault_which_lists_those_with_one(self, region):
        _, failures = check(ARGUMENTS, config={"aws:region": region})
        assert list(failures) == ["control_region"]
        assert failures["control_region"].startswith(f"'{region}' has no meetings endpoint")
        assert all(region in failures["control_region"] for region in CONTROL_REGIONS)

    def test_leaves_a_media_region_that_is_declared(self):
        inputs, _ = check(ARGUMENTS | {"media_region": "sa-east-1"})
        assert inputs["media_region"] == "sa-east-1"

    def test_a_missing_profile_is_an_error_of_one_line(self):
        with pytest.raises(
            MeetingProviderError, match=r"could not be found; .*aws:profile"
        ) as error:
            check(ARGUMENTS, config={"aws:profile": "nobody"})
        assert "\n" not in str(error.value)


class TestCheck:
    def test_leaves_nothing_of_pulumis_own_and_nothing_that_is_none(self):
        inputs, failures = check(ARGUMENTS | {"tags": None, "meeting_id": None})
        assert failures == {}
        assert inputs == properties("ana")

    def test_takes_whole_numbers_as_the_protocol_brings_them(self):
        inputs, failures = check(
            ARGUMENTS | {"meeting_features": {"attendee": {"max_count": 25.0}}}
        )
        assert failures == {}
        assert repr(inputs["meeting_features"]["attendee"]["max_count"]) == "25"

    def test_takes_what_is_empty(self):
        empty: dict[str, Any] = {
            "tags": {},
            "meeting_features": {},
            "notifications_configuration": {},
        }
        assert failures(**empty) == {}

    def test_says_every_fault_at_once(self):
        assert list(failures(attendees=[attendee("a"), attendee("b")], tenant_ids=[], tagz=1)) == [
            "attendees[0].external_user_id",
            "attendees[1].external_user_id",
            "tenant_ids",
            "tagz",
        ]

    @pytest.mark.parametrize("unknown", UNKNOWNS, ids=["as text", "as object"])
    @pytest.mark.parametrize(
        "place",
        [
            lambda u: {"attendees": u},
            lambda u: {"attendees": [u]},
            lambda u: {"attendees": [{"external_user_id": u}, {"external_user_id": u}]},
            lambda u: {"attendees": [attendee("ana"), {"external_user_id": u}]},
            lambda u: {"attendees": {"ana": u}},
            lambda u: {"attendees": {"ana": {"capabilities": u}}},
            lambda u: {"attendees": {"ana": {"capabilities": EVERYTHING | {"video": u}}}},
            lambda u: {"attendees": {"ana": {"tags": {"role": u}}}},
            lambda u: {"external_meeting_id": u},
            lambda u: {"media_region": u},
            lambda u: {"meeting_features": {"video": {"max_resolution": u}}},
            lambda u: {"notifications_configuration": {"sqs_queue_arn": u}},
            lambda u: {"primary_meeting_id": u},
            lambda u: {"tenant_ids": ["acme", u]},
            lambda u: {"tags": {"day": u}},
            lambda u: {"control_region": u},
            lambda u: {"profile": u},
        ],
    )
    def test_lets_what_is_unknown_through_as_it_came(self, unknown, place):
        inputs, failures = check(ARGUMENTS | place(unknown))
        assert failures == {}
        assert {n: inputs[n] for n in place(UNKNOWN)} == place(UNKNOWN)

    @pytest.mark.parametrize("region", [None, 5, ["eu-central-1"]])
    def test_adds_nothing_unknown_to_an_invalid_declaration(self, region):
        """In an update, the engine would report the unknown value in place of the errors."""
        inputs, failures = check(ARGUMENTS | {"control_region": region}, config={})
        assert "control_region" in failures
        assert UNKNOWN not in inputs.values()

    def test_leaves_the_region_unknown_if_the_profile_is_and_no_region_is_set(self):
        inputs, failures = check(ARGUMENTS | {"profile": UNKNOWN}, config={})
        assert failures == {}
        assert inputs["control_region"] == UNKNOWN


class TestAttendees:
    def test_of_a_list_become_a_mapping(self):
        listed = [attendee("ana", capabilities=EVERYTHING, tags={"role": "host"}), attendee("ben")]
        inputs, failures = check(ARGUMENTS | {"attendees": listed})
        assert failures == {}
        assert inputs["attendees"] == {
            "ana": {"capabilities": EVERYTHING, "tags": {"role": "host"}},
            "ben": {},
        }

    def test_of_a_mapping_stay_one(self):
        mapping = {"ana": {"capabilities": EVERYTHING}, "ben": {}}
        assert check(ARGUMENTS | {"attendees": mapping})[0]["attendees"] == mapping

    @pytest.mark.parametrize("unknown", UNKNOWNS, ids=["as text", "as object"])
    def test_of_a_list_become_one_though_something_else_is_unknown(self, unknown):
        listed = [attendee("ana", capabilities=unknown), attendee("ben", tags={"a": unknown})]
        assert check(ARGUMENTS | {"attendees": listed})[0]["attendees"] == {
            "ana": {"capabilities": UNKNOWN},
            "ben": {"tags": {"a": UNKNOWN}},
        }

    def test_are_reported_at_their_place_in_a_list(self):
        listed = [attendee("ana"), attendee("b"), attendee("ana")]
        inputs, failures = check(ARGUMENTS | {"attendees": listed})
        assert list(failures) == [
            "attendees[1].external_user_id",
            "attendees[2].external_user_id",
        ]
        assert inputs["attendees"] == listed

    def test_are_reported_at_their_key_in_a_mapping(self):
        mapping = {"ana": {"capabilities": {"audio": "Loud"}}, "b": {}}
        assert list(check(ARGUMENTS | {"attendees": mapping})[1]) == [
            'attendees["ana"].capabilities.audio',
            'attendees["ana"].capabilities.content',
            'attendees["ana"].capabilities.video',
            'attendees["b"]',
        ]


@pytest.mark.parametrize(
    "changed",
    [
        {"meeting_host_id": "hush;hush"},
        {"meeting_host_id": "aws:hush"},
        {"tenant_ids": ["hush" * 90]},
        {"media_region": "hush"},
        {"attendees": [attendee("hush"), attendee("hush")]},
        {"attendees": {"hush": 5}},
        {"notifications_configuration": {"sqs_queue_arn": "arn:aws:hush:::hush"}},
        {"client_request_token": {"hush": "hush"}},
    ],
)
def test_a_value_that_came_as_a_secret_is_not_quoted(changed):
    """What the program gave as a secret is named, and all else is reported as ever."""
    (name,) = changed
    news = ARGUMENTS | changed | {"tags": {"aws:x": ""}}
    assert "hush" in str(check(news)[1])
    inputs, failures = check(news | {"secret_arguments": [name]})
    assert failures == {
        name: "is invalid; the error is not shown, since the value is a secret",
        'tags["aws:x"]': "'aws:x' uses the reserved prefix 'aws:'",
    }
    assert inputs["secret_arguments"] == [name]


class TestATokenThatWasSet:
    olds = properties("ana", client_request_token="mine")

    def failed(self, **changed):
        return check(self.olds | changed, self.olds)[1]

    @pytest.mark.parametrize("changed", [{}, {"tags": {"a": "b"}}, {"attendees": {"ben": {}}}])
    def test_stays_where_the_meeting_stays(self, changed):
        assert self.failed(**changed) == {}

    @pytest.mark.parametrize(
        "changed", [{"media_region": "us-east-1"}, {"external_meeting_id": "closing"}]
    )
    def test_has_to_change_where_the_meeting_is_replaced(self, changed):
        (name,) = changed
        found = self.failed(**changed)
        assert list(found) == ["client_request_token"]
        assert found["client_request_token"].startswith(f"has to change together with {name}, or")

    @pytest.mark.parametrize("token", ["other", None])
    def test_may_change_with_it_or_go(self, token):
        assert self.failed(media_region="us-east-1", client_request_token=token) == {}

    def test_has_to_change_where_a_property_is_taken_away(self):
        olds = self.olds | {"meeting_host_id": "host"}
        assert list(check(self.olds, olds)[1]) == ["client_request_token"]

    @pytest.mark.parametrize("unknown", UNKNOWNS, ids=["as text", "as object"])
    def test_is_not_judged_by_what_is_unknown(self, unknown):
        configuration = {"sqs_queue_arn": unknown}
        assert self.failed(notifications_configuration=configuration) == {}
        assert self.failed(media_region=unknown) == {}
        assert self.failed(client_request_token=unknown, media_region="us-east-1") == {}


class TestDiff:
    def test_finds_nothing_between_a_state_and_its_own_declaration(self):
        assert diff(outputs(), properties("ana", "ben")) == (False, [])

    def test_finds_nothing_in_another_order(self):
        assert diff(outputs(), properties("ben", "ana")) == (False, [])

    def test_finds_nothing_in_what_is_none_or_empty(self):
        news = properties("ana", "ben", tags={}, meeting_host_id=None, meeting_features={})
        assert diff(outputs(), news) == (False, [])

    def test_finds_changes_in_place(self):
        can = {"ana": {"capabilities": LISTENING}, "ben": {}}
        changes: list[dict[str, Any]] = [
            {"attendees": can},
            {"tags": {"a": "b"}},
            {"attendees": {"ana": {}}},
        ]
        for changed in changes:
            assert diff(outputs(), properties("ana", "ben") | changed) == (True, [])

    def test_finds_what_needs_another_meeting_made_before_the_old_goes(self):
        news = properties("ana", media_region="us-east-1", external_meeting_id="closing")
        result = provider().diff("one", outputs(), news)
        assert result.changes
        assert sorted(result.replaces or []) == ["external_meeting_id", "media_region"]
        assert result.delete_before_replace is False

    @pytest.mark.parametrize("unknown", UNKNOWNS, ids=["as text", "as object"])
    def test_takes_what_is_unknown_for_changed(self, unknown):
        for attendees in (unknown, [unknown], [{"external_user_id": unknown}]):
            assert diff(outputs(), properties(attendees=attendees)) == (True, [])
        news = properties("ana", "ben", meeting_features={"video": {"max_resolution": unknown}})
        assert diff(outputs(), news) == (True, ["meeting_features"])
        news = properties("ana", "ben", meeting_features=unknown)
        assert diff(outputs(), news) == (True, ["meeting_features"])

    def test_reads_outputs_as_they_are_stored(self):
        assert declared_in(outputs(tags={"a": "b"}), MeetingInput) == properties(
            "ana", "ben", tags={"a": "b"}
        )


class TestRedacted:
    @pytest.mark.parametrize(
        ("secret", "text"),
        [
            ({"a": "hush-hush", "b": "hush"}, "xhush-hush: hushed, hush"),
            ([["hush-hush"], {"hush": {}}], "xhush-hush: hushed, hush"),
        ],
    )
    def test_hides_each_text_in_a_secret(self, secret, text):
        assert redacted(text, [secret]) == "x[secret]: [secret]ed, [secret]"

    def test_hides_short_ones_only_where_they_stand_alone(self):
        said = redacted("the meeting 'e' has ended: e", [{"tags": {"t": "e", "s": "secret"}}] * 50)
        assert said == "the meeting '[secret]' has ended: [secret]"

    def test_changes_nothing_without_a_secret(self):
        assert redacted("the meeting has ended", [None, {}, "", [1, True]]) == (
            "the meeting has ended"
        )
