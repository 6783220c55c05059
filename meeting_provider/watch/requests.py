"""Messages by which other programs request the replacement of a meeting that has ended.

    sqs.send_message(QueueUrl=queue_url, MessageBody=requests.message(meeting_id, name, "my-page"))

The watcher handles a request like the notification that the meeting has ended: the service and the
state decide whether a meeting is created.
"""

from __future__ import annotations

import json
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from meeting_provider.errors import InvalidEvent

DETAIL_TYPE: Final = "Meeting Requested"

_Text = Annotated[str, Field(min_length=1)]


class MeetingRequest(BaseModel):
    """A request: the MeetingId and the ExternalMeetingId of the meeting that has ended."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)

    meeting_id: _Text
    external_meeting_id: str | None = None


class _Message(BaseModel):
    """The envelope: EventBridge's form, with the sender's name as the source."""

    source: _Text
    detail: MeetingRequest


def message(meeting_id: str, external_meeting_id: str | None, source: str) -> str:
    """The body of a request's message.

    :param meeting_id: the MeetingId of the meeting that has ended.
    :param external_meeting_id: its ExternalMeetingId, if it is known.
    :param source: the name of the program that sends it.
    """
    detail = MeetingRequest(meeting_id=meeting_id, external_meeting_id=external_meeting_id)
    return json.dumps(
        {"source": source, "detail-type": DETAIL_TYPE, "detail": detail.model_dump(by_alias=True)}
    )


def parse(body: str) -> MeetingRequest:
    """The request in a message's body.

    :raises InvalidEvent: it is not a request.
    """
    try:
        found = json.loads(body)
        if not isinstance(found, dict) or found.get("detail-type") != DETAIL_TYPE:
            raise InvalidEvent(f"its detail-type is not {DETAIL_TYPE!r}")
        return _Message.model_validate(found).detail
    except (ValidationError, ValueError, RecursionError) as error:
        raise InvalidEvent(f"it is not a request: {error}") from error
