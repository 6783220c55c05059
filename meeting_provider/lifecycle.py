"""Create, read, update and delete one meeting. No pulumi and no boto3 here.

Nothing is kept in memory between operations. Changes by other programs are found by reading the
meeting. An interrupted create may leave a meeting whose tokens are lost: the service ends it five
minutes later.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import tenacity

from meeting_provider import diff
from meeting_provider.errors import (
    AttendeesRefused,
    MeetingEnded,
    ServiceError,
    TokenInUse,
    UnderWay,
)
from meeting_provider.models import (
    AttendeeAnswer,
    AttendeeError,
    AttendeeInput,
    MeetingAnswer,
    MeetingInput,
    default_capabilities,
)
from meeting_provider.state import State

if TYPE_CHECKING:
    from meeting_provider.client import ChimeClient

#: The temporary error codes of single attendees.
TRANSIENT: Final = frozenset(
    {"ServiceFailure", "ServiceUnavailable", "Throttled", "Throttling", "TooManyRequests"}
)


class Lifecycle:
    """Creates, reads, updates and deletes meetings. Each method raises a ServiceError if it fails.

    :param client: returns the client of a control region and a profile, or None for the default.
    """

    def __init__(self, client: Callable[[str, str | None], ChimeClient]) -> None:
        self._client = client

    def create(self, declared: MeetingInput) -> State:
        """Create the meeting with all its attendees. A create that fails deletes its meeting.

        A client_request_token may return an existing meeting. If that has the declared settings,
        its attendees and tags are changed to the declared ones. It is never deleted on failure.

        :raises TokenInUse: the client_request_token returns a meeting with other settings, or one
            that has ended.
        :raises AttendeesRefused: the service refused some of the attendees.
        """
        client = self._client(declared.control_region, declared.profile)
        bounded = client.bounded()
        if declared.client_request_token:
            return _create_or_find(bounded, declared)
        token = secrets.token_hex(32)
        answer = bounded.create_meeting_with_attendees(declared, token)
        work = Reconciler(bounded, declared, answer.meeting)
        work.learn(answer.attendees, answer.errors)
        try:
            return work.reconcile(declared.tags or {}, None)
        except BaseException:
            # A failure to delete must not hide the failure that led here.
            with suppress(ServiceError):
                client.delete_meeting(answer.meeting)
            raise

    def read(self, state: State) -> State | None:
        """The meeting as it is now, with a matching declaration; None if it has ended."""
        try:
            listed, tags = _read(self._bounded(state), state.meeting)
        except MeetingEnded:
            return None
        return _as_found(state, listed, tags)

    def find(self, meeting_id: str, control_region: str) -> State | None:
        """An existing meeting to import, with a matching declaration.

        No call returns the client request token, the notification targets, the network type, the
        transcription and the tags of attendees.
        :returns: None if the control region has no such meeting.
        """
        client = self._client(control_region, None).bounded()
        try:
            meeting = client.get_meeting(MeetingAnswer(meeting_id=meeting_id))
        except MeetingEnded:
            return None
        declared = {"attendees": {}, **meeting.declared(), "control_region": control_region}
        return self.read(State(declared, meeting, {}))

    def update(self, state: State, declared: MeetingInput) -> State:
        """Change the meeting in place, with the fewest calls.

        Attendees that stay keep their token, unless no call can set their capabilities. If the
        update fails, the next read finds which changes were made.

        :raises MeetingEnded: the meeting ended in the meantime.
        :raises AttendeesRefused: the service refused some of the attendees.
        """
        client = self._bounded(state)
        work = Reconciler(client, declared, state.meeting)
        work.learn([*state.attendees.values()])
        ignored_before = state.declared.get("ignore_undeclared_attendees", False)
        if declared.ignore_undeclared_attendees and not ignored_before:
            # A refresh has added the undeclared attendees to the declaration in the state.
            work.forget_undeclared()
        elif ignored_before and not declared.ignore_undeclared_attendees:
            # The state doesn't contain the undeclared attendees.
            work.learn(client.list_attendees(state.meeting))
        return work.reconcile(state.tags, state.declared.get("transcription"))

    def delete(self, state: State) -> None:
        """End the meeting, unless it has ended."""
        with suppress(MeetingEnded):
            self._bounded(state).delete_meeting(state.meeting)

    def _bounded(self, state: State) -> ChimeClient:
        declared = state.declared
        return self._client(declared["control_region"], declared.get("profile")).bounded()


class Reconciler:
    """Changes one meeting to its declaration."""

    def __init__(self, client: ChimeClient, declared: MeetingInput, meeting: MeetingAnswer) -> None:
        self._client = client
        self._declared = declared
        self._wanted = {a.external_user_id: a for a in declared.attendees}
        self._meeting = meeting
        self._known: dict[str, AttendeeAnswer] = {}
        self._errors: dict[str, AttendeeError] = {}

    def learn(
        self, attendees: Sequence[AttendeeAnswer], errors: Sequence[AttendeeError] = ()
    ) -> None:
        """Record the attendees that the meeting has, and those that the service didn't create."""
        for now in attendees:
            self._known[now.external_user_id] = now.after(self._known.get(now.external_user_id))
        self._errors |= {e.external_user_id: e for e in errors}

    def forget_undeclared(self) -> None:
        """Ignore the undeclared attendees."""
        self._known = {i: a for i, a in self._known.items() if i in self._wanted}

    def reconcile(self, tags: Mapping[str, str], transcription: Mapping[str, Any] | None) -> State:
        """Change the meeting to its declaration.

        A declared attendee whose token is unknown is added again, which returns the same attendee
        with its token.

        :param tags: the meeting's present tags.
        :param transcription: the settings of the running transcription; None if none is known.
        """
        self._known = {
            i: a for i, a in self._known.items() if a.join_token or i not in self._wanted
        }
        arn, wanted = self._meeting.meeting_arn or "", self._declared.tags or {}
        # Tag operations have their own quotas: in parallel with the attendees they take no time.
        with ThreadPoolExecutor(1) as pool:
            retagging = pool.submit(self._client.retag, self._meeting, arn, tags, wanted)
            self._change_attendees()
        retagging.result()
        self._transcribe(transcription)
        attendees = {
            i: self._known[i].model_copy(update={"capabilities": can})
            for i, can in diff.capabilities_of(self._declared).items()
            if i in self._known
        }
        return State(self._declared.properties(), self._meeting, attendees)

    def _change_attendees(self) -> None:
        plan = self._plan()
        for i in plan.remove:
            self._remove(i)
        self._add(plan.add)
        if refused := [e for i, e in self._errors.items() if i not in self._known]:
            each = [(e.external_user_id, e.error_code, e.error_message) for e in refused]
            raise AttendeesRefused("BatchCreateAttendee", each, str(self._meeting))
        # An attendee that existed already may come back with other capabilities.
        plan = self._plan() if plan.add else plan
        ids = {i: a.attendee_id for i, a in self._known.items()}
        for can, excluded in plan.update_except:
            kept = [ids[i] for i in excluded]
            self._client.batch_update_attendee_capabilities_except(self._meeting, kept, can)
        for i, can in plan.update.items():
            self._client.update_attendee_capabilities(self._meeting, ids[i], can)

    def _plan(self) -> diff.Plan:
        return diff.plan({i: a.capabilities for i, a in self._known.items()}, self._declared)

    def _transcribe(self, before: Mapping[str, Any] | None) -> None:
        """Start, change or stop the transcription.

        To change it, start it again without a stop: a late stop would end the new one.
        """
        wanted = self._declared.transcription
        if wanted and wanted.properties() != before:
            self._client.start_transcription(self._meeting, wanted)
        elif before and not wanted:
            self._client.stop_transcription(self._meeting)

    def _remove(self, external_user_id: str) -> None:
        attendee = self._known.pop(external_user_id)
        try:
            self._client.delete_attendee(self._meeting, attendee.attendee_id)
        except MeetingEnded:
            # The same answer means that only the attendee is gone.
            self._client.get_meeting(self._meeting)

    @tenacity.retry(
        retry=tenacity.retry_if_result(bool),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
        stop=tenacity.stop_after_attempt(6),
        retry_error_callback=lambda _: None,
    )
    def _add(self, attendees: Sequence[AttendeeInput]) -> bool:
        """Add attendees, and retry those with errors that may be temporary."""
        left = [a for a in attendees if self._is_to_add(a.external_user_id)]
        for batch in diff.batches(left):
            answer = self._client.batch_create_attendee(self._meeting, batch)
            self.learn(answer.attendees, answer.errors)
        return any(self._is_to_add(a.external_user_id) for a in left)

    def _is_to_add(self, external_user_id: str) -> bool:
        error = self._errors.get(external_user_id)
        may_pass = error is None or error.error_code.removesuffix("Exception") in TRANSIENT
        return may_pass and external_user_id not in self._known


def _create_or_find(client: ChimeClient, declared: MeetingInput) -> State:
    """Create the meeting of a client_request_token, or complete the one that the token returns."""
    token = declared.client_request_token or ""
    meeting = f"meeting '{declared.external_meeting_id}'"
    try:
        answer = client.create_meeting_with_attendees(declared, token)
        meeting, other = str(answer.meeting), _other_settings(declared, answer.meeting)
        if other:
            raise _token_in_use(meeting, f"another meeting, with another {', '.join(other)}")
        listed, tags = _read(client, answer.meeting)
    except UnderWay as error:
        raise _token_in_use(meeting, f"another meeting ({error.cause})") from error
    except MeetingEnded as error:
        raise _token_in_use(meeting, "a meeting that has ended") from error
    work = Reconciler(client, declared, answer.meeting)
    there = {a.external_user_id for a in listed}
    work.learn([a for a in answer.attendees if a.external_user_id in there], answer.errors)
    work.learn(listed)
    if declared.ignore_undeclared_attendees:
        work.forget_undeclared()
    return work.reconcile(tags, None)


def _other_settings(declared: MeetingInput, found: MeetingAnswer) -> list[str]:
    """The create-only arguments whose values differ in the meeting that a token returned."""
    asked, answered = declared.properties(), found.declared()
    return [n for n in diff.CREATE_ONLY if n in asked and not _agrees(asked[n], answered.get(n))]


def _agrees(asked: Any, answered: Any) -> bool:
    """Whether a response has the requested values, as far as it contains them."""
    if isinstance(asked, Mapping) and isinstance(answered, Mapping):
        return all(_agrees(v, answered.get(n)) for n, v in asked.items())
    if isinstance(asked, list) and isinstance(answered, list):
        return sorted(asked) == sorted(answered)
    return answered is None or bool(asked == answered)


def _token_in_use(meeting: str, what: str) -> TokenInUse:
    cause, remedy = f"client_request_token returns {what}", "set another client_request_token"
    return TokenInUse("CreateMeetingWithAttendees", cause, f"{remedy}, or none", meeting)


def _read(
    client: ChimeClient, meeting: MeetingAnswer
) -> tuple[list[AttendeeAnswer], dict[str, str]]:
    """The attendees and the tags of a meeting, read in parallel: each operation has its quota."""
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(client.list_tags, meeting, meeting.meeting_arn or "")
        listed = client.list_attendees(meeting)
    try:
        return listed, reading.result()
    except MeetingEnded as error:
        # Either the meeting has ended in the meantime, or only its tags are not found.
        client.get_meeting(meeting)
        cause = f"the meeting exists, and its tags are not found ({error.cause})"
        raise ServiceError(error.operation, cause, "run `pulumi up` again", str(meeting)) from error


def _as_found(state: State, listed: Sequence[AttendeeAnswer], tags: Mapping[str, str]) -> State:
    """The state of the meeting in the service, with a matching declaration, so that drift shows."""
    default = default_capabilities(state.declared.get("meeting_features"))
    found = {a.external_user_id: a for a in listed}
    declared = state.declared["attendees"]
    undeclared = [] if state.declared.get("ignore_undeclared_attendees") else found
    attendees: dict[str, AttendeeAnswer] = {}
    redeclared: dict[str, Any] = {}
    for i in dict.fromkeys([*(d for d in declared if d in found), *undeclared]):
        was, now = state.attendees.get(i), found[i]
        before = was.capabilities if was else None if i in declared else default
        can = now.capabilities or before
        attendees[i] = now.after(was).model_copy(update={"capabilities": can})
        redeclared[i] = dict(declared.get(i, {}))
        if can and can != before:
            redeclared[i].pop("capabilities", None)
            # The default of a meeting without video would not be a valid declaration.
            if can != default or default == default_capabilities(None):
                redeclared[i]["capabilities"] = dict(can)
    new = {**state.declared, "attendees": redeclared}
    if tags != state.tags:
        new["tags"] = dict(tags)
    return State(new, state.meeting, attendees)
