"""Reads the SSM parameters of the stack `join_desk`, with a time limit of seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from desk import links

#: With these limits, a request waits for SSM for about five seconds in all.
CONFIG: Final = Config(
    connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}
)

#: How many requests may wait for SSM at once, so that threads are left for serving pages.
MOST_READERS: Final = 12

#: How long another request waits for one of them to finish, in seconds.
LONGEST_TURN: Final = 0.5

#: How old the link key may be, in seconds: usually, and if a signature doesn't match.
LONGEST_KEPT: Final = 60.0
KEPT_ON_MISMATCH: Final = 2.0


#: How old an event's parameter may be for a page that waits for it to change, in seconds.
KEPT: Final = 1.0


class Unavailable(Exception):
    """SSM can't be read now. The message says why."""


@dataclass(frozen=True)
class Listed:
    """A parameter, without its value.

    :param version: a number that grows with each change.
    :param modified: when it was last changed.
    """

    name: str
    version: int
    modified: datetime


class Parameters:
    """The parameters of a stack.

    :param client: boto3's SSM client, made with CONFIG.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._readers = threading.BoundedSemaphore(MOST_READERS)
        #: The account of the parameters. It is known once a parameter has been read.
        self.account: str | None = None

    def get(self, name: str) -> str | None:
        """A parameter's value; None if there is no such parameter.

        :raises Unavailable: SSM doesn't answer or denies the call, or too many requests wait.
        """
        with self._reading():
            try:
                found = self._client.get_parameter(Name=name, WithDecryption=True)
            except self._client.exceptions.ParameterNotFound:
                return None
        self.account = str(found["Parameter"]["ARN"]).split(":")[4]
        return str(found["Parameter"]["Value"])

    def listed(self, path: str) -> list[Listed]:
        """The parameters below a path. Nothing is decrypted.

        :raises Unavailable: as `get`.
        """
        pages = self._client.get_paginator("get_parameters_by_path")
        with self._reading():
            return [
                Listed(found["Name"], found["Version"], found["LastModifiedDate"])
                for page in pages.paginate(Path=path, Recursive=True, WithDecryption=False)
                for found in page["Parameters"]
            ]

    @contextmanager
    def _reading(self) -> Iterator[None]:
        if not self._readers.acquire(timeout=LONGEST_TURN):
            raise Unavailable(f"{MOST_READERS} requests wait for SSM already")
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(" ".join(str(error).split())) from error
        finally:
            self._readers.release()


class Recent:
    """Parameters that many requests need: each is read about once in KEPT seconds for all.

    :param parameters: the parameters.
    :param now: a monotonic clock, in seconds.
    """

    def __init__(self, parameters: Parameters, now: Callable[[], float] = time.monotonic) -> None:
        self._parameters = parameters
        self._now = now
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, str | None]] = {}

    def get(self, name: str, oldest: float = KEPT) -> str | None:
        """A parameter's value; None if there is no such parameter.

        :param oldest: how old the value may be, in seconds.
        :raises Unavailable: as `Parameters.get`.
        """
        with self._lock:
            now = self._now()
            if name in self._kept:
                read_at, value = self._kept[name]
                if now - read_at < oldest:
                    return value
                # Other requests use this value in the meantime.
                self._kept[name] = now, value
        value = self._parameters.get(name)
        with self._lock:
            self._kept[name] = self._now(), value
        return value


class LinkKey:
    """The key that signs links, read again from time to time.

    A new key replaces the old one within LONGEST_KEPT seconds. After a signature that doesn't match
    the key is read at once, but at most every KEPT_ON_MISMATCH seconds.

    :param parameters: the parameters.
    :param name: the name of the key's parameter.
    :param now: a monotonic clock, in seconds.
    :raises Unavailable: SSM can't be read.
    """

    def __init__(
        self, parameters: Parameters, name: str, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._parameters = parameters
        self._name = name
        self._now = now
        self._lock = threading.Lock()
        self._key = parameters.get(name)
        self._read_at = now()

    @property
    def exists(self) -> bool:
        """Whether there is a key."""
        return bool(self._key)

    def sign(self, address: str) -> str:
        """The signature that opens an address.

        :raises Unavailable: there is no key.
        """
        key = self._key
        if not key:
            raise Unavailable("there is no link key")
        return links.sign(key, address)

    def opens(self, address: str, signature: str) -> bool:
        """Whether a signature opens an address."""
        self._refresh(LONGEST_KEPT)
        if self._matches(address, signature):
            return True
        self._refresh(KEPT_ON_MISMATCH)
        return self._matches(address, signature)

    def _matches(self, address: str, signature: str) -> bool:
        key = self._key
        return bool(key) and links.opens(str(key), address, signature)

    def _refresh(self, oldest: float) -> None:
        """Read the key again if it is older. One request reads it, and the others don't wait."""
        if self._now() - self._read_at < oldest or not self._lock.acquire(blocking=False):
            return
        try:
            if self._now() - self._read_at >= oldest:
                self._read_at = self._now()
                self._key = self._parameters.get(self._name)
        except Unavailable:
            # The old key stays: without SSM, no link opens a meeting anyway.
            pass
        finally:
            self._lock.release()
