"""What a program talks to: Pulumi's ResourceMonitor and Engine, over gRPC on a loopback port.

The messages are proto/pulumi/resource.proto and engine.proto. An option that this engine doesn't
honour ends the operation with a sentence; so does a call that it doesn't know.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from sandbox.engine.deployment import Aborted, Deployment, NotBroughtAbout
from sandbox.engine.errors import EngineError, Refused
from sandbox.engine.events import Diagnostic
from sandbox.engine.grpclog import CallLog
from sandbox.engine.plugins import Properties
from sandbox.engine.snapshot import PROVIDER_PREFIX, Resource
from sandbox.engine.steps import Goal
from sandbox.engine.values import AssetsNotSupported, Unknown, contains, from_struct, to_struct

_GRPC_OPTIONS: Final = (("grpc.max_receive_message_length", 1024 * 1024 * 400),)
_SEVERITIES: Final = {
    engine_pb2.DEBUG: "debug",
    engine_pb2.INFO: "info",
    engine_pb2.WARNING: "warning",
    engine_pb2.ERROR: "error",
}
#: What a program may use. The last three are here so that they reach the refusal.
FEATURES: Final = {
    "secrets": resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS,
    "resourceReferences": resource_pb2.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
    "outputValues": resource_pb2.RESOURCE_MONITOR_FEATURE_OUTPUT_VALUES,
    "aliasSpecs": resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
    "deletedWith": resource_pb2.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
    "replaceWith": resource_pb2.RESOURCE_MONITOR_FEATURE_REPLACE_WITH,
}
#: An option of a resource, and the field that is set where a program uses it.
_UNSUPPORTED: Final = {
    "import_": "importId",
    "aliases": "aliases",
    "alias URNs": "aliasURNs",
    "protect": "protect",
    "custom_timeouts": "customTimeouts",
    "replace_on_changes": "replaceOnChanges",
    "replace_with": "replace_with",
    "replacement_trigger": "replacement_trigger",
    "retain_on_delete": "retainOnDelete",
    "deleted_with": "deletedWith",
    "hide_diffs": "hideDiffs",
    "transforms": "transforms",
    "state migrations": "state_migrations",
    "remote components": "remote",
    "plugin_download_url": "pluginDownloadURL",
    "plugin checksums": "pluginChecksums",
    "parameterized packages": "packageRef",
    "environment variable mappings": "envVarMappings",
}


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """The service that a program registers its resources with."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def GetDeploymentInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Tells a program where it runs."""
        options, config = self._deployment.options, self._deployment.config
        return resource_pb2.DeploymentInfo(
            project=options.project,
            stack=options.stack,
            organization="organization",
            config={key: value.text for key, value in config.items()},
            configSecretKeys=[key for key, value in config.items() if value.secret],
            dryRun=options.preview,
            parallel=options.parallel,
            supportedFeatures=list(FEATURES.values()),
        )

    def SupportsFeature(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Tells a program what it may use."""
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in FEATURES)

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Brings a resource about."""

        def register() -> Any:
            refuse_options(request)
            try:
                resource, unknown = self._deployment.register(_goal(request), _version(request))
            except NotBroughtAbout as error:
                return resource_pb2.RegisterResourceResponse(
                    urn=error.urn, result=resource_pb2.FAIL
                )
            outputs = resource.outputs if resource.custom else {}
            if not request.supportsPartialValues:
                outputs = {k: v for k, v in outputs.items() if not contains(v, Unknown)}
            return resource_pb2.RegisterResourceResponse(
                urn=resource.urn,
                id=resource.id,
                object=_sent(outputs, request),
                unknown=unknown,
            )

        return self._answer(register, context)

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Takes a component's outputs."""

        def register() -> Any:
            self._deployment.register_outputs(request.urn, from_struct(request.outputs))
            return empty_pb2.Empty()

        return self._answer(register, context)

    def ReadResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Reads a resource that the program doesn't manage."""

        def read() -> Any:
            refuse_options(request)
            resource = self._deployment.read(
                Resource(
                    urn=self._deployment.urn(request.type, request.name, request.parent),
                    type=request.type,
                    custom=True,
                    external=True,
                    id=request.id,
                    inputs=from_struct(request.properties),
                    parent=request.parent,
                    provider=request.provider,
                    dependencies=list(request.dependencies),
                    additional_secret_outputs=list(request.additionalSecretOutputs),
                ),
                request.version,
            )
            return resource_pb2.ReadResourceResponse(
                urn=resource.urn, properties=_sent(resource.outputs, request)
            )

        return self._answer(read, context)

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Calls a function of a provider."""

        def invoke() -> Any:
            refuse_options(request)
            returned = self._deployment.invoke(
                request.tok, from_struct(request.args), request.provider, request.version
            )
            failures = [{"property": name, "reason": why} for name, why in returned.failures]
            # The first field's name is a keyword of Python.
            answer: dict[str, Any] = {"return": to_struct(returned.inputs), "failures": failures}
            return resource_pb2.ResourceInvokeResponse(**answer)

        return self._answer(invoke, context)

    def SignalAndWaitForShutdown(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The program has registered everything: what is left over can go."""

        def finish() -> Any:
            self._deployment.delete_leftovers()
            return empty_pb2.Empty()

        return self._answer(finish, context)

    def Call(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuses to call a component's method."""
        return self._refuse("calls of component methods", context)

    def RegisterStackTransform(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuses transforms."""
        return self._refuse("transforms", context)

    def RegisterStackInvokeTransform(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuses transforms."""
        return self._refuse("invoke transforms", context)

    def RegisterResourceHook(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuses hooks."""
        return self._refuse("resource hooks", context)

    def RegisterErrorHook(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuses hooks."""
        return self._refuse("error hooks", context)

    def RegisterPackage(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuses parameterized packages."""
        return self._refuse("parameterized packages", context)

    def _refuse(self, what: str, context: Any) -> Any:
        def refuse() -> Any:
            raise Refused(what)

        return self._answer(refuse, context)

    def _answer(self, call: Callable[[], Any], context: Any) -> Any:
        try:
            return call()
        except Aborted:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the operation has ended")
        except AssetsNotSupported:
            return self._refuse("assets and archives", context)
        except Refused as error:
            self._deployment.fail(error)
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        except EngineError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))


class Engine(engine_pb2_grpc.EngineServicer):
    """The service that programs and plugins send their messages to."""

    def __init__(self, tell: Callable[[Diagnostic], None]) -> None:
        self._tell = tell
        self._root = ""

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Passes a message on."""
        severity: Any = _SEVERITIES[request.severity]
        self._tell(
            Diagnostic(severity, request.message, request.urn, request.ephemeral, request.streamId)
        )
        return empty_pb2.Empty()

    def GetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Tells the stack's urn."""
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    def SetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Takes the stack's urn."""
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()


def serve(parallel: int, log: CallLog) -> tuple[grpc.Server, int]:
    """A server without services, and the loopback port that it will listen on.

    A program sends as many calls at once as it may have resources under way, and each waits for
    its resource; so there is a thread for every one.
    """
    server = grpc.server(
        ThreadPoolExecutor(max_workers=min(parallel, 256) * 4 + 16),
        options=_GRPC_OPTIONS,
        interceptors=log.options(),
    )
    return server, server.add_insecure_port("127.0.0.1:0")


def attach(server: grpc.Server, deployment: Deployment) -> None:
    """Adds the services of an operation to a server."""
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(Monitor(deployment), server)
    engine_pb2_grpc.add_EngineServicer_to_server(Engine(deployment.tell), server)


def refuse_options(request: Any) -> None:
    """Looks for what a request asks for and this engine doesn't do.

    Raises:
        Refused: there is some.
    """
    fields = request.DESCRIPTOR.fields_by_name
    name = getattr(request, "name", "") or getattr(request, "tok", "")
    for option, field in _UNSUPPORTED.items():
        if field in fields and _is_set(request, field):
            raise Refused(f"the option {option} (on {name})")
    if "hooks" in fields and any(hooks for _, hooks in request.hooks.ListFields()):
        raise Refused(f"resource hooks (on {name})")


def _is_set(request: Any, field: str) -> bool:
    value = getattr(request, field)
    if field in ("customTimeouts", "replacement_trigger"):
        return bool(request.HasField(field))
    return bool(value)


def _goal(request: Any) -> Goal:
    inputs = from_struct(request.object)
    dependencies = tuple(request.dependencies)
    by_property = {key: list(d.urns) for key, d in request.propertyDependencies.items()}
    if not by_property:
        by_property = {key: list(dependencies) for key in inputs}
    if request.type.startswith(PROVIDER_PREFIX) and request.version:
        inputs |= {"version": request.version, "__internal": {}}
    package = request.type.split(":")[0]
    decided = request.deleteBeforeReplaceDefined or request.deleteBeforeReplace
    return Goal(
        type=request.type,
        name=request.name,
        custom=request.custom,
        inputs=inputs,
        parent=request.parent,
        dependencies=dependencies,
        property_dependencies=by_property,
        provider=(request.provider or request.providers.get(package, "")) if request.custom else "",
        ignore_changes=tuple(request.ignoreChanges),
        delete_before_replace=request.deleteBeforeReplace if decided else None,
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
    )


def _version(request: Any) -> str:
    return "" if request.type.startswith(PROVIDER_PREFIX) else str(request.version)


def _sent(values: Properties, request: Any) -> struct_pb2.Struct:
    return to_struct(values, secrets=request.acceptSecrets, references=request.acceptResources)
