"""Requests and responses on the wire, by botocore's service models and moto's router and parser.

Chime SDK Meetings and Chime SDK Media Pipelines share the signing name, and here the endpoint. The
path of a request says which of the two it is for. The path of the tag operations is the same for
both, so the ARN decides.
"""

import json
import uuid
from functools import cache
from typing import Any, cast

from moto.core.model import OperationModel, ServiceModel, StructureShape
from moto.core.parse import PROTOCOL_PARSERS, RequestDict
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.core.serialize import RestJSONSerializer
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound as NoRoute
from werkzeug.wrappers import Response

from .exceptions import ChimeError, ServiceUnavailable, UnknownOperation, ValidationFailed

MEETINGS = "chime-sdk-meetings"
MEDIA_PIPELINES = "chime-sdk-media-pipelines"
CREATED = 201

#: The operations on media pipelines that the emulator has; it has all of those on meetings.
PIPELINE_OPERATIONS = frozenset(
    {
        "CreateMediaCapturePipeline",
        "CreateMediaConcatenationPipeline",
        "DeleteMediaCapturePipeline",
        "DeleteMediaPipeline",
        "GetMediaCapturePipeline",
        "GetMediaPipeline",
        "ListMediaCapturePipelines",
        "ListMediaPipelines",
        "ListTagsForResource",
        "TagResource",
        "UntagResource",
    }
)

#: The names that the service model of Media Pipelines has for errors of Meetings.
PIPELINE_ERRORS = {
    "LimitExceededException": "ResourceLimitExceededException",
    "ResourceNotFoundException": "NotFoundException",
    "ThrottlingException": "ThrottledClientException",
    "UnauthorizedException": "UnauthorizedClientException",
}


@cache
def service_model(service: str = MEETINGS) -> ServiceModel:
    """Botocore's model of one of the two APIs, in moto's classes."""
    return get_service_model(service)


def service_of(operation: OperationModel) -> str:
    """The service that an operation belongs to."""
    return str(operation.service_model.service_name)


def known(operation: str) -> str:
    """`operation` itself. Raises ValueError where no API has one of that name."""
    if operation not in (*service_model().operation_names, *PIPELINE_OPERATIONS):
        raise ValueError(f"the API has no operation {operation}")
    return operation


def route(request: Request) -> tuple[OperationModel, dict[str, Any]]:
    """The operation that a request names and the parameters in its path.

    Raises UnknownOperation, and ValidationFailed for a body that isn't announced as JSON.
    """
    service = _service(request)
    try:
        operation, path = get_service_router(service).match(request)
    except NoRoute:
        raise UnknownOperation(f"no operation is {request.method} {request.path}") from None
    except NotImplementedError:
        # So moto says that a body is announced in a form that the service doesn't speak.
        raise ValidationFailed(f"The body must be JSON, not {request.content_type}") from None
    if service == MEDIA_PIPELINES and operation.name not in PIPELINE_OPERATIONS:
        raise UnknownOperation(f"the sandbox has no {operation.name}")
    return operation, path


def _service(request: Request) -> str:
    is_for_pipelines = request.path.startswith("/sdk-media-") or (
        request.path == "/tags"
        and ":media-pipeline/" in request.args.get("arn", request.get_data(as_text=True))
    )
    return MEDIA_PIPELINES if is_for_pipelines else MEETINGS


def parse(operation: OperationModel, request: Request, path: dict[str, Any]) -> Any:
    """The request's parameters, named as in the model; their types are as they came.

    Raises ValidationFailed where the body has another structure than the model.
    """
    parser = PROTOCOL_PARSERS["rest-json"](operation)
    parts: RequestDict = {
        "method": request.method,
        "values": request.args,
        "headers": request.headers,
        "body": request.get_data(),
        "url_path": request.path,
        "url_params": path,
    }
    try:
        # moto takes a body that is no JSON for an empty one.
        json.loads(request.get_data() or b"{}")
        return parser.parse(parts)
    except (AttributeError, RecursionError, TypeError, ValueError) as error:
        raise ValidationFailed(f"The request can't be read: {error}") from None


def input_shape(operation: OperationModel) -> StructureShape:
    """The shape of an operation's parameters; each of this API's has one."""
    return cast(StructureShape, operation.input_shape)


def answer(operation: OperationModel, result: dict[str, Any], status: int | None) -> Response:
    """A successful answer; `status` overrides the model's.

    `result` has the model's own names. No member of this API's answers is anything but a part of
    the body, so that there is nothing to serialize: moto's serializer would make the same of it,
    and take a third of a call's time for that.
    """
    headers = {
        "Content-Type": RestJSONSerializer.CONTENT_TYPE,
        "x-amzn-RequestId": str(uuid.uuid4()),
    }
    modelled = operation.http.get("responseCode", RestJSONSerializer.DEFAULT_RESPONSE_CODE)
    return Response(json.dumps(result), status or modelled, headers)


def refuse(operation: OperationModel | None, error: ChimeError) -> Response:
    """An error answer, in the form of the error's shape.

    The error takes on the name that the operation's service has for it.
    """
    if isinstance(error, UnknownOperation):
        return Response(status=404, headers={"x-amzn-ErrorType": error.code})
    if operation is not None and service_of(operation) == MEDIA_PIPELINES:
        error.code = PIPELINE_ERRORS.get(error.code, error.code)
    serializer = RestJSONSerializer(operation or OperationModel({}, service_model()))
    serialized = serializer.serialize(error)
    response = Response(
        cast(str, serialized["body"]), serialized["status_code"], serialized["headers"]
    )
    if isinstance(error, ServiceUnavailable):
        response.headers["Retry-After"] = f"{error.retry_after:g}"
    response.headers["x-amzn-RequestId"] = error.RequestId
    return response
