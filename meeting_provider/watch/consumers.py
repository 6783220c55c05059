"""Updates the stacks that read the watched stack's outputs, in parallel with the watcher."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence

import tenacity

from meeting_provider.watch.errors import WatchError
from meeting_provider.watch.shutdown import Shutdown
from meeting_provider.watch.stack import WatchedStack

#: The longest wait before a retry, in seconds.
LONGEST_PAUSE = 30

_log = logging.getLogger(__name__)


class Consumers:
    """Consuming stacks, updated on a separate thread so that the watcher doesn't wait for them.

    The first update includes all resources, since earlier changes are unknown. Later ones include
    the resources with the name of a new meeting or of its event, and their dependents. Stack
    outputs are always updated.

    :param stacks: the stacks, or none.
    :param shutdown: once it is requested, no other update starts.
    """

    def __init__(self, stacks: Sequence[WatchedStack], shutdown: Shutdown) -> None:
        self._stacks = stacks
        self._shutdown = shutdown
        self._lock = threading.Lock()
        self._names: set[str] = set()
        self._everything = True
        self._wake = threading.Event()
        self._ends = False
        self._thread = threading.Thread(target=self._run, name="consumers", daemon=True)

    def start(self) -> None:
        """Start to accept requests."""
        if self._stacks:
            self._thread.start()

    def finish(self) -> None:
        """Let the running update finish."""
        self._ends = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def update(self, names: Iterable[str] = ()) -> None:
        """Request an update of the resources of these meetings, after the running update.

        :param names: the names of Meeting resources; none to update what is already requested.
        """
        with self._lock:
            self._names |= set(names)
        self._wake.set()

    def _run(self) -> None:
        while self._wake.wait() and not self._is_over:
            self._wake.clear()
            self._attempt()

    @property
    def _is_over(self) -> bool:
        return self._ends or self._shutdown.requested.is_set()

    def _attempt(self) -> None:
        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(WatchError),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_PAUSE),
            stop=tenacity.stop_when_event_set(self._shutdown.requested),
            sleep=tenacity.sleep_using_event(self._shutdown.requested),
            before_sleep=_report,
            retry_error_callback=lambda _: None,
        ):
            with attempt:
                self._update()

    def _update(self) -> None:
        with self._lock:
            names, everything = self._names, self._everything
            self._names, self._everything = set(), False
        if not (names or everything):
            return
        try:
            for stack in self._stacks:
                if self._is_over:
                    return
                _log.info("updating %s", stack)
                if everything:
                    stack.up()
                else:
                    stack.up_named(names)
                _log.info("%s is up to date", stack)
        except WatchError:
            with self._lock:
                self._names, self._everything = self._names | names, self._everything or everything
            raise


def _report(attempt: tenacity.RetryCallState) -> None:
    error = attempt.outcome and attempt.outcome.exception()
    pause = attempt.next_action.sleep if attempt.next_action else 0
    _log.warning("%s; trying again in %.1f seconds", error, pause)
