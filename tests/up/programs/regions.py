"""A meeting and notifications, with the options and arguments that the environment names."""

import os

import pulumi
import pulumi_aws as aws

from meeting_provider import Meeting, MeetingNotifications, Recording

PEOPLE = ["ann"]
case = os.environ["CASE"]
attendees = {name: {} for name in PEOPLE}


class Room(pulumi.ComponentResource):
    """A component with an AWS provider."""

    def __init__(self, provider: pulumi.ProviderResource, **arguments: str) -> None:
        super().__init__(
            "tests:index:Room", "room", {}, pulumi.ResourceOptions(providers=[provider])
        )
        Meeting("keynote", attendees, **arguments, opts=pulumi.ResourceOptions(parent=self))


def provider() -> aws.Provider:
    return aws.Provider("elsewhere", region="eu-central-1")


match case:
    case "declared":
        Meeting("keynote", attendees, control_region="eu-central-1")
    case "given":
        Meeting("keynote", attendees, opts=pulumi.ResourceOptions(provider=provider()))
    case "a recording's":
        Recording(
            "keynote",
            "arn:aws:chime:us-east-1:123456789012:meeting/1",
            "arn:aws:s3:::bucket",
            opts=pulumi.ResourceOptions(provider=provider()),
        )
    case "inherited":
        Room(provider())
    case "inherited and declared":
        Room(provider(), control_region="eu-central-1")
    case "of a host of its own":
        own = pulumi.ProviderResource("pulumi-python", "own", {})
        Meeting("keynote", attendees, opts=pulumi.ResourceOptions(provider=own))
    case "notified elsewhere" | "notified there":
        options = pulumi.ResourceOptions(provider=provider())
        region = {"control_region": "eu-central-1"} if case == "notified there" else {}
        notified = MeetingNotifications("notified", opts=options, **region)
        Meeting("keynote", attendees, notifications_configuration=notified.configuration, **region)
