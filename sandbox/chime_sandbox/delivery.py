"""Delivers the events of meetings to their queues and topics, if their policies allow it.

A separate thread delivers each event after the call that caused it, in order: neither a call nor
the clock waits for a queue, for a topic or for its subscribers.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from .chime import notification_messages
from .chime.events import Event
from .chime.models import Meeting
from .chime.request_log import DELIVERED, DROPPED, NOTIFICATION, Entry
from .chime.service import ChimeService
from .chime.settings import SourceArn
from .iam_policies import GUARDS, Access, refusal, service_context
from .notification_targets import Target, Undeliverable, target

PRINCIPAL = "meetings.chime.amazonaws.com"
SETTLE_SECONDS = 5.0


class Delivery:
    """A subscriber of a service's announcer. `sent` is called after each delivered message."""

    def __init__(self, service: ChimeService, sent: Callable[[], None]) -> None:
        self._service = service
        self._sent = sent
        self._worker = ThreadPoolExecutor(1, "delivery")
        self._latest: Future[None] | None = None
        service.announcer.subscribe(self.take)

    def take(self, event: Event) -> None:
        """Queue an event for delivery to the targets that its meeting names, if it names any."""
        arns = notification_messages.targets(event.meeting)
        if arns:
            text = notification_messages.message(event)
            self._latest = self._worker.submit(self._deliver, event, arns, text)

    def settle(self, timeout: float = SETTLE_SECONDS) -> None:
        """Wait until all events so far are delivered, `timeout` seconds at most."""
        if self._latest is not None:
            wait([self._latest], timeout)

    def close(self) -> None:
        """Deliver the events in the queue, and accept no more."""
        self.settle()
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _deliver(self, event: Event, arns: list[str], text: str) -> None:
        for arn in arns:
            try:
                _admitted(event.meeting, arn, self._source(event.meeting)).send(text)
            except Undeliverable as why:
                self._record(event, arn, DROPPED, str(why))
            except Exception as error:  # moto raises anything for a topic's subscribers
                self._record(event, arn, DROPPED, f"{type(error).__name__}: {error}")
            else:
                self._record(event, arn, DELIVERED)
                self._sent()

    def _source(self, meeting: Meeting) -> str:
        if self._service.settings.source_arn is SourceArn.REGIONAL:
            return meeting.arn
        return meeting.arn.replace(f":{meeting.region}:", "::", 1)

    def _record(self, event: Event, arn: str, outcome: str, why: str | None = None) -> None:
        self._service.requests.record(
            Entry(
                time=self._service.clock.now(),
                service=NOTIFICATION,
                region=event.meeting.region,
                operation=str(event.type),
                outcome=outcome,
                status=0,
                meeting_id=event.meeting.meeting_id,
                fault=why,
                target=arn,
            )
        )


def _admitted(meeting: Meeting, arn: str, source: str) -> Target:
    """The target with this ARN, if its policy allows the delivery. Raises Undeliverable."""
    found = target(arn)
    if found.region != meeting.region:
        raise Undeliverable(
            f"it is in {found.region}, and the meeting's control region is {meeting.region}"
        )
    policy = found.policy()
    context = service_context(PRINCIPAL, meeting.account, source)
    for action in found.actions:
        access = Access(PRINCIPAL, action, arn, context, GUARDS)
        if why := refusal(policy, access):
            raise Undeliverable(f"{action} is refused: {why}")
    return found
