"""Asks the service whether a meeting exists, because the desk's parameters may be outdated."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

#: Without an answer within two seconds, the last answer counts.
CONFIG: Final = Config(
    connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 1}
)
_LONGEST_WAIT: Final = 2.0

#: How long an answer is kept, in seconds, so that one call serves all people with a meeting's link.
#: It is kept longer for an ended meeting, which never exists again.
KEPT: Final = 2.0
KEPT_ENDED: Final = 30.0
_MOST_KEPT: Final = 1000

_log = logging.getLogger("desk")


@dataclass
class _Known:
    """The service's answer about a meeting, and the time of the call."""

    asked_at: float
    has_ended: bool = False
    is_answered: threading.Event = field(default_factory=threading.Event)

    def is_fresh(self, now: float) -> bool:
        return now - self.asked_at < (KEPT_ENDED if self.has_ended else KEPT)


class Meetings:
    """The meetings of the service.

    :param client: creates boto3's client of a control region.
    :param now: a monotonic clock, in seconds.
    """

    def __init__(
        self, client: Callable[[str], Any], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._make = client
        self._now = now
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._known: dict[str, _Known] = {}
        self._complaint = ""

    def has_ended(self, meeting: Mapping[str, Any]) -> bool:
        """Whether the service says that there is no such meeting.

        If it denies the call, throttles it or doesn't answer, its last answer counts; False if
        there is none.

        :param meeting: with MeetingId and MeetingArn, which names the control region. Without them
            the service can't be asked.

        Source: https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_meeting-chime_GetMeeting.html
        """
        meeting_id, arn = meeting.get("MeetingId"), str(meeting.get("MeetingArn") or "")
        region = (arn.split(":") + [""] * 4)[3]
        if not meeting_id or not region:
            return False
        known, asks = self._claim(meeting_id)
        if asks:
            answer = self._ask(region, meeting_id)
            # Without an answer, the last one counts.
            if answer is not None:
                known.has_ended = answer
            known.is_answered.set()
        else:
            known.is_answered.wait(_LONGEST_WAIT)
        return known.has_ended

    def _claim(self, meeting_id: str) -> tuple[_Known, bool]:
        """What is known, and whether this caller has to ask: only one of several callers does."""
        with self._lock:
            now = self._now()
            known = self._known.get(meeting_id)
            if known and known.is_fresh(now):
                return known, False
            if not known:
                known = self._known[meeting_id] = _Known(now)
                if len(self._known) > _MOST_KEPT:
                    del self._known[next(iter(self._known))]
            known.asked_at = now
            return known, True

    def _ask(self, region: str, meeting_id: str) -> bool | None:
        """Whether the meeting has ended; None if the service can't be asked."""
        try:
            client = self._client(region)
            client.get_meeting(MeetingId=meeting_id)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "NotFoundException":
                return True
            self._complain(code)
        except (BotoCoreError, ValueError) as error:
            self._complain(type(error).__name__)
        else:
            self._complaint = ""
            return False
        return None

    def _client(self, region: str) -> Any:
        # Creating a client takes long, and a boto3 session is not thread-safe.
        with self._lock:
            if region not in self._clients:
                self._clients[region] = self._make(region)
            return self._clients[region]

    def _complain(self, why: str) -> None:
        """Log why the service can't be asked, if the reason is another one than before."""
        if why != self._complaint:
            self._complaint = why
            _log.warning("GetMeeting: %s; links may lead to meetings that have ended", why)


def of_account() -> Meetings:
    """The meetings of the account that boto3 is configured for."""
    return Meetings(partial(_client, boto3.Session()))


def _client(session: boto3.Session, region: str) -> Any:
    return session.client("chime-sdk-meetings", region_name=region, config=CONFIG)
