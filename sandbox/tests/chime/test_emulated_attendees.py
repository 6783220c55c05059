"""How attendees come, change and go."""

import pytest

ALL = {"Audio": "SendReceive", "Video": "SendReceive", "Content": "SendReceive"}
LISTEN = {"Audio": "Receive", "Video": "Receive", "Content": "Receive"}
SPEAK = {"Audio": "SendReceive", "Video": "None", "Content": "None"}
NOBODY = "00000000-0000-4000-8000-000000000000"


def names(attendees):
    return [each["ExternalUserId"] for each in attendees]


def items(*external_user_ids):
    return [{"ExternalUserId": each} for each in external_user_ids]


def many(count, prefix="user"):
    return [f"{prefix}-{number:03}" for number in range(count)]


def test_an_attendee_is_made_shown_and_deleted(chime, new):
    meeting_id = new()["Meeting"]["MeetingId"]
    made = chime.create_attendee(MeetingId=meeting_id, ExternalUserId="ana", Capabilities=SPEAK)
    attendee = made["Attendee"]
    assert attendee["Capabilities"] == SPEAK
    key = {"MeetingId": meeting_id, "AttendeeId": attendee["AttendeeId"]}
    assert chime.get_attendee(**key)["Attendee"] == attendee
    assert chime.delete_attendee(**key)["ResponseMetadata"]["HTTPStatusCode"] == 204
    for call in (chime.get_attendee, chime.delete_attendee):
        with pytest.raises(chime.exceptions.NotFoundException):
            call(**key)


def test_an_external_user_id_stands_for_the_attendee_that_it_made(chime, new):
    answer = new("ana")
    meeting_id, ana = answer["Meeting"]["MeetingId"], answer["Attendees"][0]
    again = chime.create_attendee(MeetingId=meeting_id, ExternalUserId="ana", Capabilities=SPEAK)
    assert again["Attendee"] == ana
    batch = chime.batch_create_attendee(MeetingId=meeting_id, Attendees=items("ben", "ana"))
    assert ana in batch["Attendees"]
    assert sorted(names(batch["Attendees"])) == ["ana", "ben"]


def test_a_recreated_attendee_has_another_id_and_token(chime, new):
    answer = new("ana")
    meeting_id, ana = answer["Meeting"]["MeetingId"], answer["Attendees"][0]
    chime.delete_attendee(MeetingId=meeting_id, AttendeeId=ana["AttendeeId"])
    again = chime.create_attendee(MeetingId=meeting_id, ExternalUserId="ana")["Attendee"]
    assert again["AttendeeId"] != ana["AttendeeId"]
    assert again["JoinToken"] != ana["JoinToken"]


def test_attendees_are_listed_in_pages(chime, new):
    meeting_id = new(*many(20))["Meeting"]["MeetingId"]
    chime.batch_create_attendee(MeetingId=meeting_id, Attendees=items(*many(100, "more")))
    first = chime.list_attendees(MeetingId=meeting_id)
    rest = chime.list_attendees(MeetingId=meeting_id, NextToken=first["NextToken"])
    assert len(first["Attendees"]) == 100
    assert "NextToken" not in rest
    assert names(first["Attendees"] + rest["Attendees"]) == many(20) + many(100, "more")
    assert len(chime.list_attendees(MeetingId=meeting_id, MaxResults=7)["Attendees"]) == 7


def test_a_next_token_that_no_page_gave_is_refused(chime, new):
    meeting_id = new("ana")["Meeting"]["MeetingId"]
    with pytest.raises(chime.exceptions.BadRequestException, match="NextToken"):
        chime.list_attendees(MeetingId=meeting_id, NextToken="elsewhere")


@pytest.mark.parametrize("shown", [True, False])
def test_reading_shows_join_tokens_or_not(chime, sandbox, new, shown):
    answer = new("ana")
    meeting_id, ana = answer["Meeting"]["MeetingId"], answer["Attendees"][0]
    assert sandbox.settings()["read_join_tokens"] is True
    sandbox.settings(read_join_tokens=shown)
    key = {"MeetingId": meeting_id, "AttendeeId": ana["AttendeeId"]}
    expected = ana["JoinToken"] if shown else None
    assert chime.get_attendee(**key)["Attendee"].get("JoinToken") == expected
    listed = chime.list_attendees(MeetingId=meeting_id)["Attendees"][0]
    assert listed.get("JoinToken") == expected


def test_a_meeting_has_250_attendees_at_most(chime, new):
    answer = new(*many(20))
    meeting_id = answer["Meeting"]["MeetingId"]
    for prefix, count in (("a", 100), ("b", 100), ("c", 30)):
        chime.batch_create_attendee(
            MeetingId=meeting_id, Attendees=items(*many(count, prefix=f"{prefix}-user"))
        )
    for refused in (
        lambda: chime.create_attendee(MeetingId=meeting_id, ExternalUserId="late"),
        lambda: chime.batch_create_attendee(MeetingId=meeting_id, Attendees=items("late")),
    ):
        with pytest.raises(chime.exceptions.LimitExceededException, match="250"):
            refused()
    chime.create_attendee(MeetingId=meeting_id, ExternalUserId="user-000")
    chime.delete_attendee(MeetingId=meeting_id, AttendeeId=answer["Attendees"][0]["AttendeeId"])
    chime.create_attendee(MeetingId=meeting_id, ExternalUserId="late")


@pytest.mark.parametrize("overflow", ["call", "item"])
def test_a_batch_past_the_limit_fails_whole_or_for_those_past_it(chime, sandbox, new, overflow):
    features = {"Attendee": {"MaxCount": 3}}
    meeting_id = new("ana", "ben", MeetingFeatures=features)["Meeting"]["MeetingId"]
    sandbox.settings(attendee_overflow=overflow)
    batch = {"MeetingId": meeting_id, "Attendees": items("ana", "cleo", "dan")}
    if overflow == "call":
        with pytest.raises(chime.exceptions.LimitExceededException):
            chime.batch_create_attendee(**batch)
    else:
        answer = chime.batch_create_attendee(**batch)
        assert names(answer["Attendees"]) == ["ana", "cleo"]
        (error,) = answer["Errors"]
        assert (error["ExternalUserId"], error["ErrorCode"]) == ("dan", "ResourceLimitExceeded")
        assert "3 attendees" in error["ErrorMessage"]


def test_more_attendees_than_the_meetings_own_limit_are_refused_at_create(chime, new):
    with pytest.raises(chime.exceptions.LimitExceededException):
        new("ana", "ben", MeetingFeatures={"Attendee": {"MaxCount": 1}})


def test_capabilities_change_in_place(chime, new):
    answer = new("ana", "ben")
    meeting_id, (ana, ben) = answer["Meeting"]["MeetingId"], answer["Attendees"]
    changed = chime.update_attendee_capabilities(
        MeetingId=meeting_id, AttendeeId=ana["AttendeeId"], Capabilities=LISTEN
    )["Attendee"]
    assert changed == ana | {"Capabilities": LISTEN}
    assert chime.list_attendees(MeetingId=meeting_id)["Attendees"] == [changed, ben]


def test_everybody_but_the_excluded_gets_other_capabilities(chime, new):
    answer = new("ana", "ben", "cleo")
    meeting_id, (ana, *_) = answer["Meeting"]["MeetingId"], answer["Attendees"]
    chime.batch_update_attendee_capabilities_except(
        MeetingId=meeting_id,
        ExcludedAttendeeIds=[{"AttendeeId": ana["AttendeeId"]}],
        Capabilities=LISTEN,
    )
    listed = chime.list_attendees(MeetingId=meeting_id)["Attendees"]
    assert [each["Capabilities"] for each in listed] == [ALL, LISTEN, LISTEN]


def test_capabilities_of_an_unknown_attendee_cant_change(chime, new):
    meeting_id = new("ana")["Meeting"]["MeetingId"]
    with pytest.raises(chime.exceptions.NotFoundException):
        chime.update_attendee_capabilities(
            MeetingId=meeting_id, AttendeeId=NOBODY, Capabilities=LISTEN
        )


@pytest.mark.parametrize("content", ["SendReceive", "Receive"])
@pytest.mark.parametrize("video", ["Send", "None"])
def test_receiving_content_needs_receiving_video(chime, new, content, video):
    answer = new("ana")
    meeting_id, ana = answer["Meeting"]["MeetingId"], answer["Attendees"][0]["AttendeeId"]
    wrong = {"Audio": "None", "Video": video, "Content": content}
    attempts = [
        lambda: chime.create_attendee(
            MeetingId=meeting_id, ExternalUserId="ben", Capabilities=wrong
        ),
        lambda: chime.update_attendee_capabilities(
            MeetingId=meeting_id, AttendeeId=ana, Capabilities=wrong
        ),
        lambda: chime.batch_create_attendee(
            MeetingId=meeting_id, Attendees=[{"ExternalUserId": "ben", "Capabilities": wrong}]
        ),
        lambda: chime.batch_update_attendee_capabilities_except(
            MeetingId=meeting_id, ExcludedAttendeeIds=[{"AttendeeId": NOBODY}], Capabilities=wrong
        ),
        lambda: chime.create_meeting_with_attendees(
            ClientRequestToken="wrong",
            MediaRegion="us-east-1",
            ExternalMeetingId="wrong",
            Attendees=[{"ExternalUserId": "ben", "Capabilities": wrong}],
        ),
    ]
    for attempt in attempts:
        with pytest.raises(chime.exceptions.BadRequestException, match="needs Video"):
            attempt()
    assert names(chime.list_attendees(MeetingId=meeting_id)["Attendees"]) == ["ana"]


@pytest.mark.parametrize("media", ["Video", "Content"])
def test_a_resolution_of_none_forbids_that_capability(chime, new, media):
    meeting_id = new(MeetingFeatures={media: {"MaxResolution": "None"}})["Meeting"]["MeetingId"]
    wrong = {"Audio": "None", "Video": "None", "Content": "None", media: "Send"}
    with pytest.raises(chime.exceptions.BadRequestException, match="MaxResolution is None"):
        chime.create_attendee(MeetingId=meeting_id, ExternalUserId="ben", Capabilities=wrong)


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ({}, ("SendReceive", "SendReceive")),
        ({"Video": {"MaxResolution": "None"}}, ("Receive", "SendReceive")),
        ({"Content": {"MaxResolution": "None"}}, ("SendReceive", "None")),
        (
            {"Video": {"MaxResolution": "None"}, "Content": {"MaxResolution": "None"}},
            ("None", "None"),
        ),
    ],
)
def test_default_capabilities_follow_the_meetings_features(new, features, expected):
    (attendee,) = new("ana", MeetingFeatures=features)["Attendees"]
    given = attendee["Capabilities"]
    assert (given["Audio"], given["Video"], given["Content"]) == ("SendReceive", *expected)


@pytest.mark.parametrize(("media", "resolution"), [("Video", "FHD"), ("Content", "UHD")])
def test_the_highest_resolution_needs_a_limit_of_25(chime, new, media, resolution):
    high = {media: {"MaxResolution": resolution}}
    new(MeetingFeatures=high | {"Attendee": {"MaxCount": 25}})
    for features in (high, high | {"Attendee": {"MaxCount": 26}}):
        with pytest.raises(chime.exceptions.BadRequestException, match="MaxCount of 25"):
            new(MeetingFeatures=features)
