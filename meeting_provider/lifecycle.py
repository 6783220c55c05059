"""Create, read, update and delete one meeting, so that its declaration comes true again and again.

Nothing here remembers anything between runs: what a crash leaves behind is found again by the
token that its create derived, and what others did to the meeting by reading it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import tenacity

from meeting_provider import changes, tokens
from meeting_provider.errors import (
    AttendeesRefused,
    MeetingEnded,
    ServiceError,
    TokenInUse,
    UnderWay,
)
from meeting_provider.models import (
    CREATE_ONLY,
    MAX_ATTENDEES_AT_CREATE,
    AttendeeAnswer,
    AttendeeError,
    AttendeeInput,
    CreateAnswer,
    MeetingAnswer,
    MeetingInput,
    default_capabilities,
)
from meeting_provider.run import Run
from meeting_provider.state import Attendee, State

if TYPE_CHECKING:
    # Whoever makes no call should not wait for boto3.
    from meeting_provider.chime import Chime

#: Codes in the `Errors` of an answer that another try may mend.
TRANSIENT: Final = frozenset(
    {"ServiceFailure", "ServiceUnavailable", "Throttled", "Throttling", "TooManyRequests"}
)

#: How many ended meetings in a row a create moves on from, in one window of its token.
MOST_ENDED: Final = 100

#: How many calls for one meeting may be under way. Ten a second take two, at 150 ms each.
AT_ONCE: Final = 4

#: What anybody may do in a meeting without restrictions.
EVERYTHING: Final = default_capabilities(None)

#: Reads tags while the attendees of the same meeting are being read, for each thread of a host.
_READING: Final = ThreadPoolExecutor(thread_name_prefix="reading")


#: Waits 7.5 s in all for another try to end.
_PATIENT: Final = tenacity.Retrying(
    retry=tenacity.retry_if_exception_type((TokenInUse, UnderWay)),
    wait=tenacity.wait_exponential(multiplier=0.5),
    stop=tenacity.stop_after_attempt(5),
    reraise=True,
)


class Lifecycle:
    """The life of meetings, over the clients of their control regions.

    :param client: gives the client of a control region.
    :param clock: seconds since the epoch.
    :param run: what the engine has shown of its state.
    """

    def __init__(
        self,
        client: Callable[[str], Chime],
        clock: Callable[[], float] = time.time,
        run: Run | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._run = run or Run()

    def create(self, declared: MeetingInput) -> State:
        """Make the meeting, or complete the one that an earlier try made.

        With a derived token it is all of it, or nothing; one that brings back an ended meeting,
        another, or the very one that is to be replaced, is moved on from. A token of somebody's own
        may bring back what somebody else made, which is left whatever happens.

        :raises MeetingEnded: the meeting to replicate is gone.
        :raises TokenInUse: the token that was set brings back another meeting, or an ended one.
        :raises AttendeesRefused: the service refused some of the attendees for good.
        :raises ServiceError: any other failure.
        """
        client = self._client(declared.control_region)
        failed: ServiceError | None = None
        for token in self._tokens(declared):
            try:
                if made := self._create(client, declared, token):
                    return made
            except (MeetingEnded, TokenInUse) as error:
                _check_primary(client, declared)
                failed = error
        raise _for_good(declared, failed)

    def _create(self, client: Chime, declared: MeetingInput, token: str) -> State | None:
        """The meeting of a token; None where that is the one to be replaced."""
        first = changes.at_create(declared.attendees, declared.tags or {})
        is_own = declared.client_request_token is not None
        if is_own:
            answer = client.create_meeting_with_attendees(declared, first, token)
            _refuse_another(declared, answer.meeting)
        else:
            # What it is derived from is all that could make another meeting of it. So a conflict
            # is with a try of ours that the service is still at, and whose meeting is to be found.
            create = _PATIENT.wraps(client.create_meeting_with_attendees)
            answer = create(declared, first, token)
        meeting_id = answer.meeting.meeting_id
        if not is_own and self._run.is_held(meeting_id):
            return None
        work = _Work(client, declared, answer.meeting)
        is_other = _is_other(first, answer)
        try:
            work.complete(
                answer,
                is_other=is_other,
                is_shared=is_own,
                has_tags=not is_own and changes.tells_tags(first, answer.attendees),
                before=self._run.declared(meeting_id),
            )
        except BaseException:
            # Somebody may be in a meeting that was there before, or have its tokens.
            if not (is_own or is_other):
                work.undo()
            raise
        self._run.makes(declared.identity, meeting_id)
        return work.state()

    def _tokens(self, declared: MeetingInput) -> Iterator[str]:
        if declared.client_request_token:
            yield declared.client_request_token
        elif declared.identity:
            now = self._clock()
            for attempt in range(MOST_ENDED):
                yield tokens.derive(declared.identity, declared.create_only(), now, attempt)
        else:
            yield secrets.token_hex(32)

    def read(self, state: State) -> State | None:
        """The meeting as it is now, and declared as it is; None where it has ended.

        :raises ServiceError: the service could not say.
        """
        client = self._client(state.control_region)
        meeting, name = state.meeting, _name(state.meeting)
        try:
            listed, tags = _listed(client, name, meeting)
        except MeetingEnded:
            return None
        self._run.holds(meeting.meeting_id, state.certainly_declared)
        return _as_found(state, listed, tags)

    def update(self, state: State, declared: MeetingInput) -> State:
        """Change the meeting in place, with the fewest calls. Whom it keeps keeps id and token.

        :raises MeetingEnded: the meeting ended in the meantime.
        :raises AttendeesRefused: the service refused some of the attendees for good.
        :raises ServiceError: any other failure; the next read shows what was done and what not.
        """
        self._run.makes(declared.identity, state.meeting.meeting_id)
        work = _Work(self._client(state.control_region), declared, state.meeting)
        work.known = dict(state.attendees)
        if declared.ignore_undeclared_attendees:
            work.leave_strangers(state.declared)
        elif state.declared.get("ignore_undeclared_attendees"):
            work.meet_strangers()
        work.converge(state.tags)
        return work.state()

    def delete(self, state: State) -> None:
        """End the meeting; one that has ended is as good.

        :raises ServiceError: the meeting may still be there.
        """
        # A replacement of a meeting younger than its token's window can get that meeting back as
        # its own successor. The engine then deletes the predecessor, which is the same: in this
        # run or, where something else failed before that, in a later one.
        if self._run.is_staying(state.meeting.meeting_id):
            return
        with suppress(MeetingEnded):
            self._client(state.control_region).delete_meeting(
                _name(state.meeting), state.meeting.meeting_id
            )


class _Work:
    """One meeting while it is being made what is declared."""

    def __init__(self, client: Chime, declared: MeetingInput, meeting: MeetingAnswer) -> None:
        self._client = client
        self._declared = declared
        self._meeting = meeting
        self._id = meeting.meeting_id
        self._name = _name(meeting)
        self.known: dict[str, Attendee] = {}
        self._refused: dict[str, AttendeeError] = {}

    def state(self) -> State:
        declared = self._declared.properties()
        order = [a.external_user_id for a in self._declared.attendees]
        return State(declared, self._meeting, {i: self.known[i] for i in order if i in self.known})

    def complete(
        self,
        answer: CreateAnswer,
        *,
        is_other: bool,
        is_shared: bool,
        has_tags: bool,
        before: Collection[str],
    ) -> None:
        """Bring a meeting that a create answered to all that is declared.

        The answer does not tell a new meeting from one that an earlier try made, nor a living one
        from one that has ended. Where everybody fits into one create, reading the meeting does.
        Where not, adding the rest shows whether it lives. And whom the create answered with, and
        in which order, shows whether an earlier try declared the same, where they are enough.

        :param is_other: whether the answer shows another declaration.
        :param is_shared: whether somebody else may know the meeting and have added attendees.
        :param has_tags: whether the answer shows that the meeting has the tags declared.
        :param before: whom a program is known to have declared before, by external_user_id.
        """
        self._learn(answer.attendees)
        self._note_refused(answer.errors)
        tags = self._declared.tags or {}
        if is_other or len(self._declared.attendees) <= MAX_ATTENDEES_AT_CREATE:
            self.known = {}
            if has_tags:
                listed = self._client.list_attendees(self._name, self._id)
            else:
                listed, tags = _listed(self._client, self._name, self._meeting)
            self._learn(listed, answer.attendees)
        if is_shared and self._declared.ignore_undeclared_attendees:
            self._forget_strangers(before)
        self.converge(tags)

    def leave_strangers(self, before: Mapping[str, Any]) -> None:
        """Forget those whom nobody declared, where they are to be left alone from now on.

        A refresh that was told otherwise has taken them for declared: so none of those goes.
        """
        if not before.get("ignore_undeclared_attendees"):
            self._forget_strangers(())

    def _forget_strangers(self, before: Collection[str]) -> None:
        declared = {a.external_user_id for a in self._declared.attendees}.union(before)
        self.known = {i: a for i, a in self.known.items() if i in declared}

    def meet_strangers(self) -> None:
        """Learn of those whom the state leaves out because they were to be left alone."""
        listed = self._client.list_attendees(self._name, self._id)
        self._learn([a for a in listed if a.external_user_id not in self.known])

    def converge(self, tags: Mapping[str, str]) -> None:
        """Make the meeting what is declared, given its attendees as known and its tags.

        A declared attendee whose token nobody could say is made again, which brings back the same
        one with its token.
        """
        declared = {a.external_user_id for a in self._declared.attendees}
        self.known = {i: a for i, a in self.known.items() if a.join_token or i not in declared}
        plan = self._plan(tags)
        _at_once([partial(self._remove, i) for i in plan.remove])
        _at_once([partial(self._add, batch) for batch in plan.add])
        if self._refused:
            raise _refusal(self._refused.values(), self._name)
        # Whom an earlier try has made may come back from there with other capabilities.
        self._recast(self._plan(tags) if plan.add else plan)
        arn = self._meeting.meeting_arn or ""
        if plan.untag:
            self._client.untag(self._name, arn, plan.untag)
        if plan.tag:
            self._client.tag(self._name, arn, plan.tag)

    def _plan(self, tags: Mapping[str, str]) -> changes.Plan:
        can = {i: a.capabilities for i, a in self.known.items()}
        return changes.plan(can, tags, self._declared)

    def undo(self) -> None:
        """Take the meeting away. A failure to do so must not hide the failure that led here."""
        with suppress(ServiceError):
            self._client.delete_meeting(self._name, self._id)

    def _learn(
        self, answers: Sequence[AttendeeAnswer], before: Sequence[AttendeeAnswer] = ()
    ) -> None:
        tokens_before = {a.attendee_id: a.join_token for a in before}
        for answer in answers:
            self.known[answer.external_user_id] = Attendee(
                answer.attendee_id,
                answer.join_token or tokens_before.get(answer.attendee_id) or "",
                answer.capabilities.properties() if answer.capabilities else None,
            )

    def _remove(self, external_user_id: str) -> None:
        attendee = self.known.pop(external_user_id)
        try:
            self._client.delete_attendee(self._name, self._id, attendee.attendee_id)
        except MeetingEnded:
            # The same answer means that the attendee alone is gone, which is as good.
            self._client.get_meeting(self._name, self._id)

    def _add(self, batch: Sequence[AttendeeInput]) -> None:
        """Make attendees, and those again whom only a passing failure kept away."""
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
            self._learn(answer.attendees)
            passing = self._note_refused(answer.errors)
            again = {e.external_user_id for e in passing}
            left[:] = [a for a in left if a.external_user_id in again]
            return passing

        self._refused |= {e.external_user_id: e for e in attempt() or ()}

    def _note_refused(self, errors: Sequence[AttendeeError]) -> list[AttendeeError]:
        """Note whom the service refuses for good; the answer is the rest, whom to try again."""
        passing = [e for e in errors if (e.error_code or "").removesuffix("Exception") in TRANSIENT]
        self._refused |= {e.external_user_id: e for e in errors if e not in passing}
        return passing

    def _recast(self, plan: changes.Plan) -> None:
        ids = {i: a.attendee_id for i, a in self.known.items()}
        for batch in plan.update_except:
            excluded = [ids[i] for i in batch.excluded]
            update_except = _PATIENT.wraps(self._client.batch_update_attendee_capabilities_except)
            update_except(self._name, self._id, excluded, batch.capabilities)
        update_one = _PATIENT.wraps(self._client.update_attendee_capabilities)
        update = partial(update_one, self._name, self._id)
        _at_once([partial(update, ids[i], can) for i, can in plan.update_each.items()])
        for i, capabilities in plan.recast.items():
            known = self.known[i]
            self.known[i] = Attendee(known.attendee_id, known.join_token, capabilities)


def _at_once(calls: Sequence[Callable[[], object]]) -> None:
    """Make calls that don't depend on each other, until one fails."""
    if len(calls) < 2:
        for call in calls:
            call()
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun = [pool.submit(call) for call in calls]
        ended, _ = wait(begun, return_when=FIRST_EXCEPTION)
        pool.shutdown(cancel_futures=True)
    for each in ended:
        each.result()


def _listed(
    client: Chime, name: str, meeting: MeetingAnswer
) -> tuple[list[AttendeeAnswer], dict[str, str]]:
    """The attendees and the tags that the meeting has: two operations, with a quota each."""
    reading = _READING.submit(client.list_tags, name, meeting.meeting_arn or "")
    try:
        listed = client.list_attendees(name, meeting.meeting_id)
    finally:
        wait([reading])
    try:
        return listed, reading.result()
    except MeetingEnded as error:
        # Its attendees were there: either it has ended since, or its tags alone are not known.
        client.get_meeting(name, meeting.meeting_id)
        cause = f"the meeting lives, and its tags are not known ({error.cause})"
        raise ServiceError(error.operation, cause, "run `pulumi up` again", name) from error


def _is_other(asked: Iterable[AttendeeInput], answer: CreateAnswer) -> bool:
    """Whether the answer to a create shows that another declaration made the meeting."""
    made = {a.external_user_id for a in answer.attendees}
    refused = {e.external_user_id for e in answer.errors}
    return made | refused != {a.external_user_id for a in asked}


def _name(meeting: MeetingAnswer) -> str:
    return f"{meeting.external_meeting_id or ''} ({meeting.meeting_id})".strip()


def _refusal(errors: Iterable[AttendeeError], meeting: str) -> AttendeesRefused:
    each = [(e.external_user_id, e.error_code or "?", e.error_message or "?") for e in errors]
    return AttendeesRefused("BatchCreateAttendee", each, meeting)


def _refuse_another(declared: MeetingInput, found: MeetingAnswer) -> None:
    """Leave alone what a token brings back that other settings made."""
    asked, answered = declared.create_only(), found.wire()
    names = {MeetingInput.model_fields[n].alias or n: n for n in CREATE_ONLY}
    other = [names[n] for n, v in asked.items() if not _agrees(v, answered.get(n))]
    if other:
        raise TokenInUse(
            "CreateMeetingWithAttendees",
            f"client_request_token brings back a meeting with another {', '.join(other)}",
            "set another client_request_token, or none",
            _name(found),
        )


def _agrees(asked: Any, answered: Any) -> bool:
    """Whether an answer has what was asked for. What it leaves out it does not contradict."""
    if answered is None:
        return True
    if isinstance(asked, Mapping) and isinstance(answered, Mapping):
        return all(_agrees(v, answered.get(n)) for n, v in asked.items())
    if isinstance(asked, list) and isinstance(answered, list):
        return sorted(asked) == sorted(answered)
    return bool(asked == answered)


def _check_primary(client: Chime, declared: MeetingInput) -> None:
    """A replica goes with its primary: where that is gone, no other token makes one."""
    primary = declared.primary_meeting_id
    if not primary:
        return
    try:
        client.get_meeting(declared.external_meeting_id, primary)
    except MeetingEnded:
        raise MeetingEnded(
            "CreateMeetingWithAttendees",
            f"the meeting {primary}, which it replicates, has ended",
            "run `pulumi up --refresh`, which makes successors of both",
            declared.external_meeting_id,
        ) from None


def _for_good(declared: MeetingInput, error: ServiceError | None) -> ServiceError:
    """The error to end with when no token is left to try."""
    if declared.client_request_token and isinstance(error, MeetingEnded):
        return TokenInUse(
            error.operation,
            "client_request_token brings back a meeting that has ended",
            "set another client_request_token, or none",
            declared.external_meeting_id,
        )
    assert error is not None
    return error


def _as_found(state: State, listed: Sequence[AttendeeAnswer], tags: Mapping[str, str]) -> State:
    """The state with what the service says now, its declaration too: so a repair shows itself."""
    default = default_capabilities(state.declared.get("meeting_features"))
    found = {a.external_user_id: a for a in listed}
    declared = {a["external_user_id"]: a for a in state.declared["attendees"]}
    others = [] if state.declared.get("ignore_undeclared_attendees") else found
    attendees: dict[str, Attendee] = {}
    redeclared: list[dict[str, Any]] = []
    for i in dict.fromkeys([*(d for d in declared if d in found), *others]):
        was, now = state.attendees.get(i), found[i]
        same = was is not None and was.attendee_id == now.attendee_id
        token = now.join_token or (was.join_token if was and same else "")
        before = was.capabilities if was else None
        can = now.capabilities.properties() if now.capabilities else before
        attendees[i] = Attendee(now.attendee_id, token, can)
        entry = dict(declared.get(i, {"external_user_id": i}))
        if can and can != before:
            entry.pop("capabilities", None)
            # What anybody may do in a meeting without video could not be declared.
            if can != default or default == EVERYTHING:
                entry["capabilities"] = dict(can)
        redeclared.append(entry)
    new = {**state.declared, "attendees": redeclared}
    if tags != state.tags:
        new["tags"] = dict(tags)
    return State(new, state.meeting, attendees)
