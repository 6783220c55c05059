"""What Pulumi's engine does to meetings in an `up` with `refresh: always`, over real dynamic hosts.

Sources: pulumi/pulumi, pkg/resource/deploy/step_generator.go and step.go; the steps that the real
engine was recorded with.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dill
import grpc
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc

from meeting_provider.provider import PROVIDER_KEY, MeetingProvider

ROOT = Path(__file__).parents[2]
REGION = "us-east-1"
CALL_SECONDS = 180

Properties = dict[str, Any]

#: What these functions hold has join tokens in it: pytest is not to print it where one fails.
__tracebackhide__ = True

_PROVIDER = base64.b64encode(dill.dumps(MeetingProvider())).decode()


class StepFailed(Exception):
    """A host answered with an error, or refused what is declared."""


class Crashed(Exception):
    """The host or the engine was killed before an answer was kept."""


class Hosts:
    """Dynamic hosts, as many as are asked for; all of them are stopped with `close`."""

    def __init__(self, endpoint: str) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PULUMI_"))}
        self._zygote = subprocess.Popen(
            [sys.executable, "-u", "-m", "soak.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **clean,
                "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_ACCESS_KEY_ID": "sandbox",
                "AWS_SECRET_ACCESS_KEY": "sandbox",
                "AWS_EC2_METADATA_DISABLED": "true",
            },
        )

    def start(self) -> Host:
        """A new host."""
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.write("host\n")
        self._zygote.stdin.flush()
        pid, port = (int(self._zygote.stdout.readline()) for _ in range(2))
        return Host(pid, port)

    def close(self) -> None:
        """Stop giving out hosts."""
        assert self._zygote.stdin is not None
        self._zygote.stdin.close()
        self._zygote.wait()


class Host:
    """One dynamic host."""

    def __init__(self, pid: int, port: int) -> None:
        self._pid = pid
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        config = {"aws:region": REGION}
        self.stub.Configure(pb.ConfigureRequest(args=_struct(config)), timeout=CALL_SECONDS)

    def kill(self) -> None:
        """End it as a power cut would."""
        os.kill(self._pid, signal.SIGKILL)

    def close(self) -> None:
        """End it after its work; one that was killed is as good."""
        self._channel.close()
        try:
            self.kill()
        except ProcessLookupError:
            return


@dataclass
class Resource:
    """What the state has of one meeting. `going` says that a replacement has taken its place."""

    name: str
    id: str
    inputs: Properties
    outputs: Properties = field(repr=False)
    going: bool = False


class Engine:
    """The state of one stack, and how an `up` changes it.

    The state is changed when a call has answered, and only then. `created` has name and id of all
    that creates have answered in the latest `up`.
    """

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._host: Host | None = None
        self._killed = False
        self.resources: list[Resource] = []
        self.created: list[tuple[str, str]] = []

    def state(self) -> dict[str, Resource]:
        """The resources by name, but for those that are going."""
        return {r.name: r for r in self.resources if not r.going}

    def kill_host(self) -> None:
        """Kill the host of the `up` that runs in another thread."""
        self._killed = True
        if self._host is not None:
            self._host.kill()

    def kill(self) -> None:
        """Kill the engine of the `up` that runs in another thread: no answer is kept from now."""
        self._killed = True

    def up(self, declared: Mapping[str, Properties]) -> None:
        """Make what is declared true.

        :raises StepFailed: at the first step that fails.
        :raises Crashed: where host or engine were killed.
        """
        self.created, self._killed = [], False
        with self._running() as host:
            for resource in list(self.resources):
                self._refresh(host, resource)
            for name, properties in declared.items():
                self._register(host, name, properties)
            for resource in [r for r in self.resources if r.going or r.name not in declared]:
                self._delete(host, resource)

    @contextmanager
    def _running(self) -> Iterator[Host]:
        self._host = host = self._hosts.start()
        try:
            yield host
        finally:
            self._host = None
            host.close()

    def _refresh(self, host: Host, resource: Resource) -> None:
        answer = self._ask(
            host.stub.Read,
            pb.ReadRequest(
                id=resource.id,
                urn=_urn(resource.name),
                properties=_struct(resource.outputs),
                inputs=_struct(resource.inputs),
            ),
        )
        if not answer.id:
            self.resources.remove(resource)
            return
        resource.outputs = _plain(answer.properties)
        if answer.HasField("inputs"):
            resource.inputs = _plain(answer.inputs)

    def _register(self, host: Host, name: str, properties: Properties) -> None:
        old = self.state().get(name)
        news = self._check(host, name, old, {**properties, PROVIDER_KEY: _PROVIDER})
        if old is None:
            self._create(host, name, news)
            return
        diff = self._ask(
            host.stub.Diff,
            pb.DiffRequest(
                id=old.id,
                urn=_urn(name),
                olds=_struct(old.outputs),
                news=_struct(news),
                old_inputs=_struct(old.inputs),
            ),
        )
        if diff.changes != pb.DiffResponse.DIFF_SOME:
            old.inputs = news
        elif diff.replaces:
            self._create(host, name, news)
            old.going = True
        else:
            self._update(host, old, news)

    def _check(
        self, host: Host, name: str, old: Resource | None, properties: Properties
    ) -> Properties:
        olds = _struct(old.inputs) if old else None
        answer = self._ask(
            host.stub.Check, pb.CheckRequest(urn=_urn(name), olds=olds, news=_struct(properties))
        )
        if answer.failures:
            raise StepFailed("; ".join(f"{f.property}: {f.reason}" for f in answer.failures))
        return _plain(answer.inputs)

    def _create(self, host: Host, name: str, news: Properties) -> None:
        request = pb.CreateRequest(urn=_urn(name), properties=_struct(news))
        answer = self._ask(host.stub.Create, request)
        self.resources.append(Resource(name, answer.id, news, _plain(answer.properties)))
        self.created.append((name, answer.id))

    def _update(self, host: Host, old: Resource, news: Properties) -> None:
        answer = self._ask(
            host.stub.Update,
            pb.UpdateRequest(
                id=old.id,
                urn=_urn(old.name),
                olds=_struct(old.outputs),
                news=_struct(news),
                old_inputs=_struct(old.inputs),
            ),
        )
        old.inputs, old.outputs = news, _plain(answer.properties)

    def _delete(self, host: Host, resource: Resource) -> None:
        self._ask(
            host.stub.Delete,
            pb.DeleteRequest(
                id=resource.id, urn=_urn(resource.name), properties=_struct(resource.outputs)
            ),
        )
        self.resources.remove(resource)

    def _ask(self, call: Callable[..., Any], request: Any) -> Any:
        try:
            answer = call(request, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNKNOWN and not self._killed:
                raise StepFailed(error.details()) from None
            raise Crashed(error.code().name) from None
        if self._killed:
            raise Crashed("the engine was killed")
        return answer


def _urn(name: str) -> str:
    return f"urn:pulumi:soak::meetings::pulumi-python:dynamic/meeting:Meeting::{name}"


def _struct(properties: Properties) -> struct_pb2.Struct:
    return json_format.ParseDict(properties, struct_pb2.Struct())


def _plain(properties: struct_pb2.Struct) -> Properties:
    plain: Properties = json_format.MessageToDict(properties)
    return plain
