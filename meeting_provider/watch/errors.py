"""The watcher's exceptions.

WatchError
├── QueueFailed     a call of the queue failed for good, or more often than it is retried
├── StackFailed     a Pulumi command failed; the text has only its errors
└── StackBusy       another deploy has locked the stack
"""

from meeting_provider.errors import MeetingProviderError


class WatchError(MeetingProviderError):
    """The root: the watcher waits and tries again. Says what is wrong in one line."""


class QueueFailed(WatchError):
    """The queue can't be used."""


class StackFailed(WatchError):
    """A Pulumi command failed."""


class StackBusy(WatchError):
    """The stack is locked."""
