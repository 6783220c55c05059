"""Access to moto's buckets for an emulated service, with a check of the bucket policy.

These calls are not signed, so they use moto's backend directly. Moto doesn't evaluate bucket
policies: `Buckets.refusal` does.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.backends import get_backend
from moto.core.exceptions import ServiceException

from .iam_policies import GUARDS, Access, refusal, service_context

PRINCIPAL = "mediapipelines.chime.amazonaws.com"
ARN = re.compile(
    r"arn:(?P<partition>[a-z-]+):s3:::(?P<bucket>[a-z0-9.-]{3,63})(?:/(?P<prefix>.*))?"
)

WRITING = ("s3:PutObject", "s3:PutObjectAcl")
LISTING = "s3:ListBucket"
READING = "s3:GetObject"


class BucketError(Exception):
    """A bucket doesn't exist, or refuses the service; the message says why."""


@dataclass(frozen=True)
class Folder:
    """A bucket and a prefix, which need not exist. `prefix` doesn't begin or end with a slash."""

    partition: str
    bucket: str
    prefix: str

    def arn(self, key: str | None = None) -> str:
        """The ARN of the bucket, or of an object in it."""
        arn = f"arn:{self.partition}:s3:::{self.bucket}"
        return arn if key is None else f"{arn}/{key}"


def folder(arn: str) -> Folder:
    """The bucket and prefix of an ARN. Raises BucketError if it is not the ARN of a bucket."""
    found = ARN.fullmatch(arn)
    if found is None:
        raise BucketError(f"{arn} is not the ARN of an S3 bucket")
    return Folder(found["partition"], found["bucket"], (found["prefix"] or "").strip("/"))


class Buckets:
    """The buckets of every account. `changed` is called after every write."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed

    def region(self, account: str, place: Folder) -> str:
        """The region of a bucket. Raises BucketError if the account has no bucket of that name."""
        return str(self._bucket(account, place).region_name)

    def refusal(
        self, account: str, place: Folder, source_arn: str, actions: Iterable[str], key: str
    ) -> str | None:
        """Why a bucket's policy doesn't allow the service these actions on an object, or None.

        :param source_arn: the ARN of the pipeline that the service acts for.
        :raises BucketError: the bucket doesn't exist.
        """
        policy = self._bucket(account, place).policy
        text = policy.decode() if isinstance(policy, bytes) else policy
        context = service_context(PRINCIPAL, account, source_arn)
        for action in actions:
            resource = place.arn(None if action == LISTING else key)
            if why := refusal(text, Access(PRINCIPAL, action, resource, context, GUARDS)):
                return f"{action} is refused: {why}"
        return None

    def keys(self, account: str, place: Folder, prefix: str) -> list[str]:
        """The keys in a bucket that begin with a prefix. Raises BucketError."""
        return [key for key in self._bucket(account, place).keys if key.startswith(prefix)]

    def write(self, account: str, place: Folder, objects: Mapping[str, bytes]) -> None:
        """Write objects by their keys. Raises BucketError."""
        try:
            for key, body in objects.items():
                self._backend(account, place).put_object(place.bucket, key, body)
        except ServiceException as error:
            raise BucketError(error.message) from error
        self._changed()

    def _bucket(self, account: str, place: Folder) -> Any:
        bucket = self._backend(account, place).buckets.get(place.bucket)
        if bucket is None:
            raise BucketError(f"there is no bucket {place.bucket} in the account {account}")
        return bucket

    def _backend(self, account: str, place: Folder) -> Any:
        backends: Any = get_backend("s3")
        return backends[account][place.partition]
