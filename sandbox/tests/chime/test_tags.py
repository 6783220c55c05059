"""How a meeting's tags are read and changed."""

import pytest
from botocore.exceptions import ClientError


def tags(**by_key):
    return [{"Key": key, "Value": value} for key, value in by_key.items()]


def numbered(count, start=0):
    return tags(
        **{f"key{chr(97 + n // 26)}{chr(97 + n % 26)}": "" for n in range(start, start + count)}
    )


def listed(chime, arn):
    return {
        each["Key"]: each["Value"] for each in chime.list_tags_for_resource(ResourceARN=arn)["Tags"]
    }


def test_tags_are_added_changed_and_removed(chime, new):
    arn = new(Tags=tags(team="events", room="b1"))["Meeting"]["MeetingArn"]
    chime.tag_resource(ResourceARN=arn, Tags=tags(room="b2", day="1"))
    assert listed(chime, arn) == {"team": "events", "room": "b2", "day": "1"}
    chime.untag_resource(ResourceARN=arn, TagKeys=["team", "never"])
    assert listed(chime, arn) == {"room": "b2", "day": "1"}


def test_a_meeting_has_50_tags_at_most(chime, new):
    arn = new(Tags=numbered(50))["Meeting"]["MeetingArn"]
    chime.tag_resource(ResourceARN=arn, Tags=numbered(50))
    with pytest.raises(chime.exceptions.TooManyTagsException) as error:
        chime.tag_resource(ResourceARN=arn, Tags=numbered(1, start=50))
    assert error.value.response["ResourceName"] == arn
    assert len(listed(chime, arn)) == 50


@pytest.mark.parametrize("key", ["aws:team", "AWS:team"])
def test_the_reserved_prefix_is_refused(chime, new, key):
    arn = new()["Meeting"]["MeetingArn"]
    with pytest.raises(chime.exceptions.BadRequestException, match="reserved"):
        chime.tag_resource(ResourceARN=arn, Tags=tags(**{key: "x"}))


def test_a_key_twice_is_refused(chime, new):
    with pytest.raises(chime.exceptions.BadRequestException, match="twice"):
        new(Tags=tags(team="a") + tags(team="b"))


@pytest.mark.parametrize(
    ("key", "value"), [("k" * 129, ""), ("", "x"), ("no space", "x"), ("k", "v" * 257), ("k", "#")]
)
def test_a_tag_that_the_model_forbids_is_refused(chime, new, key, value):
    arn = new()["Meeting"]["MeetingArn"]
    with pytest.raises(ClientError, match=r"tags\.1\.member"):
        chime.tag_resource(ResourceARN=arn, Tags=tags(**{key: value}))


def test_an_arn_of_no_living_meeting_is_not_found(chime, sandbox, new):
    meeting = new()["Meeting"]
    foreign = meeting["MeetingArn"].replace("us-east-1", "us-west-2")
    sandbox.end(meeting["MeetingId"])
    for arn in (meeting["MeetingArn"], foreign, "arn:aws:chime:us-east-1:123456789012:app/x"):
        for attempt in (
            lambda arn=arn: chime.list_tags_for_resource(ResourceARN=arn),
            lambda arn=arn: chime.tag_resource(ResourceARN=arn, Tags=tags(a="b")),
            lambda arn=arn: chime.untag_resource(ResourceARN=arn, TagKeys=["a"]),
        ):
            with pytest.raises(chime.exceptions.ResourceNotFoundException) as error:
                attempt()
            assert error.value.response["ResourceName"] == arn
