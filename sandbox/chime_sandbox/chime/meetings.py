"""The meetings: creates, finds and ends them, and connects attendees.

A meeting ends after five minutes with nobody connected, after 24 hours at most, and with its
primary. This module doesn't depend on HTTP, faults or request quotas.
"""

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from . import capabilities, names, transcription
from .capabilities import Capabilities
from .clock import Clock
from .events import Announcer, Event, EventType
from .exceptions import LimitExceeded, NotFound
from .models import Attendee, Meeting, Owner
from .settings import Settings

FORGOTTEN_AFTER_SECONDS = 24 * 60 * 60
MAX_REPLICAS = 4


class Meetings:
    """All meetings of all accounts and control regions.

    Not thread-safe: the caller holds a lock. `take_changed` returns the meetings to save.
    """

    def __init__(self, clock: Clock, settings: Settings, announcer: Announcer) -> None:
        self._clock = clock
        self._settings = settings
        self._announcer = announcer
        self._meetings: dict[str, Meeting] = {}
        self._by_token: dict[tuple[str, str, str], str] = {}
        self._live: dict[str, set[str]] = {}
        self._replicas: dict[str, list[str]] = {}
        self._deadlines: list[tuple[float, str]] = []
        self._changed: set[str] = set()
        self._forgotten: set[str] = set()

    # Finding

    def __iter__(self) -> Iterator[Meeting]:
        return iter(self._meetings.values())

    def any(self, meeting_id: str) -> Meeting | None:
        """The meeting with this id, active or ended, in any account."""
        return self._meetings.get(meeting_id)

    def find(self, owner: Owner, meeting_id: str) -> Meeting:
        """An active meeting. Raises NotFound."""
        meeting = self._meetings.get(meeting_id)
        if meeting is None or meeting.owner != owner:
            raise NotFound(f"Meeting {meeting_id} not found")
        if meeting.ended_at is not None:
            raise NotFound("The meeting has ended")
        return meeting

    def of_token(self, owner: Owner, token: str) -> Meeting | None:
        """The latest meeting that this ClientRequestToken created, active or ended."""
        meeting_id = self._by_token.get((*owner, token))
        return None if meeting_id is None else self._meetings[meeting_id]

    def replicas(self, meeting: Meeting) -> list[Meeting]:
        """The active replicas of a meeting."""
        known = (self._meetings.get(each) for each in self._replicas.get(meeting.meeting_id, ()))
        return [each for each in known if each is not None and each.ended_at is None]

    # Changing

    def create(
        self, owner: Owner, partition: str, request: dict[str, Any], tags: dict[str, str]
    ) -> Meeting:
        """Create a meeting. Raises LimitExceeded if the account has too many."""
        account, region = owner
        live = self._live.setdefault(account, set())
        if len(live) >= self._settings.meetings_per_account:
            raise LimitExceeded(
                f"The account has {len(live)} active meetings, "
                f"and its quota is {self._settings.meetings_per_account}"
            )
        meeting_id, now = names.guid(), self._clock.now()
        meeting = Meeting(
            meeting_id=meeting_id,
            account=account,
            region=region,
            arn=names.arn(partition, region, account, meeting_id),
            request=request,
            media_placement=names.media_placement(meeting_id, request["MediaRegion"]),
            created_at=now,
            idle_since=now,
            tags=tags,
        )
        self._register(meeting)
        self.touch(meeting)
        self._announce(EventType.MEETING_STARTED, meeting)
        return meeting

    def add_attendee(
        self, meeting: Meeting, external_user_id: str, asked: Capabilities | None
    ) -> Attendee:
        """Add an attendee. The caller has checked that there is room, and no such attendee."""
        attendee_id = names.guid()
        attendee = Attendee(
            external_user_id=external_user_id,
            attendee_id=attendee_id,
            join_token=names.join_token(attendee_id),
            capabilities=asked or capabilities.default(meeting.features),
        )
        meeting.attendees[attendee_id] = attendee
        self.touch(meeting)
        self._announce(EventType.ATTENDEE_ADDED, meeting, attendee)
        return attendee

    def delete_attendee(self, meeting: Meeting, attendee_id: str) -> None:
        """Remove an attendee. Raises NotFound."""
        attendee = self.attendee(meeting, attendee_id)
        del meeting.attendees[attendee_id]
        if attendee.connected:
            self._left(meeting)
        self.touch(meeting)
        self._announce(EventType.ATTENDEE_DELETED, meeting, attendee)

    def attendee(self, meeting: Meeting, attendee_id: str) -> Attendee:
        """One attendee of a meeting. Raises NotFound."""
        try:
            return meeting.attendees[attendee_id]
        except KeyError:
            raise NotFound(f"Attendee {attendee_id} not found") from None

    def set_capabilities(
        self, meeting: Meeting, attendees: Iterable[Attendee], wanted: Capabilities
    ) -> None:
        """Give each of the attendees these capabilities."""
        for attendee in attendees:
            if attendee.capabilities != wanted:
                attendee.capabilities = dict(wanted)
                self._announce(EventType.ATTENDEE_CAPABILITIES_UPDATED, meeting, attendee)
        self.touch(meeting)

    def join(self, meeting: Meeting, attendee_id: str) -> None:
        """Connect an attendee, which keeps the meeting active. Raises NotFound.

        An attendee who is already connected continues on another device.
        """
        attendee = self.attendee(meeting, attendee_id)
        again = attendee.connected
        attendee.connected = True
        self.touch(meeting)
        kind = EventType.ATTENDEE_AUTHORIZED if again else EventType.ATTENDEE_JOINED
        self._announce(kind, meeting, attendee)

    def leave(self, meeting: Meeting, attendee_id: str, *, dropped: bool = False) -> None:
        """Disconnect an attendee who leaves or whose connection is lost. Raises NotFound."""
        attendee = self.attendee(meeting, attendee_id)
        if not attendee.connected:
            raise NotFound(f"Attendee {attendee_id} is not connected")
        attendee.connected = False
        self._left(meeting)
        self.touch(meeting)
        kind = EventType.ATTENDEE_DROPPED if dropped else EventType.ATTENDEE_LEFT
        self._announce(kind, meeting, attendee)

    def transcribe(
        self, meeting: Meeting, configuration: dict[str, Any], failure: str | None
    ) -> None:
        """Start or change a transcription, or record why these settings failed."""
        meeting.transcription = None if failure else configuration
        meeting.transcription_failure = failure
        self.touch(meeting)
        details = _transcription(meeting, configuration)
        if failure:
            details["message"] = failure
        kind = EventType.TRANSCRIPTION_FAILED if failure else EventType.TRANSCRIPTION_STARTED
        self._announce(kind, meeting, details=details)

    def stop_transcribing(self, meeting: Meeting) -> None:
        """Stop the transcription; without effect if the meeting isn't transcribed."""
        if meeting.transcription is not None:
            details = _transcription(meeting, meeting.transcription)
            meeting.transcription = None
            self.touch(meeting)
            self._announce(EventType.TRANSCRIPTION_STOPPED, meeting, details=details)

    def publish(self, kind: EventType, meeting: Meeting, attendee_id: str) -> None:
        """Publish an event of an attendee that doesn't change the state. Raises NotFound."""
        self._announce(kind, meeting, self.attendee(meeting, attendee_id))

    def end(self, meeting: Meeting, reason: str, at: float | None = None) -> None:
        """End an active meeting and its replicas."""
        if meeting.ended_at is not None:
            return
        meeting.ended_at = self._clock.now() if at is None else at
        meeting.end_reason = reason
        self._live[meeting.account].discard(meeting.meeting_id)
        for attendee in meeting.attendees.values():
            attendee.connected = False
        self.touch(meeting)
        self._announce(EventType.MEETING_ENDED, meeting)
        for replica in self.replicas(meeting):
            self.end(replica, "primary ended", meeting.ended_at)

    def end_the_overdue(self) -> None:
        """End the meetings that are due, and remove those that ended long ago."""
        now = self._clock.now()
        while self._deadlines and self._deadlines[0][0] <= now:
            meeting = self._meetings.get(heapq.heappop(self._deadlines)[1])
            if meeting is not None:
                self._end_if_overdue(meeting, now)

    def touch(self, meeting: Meeting) -> None:
        """Mark a meeting as changed, to be saved."""
        self._changed.add(meeting.meeting_id)

    # Saving and restoring

    def take_changed(self) -> tuple[list[Meeting], list[str]]:
        """The meetings that changed since the last call, and the ids of the removed ones."""
        if not self._changed and not self._forgotten:
            return [], []
        changed = [self._meetings[each] for each in self._changed if each in self._meetings]
        forgotten = list(self._forgotten)
        self._changed, self._forgotten = set(), set()
        return changed, forgotten

    def put_back(self, changed: Iterable[Meeting], forgotten: Iterable[str]) -> None:
        """Return these again from the next `take_changed`, because they could not be saved."""
        self._changed.update(meeting.meeting_id for meeting in changed)
        self._forgotten.update(forgotten)

    def restore(self, meetings: Iterable[Meeting]) -> None:
        """Add meetings that were saved."""
        for meeting in sorted(meetings, key=lambda each: each.created_at):
            self._register(meeting)

    def clear(self) -> None:
        """Remove all meetings."""
        self._forgotten.update(self._meetings)
        for held in (self._meetings, self._by_token, self._live, self._replicas):
            held.clear()
        self._deadlines.clear()
        self._changed.clear()

    def _register(self, meeting: Meeting) -> None:
        self._meetings[meeting.meeting_id] = meeting
        self._by_token[(*meeting.owner, meeting.token)] = meeting.meeting_id
        if meeting.primary_id is not None:
            self._replicas.setdefault(meeting.primary_id, []).append(meeting.meeting_id)
        if meeting.ended_at is None:
            self._live.setdefault(meeting.account, set()).add(meeting.meeting_id)
            self._look_at(meeting, meeting.deadline()[0])
        else:
            self._look_at(meeting, meeting.ended_at + FORGOTTEN_AFTER_SECONDS)

    def _look_at(self, meeting: Meeting, when: float) -> None:
        heapq.heappush(self._deadlines, (when, meeting.meeting_id))

    def _end_if_overdue(self, meeting: Meeting, now: float) -> None:
        if meeting.ended_at is None:
            deadline, reason = meeting.deadline()
            if deadline > now:
                self._look_at(meeting, deadline)
                return
            self.end(meeting, reason, deadline)
        forgotten_at = (meeting.ended_at or now) + FORGOTTEN_AFTER_SECONDS
        if forgotten_at > now:
            self._look_at(meeting, forgotten_at)
        else:
            self._forget(meeting)

    def _forget(self, meeting: Meeting) -> None:
        del self._meetings[meeting.meeting_id]
        self._replicas.pop(meeting.meeting_id, None)
        token = (*meeting.owner, meeting.token)
        if self._by_token.get(token) == meeting.meeting_id:
            del self._by_token[token]
        self._forgotten.add(meeting.meeting_id)

    def _left(self, meeting: Meeting) -> None:
        if not meeting.connected:
            meeting.idle_since = self._clock.now()
            self._look_at(meeting, meeting.deadline()[0])

    def _announce(
        self,
        kind: EventType,
        meeting: Meeting,
        attendee: Attendee | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        at = meeting.ended_at if kind is EventType.MEETING_ENDED else None
        event = Event(kind, at or self._clock.now(), meeting, attendee, details or {})
        self._announcer.announce(event)


def _transcription(meeting: Meeting, configuration: dict[str, Any]) -> dict[str, Any]:
    """Source: https://docs.aws.amazon.com/chime-sdk/latest/dg/transcription-events.html."""
    return {
        "transcriptionRegion": transcription.region(configuration, meeting.request["MediaRegion"]),
        "transcriptionConfiguration": json.dumps(configuration),
    }
