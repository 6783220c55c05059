"""Meeting: the resource that a program declares."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pulumi
from pulumi.dynamic import Resource
from pulumi.output import Unknown

from meeting_provider import state
from meeting_provider.models import MeetingInput
from meeting_provider.provider import (
    CONFIDENTIAL,
    MeetingProvider,
    refuse_options,
    secret_arguments,
)


class CapabilitiesArgs(TypedDict):
    """What an attendee may do: `SendReceive`, `Send`, `Receive` or `None` for each medium."""

    audio: pulumi.Input[str]
    video: pulumi.Input[str]
    content: pulumi.Input[str]


class AttendeeSettingsArgs(TypedDict, total=False):
    """An attendee in a mapping by external_user_id."""

    capabilities: pulumi.Input[CapabilitiesArgs]
    tags: pulumi.Input[Mapping[str, pulumi.Input[str]]]


class AttendeeArgs(AttendeeSettingsArgs):
    """An attendee in a list."""

    external_user_id: pulumi.Input[str]


class NotificationsConfigurationArgs(TypedDict, total=False):
    """The ARNs of the targets of the meeting's events, in its control region. None may be FIFO."""

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
    """`max_count` is how many attendees the meeting may have, 1 to 250."""

    max_count: pulumi.Input[int]


class MeetingFeaturesArgs(TypedDict, total=False):
    """What the meeting offers to all its attendees."""

    audio: pulumi.Input[AudioFeaturesArgs]
    video: pulumi.Input[ResolutionFeaturesArgs]
    content: pulumi.Input[ResolutionFeaturesArgs]
    attendee: pulumi.Input[AttendeeFeaturesArgs]


class TranscriptionArgs(TypedDict, total=False):
    """The settings of one engine: those of the API, in snake_case."""

    engine_transcribe_settings: pulumi.Input[Mapping[str, Any]]
    engine_transcribe_medical_settings: pulumi.Input[Mapping[str, pulumi.Input[str]]]


class Meeting(Resource, module="meeting", name="Meeting"):
    """An Amazon Chime SDK meeting with its attendees.

    The service ends a meeting after five minutes with nobody connected, and any meeting after 24
    hours. A refresh detects that a meeting has ended, and the same `pulumi up` creates its
    replacement, with a new id and new tokens.

    Attendees, their capabilities, the tags, the transcription and `ignore_undeclared_attendees`
    change in place, and attendees that stay keep their attendee id and join token. There is one
    exception: in a meeting with content and without video, an attendee whose capabilities are
    removed from the declaration. The API can't set the default capabilities of such a meeting, so
    the attendee is re-created with a new join token. Any other change creates a new meeting before
    the old one is ended.

    Source: https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_meeting-chime_CreateMeetingWithAttendees.html
    """

    #: The attendees by external_user_id, as declared: `{}`, or `capabilities` and `tags`. Not typed
    #: as a mapping: with `--target`, with an unknown id and in mocks, Pulumi returns the inputs,
    #: which may be a list.
    attendees: pulumi.Output[Any]
    #: Each attendee's AttendeeId, by external_user_id.
    attendee_ids: pulumi.Output[dict[str, str]]
    #: The region of the endpoint that created the meeting.
    control_region: pulumi.Output[str]
    #: The ExternalMeetingId.
    external_meeting_id: pulumi.Output[str]
    #: Secret. Each attendee's JoinToken, by external_user_id.
    join_tokens: pulumi.Output[dict[str, str]]
    #: The URLs that clients connect to: audio_host_url, audio_fallback_url, signaling_url,
    #: turn_control_url, screen_data_url, screen_viewing_url, screen_sharing_url and
    #: event_ingestion_url.
    media_placement: pulumi.Output[dict[str, str]]
    #: The region that hosts the meeting's media.
    media_region: pulumi.Output[str]
    #: The meeting's ARN.
    meeting_arn: pulumi.Output[str]
    #: Secret. The other fields of the API's Meeting, with the API's names.
    meeting_details: pulumi.Output[dict[str, Any] | None]
    #: The tags.
    tags: pulumi.Output[dict[str, str] | None]

    def __init__(
        self,
        name: str,
        attendees: pulumi.Input[
            Sequence[pulumi.Input[AttendeeArgs]] | Mapping[str, pulumi.Input[AttendeeSettingsArgs]]
        ],
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
        transcription: pulumi.Input[TranscriptionArgs] | None = None,
        tenant_ids: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        ignore_undeclared_attendees: pulumi.Input[bool] | None = None,
        control_region: pulumi.Input[str] | None = None,
        profile: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a meeting.

        :param name: the resource's name.
        :param attendees: 1 to 250, as a list, each with an external_user_id of its own (2 to 64
            characters), or as a mapping by external_user_id. Each may have capabilities and tags.
            The order of a list doesn't matter. The API no longer takes attendees' tags: they are
            kept in the state and in the outputs. Don't use personal data as external_user_ids:
            AWS advises against it, and the ids are in the state in plain text.
        :param external_meeting_id: the meeting's name, 2 to 64 characters; `name` by default.
        :param media_region: the region that hosts the media; by default the control region if it
            can host media, else us-east-1.
        :param client_request_token: 2 to 64 characters; random for each create by default. Set one
            only if another program has to find the meeting by it.
        :param meeting_host_id: reserved by the service.
        :param media_placement_network_type: `Ipv4Only` or `DualStack`.
        :param meeting_features: audio, video, content and attendee features.
        :param notifications_configuration: ARNs of a queue, a topic or a function, in the control
            region. No call returns it, so drift can't be detected.
        :param primary_meeting_id: the meeting to replicate: the `id` of the primary.
        :param tags: up to 50, with keys of up to 128 and values of up to 256 characters.
        :param transcription: live transcription by Amazon Transcribe, from the meeting's creation
            on. No call returns it, so drift can't be detected.
        :param tenant_ids: 1 to 5, each of 2 to 256 characters.
        :param ignore_undeclared_attendees: keep attendees that other programs add to the meeting.
            By default the next `pulumi up` removes them.
        :param control_region: the region of the endpoint that creates the meeting; by default the
            stack's `aws:region`, else that of the environment or the profile.
        :param profile: the profile of AWS's own configuration that the calls are signed with; by
            default the stack's `aws:profile`, else what boto3 finds.
        :param opts: Pulumi's resource options. An AWS provider is an error: a Meeting is not a
            resource of pulumi-aws. Use `control_region` and `profile`.
        :raises pulumi.RunError: `opts` has an AWS provider, a parent with one while
            `control_region` is not set, or the id of a meeting to import or to read.
        """
        refuse_options("meeting", name, opts, has_region=control_region is not None)
        inputs = {n: v for n, v in locals().items() if n in MeetingInput.model_fields}
        if isinstance(attendees, Mapping):
            # Pulumi drops a property that is None, and with it the attendee.
            inputs["attendees"] = {i: {} if a is None else a for i, a in attendees.items()}
        inputs["external_meeting_id"] = name if external_meeting_id is None else external_meeting_id
        # The host of an explicit pulumi-python provider does not see the stack's settings.
        inputs["control_region"] = control_region or pulumi.Config("aws").get("region")
        inputs = {n: v for n, v in inputs.items() if v is not None}
        outputs = dict.fromkeys(n for n in Meeting.__annotations__ if n not in inputs)
        own = pulumi.ResourceOptions(additional_secret_outputs=list(state.SECRETS))
        super().__init__(
            MeetingProvider(),
            name,
            {**outputs, **inputs, CONFIDENTIAL: secret_arguments(inputs)},
            own if opts is None else pulumi.ResourceOptions.merge(own, opts),
        )
        if tags is None:
            # In a preview, a property that isn't in the state is unknown.
            self.tags = pulumi.Output.from_input(None)

    @property
    def meeting_id(self) -> pulumi.Output[str]:
        """The MeetingId, a GUID: the same as `id`, which stays known in previews."""
        return self.id

    @property
    def join_data(self) -> pulumi.Output[dict[str, Any]]:
        """Secret. The meeting and its attendees as the API has them, each once.

        `{"Meeting": {...}, "Attendees": {external_user_id: {...}}}`. Export this output if other
        programs need it. `meeting_provider.join_info` converts it to the form for each attendee.
        """
        names = (*state.IN_MEETING, "attendee_ids", "join_tokens")
        parts: dict[str, Any] = {name: getattr(self, name) for name in names}
        # As with the tags, a property that isn't in the state is absent.
        parts["meeting_details"] = self.meeting_details.apply(
            lambda details: None if isinstance(details, Unknown) else details,
            run_with_unknowns=True,
        )
        return pulumi.Output.all(**parts).apply(state.join_data)

    @property
    def join_info(self) -> pulumi.Output[dict[str, dict[str, Any]]]:
        """Secret. By external_user_id, what you pass to the Chime SDK for JavaScript.

        `new MeetingSessionConfiguration(join_info.Meeting, join_info.Attendee)`
        """
        return self.join_data.apply(lambda data: state.join_info(data) if data else {})
