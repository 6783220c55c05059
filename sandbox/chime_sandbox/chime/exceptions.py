"""The errors of the Chime SDK APIs, as the service model of Meetings names them.

Each is serialized by the service model's own shape: its status, its `x-amzn-ErrorType` header and
its members. `ValidationException` and `UnknownOperationException` belong to the API's front end and
are in no model.

    ServiceException (moto's)
    └── ChimeError
        ├── BadRequest, Forbidden, NotFound, ResourceNotFound, Conflict, LimitExceeded
        ├── TooManyTags, Throttling, ServiceFailure, ServiceUnavailable
        └── ValidationFailed, UnknownOperation
"""

import uuid

from moto.core.exceptions import ServiceException


class ChimeError(ServiceException):
    """An error answer. `code` is the exception's name in the service model."""

    code = "ServiceFailureException"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.Message = message
        self.RequestId = str(uuid.uuid4())

    @property
    def Code(self) -> str:  # noqa: N802 - the member's name in the service model
        """The code without its suffix."""
        return self.code.removesuffix("Exception")


class BadRequest(ChimeError):
    """400: the parameters violate one of the service's rules."""

    code = "BadRequestException"


class Forbidden(ChimeError):
    """403: the caller isn't allowed to do this."""

    code = "ForbiddenException"


class NotFound(ChimeError):
    """404: no such meeting or attendee, or the meeting has ended."""

    code = "NotFoundException"


class ResourceNotFound(ChimeError):
    """404, of the tag operations."""

    code = "ResourceNotFoundException"

    def __init__(self, message: str, resource_name: str = "") -> None:
        super().__init__(message)
        self.ResourceName = resource_name


class Conflict(ChimeError):
    """409: the same request was made with other parameters, or is in progress."""

    code = "ConflictException"


class LimitExceeded(ChimeError):
    """400: a quota is used up."""

    code = "LimitExceededException"


class TooManyTags(ChimeError):
    """400: more than 50 tags on one resource."""

    code = "TooManyTagsException"

    def __init__(self, message: str, resource_name: str = "") -> None:
        super().__init__(message)
        self.ResourceName = resource_name


class Throttling(ChimeError):
    """429: too many requests per second."""

    code = "ThrottlingException"


class ServiceFailure(ChimeError):
    """500: the service failed."""

    code = "ServiceFailureException"


class ServiceUnavailable(ChimeError):
    """503: retry after `retry_after` seconds."""

    code = "ServiceUnavailableException"

    def __init__(self, message: str, retry_after: float = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ValidationFailed(ChimeError):
    """400: the API's front end rejects the request.

    Source of its form: aws/aws-sdk-js#4344 and aws/aws-sdk-java-v2#4072.
    """

    code = "ValidationException"


class UnknownOperation(ChimeError):
    """404: no operation has that method and path."""

    code = "UnknownOperationException"
