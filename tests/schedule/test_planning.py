"""A schedule file -> the meetings that should exist, or every issue at its line."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_provider import InvalidSchedule, schedule
from meeting_provider.models import MAX_ATTENDEES_AT_CREATE

SHIPPED = Path(__file__).parents[2] / "schedule.yaml"


@pytest.fixture
def load(tmp_path):
    """Loads a schedule of this text."""
    path = tmp_path / "day.yaml"

    def written(text):
        path.write_text(dedent(text).lstrip("\n"), "utf-8")
        return schedule.load(path)

    return written


@pytest.fixture
def issues(load, tmp_path):
    """The issues of a schedule of this text, without the file's own path."""

    def found(text):
        with pytest.raises(InvalidSchedule) as error:
            load(text)
        return [issue.removeprefix(f"{tmp_path / 'day.yaml'}:") for issue in error.value.issues]

    return found


class TestEvents:
    def test_come_in_the_files_order_with_all_that_they_declare(self, load):
        keynote, closing = load("""
            events:
              - name: keynote
                media_region: eu-central-1
                attendees:
                  - external_user_id: ana
                    capabilities: {audio: Send, video: Send, content: Send}
                    tags: {role: speaker}
                meeting_features: {attendee: {max_count: 20}}
              - {name: closing, attendees: [{external_user_id: ben}]}
            """)
        assert (keynote.name, closing.name) == ("keynote", "closing")
        assert keynote.arguments == {
            "media_region": "eu-central-1",
            "attendees": [
                {
                    "external_user_id": "ana",
                    "capabilities": {"audio": "Send", "video": "Send", "content": "Send"},
                    "tags": {"role": "speaker"},
                }
            ],
            "meeting_features": {"attendee": {"max_count": 20}},
        }
        assert closing.arguments == {"attendees": [{"external_user_id": "ben"}]}

    def test_take_the_defaults_where_they_say_nothing_and_add_to_the_tags(self, load):
        own, other = load("""
            defaults:
              media_region: us-east-1
              tags: {day: one, track: main}
            events:
              - {name: own, media_region: us-west-2, tags: {track: side, room: r1},
                 attendees: [{external_user_id: ana}]}
              - {name: other, attendees: [{external_user_id: ana}]}
            """)
        assert own.arguments["media_region"] == "us-west-2"
        assert own.arguments["tags"] == {"day": "one", "track": "side", "room": "r1"}
        assert other.arguments["media_region"] == "us-east-1"
        assert other.arguments["tags"] == {"day": "one", "track": "main"}

    def test_may_be_put_together_from_anchors_and_merges(self, load):
        """Also where a mapping overrides what it merges, and is used more than once."""
        one, two = load("""
            x-viewer: &viewer
              capabilities: {audio: Receive, video: Receive, content: Receive}
              tags: {role: viewer}
            x-people: &people
              - {<<: *viewer, external_user_id: ana, tags: {role: host}}
              - {<<: *viewer, external_user_id: ben}
            events:
              - {name: one, attendees: *people}
              - {name: two, attendees: *people}
            """)
        assert one.arguments == two.arguments
        ana, ben = one.arguments["attendees"]
        assert ana["tags"] == {"role": "host"}
        assert ana["capabilities"] == ben["capabilities"]
        assert ben["tags"] == {"role": "viewer"}

    def test_are_recorded_where_they_say_so(self, load):
        """An empty mapping changes no argument of the recording, and is no refusal of it."""
        events = load("""
            defaults: {recording: {tags: {room: r1}}}
            events:
              - {name: shared, attendees: {ana: {}}}
              - {name: own, recording: true, attendees: {ana: {}}}
              - {name: empty, recording: {}, attendees: {ana: {}}}
              - {name: refused, recording: false, attendees: {ana: {}}}
            """)
        assert [e.recording for e in events] == [{"tags": {"room": "r1"}}, {}, {}, None]

    def test_may_be_none(self, load):
        assert load("events: []") == ()

    def test_may_belong_to_govcloud(self, load):
        (event,) = load("""
            events:
              - name: briefing
                media_region: us-gov-west-1
                attendees: [{external_user_id: ana}]
                notifications_configuration:
                  sqs_queue_arn: arn:aws-us-gov:sqs:us-gov-west-1:123456789012:queue
            """)
        assert event.arguments["media_region"] == "us-gov-west-1"


class TestIssues:
    def test_of_defaults_are_found_where_no_event_takes_them(self, issues):
        """Meetings of calendars do, and an event may override them."""
        region, network = issues("""
            defaults: {media_region: eu-central-9, media_placement_network_type: Ipv6}
            events:
              - {name: one, media_region: us-east-1, media_placement_network_type: DualStack,
                 attendees: {ana: {}}}
            """)
        assert region.startswith(
            "1: defaults.media_region: 'eu-central-9' is not one of af-south-1"
        )
        assert network.startswith("1: defaults.media_placement_network_type: 'Ipv6' is not one of")

    def test_of_defaults_are_errors_with_calendars_alone(self, issues, tmp_path):
        """A plan without their meetings would end those that are running."""
        (tmp_path / "team.ics").write_text("BEGIN:VCALENDAR\nVERSION:2.0\nEND:VCALENDAR\n")
        [region] = issues("""
            defaults: {media_region: eu-central-9}
            calendars: [team.ics]
            """)
        assert region.startswith("1: defaults.media_region: 'eu-central-9' is not one of")

    def test_of_what_entries_share_are_said_once(self, issues):
        """Also beside others on the same line, which nobody shares."""
        assert issues("""
            x-viewer: &viewer
              capabilites: {audio: Receive, video: Receive, content: Receive}
            events:
              - {name: one, attendees: [{<<: *viewer, external_user_id: ana}]}
              - name: two
                attendees: [{external_user_id: a}, {external_user_id: a, <<: *viewer}]
            """) == [
            "2: events[0].attendees[0].capabilites: unknown property; "
            "did you mean 'capabilities'? (the same in 1 more that share it)",
            "6: events[1].attendees[0].external_user_id: 'a' has 1 character; at least 2",
            "6: events[1].attendees[1].external_user_id: 'a' has 1 character; at least 2",
            "6: events[1].attendees[1].external_user_id: 'a' is declared twice; "
            "attendees[0] has it already",
        ]

    def test_come_all_at_once_each_at_its_line(self, issues):
        assert issues("""
            defaults:
              tagz: {day: one}
            evens: []
            events:
              - name: keynote
                media_regon: mars
                attendees:
                  - external_user_id: ana
                  - external_user_id: aws:ben
                  - external_user_id: ana
              - name: keynote
                media_region: mars
                attendees: []
              - closing
            """) == [
            "3: evens: is not a section of a schedule; did you mean 'events'?",
            "2: defaults.tagz: is not an argument of a meeting; did you mean 'tags'?",
            "6: events[0].media_regon: is not an argument of a meeting; "
            "did you mean 'media_region'?",
            "9: events[0].attendees[1].external_user_id: 'aws:ben' uses the reserved prefix 'aws:'",
            "10: events[0].attendees[2].external_user_id: 'ana' is declared twice; attendees[0]"
            " has it already",
            "13: events[1].attendees: has 0 entries; at least 1",
            "12: events[1].media_region: 'mars' is not one of af-south-1, ap-northeast-1,"
            " ap-northeast-2, ap-south-1, ap-southeast-1, ap-southeast-2, ca-central-1,"
            " eu-central-1, eu-north-1, eu-south-1, eu-west-1, eu-west-2, eu-west-3, sa-east-1,"
            " us-east-1, us-east-2, us-west-1, us-west-2, us-gov-east-1, us-gov-west-1",
            "14: events[2]: is not an event: it has no `name` and no `attendees`",
            "11: events[1].name: 'keynote' is the name of events[0] already",
        ]

    def test_of_the_defaults_come_once_and_at_the_defaults(self, issues):
        assert issues("""
            defaults:
              meeting_host_id: h
              tags:
                aws:day: one
            events:
              - {name: one, attendees: [{external_user_id: ana}]}
              - {name: two, attendees: [{external_user_id: ana}], tags: {room: r1}}
              - {name: three, attendees: [{external_user_id: ana}], meeting_host_id: host}
            """) == [
            "2: defaults.meeting_host_id: 'h' has 1 character; at least 2",
            """4: defaults.tags["aws:day"]: 'aws:day' uses the reserved prefix 'aws:'""",
        ]

    def test_of_a_name_that_names_the_meeting_name_the_name(self, issues):
        assert issues("""
            events:
              - attendees: [{external_user_id: ana}]
                name: k
            """) == ["3: events[0].name: 'k' has 1 character; at least 2"]

    def test_of_a_missing_property_come_at_the_nearest_line(self, issues):
        assert issues("""
            events:
              - name: keynote
                attendees:
                  - external_user_id: ana
                  - tags: {role: host}
              - attendees: [{external_user_id: ana}]
              - name: closing
            """) == [
            "5: events[0].attendees[1].external_user_id: is required",
            "6: events[1].name: is required, and a string",
            "7: events[2].attendees: is required",
        ]

    @pytest.mark.parametrize("length", [48, 65])
    def test_of_a_recurring_event_with_too_long_a_name_come_with_all_others(self, issues, length):
        assert issues(f"""
            events:
              - name: {"x" * length}
                start: 2027-03-01T09:00:00Z
                end: 2027-03-01T09:15:00Z
                recurrence: FREQ=DAILY
                attendees: []
            """) == [
            f"2: events[0].name: has {length} characters; at most 47, since the time of each "
            "recurrence is added",
            "6: events[0].attendees: has 0 entries; at least 1",
        ]

    def test_of_a_token_that_more_than_one_meeting_would_have_say_where_it_may_stand(self, issues):
        assert issues("""
            defaults:
              client_request_token: one-for-all
            events:
              - name: standup
                start: 2027-03-01T09:00:00Z
                end: 2027-03-01T09:15:00Z
                recurrence: FREQ=DAILY
                client_request_token: one-for-each
                attendees: [{external_user_id: ana}]
              - {name: once, client_request_token: one, attendees: [{external_user_id: ana}]}
            """) == [
            "2: defaults.client_request_token: is for one meeting only; set it in that "
            "meeting's event, or leave it out",
            "8: events[0].client_request_token: is for one meeting only, and each "
            "recurrence is one; leave it out",
        ]

    def test_name_keys_that_stand_twice(self, issues):
        assert issues("""
            events:
              - name: keynote
                tags: {day: one,
                       day: two}
                attendees: [{external_user_id: ana}]
                name: closing
            """) == [
            "6: events[0].name: is a duplicate key; line 2 has it already",
            "4: events[0].tags.day: is a duplicate key; line 3 has it already",
        ]

    def test_say_which_values_yaml_does_not_read_as_texts(self, issues):
        assert issues("""
            events:
              - name: keynote
                tags: {day: 2026-11-22, open: yes, room: 12}
                attendees: [{external_user_id: 7}]
            """) == [
            "4: events[0].attendees[0].external_user_id: 7 is not a string; "
            "YAML reads 7 as a number, 7; quote it: '7'",
            "3: events[0].tags.day: 2026-11-22 is not a string; YAML reads 2026-11-22 as a date; "
            "quote it: '2026-11-22'",
            "3: events[0].tags.open: true is not a string; "
            "YAML reads yes as a boolean; quote it: 'yes'",
            "3: events[0].tags.room: 12 is not a string; "
            "YAML reads 12 as a number, 12; quote it: '12'",
        ]

    @pytest.mark.parametrize(
        ("text", "issue"),
        [
            ("", "1: is not a schedule: it has no `events`"),
            ("- keynote", "1: is not a schedule: it has no `events`"),
            ("defaults: {}", "1: events: is required, and a list"),
            ("events: {}", "1: events: is required, and a list"),
            ("defaults: [a]\nevents: []", "1: defaults: is not a mapping"),
            ("events:\n\t- x", "2: is not YAML: found character '\\t' that cannot start any token"),
            ("events: [", "1: is not YAML: expected the node content, but found '<stream end>'"),
            ("a: 1\n---\nb: 2", "2: is not YAML: but found another document"),
            ("events: *who", "1: is not YAML: found undefined alias 'who'"),
            ("x-a:\n  b: 2026-13-01", "2: is not YAML: month must be in 1..12"),
            (
                "x-a: !!python/name:os.system x",
                "1: is not YAML: could not determine a constructor for the tag"
                " 'tag:yaml.org,2002:python/name:os.system'",
            ),
            ("x-a: 1\nevents: &e [*e]", "2: is not YAML: contains itself"),
            ("x-a: &e {b: *e}", "1: is not YAML: contains itself"),
            (f"events: {'[' * 5000}", "1: nests too deep"),
            (
                "x-a: \x07",
                "1: can't be read: the character U+0007 is not allowed in YAML",
            ),
        ],
    )
    def test_of_what_is_no_schedule_come_in_one_line(self, load, text, issue):
        with pytest.raises(InvalidSchedule) as error:
            load(text)
        (only,) = error.value.issues
        assert only.endswith(f"day.yaml:{issue}")

    def test_of_a_file_that_is_not_there_name_it(self, tmp_path):
        with pytest.raises(InvalidSchedule, match=r"none\.yaml: can't be read: .*No such file"):
            schedule.load(tmp_path / "none.yaml")

    def test_of_a_file_that_is_no_text_name_it(self, tmp_path):
        (tmp_path / "day.yaml").write_bytes(b"\xff\xfe\xfd")
        with pytest.raises(
            InvalidSchedule, match=r"day\.yaml:1: can't be read: it is not UTF-16-LE"
        ):
            schedule.load(tmp_path / "day.yaml")

    @given(st.text(alphabet="abe: -[]{}&*<'\"\n!|#%@,?0", max_size=40))
    def test_of_any_text_come(self, tmp_path_factory, text):
        path = tmp_path_factory.getbasetemp() / "any.yaml"
        path.write_text(text, "utf-8")
        with pytest.raises(InvalidSchedule):
            schedule.load(path)


@pytest.mark.parametrize(
    "now",
    [
        "2026-12-25T03:00Z",
        "2027-03-28T01:30Z",
        "2027-06-09T07:40Z",
        "2027-06-09T16:30Z",
        "2028-02-29T23:00Z",
        "2030-10-27T00:15Z",
    ],
)
def test_the_schedule_that_comes_with_the_project_is_a_conference_day_at_any_time(now):
    """It shows recurrence, a zone and a calendar, and about fifteen meetings are open."""
    plan = schedule.plan(SHIPPED, datetime.fromisoformat(now))
    sizes = [len(event.arguments["attendees"]) for event in plan.open]
    assert len(plan.open) in (15, 16)
    assert not plan.reports
    assert min(sizes) >= 3
    assert max(sizes) == MAX_ATTENDEES_AT_CREATE
    assert len({event.arguments.get("media_region") for event in plan.open}) > 2
    roles = {a["tags"].get("role") for event in plan.open for a in event.arguments["attendees"]}
    assert {"speaker", "host", "viewer"} <= roles
    assert any(event.name.startswith("community-lounge-") and event.title for event in plan.open)
    assert any(event.name.startswith("speakers-green-room-") for event in plan.open)
