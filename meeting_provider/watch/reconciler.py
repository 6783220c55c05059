"""Decides from notification messages and the stack's state which meetings to replace.

A message stays in the queue until the state shows that nothing is left to do. So nothing is lost in
a failure, even if the watcher is killed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import tenacity

from meeting_provider.errors import InvalidEvent
from meeting_provider.events import EventType, parse
from meeting_provider.watch import requests
from meeting_provider.watch.consumers import LONGEST_PAUSE, Consumers
from meeting_provider.watch.errors import QueueFailed, StackFailed, WatchError
from meeting_provider.watch.queue import LONGEST_WAIT, Message, Queue
from meeting_provider.watch.shutdown import Shutdown, Stopped
from meeting_provider.watch.stack import EVERY_MEETING, Known, State, WatchedStack

#: How long to collect messages before an `up`, in seconds, so that meetings that end together need
#: one `up`. It is less than the time for which a received message is hidden.
LONGEST_READ: Final = 3.0

#: How many ids of earlier meetings are kept, to recognize late messages.
_REMEMBERED: Final = 10_000

#: The most characters of a name or an id that are logged.
_LONGEST_SHOWN: Final = 64

_log = logging.getLogger(__name__)


@dataclass
class _End:
    """A meeting that has ended, and the messages that say so: notifications and requests."""

    meeting_id: str
    name: str | None
    notifications: dict[str, Message] = field(default_factory=dict)
    requests: dict[str, Message] = field(default_factory=dict)
    is_reported: bool = False

    @property
    def messages(self) -> list[Message]:
        return [*self.notifications.values(), *self.requests.values()]

    def __str__(self) -> str:
        meeting_id = _shown(self.meeting_id)
        return f"{_shown(self.name)} ({meeting_id})" if self.name else meeting_id


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


class Reconciler:
    """Waits for a stack's meetings to end, and runs one `up` at a time for them.

    :param stack: the stack.
    :param queue: opens the stack's queue. It is called again after a failure, because the queue may
        have been replaced.
    :param consumers: the stacks that are updated after meetings have changed.
    :param shutdown: the signals that end the watcher.
    :param on_request: replace an ended meeting only when a message requests it.
    """

    def __init__(
        self,
        stack: WatchedStack,
        queue: Callable[[], Queue],
        consumers: Consumers,
        shutdown: Shutdown,
        *,
        on_request: bool = False,
    ) -> None:
        self._stack = stack
        self._open = queue
        self._queue: Queue | None = None
        self._consumers = consumers
        self._shutdown = shutdown
        self._ends: dict[str, _End] = {}
        self._urns: dict[str, str] = {}
        #: The URNs of the last `up`, if it failed. A meeting may be back without its recording.
        self._failed: set[str] = set()
        self._unreadable: set[str] = set()
        self._earlier = 0
        self._is_drained = True
        self._on_request = on_request
        # Messages about earlier ends may have been lost.
        self._unsure = not on_request

    def run(self) -> None:
        """Watch until a signal comes."""
        self._consumers.start()
        if self._on_request:
            self._consumers.update()
            _log.info("waiting for requests")
        try:
            while True:
                if self._unsure or self._ends:
                    self._persistently(self._recover)
                self._persistently(self._receive)
        except (Stopped, tenacity.RetryError):
            self._consumers.finish()
            _log.info("ended by a signal")

    def _persistently(self, work: Callable[[], None]) -> None:
        """Do some work, and retry it with growing waits until it succeeds.

        :raises tenacity.RetryError: a signal came before it succeeded.
        """
        tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(WatchError),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_PAUSE),
            stop=tenacity.stop_when_event_set(self._shutdown.requested),
            sleep=tenacity.sleep_using_event(self._shutdown.requested),
            before_sleep=self._report,
        )(work)

    def _report(self, attempt: tenacity.RetryCallState) -> None:
        error = attempt.outcome and attempt.outcome.exception()
        pause = attempt.next_action.sleep if attempt.next_action else 0
        _log.warning("%s; trying again in %.1f seconds", error, pause)
        if isinstance(error, QueueFailed):
            self._queue = None

    # Messages

    def _receive(self, wait: int = LONGEST_WAIT) -> None:
        """Wait for messages, and receive all others that are in the queue.

        :param wait: how long to wait for the first one, in seconds.
        """
        with self._shutdown.waiting():
            messages = self._messages(wait)
            until = time.monotonic() + LONGEST_READ
            while messages and time.monotonic() < until:
                self._take(messages)
                messages = self._messages(0)
            self._take(messages)
            self._is_drained = not messages

    def _messages(self, wait: int) -> list[Message]:
        if self._queue is None:
            self._queue = self._open()
        return self._queue.receive(wait)

    def _take(self, messages: Iterable[Message]) -> None:
        """Record the ended meetings that messages name, and delete all other messages."""
        others: list[Message] = []
        for message in messages:
            try:
                end = self._end(message)
            except InvalidEvent:
                self._leave_alone(message)
                continue
            if end is None:
                others.append(message)
        self._delete(others)

    def _end(self, message: Message) -> _End | None:
        """Add a message to the ended meeting that it names; None if it names none.

        :raises InvalidEvent: it is neither an event nor a request.
        """
        try:
            detail = parse(message.body).detail
        except InvalidEvent:
            request = requests.parse(message.body)
            end = self._ends.setdefault(
                request.meeting_id, _End(request.meeting_id, request.external_meeting_id)
            )
            end.requests[message.id] = message
            return end
        if detail.event_type != EventType.MEETING_ENDED or self._on_request:
            return None
        end = self._ends.setdefault(
            detail.meeting_id, _End(detail.meeting_id, detail.external_meeting_id)
        )
        end.notifications[message.id] = message
        return end

    def _leave_alone(self, message: Message) -> None:
        """Leave an unreadable message in the queue, which moves it to the dead-letter queue.

        Its text isn't logged, because it may contain secrets.
        """
        if message.id not in self._unreadable:
            self._unreadable.add(message.id)
            _log.warning(
                "message %s (%d characters) is not a meeting event; it is left to the "
                "dead-letter queue", message.id, len(message.body),
            )  # fmt: skip

    def _delete(self, messages: Sequence[Message]) -> None:
        if messages and self._queue is not None:
            self._queue.delete(messages)

    # Recovery

    def _recover(self) -> None:
        """Replace the ended meetings that are still declared, and delete their messages.

        :raises WatchError: something is left to do.
        """
        if self._failed and self._queue is not None:
            # While a meeting can't be replaced, others may end.
            self._receive(wait=0)
        before = self._read().meetings
        pending = [e for e in self._ends.values() if self._unsure or not self._is_over(e, before)]
        for end in pending:
            if not end.is_reported:
                end.is_reported = True
                _log.info("%s %s", end, "has ended" if end.notifications else "is requested")
        self._hold(pending)
        targets = self._targets(pending) | self._failed
        failure = self._bring_up(targets)
        state = self._read() if targets else State(before, has_gaps=False)
        if state.has_gaps and not failure:
            failure = self._bring_up({EVERY_MEETING})
            state = self._read()
        after = state.meetings
        self._note_changes(before, after)
        if self._unsure and failure is None:
            self._unsure = False
            self._consumers.update()
        self._settle(after, is_done=failure is None)
        if failure:
            raise failure
        _log.info("waiting for ends")

    def _hold(self, ends: Iterable[_End]) -> None:
        if self._queue is not None:
            self._queue.hold([m for end in ends for m in end.messages])

    def _read(self) -> State:
        state = self._stack.state()
        now = {known.meeting_id: urn for urn, known in state.meetings.items()}
        earlier = {i: urn for i, urn in self._urns.items() if i not in now}
        self._urns = dict(list(earlier.items())[-_REMEMBERED:]) | now
        return state

    def _note_changes(self, before: dict[str, Known], after: dict[str, Known]) -> None:
        changed = [
            known
            for urn, known in after.items()
            if urn not in before or before[urn].meeting_id != known.meeting_id
        ]
        for known in changed:
            _log.info("%s is now %s", known.name, known.meeting_id)
        gone = [known for urn, known in before.items() if urn not in after]
        if changed or gone:
            self._consumers.update(known.resource for known in (*changed, *gone))

    def _targets(self, ends: Iterable[_End]) -> set[str]:
        """The URNs of the meetings that have to be replaced."""
        if self._unsure:
            return {EVERY_MEETING}
        # A failed deploy may have removed an unknown meeting from the state: update all meetings.
        return {self._urns.get(end.meeting_id, EVERY_MEETING) for end in ends}

    def _is_over(self, end: _End, meetings: dict[str, Known]) -> bool:
        """Whether an update of the watcher or a deploy has replaced the meeting."""
        urn = self._urns.get(end.meeting_id)
        if urn is None:
            return any(known.name == end.name for known in meetings.values())
        return urn in meetings and meetings[urn].meeting_id != end.meeting_id

    def _bring_up(self, urns: set[str]) -> StackFailed | None:
        """Run `up` for these URNs, and return its error if some or all of them failed."""
        if not urns:
            return None
        self._shutdown.check()
        every = EVERY_MEETING in urns
        names = ", ".join(sorted(urn.rpartition("::")[2] for urn in urns))
        _log.info("bringing up %s", "all meetings" if every else names)
        try:
            self._stack.up([EVERY_MEETING] if every else sorted(urns))
        except StackFailed as failure:
            self._failed = urns
            return failure
        self._failed = set()
        return None

    def _settle(self, meetings: dict[str, Known], *, is_done: bool) -> None:
        """Forget the ended meetings that need no more action, and delete their messages."""
        settled: list[Message] = []
        for end in list(self._ends.values()):
            is_over = self._is_over(end, meetings)
            if not (is_done or is_over):
                continue
            del self._ends[end.meeting_id]
            urn = self._urns.get(end.meeting_id)
            if urn in meetings and meetings[urn].meeting_id == end.meeting_id:
                # The service still has the meeting. The queue repeats the notification, and then
                # moves it to the dead-letter queue.
                if end.notifications:
                    _log.warning("%s still exists, but a notification says that it ended", end)
                settled += end.requests.values()
                continue
            if not end.is_reported:
                self._earlier += 1
            elif not is_over:
                _log.info("%s needs no replacement: it is no longer declared", end)
            settled += end.messages
        if self._earlier and self._is_drained:
            _log.info("%d earlier ends need no action", self._earlier)
            self._earlier = 0
        self._delete(settled)
