"""Create, read, update and delete one meeting. No pulumi and no boto3 here.

Nothing is remembered between operations. What others did to a meeting is found by reading it. A
create that is cut off may leave a meeting that nobody has tokens for: the service ends it five
minutes later.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from threading import Event, Lock
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
    MAX_ATTENDEES_AT_CREATE,
    AttendeeAnswer,
    AttendeeError,
    AttendeeInput,
    MeetingAnswer,
    MeetingInput,
    default_capabilities,
)
from meeting_provider.state import Attendee, State

if TYPE_CHECKING:
    from meeting_provider.client import ChimeClient

#: Codes in the `Errors` of an answer that may succeed at another attempt.
TRANSIENT: Final = frozenset(
    {"ServiceFailure", "ServiceUnavailable", "Throttled", "Throttling", "TooManyRequests"}
)

#: How many calls for one meeting may be under way. Ten a second take two, at 150 ms each.
CONCURRENT_CALLS: Final = 4

#: What an attendee gets in a meeting without restrictions.
EVERYTHING: Final = default_capabilities(None)

#: Waits at most 7.5 s for another request that the service still processes.
_waiting_for_another: Final = tenacity.retry(
    retry=tenacity.retry_if_exception_type(UnderWay),
    wait=tenacity.wait_exponential(multiplier=0.5),
    stop=tenacity.stop_after_attempt(5),
    reraise=True,
)


class Clients:
    """The clients of an account, each made when it is first used. The threads of a host share them.

    :param profile: the profile where none was declared; by default what boto3's chain finds.
    """

    def __init__(self, profile: str | None = None) -> None:
        self._profile = profile
        self._made: dict[tuple[str, str | None], ChimeClient] = {}
        self._making = Lock()
        self._cancelled = Event()

    def __call__(self, region: str, profile: str | None) -> ChimeClient:
        """The client of a control region and, where one was declared, a profile."""
        # An update without a call should not import boto3.
        from meeting_provider.client import ChimeClient

        key = (region, profile or self._profile)
        with self._making:
            if key not in self._made:
                self._made[key] = ChimeClient(*key, self._cancelled)
            return self._made[key]

    def cancel(self) -> None:
        """Have the operations that are under way fail at their next call. No call is retried."""
        self._cancelled.set()


class Lifecycle:
    """The life of meetings.

    :param client: gives the client of a control region and, where one was declared, a profile.
    """

    def __init__(self, client: Callable[[str, str | None], ChimeClient]) -> None:
        self._client = client

    def create(self, declared: MeetingInput) -> State:
        """Create the meeting with all its attendees. One that fails leaves no meeting of its own.

        A client_request_token may bring back a meeting that exists. That is completed, if it has
        the declared settings, and never deleted on failure.

        :raises TokenInUse: the client_request_token brings back a meeting with other settings, or
            one that has ended.
        :raises AttendeesRefused: the service refused some of the attendees.
        :raises ServiceError: any other failure.
        """
        client = self._client(declared.control_region, declared.profile)
        bounded = client.bounded()
        first = declared.attendees[:MAX_ATTENDEES_AT_CREATE]
        if declared.client_request_token:
            return _create_or_find(bounded, declared, first)
        create = _waiting_for_another(bounded.create_meeting_with_attendees)
        answer = create(declared, first, secrets.token_hex(32))
        work = Reconciler(bounded, declared, answer.meeting)
        try:
            work.learn(answer.attendees)
            work.note_refused(answer.errors)
            work.reconcile(declared.tags or {})
        except BaseException:
            # A failure to delete must not hide the failure that led here.
            with suppress(ServiceError):
                client.delete_meeting(_name(answer.meeting), answer.meeting.meeting_id)
            raise
        return work.state()

    def read(self, state: State) -> State | None:
        """The meeting as it is now, with a declaration that says the same; None where it has ended.

        :raises ServiceError: any failure.
        """
        client = self._client(state.control_region, state.profile).bounded()
        try:
            listed, tags = _read(client, _name(state.meeting), state.meeting)
        except MeetingEnded:
            return None
        return _as_found(state, listed, tags)

    def find(self, meeting_id: str, control_region: str) -> State | None:
        """A meeting that was created elsewhere, with a declaration that says the same.

        No call returns the client request token, the notification targets and the network type.

        :returns: None where the control region has no such meeting.
        :raises ServiceError: any failure.
        """
        client = self._client(control_region, None).bounded()
        try:
            meeting = client.get_meeting(meeting_id, meeting_id)
            listed, tags = _read(client, _name(meeting), meeting)
        except MeetingEnded:
            return None
        declared = {"attendees": {}, **meeting.declared(), "control_region": control_region}
        return _as_found(State(declared, meeting, {}), listed, tags)

    def update(self, state: State, declared: MeetingInput) -> State:
        """Change the meeting in place, with the fewest calls. Attendees that stay keep their token.

        :raises MeetingEnded: the meeting ended in the meantime.
        :raises AttendeesRefused: the service refused some of the attendees.
        :raises ServiceError: any other failure; the next read finds what was done and what not.
        """
        client = self._client(state.control_region, state.profile).bounded()
        work = Reconciler(client, declared, state.meeting)
        work.known = dict(state.attendees)
        ignored_before = state.declared.get("ignore_undeclared_attendees", False)
        if declared.ignore_undeclared_attendees and not ignored_before:
            # A refresh took the undeclared attendees as declared: they stay.
            work.forget_undeclared()
        elif ignored_before and not declared.ignore_undeclared_attendees:
            work.learn_undeclared()
        work.reconcile(state.tags)
        return work.state()

    def delete(self, state: State) -> None:
        """End the meeting, where it hasn't ended.

        :raises ServiceError: the meeting may still exist.
        """
        client = self._client(state.control_region, state.profile).bounded()
        with suppress(MeetingEnded):
            client.delete_meeting(_name(state.meeting), state.meeting.meeting_id)


class Reconciler:
    """Makes one meeting what is declared.

    :ivar known: the attendees that the meeting is known to have, by external_user_id.
    """

    def __init__(self, client: ChimeClient, declared: MeetingInput, meeting: MeetingAnswer) -> None:
        self.known: dict[str, Attendee] = {}
        self._client = client
        self._declared = declared
        self._meeting = meeting
        self._id = meeting.meeting_id
        self._name = _name(meeting)
        self._refused: dict[str, AttendeeError] = {}

    def state(self) -> State:
        """The state once the meeting is what is declared."""
        order = [a.external_user_id for a in self._declared.attendees]
        attendees = {i: self.known[i] for i in order if i in self.known}
        return State(self._declared.properties(), self._meeting, attendees)

    def learn(
        self, answers: Sequence[AttendeeAnswer], before: Sequence[AttendeeAnswer] = ()
    ) -> None:
        """Note attendees of an answer. Where it has no tokens, those of an answer before count."""
        tokens_before = {a.attendee_id: a.join_token for a in before}
        for answer in answers:
            self.known[answer.external_user_id] = Attendee(
                answer.attendee_id,
                answer.join_token or tokens_before.get(answer.attendee_id) or "",
                answer.capabilities.properties() if answer.capabilities else None,
            )

    def note_refused(self, errors: Sequence[AttendeeError]) -> list[AttendeeError]:
        """Note the attendees that the service refuses. Returns those to try again instead."""
        passing = [e for e in errors if (e.error_code or "").removesuffix("Exception") in TRANSIENT]
        self._refused |= {e.external_user_id: e for e in errors if e not in passing}
        return passing

    def forget_undeclared(self) -> None:
        """Leave the undeclared attendees alone."""
        declared = {a.external_user_id for a in self._declared.attendees}
        self.known = {i: a for i, a in self.known.items() if i in declared}

    def learn_undeclared(self) -> None:
        """Read the attendees that the state leaves out."""
        listed = self._client.list_attendees(self._name, self._id)
        self.learn([a for a in listed if a.external_user_id not in self.known])

    def reconcile(self, tags: Mapping[str, str]) -> None:
        """Make the meeting what is declared.

        A declared attendee whose token is unknown is added again, which returns the same attendee
        with its token.

        :param tags: the meeting's tags as they are.
        """
        declared = {a.external_user_id for a in self._declared.attendees}
        self.known = {i: a for i, a in self.known.items() if a.join_token or i not in declared}
        plan = self._plan(tags)
        _concurrently([partial(self._remove, i) for i in plan.remove])
        _concurrently([partial(self._add, batch) for batch in plan.add])
        if self._refused:
            raise _refusal(self._refused.values(), self._name)
        # An attendee that existed already may come back with other capabilities.
        self._set_capabilities(self._plan(tags) if plan.add else plan)
        arn = self._meeting.meeting_arn or ""
        if plan.untag:
            self._client.untag(self._name, arn, plan.untag)
        if plan.tag:
            self._client.tag(self._name, arn, plan.tag)

    def _plan(self, tags: Mapping[str, str]) -> diff.Plan:
        capabilities = {i: a.capabilities for i, a in self.known.items()}
        return diff.plan(capabilities, tags, self._declared)

    def _remove(self, external_user_id: str) -> None:
        attendee = self.known.pop(external_user_id)
        try:
            self._client.delete_attendee(self._name, self._id, attendee.attendee_id)
        except MeetingEnded:
            # The same answer means that only the attendee is gone.
            self._client.get_meeting(self._name, self._id)

    def _add(self, batch: Sequence[AttendeeInput]) -> None:
        """Add attendees, and again those that failed in passing."""
        left = [a for a in batch if a.external_user_id not in self._refused]
        if not left:
            return

        @tenacity.retry(
            retry=tenacity.retry_if_result(bool),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
            stop=tenacity.stop_after_attempt(6),
            retry_error_callback=lambda attempt: attempt.outcome and attempt.outcome.result(),
        )
        def attempt() -> list[AttendeeError]:
            answer = self._client.batch_create_attendee(self._name, self._id, left)
            self.learn(answer.attendees)
            passing = self.note_refused(answer.errors)
            again = {e.external_user_id for e in passing}
            left[:] = [a for a in left if a.external_user_id in again]
            return passing

        self._refused |= {e.external_user_id: e for e in attempt() or ()}

    def _set_capabilities(self, plan: diff.Plan) -> None:
        ids = {i: a.attendee_id for i, a in self.known.items()}
        update_except = _waiting_for_another(self._client.batch_update_attendee_capabilities_except)
        for batch in plan.update_except:
            excluded = [ids[i] for i in batch.excluded]
            update_except(self._name, self._id, excluded, batch.capabilities)
        update = _waiting_for_another(self._client.update_attendee_capabilities)
        _concurrently(
            [partial(update, self._name, self._id, ids[i], c) for i, c in plan.update_each.items()]
        )
        for i, capabilities in plan.capabilities.items():
            known = self.known[i]
            self.known[i] = Attendee(known.attendee_id, known.join_token, capabilities)


def _create_or_find(
    client: ChimeClient, declared: MeetingInput, first: Sequence[AttendeeInput]
) -> State:
    """Create the meeting of a client_request_token, or complete the one that it brings back."""
    token = declared.client_request_token or ""
    try:
        answer = client.create_meeting_with_attendees(declared, first, token)
    except UnderWay as error:
        cause = f"client_request_token brings back another meeting ({error.cause})"
        raise _token_in_use(declared.external_meeting_id, cause) from error
    _refuse_other_settings(declared, answer.meeting)
    name = _name(answer.meeting)
    work = Reconciler(client, declared, answer.meeting)
    work.note_refused(answer.errors)
    try:
        listed, tags = _read(client, name, answer.meeting)
    except MeetingEnded as error:
        cause = "client_request_token brings back a meeting that has ended"
        raise _token_in_use(name, cause) from error
    work.learn(listed, answer.attendees)
    if declared.ignore_undeclared_attendees:
        work.forget_undeclared()
    work.reconcile(tags)
    return work.state()


def _refuse_other_settings(declared: MeetingInput, found: MeetingAnswer) -> None:
    asked, answered = declared.create_only(), found.wire()
    names = {field.alias or n: n for n, field in MeetingInput.model_fields.items()}
    other = [names[n] for n, v in asked.items() if not _agrees(v, answered.get(n))]
    if other:
        cause = f"client_request_token brings back a meeting with another {', '.join(other)}"
        raise _token_in_use(_name(found), cause)


def _agrees(asked: Any, answered: Any) -> bool:
    """Whether an answer has what was asked for. What it leaves out it doesn't contradict."""
    if answered is None:
        return True
    if isinstance(asked, Mapping) and isinstance(answered, Mapping):
        return all(_agrees(v, answered.get(n)) for n, v in asked.items())
    if isinstance(asked, list) and isinstance(answered, list):
        return sorted(asked) == sorted(answered)
    return bool(asked == answered)


def _token_in_use(meeting: str, cause: str) -> TokenInUse:
    remedy = "set another client_request_token, or none"
    return TokenInUse("CreateMeetingWithAttendees", cause, remedy, meeting)


def _concurrently(calls: Sequence[Callable[[], object]]) -> None:
    """Make calls that don't depend on each other, until one fails."""
    if len(calls) < 2:
        for call in calls:
            call()
        return
    with ThreadPoolExecutor(CONCURRENT_CALLS) as pool:
        begun = [pool.submit(call) for call in calls]
        ended, _ = wait(begun, return_when=FIRST_EXCEPTION)
        pool.shutdown(cancel_futures=True)
    for each in ended:
        each.result()


def _read(
    client: ChimeClient, name: str, meeting: MeetingAnswer
) -> tuple[list[AttendeeAnswer], dict[str, str]]:
    """The attendees and the tags of a meeting: two operations, with a quota each."""
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(client.list_tags, name, meeting.meeting_arn or "")
        listed = client.list_attendees(name, meeting.meeting_id)
    try:
        return listed, reading.result()
    except MeetingEnded as error:
        # Either the meeting has ended since, or only its tags are not found.
        client.get_meeting(name, meeting.meeting_id)
        cause = f"the meeting exists, and its tags are not found ({error.cause})"
        raise ServiceError(error.operation, cause, "run `pulumi up` again", name) from error


def _name(meeting: MeetingAnswer) -> str:
    return f"{meeting.external_meeting_id or ''} ({meeting.meeting_id})".strip()


def _refusal(errors: Iterable[AttendeeError], meeting: str) -> AttendeesRefused:
    each = [(e.external_user_id, e.error_code or "?", e.error_message or "?") for e in errors]
    return AttendeesRefused("BatchCreateAttendee", each, meeting)


def _as_found(state: State, listed: Sequence[AttendeeAnswer], tags: Mapping[str, str]) -> State:
    """The state as the service has it now. Its declaration says the same, so that drift shows."""
    default = default_capabilities(state.declared.get("meeting_features"))
    found = {a.external_user_id: a for a in listed}
    declared = state.declared["attendees"]
    undeclared = [] if state.declared.get("ignore_undeclared_attendees") else found
    attendees: dict[str, Attendee] = {}
    redeclared: dict[str, Any] = {}
    for i in dict.fromkeys([*(d for d in declared if d in found), *undeclared]):
        was, now = state.attendees.get(i), found[i]
        same = was is not None and was.attendee_id == now.attendee_id
        token = now.join_token or (was.join_token if was and same else "")
        before = was.capabilities if was else None if i in declared else default
        can = now.capabilities.properties() if now.capabilities else before
        attendees[i] = Attendee(now.attendee_id, token, can)
        entry = dict(declared.get(i, {}))
        if can and can != before:
            entry.pop("capabilities", None)
            # The default of a meeting without video could not be declared.
            if can != default or default == EVERYTHING:
                entry["capabilities"] = dict(can)
        redeclared[i] = entry
    new = {**state.declared, "attendees": redeclared}
    if tags != state.tags:
        new["tags"] = dict(tags)
    return State(new, state.meeting, attendees)
