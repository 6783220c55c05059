"""The API's wire form: botocore's service model, through moto's router, parser and serializer."""

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

SERVICE = "chime-sdk-meetings"
CREATED = 201


@cache
def service_model() -> ServiceModel:
    """Botocore's model of the Chime SDK Meetings API, in moto's classes."""
    return get_service_model(SERVICE)


def known(operation: str) -> str:
    """`operation` itself. Raises ValueError where the API has none of that name."""
    if operation not in service_model().operation_names:
        raise ValueError(f"the API has no operation {operation}")
    return operation


def route(request: Request) -> tuple[OperationModel, dict[str, Any]]:
    """The operation that a request names and the parameters in its path.

    Raises UnknownOperation, and ValidationFailed for a body that isn't announced as JSON.
    """
    try:
        return get_service_router(SERVICE).match(request)
    except NoRoute:
        raise UnknownOperation(f"no operation is {request.method} {request.path}") from None
    except NotImplementedError:
        # So moto says that a body is announced in a form that the service doesn't speak.
        raise ValidationFailed(f"The body must be JSON, not {request.content_type}") from None


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
    """An error answer, in the form of the error's shape."""
    if isinstance(error, UnknownOperation):
        return Response(status=404, headers={"x-amzn-ErrorType": error.code})
    serializer = RestJSONSerializer(operation or OperationModel({}, service_model()))
    serialized = serializer.serialize(error)
    response = Response(
        cast(str, serialized["body"]), serialized["status_code"], serialized["headers"]
    )
    if isinstance(error, ServiceUnavailable):
        response.headers["Retry-After"] = f"{error.retry_after:g}"
    response.headers["x-amzn-RequestId"] = error.RequestId
    return response
