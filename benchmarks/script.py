"""Creates the same meetings by a short script, with boto3's adaptive retries and threads."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

THREADS = 16


def create(meetings: int, attendees: int) -> float:
    """Create meetings, and return how many seconds it took."""
    config = Config(
        retries={"mode": "adaptive", "total_max_attempts": 10}, max_pool_connections=THREADS
    )
    client = boto3.client("chime-sdk-meetings", config=config)

    def one(number: int) -> None:
        client.create_meeting_with_attendees(
            ClientRequestToken=f"session-{number}",
            ExternalMeetingId=f"session-{number}",
            MediaRegion="us-east-1",
            Attendees=[{"ExternalUserId": f"viewer-{number}-{i}"} for i in range(attendees)],
        )

    started = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, range(meetings)))
    return time.monotonic() - started
