"""The provider in its real dynamic host, and a stack's state that changes as the engine changes it.

The host is the process that Pulumi's engine starts for dynamic providers. `Stack.up` sends it the
calls that `pulumi up` with `refresh: always` sends.

Source: pulumi/pulumi, pkg/resource/deploy/step_generator.go and step.go.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf import json_format, struct_pb2
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc

from meeting_provider.provider import PROVIDER_KEY, MeetingProvider

ROOT: Final = Path(__file__).parents[2]
REGION: Final = "us-east-1"

#: How many calls a host serves at a time: pulumi/dynamic/__main__.py.
HOST_THREADS: Final = 4

#: How long a call may take, in seconds. An operation of the provider ends within five minutes.
CALL_SECONDS: Final = 330
START_SECONDS: Final = 180

Properties = dict[str, Any]

#: Local variables here hold join tokens: pytest must not print them.
__tracebackhide__ = True

_PROVIDER: Final = serialize_provider(MeetingProvider())


class StepFailed(Exception):
    """The provider answered with an error, or `check` reported failures."""


class Crashed(Exception):
    """The call got no answer, because the host or the engine was killed."""


class Host:
    """A dynamic host. It starts at once and is waited for when the first call is made.

    :param endpoint: the emulated AWS.
    :param folder: where the host's output is written.
    """

    def __init__(self, endpoint: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.logs = folder / "stdout", folder / "stderr"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PULUMI_"))}
        with self.logs[0].open("wb") as out, self.logs[1].open("wb") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-m", "pulumi.dynamic"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={
                    **inherited,
                    "PYTHONPATH": str(ROOT),
                    "AWS_ENDPOINT_URL": endpoint,
                    "AWS_ACCESS_KEY_ID": "sandbox",
                    "AWS_SECRET_ACCESS_KEY": "sandbox",
                    "AWS_EC2_METADATA_DISABLED": "true",
                },
            )

    @cached_property
    def stub(self) -> Any:
        """The host's gRPC client, configured as for a stack in REGION."""
        stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        config = _struct({"aws:region": REGION})
        stub.Configure(pb.ConfigureRequest(args=config), timeout=CALL_SECONDS)
        return stub

    @cached_property
    def _channel(self) -> grpc.Channel:
        return grpc.insecure_channel(f"127.0.0.1:{self._port()}")

    def _port(self) -> int:
        deadline = time.monotonic() + START_SECONDS
        while not (written := self.logs[0].read_text()).endswith("\n"):
            assert self._process.poll() is None, self.logs[1].read_text()
            assert time.monotonic() < deadline, "the host doesn't print its port"
            time.sleep(0.02)
        return int(written.splitlines()[0])

    @property
    def output(self) -> str:
        """Everything that the host has printed."""
        return "".join(log.read_text(errors="replace") for log in self.logs)

    def kill(self) -> None:
        """SIGKILL."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Stop the host."""
        if "_channel" in vars(self):
            self._channel.close()
        self.kill()


@dataclass(frozen=True)
class IdOf:
    """A property's value: the id of another meeting of the stack."""

    name: str


@dataclass
class Resource:
    """A meeting in the state. One that is `pending_delete` has been replaced already."""

    name: str
    id: str
    inputs: Properties = field(repr=False)
    outputs: Properties = field(repr=False)
    pending_delete: bool = False

    @property
    def attendees(self) -> set[str]:
        """The external_user_ids of those that the state has."""
        return set(self.outputs["attendees"])

    @property
    def attendee_ids(self) -> dict[str, str]:
        """By external_user_id."""
        return dict(self.outputs["attendee_ids"])

    @property
    def join_tokens(self) -> dict[str, str]:
        """By external_user_id. They are credentials and must not get into a message."""
        return dict(self.outputs["join_tokens"])


class Stack:
    """A stack's state, which a call changes when it has answered and only then.

    `unanswered_creates` counts the creates of the latest `up` that failed or were interrupted.
    """

    def __init__(self) -> None:
        self.resources: list[Resource] = []
        self.unanswered_creates = 0
        self._killed = False

    def current(self) -> dict[str, Resource]:
        """The resources by name, without those that have been replaced."""
        return {r.name: r for r in self.resources if not r.pending_delete}

    def kill(self) -> None:
        """Lose the answers of the `up` that runs in another thread, as a killed engine does."""
        self._killed = True

    def up(self, host: Host, program: Mapping[str, Properties]) -> None:
        """Do what `pulumi up` with `refresh: always` does.

        :raises StepFailed: at the first step that fails.
        :raises Crashed: the host or the engine was killed.
        """
        self.unanswered_creates, self._killed = 0, False
        for resource in list(self.resources):
            self._refresh(host, resource)
        for name, properties in program.items():
            self._register(host, name, properties)
        for resource in reversed(self.resources):
            if resource.pending_delete or resource.name not in program:
                self._delete(host, resource)

    def _refresh(self, host: Host, old: Resource) -> None:
        answer = self._call(
            host,
            "Read",
            pb.ReadRequest(
                id=old.id,
                urn=_urn(old.name),
                properties=_struct(old.outputs),
                inputs=_struct(old.inputs),
            ),
        )
        if not answer.id:
            self.resources.remove(old)
            return
        old.outputs = _plain(answer.properties)
        if answer.HasField("inputs"):
            old.inputs = _plain(answer.inputs)

    def _register(self, host: Host, name: str, properties: Properties) -> None:
        old = self.current().get(name)
        news = self._check(host, name, old, properties)
        if old is None:
            self._create(host, name, news)
            return
        request: dict[str, Any] = {
            "id": old.id,
            "urn": _urn(name),
            "olds": _struct(old.outputs),
            "news": _struct(news),
            "old_inputs": _struct(old.inputs),
        }
        diff = self._call(host, "Diff", pb.DiffRequest(**request))
        if diff.changes != pb.DiffResponse.DIFF_SOME:
            old.inputs = news
        elif diff.replaces:
            assert not diff.deleteBeforeReplace
            self._create(host, name, news)
            old.pending_delete = True
        else:
            answer = self._call(host, "Update", pb.UpdateRequest(**request))
            old.inputs, old.outputs = news, _plain(answer.properties)

    def _check(
        self, host: Host, name: str, old: Resource | None, properties: Properties
    ) -> Properties:
        ids = {n: r.id for n, r in self.current().items()}
        news = {n: ids[v.name] if isinstance(v, IdOf) else v for n, v in properties.items()}
        request = pb.CheckRequest(
            urn=_urn(name),
            olds=_struct(old.inputs) if old else None,
            news=_struct({**news, PROVIDER_KEY: _PROVIDER}),
        )
        answer = self._call(host, "Check", request)
        if answer.failures:
            raise StepFailed("; ".join(f"{f.property}: {f.reason}" for f in answer.failures))
        return _plain(answer.inputs)

    def _create(self, host: Host, name: str, news: Properties) -> None:
        self.unanswered_creates += 1
        request = pb.CreateRequest(urn=_urn(name), properties=_struct(news))
        answer = self._call(host, "Create", request)
        self.unanswered_creates -= 1
        self.resources.append(Resource(name, answer.id, news, _plain(answer.properties)))

    def _delete(self, host: Host, old: Resource) -> None:
        request = pb.DeleteRequest(id=old.id, urn=_urn(old.name), properties=_struct(old.outputs))
        self._call(host, "Delete", request)
        self.resources = [r for r in self.resources if r is not old]

    def _call(self, host: Host, method: str, request: Any) -> Any:
        try:
            answer = getattr(host.stub, method)(request, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNKNOWN and not self._killed:
                raise StepFailed(error.details()) from None
            raise Crashed(f"{method}: {error.code().name}") from None
        if self._killed:
            raise Crashed(f"{method}: the engine was killed")
        return answer


def _urn(name: str) -> str:
    return f"urn:pulumi:dev::meetings::pulumi-python:dynamic/meeting:Meeting::{name}"


def _struct(properties: Properties) -> struct_pb2.Struct:
    return json_format.ParseDict(properties, struct_pb2.Struct())


def _plain(properties: struct_pb2.Struct) -> Properties:
    plain: Properties = json_format.MessageToDict(properties)
    return plain
