"""Meeting: the resource that a program declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NotRequired, TypedDict, cast

import pulumi
from pulumi.dynamic import Resource

from meeting_provider import identity, state
from meeting_provider.provider import MeetingProvider

#: What a program reads of each meeting, besides what it declares. Each costs it time for each
#: meeting, and more the more meetings there are: all else is put together of these when it is asked
#: for.
_READ: Final = (
    "meeting_arn",
    "media_region",
    state.MEDIA_PLACEMENT,
    state.JOIN_TOKENS,
    state.DETAILS,
)


class CapabilitiesArgs(TypedDict):
    """What an attendee may do: `SendReceive`, `Send`, `Receive` or `None` for each medium."""

    audio: pulumi.Input[str]
    video: pulumi.Input[str]
    content: pulumi.Input[str]


class AttendeeArgs(TypedDict):
    """Somebody who may join."""

    external_user_id: pulumi.Input[str]
    capabilities: NotRequired[pulumi.Input[CapabilitiesArgs]]
    tags: NotRequired[pulumi.Input[Mapping[str, pulumi.Input[str]]]]


class NotificationsConfigurationArgs(TypedDict, total=False):
    """Where the service tells what happens in the meeting. All are ARNs."""

    lambda_function_arn: pulumi.Input[str]
    sns_topic_arn: pulumi.Input[str]
    sqs_queue_arn: pulumi.Input[str]


class AudioFeaturesArgs(TypedDict, total=False):
    """`echo_reduction` is `AVAILABLE` or `UNAVAILABLE`."""

    echo_reduction: pulumi.Input[str]


class ResolutionFeaturesArgs(TypedDict, total=False):
    """`max_resolution`: for video `None`, `HD`, `FHD`; for content `None`, `FHD`, `UHD`."""

    max_resolution: pulumi.Input[str]


class AttendeeFeaturesArgs(TypedDict, total=False):
    """`max_count` is how many may be in the meeting at once, 1 to 250."""

    max_count: pulumi.Input[int]


class MeetingFeaturesArgs(TypedDict, total=False):
    """What the meeting offers to all its attendees."""

    audio: pulumi.Input[AudioFeaturesArgs]
    video: pulumi.Input[ResolutionFeaturesArgs]
    content: pulumi.Input[ResolutionFeaturesArgs]
    attendee: pulumi.Input[AttendeeFeaturesArgs]


class Meeting(Resource, module="meeting", name="Meeting"):
    """An Amazon Chime SDK meeting with its attendees.

    The service ends a meeting that nobody is connected to for five minutes, and any after 24
    hours. One that has ended is gone at the next refresh, and the same `pulumi up` makes its
    successor, with a new id and new tokens.

    Attendees, their capabilities, the tags and `ignore_undeclared_attendees` change in place, and
    whoever stays keeps attendee id and join token; only who goes back to default capabilities in a
    meeting with content and without video is made anew, since nobody can set those. Any other
    change makes a new meeting before the old one is ended.

    Source: https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_meeting-chime_CreateMeetingWithAttendees.html
    """

    # Where a class has annotations when it runs, Pulumi evaluates them anew for each resource.
    if TYPE_CHECKING:
        #: The meeting's own name.
        external_meeting_id: pulumi.Output[str]
        #: The ARN that the meeting's tags are kept under.
        meeting_arn: pulumi.Output[str]
        #: The region that hosts the meeting's media.
        media_region: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        attendees: pulumi.Input[Sequence[pulumi.Input[AttendeeArgs]]],
        *,
        external_meeting_id: pulumi.Input[str] | None = None,
        media_region: pulumi.Input[str] | None = None,
        client_request_token: pulumi.Input[str] | None = None,
        meeting_host_id: pulumi.Input[str] | None = None,
        media_placement_network_type: pulumi.Input[str] | None = None,
        meeting_features: pulumi.Input[MeetingFeaturesArgs] | None = None,
        notifications_configuration: pulumi.Input[NotificationsConfigurationArgs] | None = None,
        primary_meeting_id: pulumi.Input[str] | None = None,
        tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        tenant_ids: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        ignore_undeclared_attendees: pulumi.Input[bool] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a meeting.

        :param name: the resource's name.
        :param attendees: 1 to 250, each with an external_user_id of its own (2 to 64 characters),
            and optionally with capabilities and tags. The API once took attendees' tags and no
            longer does: they are kept in the state and in the outputs, for whoever reads those.
        :param external_meeting_id: the meeting's own name, 2 to 64 characters; `name` by default.
        :param media_region: where the media is hosted; by default the control region (`aws:region`)
            where media can be hosted there, and else us-east-1.
        :param client_request_token: 2 to 64 characters. Derived by default, so that a create that
            was cut off finds its meeting again: set one only where something else has to find it.
        :param meeting_host_id: reserved by the service.
        :param media_placement_network_type: `Ipv4Only` or `DualStack`.
        :param meeting_features: audio, video, content and attendee features.
        :param notifications_configuration: ARNs of a queue, a topic or a function, in the control
            region. No call reads it back, so a change made elsewhere is not seen.
        :param primary_meeting_id: the meeting to replicate: hand over the primary's `id`.
        :param tags: up to 50.
        :param tenant_ids: 1 to 5.
        :param ignore_undeclared_attendees: leave alone the attendees that something else adds to
            the running meeting. By default the next `pulumi up` removes them.
        :param opts: Pulumi's resource options.
        :raises pulumi.RunError: `opts` would take over a meeting that something else made.
        :raises meeting_provider.InvalidMeeting: never here: `pulumi` reports all faults at once.
        """
        if opts and (opts.import_ is not None or opts.id is not None):
            raise pulumi.RunError(
                f"meeting '{name}': no meeting can be imported or read by its id, since the "
                "service doesn't tell how one was made; declare it, and a new one is made"
            )
        declared = {
            "attendees": attendees,
            "external_meeting_id": name if external_meeting_id is None else external_meeting_id,
            "media_region": media_region,
            "client_request_token": client_request_token,
            "meeting_host_id": meeting_host_id,
            "media_placement_network_type": media_placement_network_type,
            "meeting_features": meeting_features,
            "notifications_configuration": notifications_configuration,
            "primary_meeting_id": primary_meeting_id,
            "tags": tags,
            "tenant_ids": tenant_ids,
            "ignore_undeclared_attendees": ignore_undeclared_attendees,
            # The host of an explicit provider does not see the stack's settings.
            "control_region": pulumi.Config("aws").get("region"),
            "identity": identity.of(name, self._resource_type_name, opts),
        }
        own = pulumi.ResourceOptions(additional_secret_outputs=list(state.SECRETS))
        super().__init__(
            MeetingProvider(),
            name,
            dict.fromkeys(_READ) | {n: v for n, v in declared.items() if v is not None},
            own if opts is None else pulumi.ResourceOptions.merge(own, opts),
        )

    @property
    def meeting_id(self) -> pulumi.Output[str]:
        """The MeetingId, a GUID: the same as `id`."""
        return self.id

    @property
    def attendees(self) -> pulumi.Output[list[dict[str, Any]]]:
        """The attendees: external_user_id, attendee_id, capabilities and, where declared, tags."""
        features = self._declared("meeting_features")
        return pulumi.Output.all(vars(self)[state.ATTENDEES], features).apply(_attendees)

    @property
    def media_placement(self) -> pulumi.Output[dict[str, str]]:
        """The URLs that clients connect to.

        audio_host_url, audio_fallback_url, signaling_url, turn_control_url, screen_data_url,
        screen_viewing_url, screen_sharing_url and event_ingestion_url.
        """
        return self._declared(state.MEDIA_PLACEMENT).apply(state.kept)

    @property
    def join_tokens(self) -> pulumi.Output[dict[str, str]]:
        """Secret. Each attendee's JoinToken, by external_user_id."""
        return self._declared(state.JOIN_TOKENS).apply(state.kept)

    @property
    def tags(self) -> pulumi.Output[dict[str, str] | None]:
        """The tags."""
        return self._declared("tags")

    @property
    def control_region(self) -> pulumi.Output[str]:
        """The region of the endpoint that made the meeting and knows it."""
        if "control_region" in vars(self):
            return self._declared("control_region")
        return self.meeting_arn.apply(state.region_of)

    @property
    def join_info(self) -> pulumi.Output[dict[str, dict[str, Any]]]:
        """Secret. By external_user_id, what the Chime SDK client for JavaScript takes.

        `new MeetingSessionConfiguration(join_info.Meeting, join_info.Attendee)`
        """
        parts = {name: vars(self)[name] for name in state.JOINING}
        parts[state.JOINING_OPTIONAL] = _or_nothing(parts[state.JOINING_OPTIONAL])
        return pulumi.Output.all(meeting_id=self.id, **parts).apply(state.join_info)

    def _declared(self, name: str) -> pulumi.Output[Any]:
        """What the state has by this name, if anything."""
        output: pulumi.Output[Any] | None = vars(self).get(name)
        return pulumi.Output.from_input(None) if output is None else output


def _attendees(both: Sequence[Any]) -> pulumi.Input[list[dict[str, Any]]]:
    attendees = state.with_capabilities(*both)
    if pulumi.runtime.is_dry_run() and not all("attendee_id" in a for a in attendees):
        # A preview takes what is declared for what is there, where there is nothing yet.
        return pulumi.Output.from_input(cast(Any, pulumi.UNKNOWN))
    return attendees


def _or_nothing(output: pulumi.Output[Any]) -> pulumi.Output[Any]:
    """A preview takes what the state does not have for unknown; here it is not there."""

    async def is_known() -> bool:
        return True

    return pulumi.Output(output.resources(), output.future(), is_known(), output.is_secret())
