"""Requests the replacement of a meeting that has ended, by a message to the watcher's queue."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from desk.parameters import Parameters, Unavailable
from meeting_provider.watch import requests

SOURCE: Final = "join-desk"

CONFIG: Final = Config(
    connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 1}
)

#: The time between requests for one meeting, in seconds: after a message, and after a failure.
AGAIN: Final = 30.0
AFTER_FAILURE: Final = 5.0
_MOST_KEPT: Final = 1000

_log = logging.getLogger("desk")


class MeetingRequests:
    """Requests to the watcher of the meetings' stack.

    :param parameters: the parameters, which have the queue's address.
    :param name: the name of its parameter.
    :param client: creates boto3's client of SQS for a region.
    :param now: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        parameters: Parameters,
        name: str,
        client: Callable[[str], Any] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parameters = parameters
        self._name = name
        self._make = client or _client
        self._now = now
        self._lock = threading.Lock()
        self._again: dict[str, float] = {}

    @property
    def can_be_sent(self) -> bool:
        """Whether the meetings' stack has a queue.

        :raises Unavailable: SSM can't be read.
        """
        return self._parameters.get(self._name) is not None

    def send(self, meeting: Mapping[str, Any]) -> None:
        """Request the replacement of a meeting, unless one was requested recently.

        "Recently" is AGAIN seconds, or AFTER_FAILURE seconds after a failure.

        :param meeting: the one that has ended: MeetingId, and ExternalMeetingId if it is known.
        """
        meeting_id, name = str(meeting["MeetingId"]), meeting.get("ExternalMeetingId")
        with self._lock:
            now = self._now()
            if now < self._again.get(meeting_id, now):
                return
            self._again[meeting_id] = now + AGAIN
            if len(self._again) > _MOST_KEPT:
                del self._again[next(iter(self._again))]
        try:
            kept = json.loads(self._parameters.get(self._name) or "{}")
            self._make(kept["region"]).send_message(
                QueueUrl=kept["url"], MessageBody=requests.message(meeting_id, name, SOURCE)
            )
        # Somebody may have edited the parameter.
        except (BotoCoreError, ClientError, Unavailable, KeyError, ValueError, TypeError) as error:
            _log.error("the meeting %s can't be requested by %s: %r", meeting_id, self._name, error)
            with self._lock:
                self._again[meeting_id] = now + AFTER_FAILURE
        else:
            _log.info("requested a replacement of the meeting %s", meeting_id)


def _client(region: str) -> Any:
    return boto3.Session().client("sqs", region_name=region, config=CONFIG)
