"""Create, read, update and delete one meeting. No pulumi and no boto3 here.

Nothing is remembered between operations. What others did to a meeting is found by reading it. A
create that is cut off may leave a meeting that nobody has tokens for: the service ends it five
minutes later.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
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
from meeting_provider.state import State

if TYPE_CHECKING:
    from meeting_provider.client import ChimeClient

#: Codes in the `Errors` of an answer that may succeed at another attempt.
TRANSIENT: Final = frozenset(
    {"ServiceFailure", "ServiceUnavailable", "Throttled", "Throttling", "TooManyRequests"}
)

#: How many calls for one meeting may be under way. Ten a second take two, at 150 ms each.
CONCURRENT_CALLS: Final = 4

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
    """The life of meetings. Each method raises a ServiceError where it fails.

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
        """
        client = self._client(declared.control_region, declared.profile)
        if declared.client_request_token:
            return _create_or_find(client.bounded(), declared)
        bounded = client.bounded()
        create = _waiting_for_another(bounded.create_meeting_with_attendees)
        answer = create(declared, _first(declared), secrets.token_hex(32))
        work = Reconciler(bounded, declared, answer.meeting)
        try:
            work.learn(answer.attendees)
            work.note_refused(answer.errors)
            work.reconcile(declared.tags or {})
        except BaseException:
            # A failure to delete must not hide the failure that led here.
            with suppress(ServiceError):
                client.delete_meeting(answer.meeting)
            raise
        return work.state()

    def read(self, state: State) -> State | None:
        """The meeting as it is now, declared as it is; None where it has ended."""
        try:
            listed, tags = _read(self._bounded(state), state.meeting)
        except MeetingEnded:
            return None
        return _as_found(state, listed, tags)

    def find(self, meeting_id: str, control_region: str) -> State | None:
        """A meeting that was created elsewhere, with a declaration that says the same.

        No call returns the client request token, the notification targets and the network type.

        :returns: None where the control region has no such meeting.
        """
        client = self._client(control_region, None).bounded()
        try:
            meeting = client.get_meeting(MeetingAnswer(meeting_id=meeting_id))
            listed, tags = _read(client, meeting)
        except MeetingEnded:
            return None
        declared = {"attendees": {}, **meeting.declared(), "control_region": control_region}
        return _as_found(State(declared, meeting, {}), listed, tags)

    def update(self, state: State, declared: MeetingInput) -> State:
        """Change the meeting in place, with the fewest calls. Attendees that stay keep their token.

        Where it fails, the next read finds what was done and what not.

        :raises MeetingEnded: the meeting ended in the meantime.
        :raises AttendeesRefused: the service refused some of the attendees.
        """
        work = Reconciler(self._bounded(state), declared, state.meeting)
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
        """End the meeting, where it hasn't ended."""
        with suppress(MeetingEnded):
            self._bounded(state).delete_meeting(state.meeting)

    def _bounded(self, state: State) -> ChimeClient:
        declared = state.declared
        return self._client(declared["control_region"], declared.get("profile")).bounded()


class Reconciler:
    """Makes one meeting what is declared.

    :ivar known: the attendees that the meeting is known to have, by external_user_id.
    """

    def __init__(self, client: ChimeClient, declared: MeetingInput, meeting: MeetingAnswer) -> None:
        self.known: dict[str, AttendeeAnswer] = {}
        self._client = client
        self._declared = declared
        self._wanted = {a.external_user_id: a for a in declared.attendees}
        self._meeting = meeting
        self._refused: dict[str, AttendeeError] = {}

    def state(self) -> State:
        """The state once the meeting is what is declared."""
        attendees = {i: self.known[i] for i in self._wanted if i in self.known}
        return State(self._declared.properties(), self._meeting, attendees)

    def learn(self, answers: Sequence[AttendeeAnswer]) -> None:
        """Note attendees of an answer. A token that is known already counts where it has none."""
        for answer in answers:
            was = self.known.get(answer.external_user_id)
            if was and not answer.join_token and was.attendee_id == answer.attendee_id:
                answer = answer.model_copy(update={"join_token": was.join_token})  # noqa: PLW2901
            self.known[answer.external_user_id] = answer

    def note_refused(self, errors: Sequence[AttendeeError]) -> list[AttendeeError]:
        """Note the attendees that the service refuses. Returns those to try again instead."""
        passing = [e for e in errors if e.error_code.removesuffix("Exception") in TRANSIENT]
        self._refused |= {e.external_user_id: e for e in errors if e not in passing}
        return passing

    def forget_undeclared(self) -> None:
        """Leave the undeclared attendees alone."""
        self.known = {i: a for i, a in self.known.items() if i in self._wanted}

    def learn_undeclared(self) -> None:
        """Read the attendees that the state leaves out."""
        listed = self._client.list_attendees(self._meeting)
        self.learn([a for a in listed if a.external_user_id not in self.known])

    def reconcile(self, tags: Mapping[str, str]) -> None:
        """Make the meeting what is declared.

        A declared attendee whose token is unknown is added again, which returns the same attendee
        with its token.

        :param tags: the meeting's tags as they are.
        """
        self.known = {i: a for i, a in self.known.items() if a.join_token or i not in self._wanted}
        plan = self._plan(tags)
        # Tags have quotas of their own: beside the removals they cost no time.
        retag = [partial(self._retag, plan)] if plan.tag or plan.untag else []
        _concurrently([*retag, *(partial(self._remove, i) for i in plan.remove)])
        _concurrently([partial(self._add, batch) for batch in plan.add])
        if self._refused:
            each = [(i, e.error_code, e.error_message) for i, e in self._refused.items()]
            raise AttendeesRefused("BatchCreateAttendee", each, str(self._meeting))
        # An attendee that existed already may come back with other capabilities.
        self._set_capabilities(self._plan(tags) if plan.add else plan)

    def _plan(self, tags: Mapping[str, str]) -> diff.Plan:
        capabilities = {i: a.capabilities for i, a in self.known.items()}
        return diff.plan(capabilities, tags, self._declared)

    def _retag(self, plan: diff.Plan) -> None:
        """Change the tags. Removals come first, so that an exchange fits under the limit."""
        if plan.untag:
            self._client.untag(self._meeting, plan.untag)
        if plan.tag:
            self._client.tag(self._meeting, plan.tag)

    def _remove(self, external_user_id: str) -> None:
        attendee = self.known.pop(external_user_id)
        try:
            self._client.delete_attendee(self._meeting, attendee.attendee_id)
        except MeetingEnded:
            # The same answer means that only the attendee is gone.
            self._client.get_meeting(self._meeting)

    def _add(self, batch: Sequence[AttendeeInput]) -> None:
        """Add attendees, and again those that failed in passing."""
        left = [a for a in batch if a.external_user_id not in self._refused]

        @tenacity.retry(
            retry=tenacity.retry_if_result(bool),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
            stop=tenacity.stop_after_attempt(6),
            retry_error_callback=lambda attempt: attempt.outcome and attempt.outcome.result(),
        )
        def attempt() -> list[AttendeeError]:
            answer = self._client.batch_create_attendee(self._meeting, left)
            self.learn(answer.attendees)
            passing = self.note_refused(answer.errors)
            again = {e.external_user_id for e in passing}
            left[:] = [a for a in left if a.external_user_id in again]
            return passing

        if left:
            self._refused |= {e.external_user_id: e for e in attempt() or ()}

    def _set_capabilities(self, plan: diff.Plan) -> None:
        ids = {i: a.attendee_id for i, a in self.known.items()}
        update_except = _waiting_for_another(self._client.batch_update_attendee_capabilities_except)
        for batch in plan.update_except:
            update_except(self._meeting, [ids[i] for i in batch.excluded], batch.capabilities)
        update = partial(
            _waiting_for_another(self._client.update_attendee_capabilities), self._meeting
        )
        _concurrently([partial(update, ids[i], c) for i, c in plan.update_each.items()])
        for i, capabilities in plan.capabilities.items():
            self.known[i] = self.known[i].model_copy(update={"capabilities": dict(capabilities)})


def _first(declared: MeetingInput) -> Sequence[AttendeeInput]:
    """The attendees that CreateMeetingWithAttendees creates."""
    return declared.attendees[:MAX_ATTENDEES_AT_CREATE]


def _create_or_find(client: ChimeClient, declared: MeetingInput) -> State:
    """Create the meeting of a client_request_token, or complete the one that it brings back."""
    token = declared.client_request_token or ""
    meeting = f"meeting '{declared.external_meeting_id}'"
    try:
        answer = client.create_meeting_with_attendees(declared, _first(declared), token)
        meeting, other = str(answer.meeting), _other_settings(declared, answer.meeting)
        if other:
            raise _token_in_use(meeting, f"another meeting, with another {', '.join(other)}")
        listed, tags = _read(client, answer.meeting)
    except UnderWay as error:
        raise _token_in_use(meeting, f"another meeting ({error.cause})") from error
    except MeetingEnded as error:
        raise _token_in_use(meeting, "a meeting that has ended") from error
    work = Reconciler(client, declared, answer.meeting)
    work.note_refused(answer.errors)
    there = {a.external_user_id for a in listed}
    work.learn([a for a in answer.attendees if a.external_user_id in there])
    work.learn(listed)
    if declared.ignore_undeclared_attendees:
        work.forget_undeclared()
    work.reconcile(tags)
    return work.state()


def _other_settings(declared: MeetingInput, found: MeetingAnswer) -> list[str]:
    """The arguments whose values a meeting contradicts that a token brought back."""
    asked, answered = declared.create_only(), found.wire()
    names = {field.alias or n: n for n, field in MeetingInput.model_fields.items()}
    return [names[n] for n, v in asked.items() if not _agrees(v, answered.get(n))]


def _agrees(asked: Any, answered: Any) -> bool:
    """Whether an answer has what was asked for. What it leaves out it doesn't contradict."""
    if isinstance(asked, Mapping) and isinstance(answered, Mapping):
        return all(_agrees(v, answered.get(n)) for n, v in asked.items())
    if isinstance(asked, list) and isinstance(answered, list):
        return sorted(asked) == sorted(answered)
    return answered is None or bool(asked == answered)


def _token_in_use(meeting: str, what: str) -> TokenInUse:
    cause, remedy = f"client_request_token brings back {what}", "set another client_request_token"
    return TokenInUse("CreateMeetingWithAttendees", cause, f"{remedy}, or none", meeting)


def _concurrently(calls: Sequence[Callable[[], object]]) -> None:
    """Make calls that don't depend on each other, until one fails."""
    if not calls:
        return
    with ThreadPoolExecutor(min(len(calls), CONCURRENT_CALLS)) as pool:
        begun = [pool.submit(call) for call in calls]
        ended, _ = wait(begun, return_when=FIRST_EXCEPTION)
        pool.shutdown(cancel_futures=True)
    for each in ended:
        each.result()


def _read(
    client: ChimeClient, meeting: MeetingAnswer
) -> tuple[list[AttendeeAnswer], dict[str, str]]:
    """The attendees and the tags of a meeting: two operations, with a quota each."""
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(client.list_tags, meeting)
        listed = client.list_attendees(meeting)
    try:
        return listed, reading.result()
    except MeetingEnded as error:
        # Either the meeting has ended since, or only its tags are not found.
        client.get_meeting(meeting)
        cause = f"the meeting exists, and its tags are not found ({error.cause})"
        raise ServiceError(error.operation, cause, "run `pulumi up` again", str(meeting)) from error


def _as_found(state: State, listed: Sequence[AttendeeAnswer], tags: Mapping[str, str]) -> State:
    """The state as the service has it now. Its declaration says the same, so that drift shows."""
    default = default_capabilities(state.declared.get("meeting_features"))
    found = {a.external_user_id: a for a in listed}
    declared = state.declared["attendees"]
    undeclared = [] if state.declared.get("ignore_undeclared_attendees") else found
    attendees: dict[str, AttendeeAnswer] = {}
    redeclared: dict[str, Any] = {}
    for i in dict.fromkeys([*(d for d in declared if d in found), *undeclared]):
        was, now = state.attendees.get(i), found[i]
        same = was is not None and was.attendee_id == now.attendee_id
        token = now.join_token or (was.join_token if was and same else "")
        before = was.capabilities if was else None if i in declared else default
        can = now.capabilities or before
        attendees[i] = now.model_copy(update={"join_token": token, "capabilities": can})
        redeclared[i] = dict(declared.get(i, {}))
        if can and can != before:
            redeclared[i].pop("capabilities", None)
            # The default of a meeting without video could not be declared.
            if can != default or default == default_capabilities(None):
                redeclared[i]["capabilities"] = dict(can)
    new = {**state.declared, "attendees": redeclared}
    if tags != state.tags:
        new["tags"] = dict(tags)
    return State(new, state.meeting, attendees)
