"""The watcher's exceptions.

WatchError
├── QueueFailed     a call of the queue failed through all retries
├── StackFailed     a Pulumi command failed; the text has only its errors
└── StackBusy       another deploy has locked the stack
"""

from meeting_provider.errors import MeetingProviderError


class WatchError(MeetingProviderError):
    """The root. The watcher logs the error as one line, waits, and tries again."""


class QueueFailed(WatchError):
    """The queue can't be used."""


class StackFailed(WatchError):
    """A Pulumi command failed."""


class StackBusy(WatchError):
    """The stack is locked."""
