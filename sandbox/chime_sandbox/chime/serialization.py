"""Parses requests and serializes responses, by botocore's service models and moto's code.

Chime SDK Meetings and Chime SDK Media Pipelines share the signing name, and here the endpoint. The
path of a request decides which of the two it is for. The tag operations of both have the same path,
so for them the ARN decides.
"""

import json
import uuid
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

#: The emulated operations on media pipelines. The operations on meetings are all emulated.
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

#: The names of errors of Meetings in the service model of Media Pipelines.
PIPELINE_ERRORS = {
    "LimitExceededException": "ResourceLimitExceededException",
    "ResourceNotFoundException": "NotFoundException",
    "ThrottlingException": "ThrottledClientException",
}


def service_model(service: str = MEETINGS) -> ServiceModel:
    """Botocore's model of one of the two APIs, in moto's classes."""
    return get_service_model(service)


def service_of(operation: OperationModel) -> str:
    """The service that an operation belongs to."""
    return str(operation.service_model.service_name)


def known(operation: str) -> str:
    """Return `operation`. Raises ValueError if there is no emulated operation with this name."""
    if operation not in (*service_model().operation_names, *PIPELINE_OPERATIONS):
        raise ValueError(f"the API has no operation {operation}")
    return operation


def route(request: Request) -> tuple[OperationModel, dict[str, Any]]:
    """The operation of a request, and the parameters in its path.

    Raises UnknownOperation, and ValidationFailed if the content type of a body is not JSON.
    """
    service = _service(request)
    try:
        operation, path = get_service_router(service).match(request)
    except NoRoute:
        raise UnknownOperation(f"no operation is {request.method} {request.path}") from None
    except NotImplementedError:
        # moto raises this for a content type that the service doesn't support.
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
    """The request's parameters, with the model's names. Their types are not checked.

    Raises ValidationFailed if the body has another structure than the model.
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
        # moto reads an invalid body as an empty one.
        json.loads(request.get_data() or b"{}")
        return parser.parse(parts)
    except (AttributeError, RecursionError, TypeError, ValueError) as error:
        raise ValidationFailed(f"The request can't be read: {error}") from None


def input_shape(operation: OperationModel) -> StructureShape:
    """The shape of an operation's parameters. All operations of these APIs have one."""
    return cast(StructureShape, operation.input_shape)


def answer(operation: OperationModel, result: dict[str, Any], status: int | None) -> Response:
    """A successful answer.

    All members of these APIs' answers are in the body, so `result` can be dumped as JSON. moto's
    serializer returns the same, but takes a third of a call's time.

    :param result: the answer, with the model's names.
    :param status: the HTTP status; the model's if None.
    """
    headers = {
        "Content-Type": RestJSONSerializer.CONTENT_TYPE,
        "x-amzn-RequestId": str(uuid.uuid4()),
    }
    modelled = operation.http.get("responseCode", RestJSONSerializer.DEFAULT_RESPONSE_CODE)
    return Response(json.dumps(result), status or modelled, headers)


def refuse(operation: OperationModel | None, error: ChimeError) -> Response:
    """An error answer, in the form of the error's shape, with the name in the service's model."""
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
