"""The desk's answers to a page, from the parameters and from the service."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from desk import sessions, values
from desk.meeting_requests import MeetingRequests
from desk.meetings import Meetings
from desk.parameters import KEPT, Parameters, Recent


class Answers:
    """The sessions of all links.

    :param parameters: where the join information is.
    :param meetings: asks the service whether a meeting exists. Without it, all are assumed to
        exist.
    :param requests: requests the replacement of an ended meeting. Without it, none is requested.
    :param clock: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        parameters: Parameters,
        meetings: Meetings | None = None,
        requests: MeetingRequests | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parameters = parameters
        self._recent = Recent(parameters, clock)
        self._meetings = meetings
        self._requests = requests

    def session(self, attendee: str, event: str, has: str | None = None) -> dict[str, Any]:
        """The answer of `sessions.session`, or `reopening` if the meeting has ended.

        :param attendee: the name of the attendee's parameter.
        :param event: the name of the event's parameter.
        :param has: the MeetingId that a page knows already. While it is the event's meeting, the
            attendee's parameter is not read, and the answer is `unchanged` or `reopening`.
        :raises Unavailable: SSM can't be read, or a parameter's value is invalid.
        """
        about = values.event(event, self._recent.get(event, KEPT if has else 0))
        now = datetime.now(UTC)
        current = sessions.meeting(about, now)
        if has and current and current.get("MeetingId") == has:
            if self._has_ended(current):
                return sessions.reopening(about, current)
            return {"state": "unchanged"}
        entries = values.entries(attendee, self._parameters.get(attendee))
        found = sessions.session(entries, about, now)
        if found["state"] == "open" and self._has_ended(found["Meeting"]):
            return sessions.reopening(about, {**found, **found["Meeting"]})
        return found

    def _has_ended(self, meeting: Mapping[str, Any]) -> bool:
        # The service doesn't find meetings of another account, whether they have ended or not.
        is_ours = f":{self._parameters.account}:meeting/" in str(meeting.get("MeetingArn"))
        if self._meetings is None or not is_ours or not self._meetings.has_ended(meeting):
            return False
        if self._requests is not None:
            self._requests.send(meeting)
        return True
