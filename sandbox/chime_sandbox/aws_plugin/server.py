"""The gRPC service: Pulumi's ResourceProvider protocol over the resources and functions.

Source: https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto.
"""
# ruff: noqa: N802 - the methods' names are the protocol's

import functools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb

from chime_sandbox.aws_plugin import (
    REAL_PLUGIN,
    VERSION,
    Refused,
    differences,
    package_schema,
    values,
)
from chime_sandbox.aws_plugin.checking import DEFAULTS, Request, check
from chime_sandbox.aws_plugin.endpoint import Clients, region_of, unsupported
from chime_sandbox.aws_plugin.functions import FUNCTIONS
from chime_sandbox.aws_plugin.resource import (
    Change,
    Resource,
    changes_of,
    outputs_of,
    planned,
    unless_gone,
)
from chime_sandbox.aws_plugin.resources import find
from chime_sandbox.aws_plugin.schema import CheckFailure

_R = TypeVar("_R")
_Method = Callable[["Plugin", Any, grpc.ServicerContext], _R]


def _in_one_sentence(method: _Method[_R]) -> _Method[_R]:
    """Turns a refusal or an error of the service into a gRPC error without a traceback."""

    @functools.wraps(method)
    def answered(self: "Plugin", request: Any, context: grpc.ServicerContext) -> _R:
        try:
            return method(self, request, context)
        except Refused as refused:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(refused))
        except Exception as error:
            if not _is_of_the_service(error):
                raise
            context.abort(grpc.StatusCode.UNKNOWN, str(error))

    return answered


def _is_of_the_service(error: Exception) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError

    return isinstance(error, BotoCoreError | ClientError)


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """One plugin process. The engine configures it once, and then makes calls in parallel."""

    def __init__(self) -> None:
        self._clients: Clients | None = None

    def Handshake(
        self, request: pb.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> pb.ProviderHandshakeResponse:
        """Returns the features that the plugin supports."""
        return pb.ProviderHandshakeResponse(
            accept_secrets=True, supports_autonaming_configuration=True
        )

    def GetPluginInfo(
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        """The version of the real plugin that this stands in for."""
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(
        self, request: pb.GetSchemaRequest, context: grpc.ServicerContext
    ) -> pb.GetSchemaResponse:
        """The types and functions, for programs in YAML."""
        return pb.GetSchemaResponse(schema=package_schema.text())

    def CheckConfig(
        self, request: pb.CheckRequest, context: grpc.ServicerContext
    ) -> pb.CheckResponse:
        """Refuses unsupported settings, and fills in the region from the environment."""
        config = values.read(request.news)
        found = dict(config.values)
        if region := region_of(found):
            found["region"] = region
        failures = [CheckFailure(*item) for item in unsupported(found).items()]
        return _checked(values.write(found, config.secrets), failures)

    def DiffConfig(self, request: pb.DiffRequest, context: grpc.ServicerContext) -> pb.DiffResponse:
        """Settings change in place."""
        olds, news = values.read(request.old_inputs).values, values.read(request.news).values
        differ = sorted(key for key in olds.keys() | news.keys() if olds.get(key) != news.get(key))
        changes = pb.DiffResponse.DIFF_SOME if differ else pb.DiffResponse.DIFF_NONE
        return pb.DiffResponse(changes=changes, diffs=differ)

    @_in_one_sentence
    def Configure(
        self, request: pb.ConfigureRequest, context: grpc.ServicerContext
    ) -> pb.ConfigureResponse:
        """Finds the endpoints, which must be on the loopback."""
        config = values.read(request.args).values
        for sentence in unsupported(config).values():
            raise Refused(sentence)
        self._clients = Clients(
            {key: value for key, value in config.items() if not values.is_unknown(value)}
        )
        return pb.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    @_in_one_sentence
    def Check(self, request: pb.CheckRequest, context: grpc.ServicerContext) -> pb.CheckResponse:
        """Checks a resource's inputs and fills in defaults, region, tags and name."""
        resource = _resource(request.urn)
        news, olds = values.read(request.news), values.read(request.olds)
        asked = Request(
            name=request.urn.rsplit("::", 1)[-1],
            news=news.values,
            olds=olds.values,
            seed=request.randomSeed,
            region=self._configured.region,
            autonaming=request.autonaming if request.HasField("autonaming") else None,
        )
        inputs, failures = check(resource, asked)
        return _checked(values.write(inputs, _secrets(resource, news, inputs)), failures)

    @_in_one_sentence
    def Diff(self, request: pb.DiffRequest, context: grpc.ServicerContext) -> pb.DiffResponse:
        """Compares the state with the checked inputs, without a call."""
        resource, news = _resource(request.urn), values.read(request.news).values
        changes = _changes(resource, values.read(request.olds).values, news, request)
        return differences.response(resource, changes, news)

    @_in_one_sentence
    def Create(self, request: pb.CreateRequest, context: grpc.ServicerContext) -> pb.CreateResponse:
        """Creates a resource, or in a preview returns the expected outputs."""
        resource, news = _resource(request.urn), values.read(request.properties)
        inputs = _without_defaults(news.values)
        if request.preview:
            outputs = planned(resource, {}, inputs)
            identity = ""
        else:
            client = self._client(resource, inputs)
            identity = resource.create(client, inputs)
            outputs = _outputs(resource, client, identity, inputs)
        secrets = _secrets(resource, news, outputs)
        return pb.CreateResponse(id=identity, properties=values.write(outputs, secrets))

    @_in_one_sentence
    def Read(self, request: pb.ReadRequest, context: grpc.ServicerContext) -> pb.ReadResponse:
        """Reads a resource. One that is gone has no id in the response."""
        resource = _resource(request.urn)
        state, inputs = values.read(request.properties), values.read(request.inputs)
        client = self._client(resource, state.values or inputs.values)
        found: dict[str, Any] = {}
        with unless_gone():
            found = resource.read(client, request.id, state.values)
        if not found:
            return pb.ReadResponse()
        outputs = outputs_of(resource, found, state.values or found)
        reread = _inputs_of(resource, outputs, inputs.values, imported=not state.values)
        return pb.ReadResponse(
            id=request.id,
            properties=values.write(outputs, _secrets(resource, state, outputs)),
            inputs=values.write(reread, _secrets(resource, inputs, reread)),
        )

    @_in_one_sentence
    def Update(self, request: pb.UpdateRequest, context: grpc.ServicerContext) -> pb.UpdateResponse:
        """Changes a resource in place, or in a preview returns the expected outputs."""
        resource, news = _resource(request.urn), values.read(request.news)
        state, inputs = values.read(request.olds).values, _without_defaults(news.values)
        if request.preview:
            outputs = planned(resource, state, inputs)
        else:
            client = self._client(resource, inputs)
            changes = _changes(resource, state, inputs, request)
            resource.update(client, request.id, inputs, changes)
            if "tags" in changes:
                _retag(resource, client, request.id, changes["tags"])
            rules = resource.rules
            kept = {key: state.get(key) for key in rules.computed & rules.unreported}
            outputs = _outputs(resource, client, request.id, kept | inputs)
        secrets = _secrets(resource, news, outputs)
        return pb.UpdateResponse(properties=values.write(outputs, secrets))

    @_in_one_sentence
    def Delete(self, request: pb.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Deletes a resource, unless it is already gone."""
        resource, state = _resource(request.urn), values.read(request.properties).values
        with unless_gone():
            resource.delete(self._client(resource, state), request.id, state)
        return empty_pb2.Empty()

    @_in_one_sentence
    def Invoke(self, request: pb.InvokeRequest, context: grpc.ServicerContext) -> pb.InvokeResponse:
        """Calls a function."""
        if request.tok not in FUNCTIONS:
            raise Refused(_unsupported(f"the function {request.tok}"))
        result = FUNCTIONS[request.tok](self._configured, values.read(request.args).values)
        response = pb.InvokeResponse()
        getattr(response, "return").CopyFrom(values.write(result))
        return response

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Does nothing: each running call is only a few requests, and ends soon."""
        return empty_pb2.Empty()

    @property
    def _configured(self) -> Clients:
        if self._clients is None:
            raise Refused("The plugin must be configured before it is asked anything.")
        return self._clients

    def _client(self, resource: Resource, properties: Mapping[str, Any]) -> Any:
        return self._configured.client(resource.service, properties.get("region"))


def _resource(urn: str) -> Resource:
    token = urn.split("::")[2].rsplit("$", 1)[-1]
    resource = find(token)
    if resource is None:
        raise Refused(_unsupported(f"the type {token}"))
    return resource


def _unsupported(what: str) -> str:
    return f"The sandbox's stand-in for pulumi-aws doesn't support {what}; use {REAL_PLUGIN}."


def _changes(
    resource: Resource,
    state: Mapping[str, Any],
    news: Mapping[str, Any],
    request: pb.DiffRequest | pb.UpdateRequest,
) -> dict[str, Change]:
    """The differences, without those that the program ignores."""
    changes = changes_of(resource, state, news)
    return {name: change for name, change in changes.items() if name not in request.ignoreChanges}


def _checked(inputs: Any, found: list[CheckFailure]) -> pb.CheckResponse:
    failures = [pb.CheckFailure(property=name, reason=reason) for name, reason in found]
    return pb.CheckResponse(inputs=inputs, failures=failures)


def _secrets(
    resource: Resource, given: values.Properties, written: Mapping[str, Any]
) -> frozenset[str]:
    """The names of secret properties: those passed as secrets, and those that always are."""
    tags = {"tagsAll"} if "tags" in given.secrets else set()
    names = given.secrets | tags | resource.rules.secrets
    return frozenset(name for name in names if written.get(name) not in (None, ""))


def _without_defaults(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if name != DEFAULTS}


def _outputs(
    resource: Resource, client: Any, identity: str, state: Mapping[str, Any]
) -> dict[str, Any]:
    return outputs_of(resource, resource.read(client, identity, state), state)


def _inputs_of(
    resource: Resource, outputs: Mapping[str, Any], olds: Mapping[str, Any], *, imported: bool
) -> dict[str, Any]:
    """A resource's present inputs, so that drift shows for the inputs that the program sets."""
    if imported:
        rules = resource.rules
        names = (resource.schema.inputs.keys() & outputs.keys()) - rules.unsupported
        defaults = rules.defaults
        given = {key: outputs[key] for key in names if outputs[key] not in (None, "", 0, {}, [])}
        return {key: value for key, value in given.items() if value != defaults.get(key)} | {
            DEFAULTS: []
        }
    kept = {name: outputs[name] for name in olds if outputs.get(name) is not None}
    return {name: olds[name] for name in olds if name == DEFAULTS} | kept


def _retag(resource: Resource, client: Any, identity: str, change: Change) -> None:
    old, new = change.old or {}, change.new or {}
    changed = {key: value for key, value in new.items() if old.get(key) != value}
    resource.retag(client, identity, changed, old.keys() - new.keys())


def serve() -> tuple[grpc.Server, int]:
    """Starts the plugin on a free port of 127.0.0.1."""
    server = grpc.server(ThreadPoolExecutor(max_workers=16))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Plugin(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port
