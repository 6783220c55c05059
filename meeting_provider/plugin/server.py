"""Pulumi's ResourceProvider protocol -> the lifecycle. Unknowns and secrets stay here.

Source: https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto
"""
# ruff: noqa: N802 - the methods' names are the protocol's

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, Final, TypeVar

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb

from meeting_provider import diff, state
from meeting_provider.checking import Settings, check, has_unknown, redacted
from meeting_provider.errors import MeetingProviderError
from meeting_provider.lifecycle import Clients, Lifecycle
from meeting_provider.plugin import VERSION, properties, schema
from meeting_provider.validation import UNKNOWN, ValidationIssue, parse, region_problem

R = TypeVar("R")
Method = Callable[["Plugin", Any, grpc.ServicerContext], R]

#: As many calls at once as an engine makes, and one that cancels them.
_THREADS: Final = 64

#: The largest message, in bytes: the same as the engine's.
_LARGEST: Final = 400 * 1024 * 1024

_Kind = pb.PropertyDiff.Kind


def _one_line(method: Method[R]) -> Method[R]:
    """Answer errors by one line, without a traceback and without the values of secrets."""

    @wraps(method)
    def answered(self: Plugin, request: Any, context: grpc.ServicerContext) -> R:
        try:
            return method(self, request, context)
        except MeetingProviderError as error:
            text = properties.message(redacted(str(error), _secrets(request)))
        except Exception as error:
            # The text of an unexpected error may have anything in it.
            place = traceback.extract_tb(error.__traceback__)[-1]
            text = f"internal error: {type(error).__name__} in {place.name}, line {place.lineno}"
        return context.abort(grpc.StatusCode.UNKNOWN, text)

    return answered


def _secrets(request: Any) -> Iterator[Any]:
    """The values in a request that are secrets."""
    for name in ("properties", "olds", "news"):
        if name in request.DESCRIPTOR.fields_by_name:
            found = properties.read(getattr(request, name))
            yield from (found.values[n] for n in found.secret)


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """One provider: configured once, then called by the engine, many calls at a time."""

    def __init__(self) -> None:
        self._refreshes = False
        self._settings = Settings()
        self._clients = Clients()
        self._lifecycle = Lifecycle(self._clients)

    def Handshake(
        self, request: pb.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> pb.ProviderHandshakeResponse:
        """Learn what the engine can do."""
        self._refreshes = request.supports_refresh_before_update
        return pb.ProviderHandshakeResponse(accept_secrets=True)

    def GetPluginInfo(
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        """The version of this package."""
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(
        self, request: pb.GetSchemaRequest, context: grpc.ServicerContext
    ) -> pb.GetSchemaResponse:
        """The package schema, from which Pulumi generates the SDKs of all languages."""
        return pb.GetSchemaResponse(schema=schema.text())

    def CheckConfig(
        self, request: pb.CheckRequest, context: grpc.ServicerContext
    ) -> pb.CheckResponse:
        """Report what is wrong with the settings."""
        region = properties.read(request.news).values.get("region")
        problem = region_problem(region) if isinstance(region, str) else None
        failures = [pb.CheckFailure(property="region", reason=problem)] if problem else []
        return pb.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: pb.DiffRequest, context: grpc.ServicerContext) -> pb.DiffResponse:
        """No setting replaces the provider: the meetings themselves have a region of their own."""
        old, new = (properties.read(p).values for p in (request.old_inputs, request.news))
        names = [n for n in schema.SETTINGS if old.get(n) != new.get(n)]
        return pb.DiffResponse(changes=_changes(bool(names)), diffs=names)

    @_one_line
    def Configure(
        self, request: pb.ConfigureRequest, context: grpc.ServicerContext
    ) -> pb.ConfigureResponse:
        """Take region and profile from the provider's settings."""
        values = properties.read(request.args).values
        self._settings = Settings(*(values.get(n) for n in schema.SETTINGS))
        # Nothing is called with settings that aren't known yet.
        profile = None if self._settings.profile is UNKNOWN else self._settings.profile
        self._clients = Clients(profile)
        self._lifecycle = Lifecycle(self._clients)
        return pb.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @_one_line
    def Check(self, request: pb.CheckRequest, context: grpc.ServicerContext) -> pb.CheckResponse:
        """Report all errors at once. Fill in the name and the regions."""
        old, new = properties.read(request.olds), properties.read(request.news)
        declared = {"external_meeting_id": request.urn.rsplit("::", 1)[-1], **new.values}
        checked, issues = check(declared, old.values, self._settings, new.secret)
        return pb.CheckResponse(
            inputs=properties.write(checked, new.secret),
            # Without a property, Pulumi doesn't print its whole value before the message.
            failures=[pb.CheckFailure(reason=_failure(i)) for i in issues],
        )

    @_one_line
    def Diff(self, request: pb.DiffRequest, context: grpc.ServicerContext) -> pb.DiffResponse:
        """Tell changes in place from those that need a new meeting, created before the old ends."""
        old, new = (properties.read(p).values for p in (request.olds, request.news))
        names = diff.differing(old, new)
        replacing = set(diff.replacing(names))
        places = list(diff.detailed(old, new))
        # An attendee whose token the state doesn't have is added again, which returns the token.
        kept = state.without_token(old) & set(new["attendees"])
        places += ((("join_tokens", i), None, UNKNOWN) for i in sorted(kept))
        return pb.DiffResponse(
            changes=_changes(bool(places)),
            diffs=[properties.path([n]) for n in dict.fromkeys(p[0] for p, *_ in places)],
            replaces=[properties.path([n]) for n in names if n in replacing],
            detailedDiff={
                properties.path(p): pb.PropertyDiff(kind=_kind(was, now, p[0] in replacing))
                for p, was, now in places
            },
            hasDetailedDiff=True,
        )

    @_one_line
    def Create(self, request: pb.CreateRequest, context: grpc.ServicerContext) -> pb.CreateResponse:
        """Create the meeting, or say what is known of it before."""
        given = properties.read(request.properties)
        if request.preview:
            return pb.CreateResponse(properties=_planned(given))
        made = self._lifecycle.create(parse(given.values))
        return pb.CreateResponse(
            id=made.meeting.meeting_id,
            properties=_outputs(made, given.secret),
            refresh_before_update=self._refreshes,
        )

    @_one_line
    def Read(self, request: pb.ReadRequest, context: grpc.ServicerContext) -> pb.ReadResponse:
        """Read the meeting, to refresh or to import it; one that has ended is gone."""
        given, inputs = properties.read(request.properties), properties.read(request.inputs)
        was = state.from_outputs(given.values) if "attendee_ids" in given.values else None
        found = self._lifecycle.read(was) if was else self._find(request.id)
        if found is None:
            return pb.ReadResponse()
        is_same = was is not None and found.declared == was.declared
        return pb.ReadResponse(
            id=request.id,
            properties=_outputs(found, given.secret),
            inputs=request.inputs if is_same else properties.write(found.declared, inputs.secret),
            refresh_before_update=self._refreshes,
        )

    @_one_line
    def Update(self, request: pb.UpdateRequest, context: grpc.ServicerContext) -> pb.UpdateResponse:
        """Change attendees, their capabilities and the tags in place, or say what is known."""
        old, new = properties.read(request.olds), properties.read(request.news)
        if request.preview:
            return pb.UpdateResponse(properties=_planned(new, old.values))
        declared = parse(new.values, may_be_empty=True)
        made = self._lifecycle.update(state.from_outputs(old.values), declared)
        return pb.UpdateResponse(
            properties=_outputs(made, new.secret), refresh_before_update=self._refreshes
        )

    @_one_line
    def Delete(self, request: pb.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """End the meeting, where it hasn't ended."""
        self._lifecycle.delete(state.from_outputs(properties.read(request.properties).values))
        return empty_pb2.Empty()

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Have what is under way fail at its next call: a create ends its meeting again."""
        self._clients.cancel()
        return empty_pb2.Empty()

    def _find(self, meeting_id: str) -> state.State | None:
        region = self._settings.region_of({})
        if not isinstance(region, str):
            raise MeetingProviderError(
                "no region is set to look for the meeting in: use `pulumi config set aws:region`"
            )
        return self._lifecycle.find(meeting_id, region)


def _failure(issue: ValidationIssue) -> str:
    return properties.message(str(issue))


def _planned(given: properties.Properties, old: dict[str, Any] | None = None) -> struct_pb2.Struct:
    outputs = state.planned(given.values, old)
    if has_unknown(outputs):
        outputs[properties.JOIN_DATA] = UNKNOWN
    else:
        outputs = properties.with_join_data(outputs)
    return properties.write(outputs, given.secret | properties.SECRETS)


def _outputs(made: state.State, secret: frozenset[str]) -> struct_pb2.Struct:
    outputs = properties.with_join_data(made.outputs())
    return properties.write(outputs, secret | properties.SECRETS)


def _changes(differs: bool) -> pb.DiffResponse.DiffChanges.ValueType:
    return pb.DiffResponse.DIFF_SOME if differs else pb.DiffResponse.DIFF_NONE


def _kind(was: Any, now: Any, replaces: bool) -> _Kind.ValueType:
    if was is None:
        return _Kind.ADD_REPLACE if replaces else _Kind.ADD
    if now is None:
        return _Kind.DELETE_REPLACE if replaces else _Kind.DELETE
    return _Kind.UPDATE_REPLACE if replaces else _Kind.UPDATE


def serve() -> tuple[grpc.Server, int]:
    """Start a plugin on a free port of the loopback.

    :returns: the server and its port.
    """
    sizes = ("grpc.max_receive_message_length", "grpc.max_send_message_length")
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=[(n, _LARGEST) for n in sizes])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Plugin(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port
