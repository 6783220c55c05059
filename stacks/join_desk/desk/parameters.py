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

#: A request waits for SSM for about five seconds in all.
CONFIG: Final = Config(
    connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}
)

#: How many requests may wait for SSM at once. Pages are served beside them.
MOST_READERS: Final = 12

#: How long a request waits for one of them to finish, in seconds: many people come at once.
LONGEST_TURN: Final = 0.5

#: How old the link key may be, in seconds, and how old once a signature doesn't match.
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
        #: The account that they are in, once one has been read.
        self.account: str | None = None

    def get(self, name: str) -> str | None:
        """A parameter's value, or None where there is none.

        :raises Unavailable: SSM doesn't answer, denies the call, or too many requests wait for it.
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
    """Parameters that many requests ask for: each is read about once in KEPT seconds for all.

    :param parameters: where they are.
    :param now: a clock, in seconds.
    """

    def __init__(self, parameters: Parameters, now: Callable[[], float] = time.monotonic) -> None:
        self._parameters = parameters
        self._now = now
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, str | None]] = {}

    def get(self, name: str, oldest: float = KEPT) -> str | None:
        """A parameter's value, or None where there is none.

        :param oldest: how old the value may be, in seconds.
        :raises Unavailable: as `Parameters.get`.
        """
        with self._lock:
            now = self._now()
            if name in self._kept:
                read_at, value = self._kept[name]
                if now - read_at < oldest:
                    return value
                # The others take this one meanwhile.
                self._kept[name] = now, value
        value = self._parameters.get(name)
        with self._lock:
            self._kept[name] = self._now(), value
        return value


class LinkKey:
    """The key that links are signed with, read again from time to time.

    A new key takes the place of the old one within LONGEST_KEPT seconds. A signature that doesn't
    match has it read at once, but not more often than every KEPT_ON_MISMATCH seconds, however many
    wrong signatures there are.

    :param parameters: where the key is.
    :param name: its parameter.
    :param now: a clock, in seconds.
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
        """Read the key again where it is older. One request does, and the others don't wait."""
        if self._now() - self._read_at < oldest or not self._lock.acquire(blocking=False):
            return
        try:
            if self._now() - self._read_at >= oldest:
                self._read_at = self._now()
                self._key = self._parameters.get(self._name)
        except Unavailable:
            # Without SSM a link opens no meeting either. The next request tries again.
            pass
        finally:
            self._lock.release()
