"""The plugin's gRPC server: Pulumi's ResourceProvider protocol -> the resource types.

Source: https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto
"""
# ruff: noqa: N802 - the methods' names are the protocol's

from __future__ import annotations

import logging
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, TypeVar

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb

from meeting_provider import shapes, state
from meeting_provider.checking import Settings, has_unknown, redacted
from meeting_provider.errors import MeetingProviderError
from meeting_provider.issues import UNKNOWN
from meeting_provider.plugin import VERSION, properties, schema
from meeting_provider.plugin.properties import API_MEETING, SECRETS
from meeting_provider.resources import ResourceType, named, types

Context = grpc.ServicerContext
R = TypeVar("R")
Method = Callable[["Plugin", Any, Context], R]


def _one_line(method: Method[R]) -> Method[R]:
    """Report errors in one line, without a traceback and without the values of secrets."""

    @wraps(method)
    def answered(self: Plugin, request: Any, context: Context) -> R:
        try:
            return method(self, request, context)
        except MeetingProviderError as error:
            text = properties.message(redacted(str(error), _secrets(request)))
        except Exception as error:
            # The text of an unexpected error may contain a secret.
            place = traceback.extract_tb(error.__traceback__)[-1]
            text = f"internal error: {type(error).__name__} in {place.name}, line {place.lineno}"
        return context.abort(grpc.StatusCode.UNKNOWN, text)

    return answered


def _secrets(request: Any) -> Iterator[Any]:
    """The values in a request that a program gave as secrets."""
    for name in ("properties", "olds", "news"):
        if name in request.DESCRIPTOR.fields_by_name:
            found = properties.read(getattr(request, name))
            yield from (found.values[n] for n in found.secret - SECRETS)


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """One provider. The engine configures it once, and then makes many calls in parallel."""

    def __init__(self) -> None:
        self._refreshes = False
        self._settings = Settings()
        self._cancelled = threading.Event()
        self._types = types(None, self._cancelled)

    def Handshake(
        self, request: pb.ProviderHandshakeRequest, context: Context
    ) -> pb.ProviderHandshakeResponse:
        """Note whether the engine can refresh a resource before it updates it."""
        self._refreshes = request.supports_refresh_before_update
        return pb.ProviderHandshakeResponse(accept_secrets=True)

    def GetPluginInfo(self, request: empty_pb2.Empty, context: Context) -> plugin_pb2.PluginInfo:
        """The version of this package."""
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: pb.GetSchemaRequest, context: Context) -> pb.GetSchemaResponse:
        """The package schema, from which Pulumi generates the SDKs of all languages."""
        return pb.GetSchemaResponse(schema=schema.FILE.read_text("utf-8"))

    @_one_line
    def Configure(self, request: pb.ConfigureRequest, context: Context) -> pb.ConfigureResponse:
        """Take region and profile from the provider's settings."""
        values = properties.read(request.args).values
        self._settings = Settings(*(values.get(n) for n in schema.SETTINGS))
        # No call is made while a setting is unknown.
        profile = None if self._settings.profile is UNKNOWN else self._settings.profile
        self._cancelled = threading.Event()
        self._types = types(profile, self._cancelled)
        return pb.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @_one_line
    def Check(self, request: pb.CheckRequest, context: Context) -> pb.CheckResponse:
        """Report all errors at once. Fill in defaults."""
        old, new = properties.read(request.olds), properties.read(request.news)
        name = {"external_meeting_id": request.urn.rsplit("::", 1)[-1]}
        kind = self._type(request.urn)
        defaults = {n: v for n, v in name.items() if n in kind.model.model_fields}
        checked, issues = kind.check(defaults | new.values, old.values, self._settings, new.secret)
        return pb.CheckResponse(
            inputs=properties.write(checked, new.secret),
            # If a failure names a property, Pulumi prints its whole value before the message.
            failures=[pb.CheckFailure(reason=properties.message(str(i))) for i in issues],
        )

    @_one_line
    def Diff(self, request: pb.DiffRequest, context: Context) -> pb.DiffResponse:
        """Say which properties differ, and whether a new resource is needed."""
        old, new = (properties.read(p).values for p in (request.olds, request.news))
        kind = self._type(request.urn)
        places = list(kind.differences(old, new))
        names = list(dict.fromkeys(p[0] for p, *_ in places))
        replacing = kind.replacing(names)
        return pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if places else pb.DiffResponse.DIFF_NONE,
            diffs=[properties.path([n]) for n in names],
            replaces=[properties.path([n]) for n in replacing],
            deleteBeforeReplace=kind.replaced_by_deleting,
            detailedDiff={
                properties.path(p): _kind(was, now, replaces=p[0] in replacing)
                for p, was, now in places
            },
            hasDetailedDiff=True,
        )

    @_one_line
    def Create(self, request: pb.CreateRequest, context: Context) -> pb.CreateResponse:
        """Create the resource, or in a preview return the outputs that are known."""
        given, kind = properties.read(request.properties), self._type(request.urn)
        if request.preview:
            planned = kind.planned(given.values, None)
            return pb.CreateResponse(properties=_outputs(planned, given.secret))
        made = kind.create(given.values)
        return pb.CreateResponse(
            id=made[kind.id_name],
            properties=_outputs(made, given.secret),
            refresh_before_update=self._refreshes,
        )

    @_one_line
    def Read(self, request: pb.ReadRequest, context: Context) -> pb.ReadResponse:
        """Read the resource, to refresh or to import it; one that has ended has no id."""
        given, inputs = properties.read(request.properties), properties.read(request.inputs)
        kind = self._type(request.urn)
        is_known = kind.id_name in given.values
        found = kind.read(given.values) if is_known else kind.find(request.id, self._settings)
        if found is None:
            return pb.ReadResponse()
        declared = shapes.declared_in(found, kind.model)
        is_same = is_known and declared == shapes.declared_in(given.values, kind.model)
        return pb.ReadResponse(
            id=request.id,
            properties=_outputs(found, given.secret),
            inputs=request.inputs if is_same else properties.write(declared, inputs.secret),
            refresh_before_update=self._refreshes,
        )

    @_one_line
    def Update(self, request: pb.UpdateRequest, context: Context) -> pb.UpdateResponse:
        """Change the resource in place, or in a preview return the outputs that are known."""
        old, new = properties.read(request.olds), properties.read(request.news)
        kind = self._type(request.urn)
        if request.preview:
            planned = kind.planned(new.values, old.values)
            return pb.UpdateResponse(properties=_outputs(planned, new.secret))
        made = kind.update(old.values, new.values)
        return pb.UpdateResponse(
            properties=_outputs(made, new.secret), refresh_before_update=self._refreshes
        )

    @_one_line
    def Delete(self, request: pb.DeleteRequest, context: Context) -> empty_pb2.Empty:
        """End the resource, unless it has ended."""
        self._type(request.urn).delete(properties.read(request.properties).values)
        return empty_pb2.Empty()

    def _type(self, urn: str) -> ResourceType:
        """The type of a resource: urn:pulumi:stack::project::parent$package:index:Type::name."""
        return named(self._types, urn.split("::")[2].rpartition(":")[2])

    def Cancel(self, request: empty_pb2.Empty, context: Context) -> empty_pb2.Empty:
        """Make running operations fail at their next call. A create then deletes its meeting."""
        self._cancelled.set()
        return empty_pb2.Empty()


def _outputs(outputs: dict[str, Any], secret: frozenset[str]) -> struct_pb2.Struct:
    """Outputs for the engine. A meeting also has the API's Meeting."""
    if "join_tokens" in outputs:
        is_known = not has_unknown({n: outputs.get(n) for n in state.IN_MEETING})
        outputs = outputs | {API_MEETING: state.api_meeting(outputs) if is_known else UNKNOWN}
    return properties.write(outputs, secret | SECRETS)


def _kind(was: Any, now: Any, *, replaces: bool) -> pb.PropertyDiff:
    kind = "ADD" if was is None else "DELETE" if now is None else "UPDATE"
    return pb.PropertyDiff(kind=pb.PropertyDiff.Kind.Value(kind + "_REPLACE" * replaces))


def main() -> None:
    """Serve, and print the port, until the engine exits or ends the process."""
    # grpc logs a traceback for each method that this plugin doesn't implement.
    logging.getLogger("grpc").setLevel(logging.CRITICAL)
    engine, ended = os.getppid(), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    sizes = ("grpc.max_receive_message_length", "grpc.max_send_message_length")
    # Enough for all parallel calls of an engine, and for Cancel.
    server = grpc.server(ThreadPoolExecutor(64), options=[(n, -1) for n in sizes])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Plugin(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    while os.getppid() == engine and not ended.wait(1.0):
        pass
    server.stop(120.0).wait()  # Running calls may finish.
