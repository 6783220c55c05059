"""The exception hierarchy.

MeetingProviderError
├── InvalidMeeting            a declared meeting is invalid; lists all issues
├── InvalidRecording          the same of a declared recording
├── InvalidSchedule           the same of a schedule, each with file and line
├── InvalidNotifications      the arguments of MeetingNotifications are invalid
├── InvalidEvent              a message is not an event of a meeting
├── NoJoinData                there is no join data: not declared now, or not decrypted
└── ServiceError              a call failed: names subject, operation, cause and remedy
    ├── MeetingEnded          the meeting is gone: the service ended it, or somebody deleted it
    ├── RecordingEnded        the recording, or the meeting that it is of, is gone
    ├── AccessDenied          the caller isn't authorized; names the IAM action
    ├── LimitExceeded         a quota of the account or of the meeting is used up
    ├── Throttled             the request rate was exceeded through all retries
    ├── Unreachable           no usable answer in time
    ├── TokenInUse            the ClientRequestToken belongs to another meeting
    ├── UnderWay              the service still processes the same request
    └── AttendeesRefused      some attendees were refused; lists each with its code and message
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

#: How many errors of a schedule a message lists.
_MOST_SHOWN: Final = 50


class MeetingProviderError(Exception):
    """The root of this package's own errors."""


class InvalidMeeting(MeetingProviderError):
    """A declared meeting is invalid. `issues` has all that is wrong, each with its path."""

    def __init__(self, meeting: str, issues: Sequence[object]) -> None:
        self.issues = tuple(issues)
        lines = [f"meeting '{meeting}' is invalid:", *map(str, issues)]
        super().__init__("\n  ".join(lines))


class InvalidRecording(MeetingProviderError):
    """A declared recording is invalid. `issues` has all that is wrong, each with its path."""

    def __init__(self, issues: Sequence[object]) -> None:
        self.issues = tuple(issues)
        super().__init__("\n  ".join(["the recording is invalid:", *map(str, issues)]))


class InvalidSchedule(MeetingProviderError):
    """A schedule can't be used. `issues` has all that is wrong, each with file and line."""

    def __init__(self, path: str, issues: Sequence[str]) -> None:
        self.issues = tuple(issues)
        count = "1 error" if len(issues) == 1 else f"{len(issues)} errors"
        lines = [f"the schedule {path} has {count}:", *self.issues[:_MOST_SHOWN]]
        if len(issues) > _MOST_SHOWN:
            lines.append(f"and {len(issues) - _MOST_SHOWN} more")
        super().__init__("\n  ".join(lines))


class InvalidNotifications(MeetingProviderError):
    """The arguments of MeetingNotifications are invalid."""


class InvalidEvent(MeetingProviderError):
    """A message is not an event of a meeting; the text says why."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"this is not an event of a meeting: {problem}")


class NoJoinData(MeetingProviderError):
    """Join data is empty: there is no such meeting, or Pulumi could not decrypt the secret.

    :param source: what the join data was read from.
    """

    def __init__(self, source: str = "") -> None:
        of = f" of {source}" if source else ""
        super().__init__(
            f"the join data{of} is empty: Pulumi could not decrypt the secret, or there is no such "
            "meeting now. Check that the meeting is among the stack's outputs, and the stack's "
            "passphrase, or the permission to decrypt with its KMS key"
        )


class ServiceError(MeetingProviderError):
    """A call of the Chime SDK failed for good.

    The text is one line: what was being done, to which meeting, what the service said, and what
    to do about it. It never holds a join token.

    :param subject: what the call was for, such as `meeting 'keynote'`.
    """

    def __init__(self, operation: str, cause: str, remedy: str, subject: str = "") -> None:
        self.operation = operation
        self.cause = cause
        self.remedy = remedy
        self.subject = subject
        super().__init__(operation, cause, remedy, subject)

    def __str__(self) -> str:
        subject = f"{self.subject}: " if self.subject else ""
        return f"{subject}{self.operation} failed: {self.cause}; {self.remedy}"


class MeetingEnded(ServiceError):
    """The meeting is gone: five idle minutes, 24 hours, or somebody deleted it."""


class RecordingEnded(ServiceError):
    """The recording, or the meeting that it is of, is gone."""


class AccessDenied(ServiceError):
    """The caller's policy does not allow the operation."""


class LimitExceeded(ServiceError):
    """A quota of the account or of the meeting is used up."""


class Throttled(ServiceError):
    """The service's request rate was exceeded through all retries."""


class Unreachable(ServiceError):
    """The service gave no usable answer, or only failures, until the time was up."""


class TokenInUse(ServiceError):
    """The declared ClientRequestToken returns another meeting, or an ended one."""


class UnderWay(ServiceError):
    """The service still processes the same request, from an earlier attempt or another caller."""


class AttendeesRefused(ServiceError):
    """The service did not create all of the attendees.

    `refused` has one entry for each: external_user_id, error code and error message.
    """

    def __init__(
        self, operation: str, refused: Sequence[tuple[str, str, str]], subject: str = ""
    ) -> None:
        self.refused = tuple(refused)
        each = ", ".join(f"'{who}' {code} ({message})" for who, code, message in refused)
        count = "1 attendee was" if len(refused) == 1 else f"{len(refused)} attendees were"
        remedy = "correct or remove them, and run `pulumi up` again"
        super().__init__(operation, f"{count} refused: {each}", remedy, subject)
