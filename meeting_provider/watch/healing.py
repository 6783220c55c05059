"""What the service tells -> what is to be brought up, until every end has its successor.

A message stays on the queue until a state shows that nothing is left to do about it. So whatever
is lost in between, the watcher's own life included, only makes it look again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import tenacity

from meeting_provider.errors import InvalidEvent
from meeting_provider.events import EventType, parse
from meeting_provider.watch.errors import QueueFailed, StackFailed, WatchError
from meeting_provider.watch.queue import LONGEST_WAIT, Message, Queue
from meeting_provider.watch.stack import EVERY_MEETING, Known, State, WatchedStack
from meeting_provider.watch.stopping import Stopped, Stopping

#: How often the queue is asked for more of a burst of ends before they are one `up`.
MOST_LOOKS: Final = 20

#: The most that is waited between two tries, in seconds.
LONGEST_PAUSE: Final = 30

#: How many ids of earlier meetings are remembered, to know whose end is told late.
_REMEMBERED: Final = 10_000

_log = logging.getLogger(__name__)


@dataclass
class _End:
    """A meeting that is said to have ended, and the messages that say so."""

    meeting_id: str
    name: str | None
    messages: dict[str, Message] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name} ({self.meeting_id})" if self.name else self.meeting_id


class Watcher:
    """Waits for ends of a stack's meetings and heals them, one `up` at a time.

    :param stack: the stack.
    :param queue: opens the stack's queue; called anew when it fails, for it may be another by then.
    :param consumers: stacks that are brought up after meetings have changed.
    :param stopping: says when to end.
    """

    def __init__(
        self,
        stack: WatchedStack,
        queue: Callable[[], Queue],
        consumers: Sequence[WatchedStack],
        stopping: Stopping,
    ) -> None:
        self._stack = stack
        self._open = queue
        self._queue: Queue | None = None
        self._consumers = consumers
        self._stopping = stopping
        self._ends: dict[str, _End] = {}
        self._urns: dict[str, str] = {}
        self._told: set[str] = set()
        # What ended while nobody watched, or was being healed when the last watcher died, may be
        # told no more, or not soon.
        self._unsure = True
        self._stale = bool(consumers)

    def run(self) -> None:
        """Watch until asked to end."""
        try:
            while True:
                if self._unsure or self._stale or self._ends:
                    self._persistently(self._heal)
                self._persistently(self._receive)
        except (Stopped, tenacity.RetryError):
            _log.info("ended, as asked")

    def _persistently(self, work: Callable[[], None]) -> None:
        """Do something until it works, ever less often.

        :raises tenacity.RetryError: somebody asked to end, and it had not worked yet.
        """
        tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(WatchError),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_PAUSE),
            stop=tenacity.stop_when_event_set(self._stopping.asked),
            sleep=tenacity.sleep_using_event(self._stopping.asked),
            before_sleep=self._complain,
        )(work)

    def _complain(self, attempt: tenacity.RetryCallState) -> None:
        error = attempt.outcome and attempt.outcome.exception()
        pause = attempt.next_action.sleep if attempt.next_action else 0
        _log.warning("%s; trying again in %.1f seconds", error, pause)
        if isinstance(error, QueueFailed):
            self._queue = None

    # What the queue brings

    def _receive(self) -> None:
        with self._stopping.waiting():
            self._take(self._messages(LONGEST_WAIT))
            self._keep()

    def _receive_more(self) -> None:
        """Take what else has come by now, so that a burst of ends is one `up`."""
        for _ in range(MOST_LOOKS):
            messages = self._messages(0)
            self._take(messages)
            if not messages:
                break

    def _messages(self, wait: int) -> list[Message]:
        if self._queue is None:
            self._queue = self._open()
        return self._queue.receive(wait)

    def _take(self, messages: Iterable[Message]) -> None:
        """Note the ends among messages. What else the service tells needs nothing done."""
        idle: list[Message] = []
        for message in messages:
            try:
                detail = parse(message.body).detail
            except InvalidEvent:
                self._leave_alone(message)
                continue
            if detail.event_type != EventType.MEETING_ENDED:
                idle.append(message)
                continue
            if detail.meeting_id not in self._ends:
                end = _End(detail.meeting_id, detail.external_meeting_id)
                self._ends[end.meeting_id] = end
                _log.info("%s has ended", end)
            self._ends[detail.meeting_id].messages[message.id] = message
        self._delete(idle)

    def _leave_alone(self, message: Message) -> None:
        """What nobody can read is for the dead-letter queue. What it says stays out of the log."""
        if message.id not in self._told:
            self._told.add(message.id)
            _log.warning(
                "message %s (%d characters) is no event of a meeting; it is left to the "
                "dead-letter queue", message.id, len(message.body),
            )  # fmt: skip

    def _delete(self, messages: Sequence[Message]) -> None:
        if messages and self._queue is not None:
            self._queue.delete(messages)

    # What is done about it

    def _heal(self) -> None:
        """Have what ended brought up where it should be, and forget the ends that need no more.

        :raises WatchError: something is left that another try may mend.
        """
        before = self._look()
        if not self._unsure:
            self._receive_more()
        self._keep()
        failure = self._bring_up(self._wanted(before.meetings))
        state = self._look()
        if state.has_gaps and not failure:
            failure = self._bring_up({EVERY_MEETING})
            state = self._look()
        after = state.meetings
        self._note_changes(before.meetings, after)
        self._unsure = self._unsure and failure is not None
        self._bring_up_consumers()
        for end in list(self._ends.values()):
            if failure is None or self._is_over(end, after):
                self._settle(end, after)
        if failure and (self._ends or self._unsure):
            raise failure
        _log.info("waiting for ends")

    def _keep(self) -> None:
        if self._queue is not None:
            self._queue.hold([m for end in self._ends.values() for m in end.messages.values()])

    def _look(self) -> State:
        state = self._stack.state()
        now = {known.meeting_id: urn for urn, known in state.meetings.items()}
        earlier = {i: urn for i, urn in self._urns.items() if i not in now}
        self._urns = dict(list(earlier.items())[-_REMEMBERED:]) | now
        return state

    def _note_changes(self, before: dict[str, Known], after: dict[str, Known]) -> None:
        for urn, known in after.items():
            if urn not in before or before[urn].meeting_id != known.meeting_id:
                _log.info("%s is now %s", known.name, known.meeting_id)
                self._stale = bool(self._consumers)

    def _wanted(self, before: dict[str, Known]) -> set[str]:
        """The URNs of what has to be brought up."""
        if self._unsure:
            return {EVERY_MEETING}
        wanted = set()
        for end in self._ends.values():
            urn = self._urns.get(end.meeting_id)
            if not self._is_over(end, before):
                # Nobody knows whose end it is: a deploy that failed half-way may have made its
                # resource gone. Looking at all of them settles it.
                wanted.add(urn or EVERY_MEETING)
        return wanted

    def _is_over(self, end: _End, meetings: dict[str, Known]) -> bool:
        """Whether there is a successor, be it that a deploy made it."""
        urn = self._urns.get(end.meeting_id)
        if urn is None:
            return any(known.name == end.name for known in meetings.values())
        return urn in meetings and meetings[urn].meeting_id != end.meeting_id

    def _bring_up(self, urns: set[str]) -> StackFailed | None:
        """Run `up` for these; the failure of a part of it is for later."""
        if not urns:
            return None
        self._stopping.check()
        every = EVERY_MEETING in urns
        names = ", ".join(sorted(urn.rpartition("::")[2] for urn in urns))
        _log.info("bringing up %s", "all meetings" if every else names)
        try:
            self._stack.up([EVERY_MEETING] if every else sorted(urns))
        except StackFailed as failure:
            return failure
        return None

    def _bring_up_consumers(self) -> None:
        if self._stale:
            for consumer in self._consumers:
                self._stopping.check()
                _log.info("bringing up %s", consumer)
                consumer.up()
            self._stale = False

    def _settle(self, end: _End, meetings: dict[str, Known]) -> None:
        del self._ends[end.meeting_id]
        urn = self._urns.get(end.meeting_id)
        if urn in meetings and meetings[urn].meeting_id == end.meeting_id:
            # The service itself says that it lives. The queue brings the message again.
            _log.warning("%s is said to have ended, and hasn't", end)
            return
        if not self._is_over(end, meetings):
            _log.info("%s needs no successor: nothing declares it now", end)
        self._delete(list(end.messages.values()))
