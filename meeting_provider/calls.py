"""Calls of an AWS service: configuration, retries, deadlines and errors.

Calls that are throttled, fail in the service or get no answer are retried until the operation's
time is up.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from importlib.metadata import version
from threading import Event, Lock, Semaphore
from typing import Any, ClassVar, Final, Self, TypeVar

import boto3
import tenacity
from botocore import exceptions as aws
from botocore import xform_name
from botocore.config import Config
from botocore.parsers import ResponseParserError
from botocore.session import get_session
from pydantic import ValidationError

from meeting_provider.errors import (
    AccessDenied,
    LimitExceeded,
    ServiceError,
    Throttled,
    UnderWay,
    Unreachable,
)
from meeting_provider.shapes import RESERVED_PREFIX, Answer, TagsAnswer, tag_list

AnswerT = TypeVar("AnswerT", bound=Answer)

#: The limits of one attempt and of the wait before the next, in seconds. While all calls are
#: throttled, botocore's adaptive mode delays an attempt by up to two seconds for each waiting call.
CONNECT_TIMEOUT: Final = 3
READ_TIMEOUT: Final = 10
LONGEST_WAIT: Final = 4

#: How long after its start an operation on a resource may make another call, in seconds. With a
#: call in progress and the delete that undoes a create, the operation ends within five minutes.
OPERATION_SECONDS: Final = 100.0

#: The most attempts of a call that ends in conflicts, or that isn't part of a bounded operation.
ATTEMPTS: Final = 5

#: The errors that are retried.
_PASSING: Final = (Throttled, UnderWay, Unreachable)

#: The most parallel calls of an operation. More calls would use up what the service allows at once
#: before adaptive mode has measured their rate, and it would then make hardly any for two seconds.
PARALLEL_CALLS: Final = 5

#: The service's error codes for credentials that can't be used.
_OF_CREDENTIALS: Final = (
    "ExpiredToken",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignature",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClient",
)
_SIGN_IN: Final = "set up AWS credentials as for the AWS CLI, or `pulumi config set aws:profile`"

#: What CloudTrail shows as the caller.
_USER_AGENT: Final = f"meeting-provider/{version('meeting-provider')} {get_session().user_agent()}"

#: The libraries that log whole responses at DEBUG, and with them join tokens.
_TALKATIVE: Final = ("boto3", "botocore", "urllib3")


def control_region_of(profile: str | None) -> str | None:
    """The region in the environment or in a profile of AWS's own configuration.

    :raises ServiceError: AWS's own configuration can't be used.
    """
    with _signing_in():
        region: str | None = boto3.Session(profile_name=profile).region_name
        return region


@contextmanager
def _signing_in() -> Iterator[None]:
    try:
        yield
    except (aws.BotoCoreError, ValueError) as error:
        remedy = "correct the AWS_ environment variables, aws:profile, or AWS's own files"
        raise ServiceError("signing in", " ".join(str(error).split()), remedy) from error


class ServiceCalls:
    """The calls of one service in one region. One instance serves all threads.

    A subclass names the service, and has a method for each operation.

    :param region: a region that has the service.
    :param profile: a profile of AWS's own configuration; by default what boto3's chain finds.
    :param cancelled: when it is set, bounded operations make no further calls.
    :raises ServiceError: AWS's own configuration can't be used.
    """

    #: The service's name in botocore.
    service: ClassVar[str]
    #: The remedy for a quota that is used up.
    quotas: ClassVar[str] = "end what isn't needed, or ask for more in Service Quotas"
    #: The remedy for too many requests.
    rate: ClassVar[str] = (
        "run `pulumi up` again, with a smaller --parallel if it recurs, or ask for more in "
        "Service Quotas"
    )

    #: By operation: the service-linked role that the account needs, and the role's service.
    roles: ClassVar[Mapping[str, tuple[str, str]]] = {}

    def __init__(
        self, region: str, profile: str | None = None, cancelled: Event | None = None
    ) -> None:
        for name in (*_TALKATIVE, *logging.root.manager.loggerDict):
            if name.partition(".")[0] in _TALKATIVE:
                logging.getLogger(name).setLevel(logging.INFO)
        self._region = region
        self._config = Config(
            user_agent=_USER_AGENT,
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            # Adaptive mode slows down throttled calls. The retries are made in `call`.
            retries={"mode": "adaptive", "total_max_attempts": 1},
            max_pool_connections=PARALLEL_CALLS,
        )
        with _signing_in():
            self._session: Any = boto3.Session(profile_name=profile)
        # botocore adapts one rate for all calls of a client, but each operation has its own quota.
        # With a client for each operation, a throttled one doesn't slow down the others.
        self._clients: dict[str, tuple[Any, Semaphore]] = {}
        self._making = Lock()
        self._deadline: float | None = None
        self._cancelled = cancelled or Event()

    def bounded(self) -> Self:
        """A copy for one operation on a resource. It makes no calls after OPERATION_SECONDS."""
        bounded = copy.copy(self)
        bounded._deadline = time.monotonic() + OPERATION_SECONDS
        return bounded

    def call(
        self, operation: str, subject: object, shape: type[AnswerT], **arguments: Any
    ) -> AnswerT:
        """Make a call. If it is throttled, conflicts or gets no answer, retry it in time.

        :param operation: the operation's name in the API.
        :param subject: what the call is for, as errors name it, such as `meeting 'keynote'`.
        :param shape: the model of the response.
        :param arguments: the request, with the API's names.
        :raises ServiceError: the call failed for good.
        """
        if self._is_over():
            cause = f"{OPERATION_SECONDS:.0f} s were up before this call"
            remedy = "the service is slow or throttles: run `pulumi up` again later"
            if self._cancelled.is_set():
                cause, remedy = "it was cancelled before this call", "run `pulumi up` again"
            raise Unreachable(operation, cause, remedy, str(subject))
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_PASSING),
            wait=tenacity.wait_random_exponential(max=LONGEST_WAIT),
            stop=self._gives_up,
            reraise=True,
        )
        started = time.monotonic()
        try:
            answer = retrying(self._attempt, operation, str(subject), arguments)
        except _PASSING as error:
            error.cause += f", for {time.monotonic() - started:.0f} s"
            raise
        # botocore returns an empty answer if it can't read the response.
        metadata = answer.pop("ResponseMetadata", {})
        kind = metadata.get("HTTPHeaders", {}).get("content-type", "json")
        if metadata.get("HTTPStatusCode") != HTTPStatus.NO_CONTENT and "json" not in kind:
            problem = f"the answer is {kind}, not JSON"
        else:
            try:
                return shape.model_validate(answer)
            except ValidationError as error:
                lacks = [".".join(map(str, e["loc"])) for e in error.errors(include_input=False)]
                problem = f"the answer has no usable {', '.join(lacks)}"
        # Raised outside of the handler: the cause could quote a join token.
        remedy = (
            "something else answers for the service: check the network, its proxies and the "
            "endpoint, and run `pulumi up` again"
        )
        raise Unreachable(operation, problem, remedy, str(subject))

    def list_tags(self, subject: object, arn: str) -> dict[str, str]:
        """A resource's tags, without those that AWS itself sets."""
        found = self.call("ListTagsForResource", subject, TagsAnswer, ResourceARN=arn).tags
        tags = {t["Key"]: t["Value"] for t in found}
        return {k: v for k, v in tags.items() if not k.lower().startswith(RESERVED_PREFIX)}

    def retag(
        self, subject: object, arn: str, tags: Mapping[str, str], wanted: Mapping[str, str]
    ) -> None:
        """Change a resource's tags.

        Removals come first, so that the number of tags stays within the limit.

        :param tags: the present tags.
        :param wanted: the tags as they should be.
        """
        if removed := [k for k in tags if k not in wanted]:
            self.call("UntagResource", subject, Answer, ResourceARN=arn, TagKeys=removed)
        if changed := {k: v for k, v in wanted.items() if tags.get(k) != v}:
            self.call("TagResource", subject, Answer, ResourceARN=arn, Tags=tag_list(changed))

    def gone(self, operation: str, cause: str, subject: str) -> ServiceError:
        """The error if the service doesn't find the resource of a call."""
        remedy = "run `pulumi up --refresh`, which finds what is gone"
        return ServiceError(operation, cause, remedy, subject)

    def _is_over(self) -> bool:
        if self._deadline is None:
            return False
        return self._cancelled.is_set() or time.monotonic() >= self._deadline

    def _gives_up(self, attempts: tenacity.RetryCallState) -> bool:
        error = attempts.outcome.exception() if attempts.outcome else None
        has_few = self._deadline is None or isinstance(error, UnderWay)
        return self._is_over() or (has_few and attempts.attempt_number >= ATTEMPTS)

    def _attempt(self, operation: str, subject: str, arguments: dict[str, Any]) -> dict[str, Any]:
        with self._making, _signing_in():
            if operation not in self._clients:
                made = self._session.client(
                    self.service, region_name=self._region, config=self._config
                )
                self._clients[operation] = made, Semaphore(PARALLEL_CALLS)
            client, free = self._clients[operation]
        try:
            with free:
                answer: dict[str, Any] = getattr(client, xform_name(operation))(**arguments)
        except aws.ClientError as error:
            raise self._from_answer(operation, subject, error) from error
        except (aws.BotoCoreError, ResponseParserError) as error:
            raise _from_silence(operation, subject, error) from error
        return answer

    def _from_answer(self, operation: str, subject: str, error: aws.ClientError) -> ServiceError:
        """The error for an answer of the service."""
        said, metadata = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
        status = metadata.get("HTTPStatusCode", 0)
        code = str(said.get("Code", "")).removesuffix("Exception")
        cause = f"{code or status} ({said.get('Message') or 'no message'})"
        kind: type[ServiceError] = ServiceError
        remedy = "correct what the service names"
        if status == 429 or code in ("Throttling", "TooManyRequests"):
            kind, remedy = Throttled, self.rate
        elif status >= 500:
            kind, remedy = Unreachable, "the service has a problem: run `pulumi up` again later"
        elif error.operation_name != operation:
            # botocore calls STS or IAM Identity Center for the credentials of a profile.
            cause, remedy = str(error), _SIGN_IN
        elif code in _OF_CREDENTIALS:
            remedy = _SIGN_IN
        elif code in ("NotFound", "ResourceNotFound"):
            return self.gone(operation, cause, subject)
        elif code in ("LimitExceeded", "ResourceLimitExceeded"):
            kind, remedy = LimitExceeded, self.quotas
        elif code == "TooManyTags":
            kind, remedy = LimitExceeded, "a resource has at most 50 tags"
        elif status == 409:
            kind, remedy = UnderWay, "run `pulumi up` again"
        elif status in (401, 403):
            # The actions of both APIs have this prefix.
            allow = f"allow the action chime:{operation} in the caller's policy"
            kind, remedy = AccessDenied, f"{allow}, or use other credentials"
            if operation in self.roles:
                role, principal = self.roles[operation]
                made = f"aws iam create-service-linked-role --aws-service-name {principal}"
                remedy += f"; the account needs the role {role}: `{made}`"
        return kind(operation, cause, remedy, subject)


def _from_silence(operation: str, subject: str, error: Exception) -> ServiceError:
    """The error for a call without a readable answer."""
    cause = " ".join(str(error).split())
    if isinstance(error, (aws.ConnectionError, aws.HTTPClientError, ResponseParserError)):
        remedy = "check the network and the endpoint, and run `pulumi up` again"
        return Unreachable(operation, cause, remedy, subject)
    if isinstance(error, aws.ParamValidationError):
        return ServiceError(operation, cause, "correct what the error names", subject)
    return ServiceError(operation, cause, _SIGN_IN, subject)
