"""Resource providers: their processes, and what the engine asks of them.

A dynamic resource's provider is `python -u -m pulumi.dynamic` in the project's environment, any
other a `pulumi-resource-*` found on PATH. What a call carries and how an answer is read follows
sdk/go/common/resource/plugin/provider_plugin.go.
"""

import contextlib
import json
import os
import shutil
import subprocess
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Final

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc

from sandbox.engine import loopback
from sandbox.engine.errors import EngineError, Refused
from sandbox.engine.events import Diagnostic
from sandbox.engine.grpclog import CallLog
from sandbox.engine.snapshot import PROVIDER_PREFIX, Resource, urn_name, urn_type
from sandbox.engine.values import (
    UNKNOWN_SENTINEL,
    AssetsNotSupported,
    Secret,
    Unknown,
    contains,
    from_struct,
    mark_secrets,
    reveal,
    secret,
    to_struct,
)

Properties = dict[str, Any]
_DYNAMIC: Final = "pulumi-python"
_GRPC_OPTIONS: Final = (("grpc.max_receive_message_length", 1024 * 1024 * 400),)
_INTERNAL: Final = "__internal"
_REPLACING: Final = frozenset(
    {pb.PropertyDiff.ADD_REPLACE, pb.PropertyDiff.DELETE_REPLACE, pb.PropertyDiff.UPDATE_REPLACE}
)


@dataclass(frozen=True)
class Diff:
    """What a provider says a change amounts to. Where `changes` is None, the engine compares."""

    changes: bool | None
    replaces: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    delete_before_replace: bool = False

    def decided(self, old: "Properties", new: "Properties") -> "Diff":
        """The same, with what a comparison says where the provider left that open."""
        if self.changes is not None:
            return self
        return replace(self, changes=reveal(old) != reveal(new), changed=())


@dataclass(frozen=True)
class Checked:
    """Inputs as a provider takes them, or (property, reason) for each that it doesn't."""

    inputs: Properties
    failures: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Read:
    """A resource as a provider finds it; an empty id is one that is gone."""

    id: str
    outputs: Properties
    inputs: Properties | None


class ProviderError(EngineError):
    """A provider's call failed, with its own words."""


@dataclass(frozen=True)
class Host:
    """Where plugins are started, and who hears what they print."""

    project: str
    folder: Path
    python: Path
    engine_address: str
    log: CallLog
    tell: Callable[[Diagnostic], None]
    processes: list["subprocess.Popen[str]"] = field(default_factory=list)

    def start(self, package: str) -> "Plugin":
        """Starts a package's plugin.

        Raises:
            Refused: no such plugin is on PATH.
            EngineError: it ended before it listened.
        """
        if package == _DYNAMIC:
            command = [str(self.python), "-u", "-m", "pulumi.dynamic"]
            folder = str(self.python.parent)
        else:
            found = shutil.which(f"pulumi-resource-{package}")
            if found is None:
                raise Refused(f"installing plugins, and no pulumi-resource-{package} is on PATH")
            self.tell(
                Diagnostic("warning", f"using pulumi-resource-{package} from $PATH at {found}")
            )
            command, folder = [found], str(Path(found).parent)
        process = subprocess.Popen(
            [*command, self.engine_address],
            cwd=self.folder,
            # Where a dynamic provider looks for settings that are named without a namespace.
            env=loopback.guarded({**os.environ, "PULUMI_PROJECT": self.project}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A ^C is for the engine, which lets its plugins finish.
            start_new_session=True,
        )
        self.processes.append(process)
        assert process.stdout is not None
        assert process.stderr is not None
        self._relay(process.stderr, "info#err")
        port = process.stdout.readline().strip()
        if not port.isdigit():
            raise EngineError(f"the plugin {command[0]} ended before it could be reached")
        self._relay(process.stdout, "info")
        channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=_GRPC_OPTIONS)
        plugin = Plugin(package, process, self.log.channel(channel))
        plugin.handshake(self.engine_address, folder)
        return plugin

    def _relay(self, stream: IO[str], severity: Any) -> None:
        def relay() -> None:
            for line in stream:
                if line.strip():
                    self.tell(Diagnostic(severity, line.rstrip("\n")))

        threading.Thread(target=relay, daemon=True).start()

    def kill(self) -> None:
        """Ends what is still running, at once."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()


class Plugin:
    """A provider in a process of its own."""

    def __init__(
        self, package: str, process: "subprocess.Popen[str]", channel: grpc.Channel
    ) -> None:
        self._package = package
        self._process = process
        self._channel = channel
        self._stub: Any = provider_pb2_grpc.ResourceProviderStub(channel)
        self._secrets = self._references = self._previews = False
        #: False at a preview, while the configuration depends on what isn't known yet.
        self._configured = True

    def handshake(self, engine_address: str, folder: str) -> None:
        """Introduces the engine. A provider may not know the call."""
        request = pb.ProviderHandshakeRequest(
            engine_address=engine_address,
            root_directory=folder,
            program_directory=folder,
            configure_with_urn=True,
            invoke_with_preview=True,
        )
        try:
            answer = self._stub.Handshake(request, wait_for_ready=True, timeout=60)
            self._secrets, self._references = answer.accept_secrets, answer.accept_resources
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                raise _readable(error) from None
        self._call(self._stub.GetPluginInfo, empty_pb2.Empty())

    def check_config(self, urn: str, olds: Properties, news: Properties) -> Checked:
        """Checks a configuration. A provider that doesn't know the call takes any."""
        request = pb.CheckRequest(
            urn=urn, name=urn_name(urn), type=urn_type(urn), olds=_bare(olds), news=_bare(news)
        )
        try:
            answer = self._stub.CheckConfig(request)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return Checked(news)
            raise _readable(error) from None
        return Checked(mark_secrets(_read(answer.inputs), news), _failures(answer))

    def diff_config(
        self, urn: str, old_inputs: Properties, old_outputs: Properties, news: Properties
    ) -> Diff:
        """Compares configurations."""
        request = pb.DiffRequest(
            urn=urn,
            name=urn_name(urn),
            type=urn_type(urn),
            olds=_bare(old_outputs),
            news=_bare(news),
            old_inputs=_bare(old_inputs),
        )
        try:
            return _diff(self._stub.DiffConfig(request))
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return Diff(changes=None)
            raise _readable(error) from None

    def configure(self, urn: str, id_: str, inputs: Properties) -> None:
        """Configures the provider; at a preview only once everything is known."""
        loopback.check_configuration(inputs)
        self._configured = not contains(inputs, Unknown)
        if not self._configured:
            return
        variables = {
            f"{self._package}:config:{key}": _variable(reveal(value))
            for key, value in inputs.items()
            if key != "version"
        }
        answer = self._call(
            self._stub.Configure,
            pb.ConfigureRequest(
                urn=urn,
                name=urn_name(urn),
                type=urn_type(urn),
                id=id_,
                variables=variables,
                args=to_struct(inputs),
                acceptSecrets=True,
                acceptResources=True,
                sends_old_inputs=True,
                sends_old_inputs_to_delete=True,
            ),
        )
        self._previews = answer.supportsPreview
        self._secrets = self._secrets or answer.acceptSecrets
        self._references = self._references or answer.acceptResources

    def check(self, urn: str, olds: Properties, news: Properties) -> Checked:
        """Checks a resource's inputs."""
        if not self._configured:
            return Checked(news)
        answer = self._call(
            self._stub.Check,
            pb.CheckRequest(
                urn=urn,
                name=urn_name(urn),
                type=urn_type(urn),
                olds=self._sent(olds),
                news=self._sent(news),
                randomSeed=os.urandom(32),
            ),
        )
        return Checked(self._marked(answer.inputs, news), _failures(answer))

    def diff(self, resource: Resource, news: Properties, ignore_changes: list[str]) -> Diff:
        """Compares a resource with new inputs."""
        if not self._configured:
            return Diff(changes=True)
        answer = self._call(
            self._stub.Diff,
            pb.DiffRequest(
                id=resource.id,
                urn=resource.urn,
                name=resource.name,
                type=resource.type,
                olds=self._sent(resource.outputs),
                news=self._sent(news),
                old_inputs=self._sent(resource.inputs),
                ignoreChanges=ignore_changes,
            ),
        )
        return _diff(answer)

    def create(self, urn: str, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        """Creates a resource: its id and outputs, or at a preview what can be told of them."""
        if preview and not self._configured:
            return "", {}
        if preview and not self._previews:
            return "", inputs
        answer = self._call(
            self._stub.Create,
            pb.CreateRequest(
                urn=urn,
                name=urn_name(urn),
                type=urn_type(urn),
                properties=self._sent(inputs),
                preview=preview,
            ),
        )
        if not preview and not answer.id:
            raise ProviderError("provider did not return an ID from Create")
        return answer.id, self._marked(answer.properties, inputs)

    def read(self, urn: str, id_: str, inputs: Properties, state: Properties) -> Read:
        """Reads a resource as it is."""
        answer = self._call(
            self._stub.Read,
            pb.ReadRequest(
                id=id_,
                urn=urn,
                name=urn_name(urn),
                type=urn_type(urn),
                properties=self._sent(state),
                inputs=self._sent(inputs),
            ),
        )
        found = self._marked(answer.inputs, inputs) if answer.HasField("inputs") else None
        return Read(answer.id, self._marked(answer.properties, state), found)

    def update(
        self, old: Resource, news: Properties, ignore_changes: list[str], preview: bool
    ) -> Properties:
        """Updates a resource: its outputs, or at a preview what can be told of them."""
        if preview and not self._configured:
            return {}
        if preview and not self._previews:
            return news
        answer = self._call(
            self._stub.Update,
            pb.UpdateRequest(
                id=old.id,
                urn=old.urn,
                name=old.name,
                type=old.type,
                olds=self._sent(old.outputs),
                news=self._sent(news),
                old_inputs=self._sent(old.inputs),
                ignoreChanges=ignore_changes,
                preview=preview,
            ),
        )
        return self._marked(answer.properties, news)

    def delete(self, resource: Resource) -> None:
        """Deletes a resource."""
        self._call(
            self._stub.Delete,
            pb.DeleteRequest(
                id=resource.id,
                urn=resource.urn,
                name=resource.name,
                type=resource.type,
                properties=self._sent(resource.outputs),
                old_inputs=self._sent(resource.inputs),
            ),
        )

    def invoke(self, token: str, args: Properties, preview: bool) -> Checked:
        """Calls a function: what it returns, secret if an argument was."""
        if not self._configured:
            return Checked({})
        request = pb.InvokeRequest(tok=token, args=self._sent(args), preview=preview)
        answer = self._call(self._stub.Invoke, request)
        returned = _read(getattr(answer, "return"))
        if contains(args, Secret) and not self._secrets:
            returned = {key: secret(value) for key, value in returned.items()}
        return Checked(returned, _failures(answer))

    def close(self) -> None:
        """Tells the provider to stop, and ends its process."""
        # A provider may not know the call; the process ends either way.
        with contextlib.suppress(grpc.RpcError):
            self._stub.Cancel(empty_pb2.Empty(), timeout=5)
        self._channel.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _sent(self, values: Mapping[str, Any]) -> struct_pb2.Struct:
        return to_struct(values, secrets=self._secrets, references=self._references)

    def _marked(self, struct: struct_pb2.Struct, ins: Properties) -> Properties:
        found = _read(struct)
        return found if self._secrets else mark_secrets(found, ins)

    def _call(self, method: Any, request: Any) -> Any:
        try:
            return method(request)
        except grpc.RpcError as error:
            raise _readable(error) from None


class Builtin:
    """The engine's own provider, `pulumi`: it reads other stacks."""

    def __init__(self, read_stack: Callable[[str], Properties]) -> None:
        self._read_stack = read_stack

    def check_config(self, urn: str, olds: Properties, news: Properties) -> Checked:
        """Takes any configuration; there is none."""
        return Checked(news)

    def diff_config(
        self, urn: str, old_inputs: Properties, old_outputs: Properties, news: Properties
    ) -> Diff:
        """Nothing ever changes."""
        return Diff(changes=False)

    def configure(self, urn: str, id_: str, inputs: Properties) -> None:
        """There is nothing to configure."""

    def check(self, urn: str, olds: Properties, news: Properties) -> Checked:
        """Refuses: stack references are read, never created."""
        raise Refused(f"resources of type {urn_type(urn)}")

    def diff(self, resource: Resource, news: Properties, ignore_changes: list[str]) -> Diff:
        """Nothing ever changes."""
        return Diff(changes=False)

    def create(self, urn: str, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        """Refuses: stack references are read, never created."""
        raise Refused(f"resources of type {urn_type(urn)}")

    def read(self, urn: str, id_: str, inputs: Properties, state: Properties) -> Read:
        """Reads another stack's outputs.

        Raises:
            StackNotFound: there is no such stack.
        """
        if urn_type(urn) != "pulumi:pulumi:StackReference":
            raise Refused(f"resources of type {urn_type(urn)}")
        name = reveal(inputs.get("name", id_))
        outputs = self._read_stack(name)
        secrets = sorted(key for key, value in outputs.items() if contains(value, Secret))
        found = {"name": name, "outputs": outputs, "secretOutputNames": secrets}
        return Read(id_, found, inputs)

    def update(
        self, old: Resource, news: Properties, ignore_changes: list[str], preview: bool
    ) -> Properties:
        """Refuses: stack references are read, never updated."""
        raise Refused(f"resources of type {old.type}")

    def delete(self, resource: Resource) -> None:
        """Nothing is there to delete."""

    def invoke(self, token: str, args: Properties, preview: bool) -> Checked:
        """Refuses: none of the engine's own functions is offered."""
        raise Refused(f"the function {token}")

    def close(self) -> None:
        """Nothing runs."""


Provider = Plugin | Builtin


class Registry:
    """The providers of a run: each provider resource, with the process behind it.

    The order of calls is that of pkg/resource/deploy/providers/registry.go: a check starts a
    process, and what is decided about the provider resource decides which process goes on.
    """

    def __init__(self, host: Host, builtin: Builtin, *, preview: bool) -> None:
        self._host = host
        self._builtin = builtin
        self._preview = preview
        self._configured: dict[tuple[str, str], Provider] = {}
        self._checked: dict[str, Provider] = {}
        self._started: list[Provider] = []

    def get(self, reference: str) -> Provider | None:
        """The provider that a reference (`<urn>::<id>`) names, if it is running."""
        urn, _, id_ = reference.rpartition("::")
        return self._configured.get((urn, id_))

    def check(self, urn: str, olds: Properties, news: Properties) -> Checked:
        """Checks a provider resource, with a process that is started for it."""
        provider = self._load(urn)
        checked = provider.check_config(urn, _configuration(olds), _configuration(news))
        if checked.failures:
            self._end(provider)
            return checked
        self._checked[urn] = provider
        kept: Properties = {key: news[key] for key in ("version", _INTERNAL) if key in news}
        return Checked({**checked.inputs, **kept})

    def diff(self, resource: Resource, news: Properties) -> Diff:
        """Compares a provider resource with a new configuration."""
        provider = self._checked.get(resource.urn) or self._configured[resource.urn, resource.id]
        new = _configuration(news)
        old = _configuration(resource.inputs)
        diff = provider.diff_config(resource.urn, old, resource.outputs, new)
        diff = diff.decided(resource.outputs, new)
        if diff.replaces:
            self._end(provider)
            self._checked.pop(resource.urn, None)
        return diff

    def same(self, resource: Resource) -> None:
        """Makes sure that a provider resource's provider runs, as it is configured."""
        key = (resource.urn, resource.id)
        if key in self._configured:
            return
        provider = self._checked.pop(resource.urn, None) or self._load(resource.urn)
        provider.configure(resource.urn, resource.id, _configuration(resource.inputs))
        self._configured[key] = provider

    def create(self, urn: str, inputs: Properties) -> tuple[str, Properties]:
        """Configures a new provider resource's provider: its id and outputs."""
        provider = self._checked.pop(urn, None) or self._load(urn)
        id_ = UNKNOWN_SENTINEL if self._preview else str(uuid.uuid4())
        outputs = _configuration(inputs)
        provider.configure(urn, id_, outputs)
        self._configured[urn, id_] = provider
        return id_, outputs

    def update(self, old: Resource, news: Properties) -> Properties:
        """Configures a provider resource's provider anew, in the process that checked it."""
        provider = self._checked.pop(old.urn)
        outputs = _configuration(news)
        provider.configure(old.urn, old.id, outputs)
        previous = self._configured.get((old.urn, old.id))
        self._configured[old.urn, old.id] = provider
        if previous is not None:
            self._end(previous)
        return outputs

    def delete(self, resource: Resource) -> None:
        """Ends a provider resource's provider."""
        provider = self._configured.pop((resource.urn, resource.id), None)
        if provider is not None:
            self._end(provider)

    def close(self) -> None:
        """Ends every provider."""
        for provider in list(self._started):
            self._end(provider)

    def _load(self, urn: str) -> Provider:
        package = urn_type(urn).removeprefix(PROVIDER_PREFIX)
        if package == "pulumi":
            return self._builtin
        provider = self._host.start(package)
        self._started.append(provider)
        return provider

    def _end(self, provider: Provider) -> None:
        if provider in self._started:
            self._started.remove(provider)
            provider.close()


def _configuration(inputs: Properties) -> Properties:
    return {key: value for key, value in inputs.items() if key != _INTERNAL}


def _bare(values: Properties) -> struct_pb2.Struct:
    return to_struct(values, secrets=False, references=False)


def _read(struct: struct_pb2.Struct) -> Properties:
    try:
        return from_struct(struct)
    except AssetsNotSupported:
        raise Refused("assets and archives") from None


def _variable(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _failures(answer: Any) -> tuple[tuple[str, str], ...]:
    return tuple((failure.property, failure.reason) for failure in answer.failures)


def _diff(answer: pb.DiffResponse) -> Diff:
    is_open = answer.changes == pb.DiffResponse.DIFF_UNKNOWN
    detailed = [key for key, item in answer.detailedDiff.items() if item.kind in _REPLACING]
    return Diff(
        changes=None if is_open else answer.changes == pb.DiffResponse.DIFF_SOME,
        replaces=tuple(answer.replaces) or tuple(detailed),
        changed=tuple(answer.diffs),
        delete_before_replace=answer.deleteBeforeReplace,
    )


def _readable(error: grpc.RpcError) -> ProviderError:
    return ProviderError(error.details() or str(error.code()))
