"""What is wrong with a declared meeting: all of it, at its path, whatever stands there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.meetings import EVERYTHING, attendee, people, properties

from meeting_provider.issues import UNKNOWN
from meeting_provider.validation import parse, target_problem, validate

QUEUE = "arn:aws:sqs:eu-central-1:123456789012:inbox"


def said(**changed):
    """The issues of a meeting that is right but for these properties."""
    return [str(issue) for issue in issues_of(properties("ana") | changed)]


def issues_of(declared):
    return validate(declared)[1]


def with_capabilities(**changed):
    return {"attendees": [attendee("ana", capabilities=EVERYTHING | changed)]}


def with_features(**resolutions):
    features = {kind: {"max_resolution": r} for kind, r in resolutions.items()}
    return {"meeting_features": features}


class TestEachIssue:
    """In the words that its author reads."""

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"attendees": []}, "attendees: has 0 entries; at least 1"),
            (
                {"attendees": [attendee(i) for i in people(251)]},
                "attendees: has 251 entries; at most 250",
            ),
            ({"attendees": [{}]}, "attendees[0].external_user_id: is required"),
            ({"attendees": ["ana"]}, "attendees[0]: 'ana' is not an object"),
            (
                {"attendees": "ana"},
                "attendees: 'ana' is not a list",
            ),
            ({"attendees": {}}, "attendees: has 0 entries; at least 1"),
            ({"attendees": {"ana": 1}}, 'attendees["ana"]: 1 is not an object'),
            ({"attendees": {"a": {}}}, """attendees["a"]: 'a' has 1 character; at least 2"""),
            ({"attendees": {5: {}}}, "attendees[5]: 5 is not a string"),
            (
                {"attendees": {"ana": {"capabilities": {**EVERYTHING, "audio": "Loud"}}}},
                "attendees[\"ana\"].capabilities.audio: 'Loud' is not one of SendReceive, Send,"
                " Receive, None",
            ),
            (
                {"attendees": {"ana": {"external_user_id": "ben"}}},
                'attendees["ana"].external_user_id: unknown property: it is the key',
            ),
            (
                {"attendees": {"ana b": {"capability": {}}}},
                'attendees["ana b"].capability: unknown property; did you mean \'capabilities\'?',
            ),
            (
                {"attendees": [attendee("a")]},
                "attendees[0].external_user_id: 'a' has 1 character; at least 2",
            ),
            (
                {"attendees": [attendee("AWS:x")]},
                "attendees[0].external_user_id: 'AWS:x' uses the reserved prefix 'aws:'",
            ),
            (
                {"attendees": [attendee("ana"), attendee("ben"), attendee("ana")]},
                "attendees[2].external_user_id: 'ana' is declared twice; attendees[0] has it"
                " already",
            ),
            (
                {"attendees": [{"external_userid": "ana", "external_user_id": "ana"}]},
                "attendees[0].external_userid: unknown property;"
                " did you mean 'external_user_id'?",
            ),
            ({"external_meeting_id": 5}, "external_meeting_id: 5 is not a string"),
            ({"profile": ""}, "profile: '' has 0 characters; at least 1"),
            ({"external_meeting_id": True}, "external_meeting_id: true is not a string"),
            (
                {"external_meeting_id": "k" * 90},
                f"external_meeting_id: '{'k' * 76}...' has 90 characters; at most 64",
            ),
            (
                {"external_meeting_id": "key*note;"},
                "external_meeting_id: 'key*note;' has '*', ';', which"
                r""" [-_&@+=,(){}\[\]/«».:|'"#a-zA-Z0-9À-ÿ\s]* does not allow""",
            ),
            ({"tenant_ids": ["caaaat"]}, "tenant_ids[0]: 'caaaat' repeats a character more than"
             " three times in a row"),
            (
                {"notifications_configuration": {"sqs_queue_arn": "the queue"}},
                "notifications_configuration.sqs_queue_arn: 'the queue' is not an ARN,"
                r" which matches arn[/:\-_.a-zA-Z0-9]+",
            ),
            (
                {"media_placement_network_type": "Ipv6"},
                "media_placement_network_type: 'Ipv6' is not one of Ipv4Only, DualStack",
            ),
            (
                {"meeting_features": {"attendee": {"max_count": 0}}},
                "meeting_features.attendee.max_count: 0 is too small; at least 1",
            ),
            (
                {"meeting_features": {"attendee": {"max_count": 251}}},
                "meeting_features.attendee.max_count: 251 is too large; at most 250",
            ),
            (
                {"meeting_features": {"attendee": {"max_count": 2.5}}},
                "meeting_features.attendee.max_count: 2.5 is not a whole number",
            ),
            (
                {"ignore_undeclared_attendees": "yes"},
                "ignore_undeclared_attendees: 'yes' is not a boolean, true or false",
            ),
            ({"tags": {"aws:x": ""}}, """tags["aws:x"]: 'aws:x' uses the reserved prefix 'aws:'"""),
            ({"tags": {"a b": ""}}, """tags["a b"]: 'a b' has ' ', which [a-zA-Z+-=._:/]+ does"""
             " not allow"),
            ({"tags": {"day": None}}, "tags.day: null is not a string"),
            (
                {"tags": {f"day.{n}": "" for n in range(51)}},
                "tags: has 51 entries; at most 50",
            ),
            ({"tagz": {}}, "tagz: unknown property; did you mean 'tags'?"),
            (
                with_capabilities(video="Send"),
                "attendees[0].capabilities.content: 'SendReceive' needs video to be SendReceive or"
                " Receive, and it is 'Send'",
            ),
            (
                with_features(video="None") | with_capabilities(),
                "attendees[0].capabilities.video: 'SendReceive' contradicts"
                " meeting_features.video.max_resolution, which is 'None'",
            ),
            (
                with_features(content="None") | with_capabilities(),
                "attendees[0].capabilities.content: 'SendReceive' contradicts"
                " meeting_features.content.max_resolution, which is 'None'",
            ),
            (
                with_features(video="FHD"),
                "meeting_features.video.max_resolution: 'FHD' needs attendee.max_count to be set"
                " to at most 25",
            ),
            (
                {"meeting_features": {"content": {"max_resolution": "UHD"},
                                      "attendee": {"max_count": 26}}},
                "meeting_features.content.max_resolution: 'UHD' needs attendee.max_count to be set"
                " to at most 25",
            ),
            (
                {"media_region": "us-gov-west-1"},
                "media_region: 'us-gov-west-1' is in another AWS partition than the control"
                " region eu-central-1",
            ),
            (
                {"control_region": "us-gov-west-1"},
                "media_region: 'eu-central-1' is in another AWS partition than the control"
                " region us-gov-west-1",
            ),
            (
                {"notifications_configuration": {
                    "sns_topic_arn": "arn:aws:sns:us-east-1:123456789012:topic"}},
                "notifications_configuration.sns_topic_arn:"
                " 'arn:aws:sns:us-east-1:123456789012:topic' is not in the control region"
                " eu-central-1",
            ),
            (
                {"notifications_configuration": {
                    "sqs_queue_arn": "arn:aws:sns:eu-central-1:123456789012:topic"}},
                "notifications_configuration.sqs_queue_arn:"
                " 'arn:aws:sns:eu-central-1:123456789012:topic' is not an ARN of sqs",
            ),
            (
                {"notifications_configuration": {
                    "sqs_queue_arn": "arn:aws:sqs:eu-central-1:123456789012:inbox.fifo"}},
                "notifications_configuration.sqs_queue_arn:"
                " 'arn:aws:sqs:eu-central-1:123456789012:inbox.fifo' is a FIFO queue; use a"
                " standard one",
            ),
        ],
    )  # fmt: skip
    def test_names_path_value_and_limit(self, changed, message):
        assert said(**changed) == [message]


def test_everything_at_once_in_the_order_of_the_properties():
    assert [line.partition(":")[0] for line in said(
        tenant_ids=[],
        tags={"aws:x": 1},
        attendees=[attendee("a"), attendee("ana"), attendee("ana", capabilities={"audio": "Loud"})],
        media_region="mars",
        misspelt=1,
        external_meeting_id="aws:day",
    )] == [
        "attendees[0].external_user_id",
        "attendees[2].capabilities.audio",
        "attendees[2].capabilities.content",
        "attendees[2].capabilities.video",
        "attendees[2].external_user_id",
        "external_meeting_id",
        "media_region",
        'tags["aws',
        'tags["aws',
        "tenant_ids",
        "misspelt",
    ]  # fmt: skip


PLACES = [
    ("attendees",),
    ("attendees", 0),
    ("attendees", 0, "external_user_id"),
    ("attendees", 0, "capabilities"),
    ("attendees", 0, "capabilities", "video"),
    ("attendees", 0, "capabilities", "content"),
    ("attendees", 0, "tags"),
    ("attendees", 0, "tags", "role"),
    ("external_meeting_id",),
    ("media_region",),
    ("control_region",),
    ("profile",),
    ("client_request_token",),
    ("meeting_features",),
    ("meeting_features", "video"),
    ("meeting_features", "video", "max_resolution"),
    ("meeting_features", "attendee", "max_count"),
    ("notifications_configuration", "sqs_queue_arn"),
    ("ignore_undeclared_attendees",),
    ("tenant_ids",),
    ("tenant_ids", 0),
    ("tags",),
    ("tags", "day"),
]


def whole():
    """A meeting that has everything."""
    return properties(
        attendees=[attendee("ana", capabilities=dict(EVERYTHING), tags={"role": "host"})],
        profile="clinic",
        client_request_token="token",
        meeting_features={"video": {"max_resolution": "FHD"}, "attendee": {"max_count": 20}},
        notifications_configuration={
            "sqs_queue_arn": "arn:aws:sqs:eu-central-1:123456789012:inbox"
        },
        ignore_undeclared_attendees=True,
        tenant_ids=["acme"],
        tags={"day": "one"},
    )


def put(meeting, place, value):
    *above, last = place
    for part in above:
        meeting = meeting[part]
    meeting[last] = value


@pytest.mark.parametrize("place", PLACES, ids=lambda p: ".".join(map(str, p)))
def test_nothing_is_said_of_what_is_not_known_yet(place):
    meeting = whole()
    put(meeting, place, UNKNOWN)
    assert issues_of(meeting) == []


@pytest.mark.parametrize("place", PLACES, ids=lambda p: ".".join(map(str, p)))
def test_what_is_unknown_hides_no_fault_elsewhere(place):
    meeting = whole()
    put(meeting, place, UNKNOWN)
    meeting |= {"primary_meeting_id": "x", "other": UNKNOWN}
    assert [f.property for f in issues_of(meeting) if f.path[0] not in ("other", place[0])] == [
        "primary_meeting_id"
    ]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["None", "Send", "FHD", "ana", "eu-central-1", "us-gov-west-1"])
    | st.just(UNKNOWN),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["video", "content", "max_resolution", "x"]), inner)
    ),
    max_leaves=6,
)


@given(st.sampled_from(PLACES), json_values)
def test_any_value_may_stand_anywhere(place, value):
    """An issue is reported if, and only if, the models or the rules refuse the declaration."""
    meeting = whole()
    put(meeting, place, value)
    found = issues_of(meeting)
    assert all(f.message for f in found)
    if not found and "[unknown]" not in repr(meeting):
        assert validate(meeting)[0] is not None


@pytest.mark.parametrize(
    "features",
    [
        {"video": {"max_resolution": "FHD"}, "attendee": UNKNOWN},
        {"content": {"max_resolution": "UHD"}, "attendee": {"max_count": UNKNOWN}},
    ],
)
def test_what_may_yet_fit_is_let_through(features):
    assert issues_of({**whole(), "meeting_features": features}) == []


class TestTargets:
    """An ARN that the service can't send a meeting's events to."""

    @pytest.mark.parametrize(
        ("service", "arn", "problem"),
        [
            ("sqs", "arn:aws:sqs:us-east-1:123456789012:inbox", None),
            ("sns", "arn:aws-us-gov:sns:us-east-1:123456789012:topic", None),
            ("lambda", "arn:aws:lambda:us-east-1:123456789012:function:f", None),
            ("lambda", "arn:aws:lambda:us-east-1:123456789012:function:f.fifo", None),
            ("sqs", "inbox", "is not an ARN of the form arn:aws:sqs:<region>:<account>:<name>"),
            ("sqs", "arn:aws:sqs:us-east-1:123456789012:", "is not an ARN of the form arn:aws:sqs"),
            ("sqs", "arn:aws:sns:us-east-1:123456789012:topic", "is not an ARN of sqs"),
            ("sns", "arn:aws:sns:us-east-1:123456789012:topic.fifo", "is a FIFO topic; use a"),
            ("sns", "arn:aws:sns:eu-west-2:123456789012:topic", "is not in the control region us-"),
            ("sqs", "arn:aws:sqs::123456789012:inbox", "is not in the control region us-"),
        ],
    )
    def test_has_to_be_of_the_service_of_the_region_and_no_fifo(self, service, arn, problem):
        found = target_problem(arn, service, "us-east-1")
        assert found is None if problem is None else str(found).startswith(problem)

    def test_may_be_anywhere_where_the_region_is_not_known(self):
        assert target_problem("arn:aws:sqs:eu-west-2:123456789012:inbox", "sqs", None) is None


@pytest.mark.parametrize("attendees", [[], {}])
def test_a_meeting_may_be_left_without_attendees_where_it_is(attendees):
    meeting, issues = validate(properties(attendees=attendees), may_be_empty=True)
    assert issues == []
    assert meeting is not None
    assert meeting.attendees == []


def test_a_list_and_a_mapping_are_the_same_meeting():
    listed = properties(attendees=[attendee("ana", capabilities=EVERYTHING), attendee("ben")])
    mapped = properties(attendees={"ana": {"capabilities": EVERYTHING}, "ben": {}})
    assert validate(listed) == validate(mapped)
    assert parse(listed).properties() == mapped
