"""A plugin process, asked over gRPC as Pulumi's engine asks it, and the cloud that it works on."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import grpc
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc

from chime_sandbox import server as sandbox_cloud

REGION = "eu-central-1"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def struct(values: dict[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(values, struct_pb2.Struct())


def plain(message: struct_pb2.Struct) -> dict[str, Any]:
    return json_format.MessageToDict(message)


@dataclass
class Thing:
    """A resource in a state: what the engine would keep of it."""

    token: str
    name: str
    id: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def urn(self) -> str:
        return f"urn:pulumi:dev::shop::shop:index:Channel${self.token}::{self.name}"


class Engine:
    """The steps of Pulumi's engine that concern a provider."""

    def __init__(self, stub: provider_pb2_grpc.ResourceProviderStub) -> None:
        self.stub = stub

    def configure(self, **config: Any) -> pb.ConfigureResponse:
        configured: pb.ConfigureResponse = self.stub.Configure(
            pb.ConfigureRequest(args=struct({"region": REGION} | config), acceptSecrets=True)
        )
        return configured

    def ask(
        self, thing: Thing, news: dict[str, Any], seed: bytes = b"seed", **options: Any
    ) -> pb.CheckResponse:
        checked: pb.CheckResponse = self.stub.Check(
            pb.CheckRequest(
                urn=thing.urn,
                olds=struct(thing.inputs),
                news=struct(news),
                randomSeed=seed,
                **options,
            )
        )
        return checked

    def check(self, thing: Thing, news: dict[str, Any], **options: Any) -> dict[str, Any]:
        checked = self.ask(thing, news, **options)
        assert not checked.failures, checked.failures
        return plain(checked.inputs)

    def failures(self, token: str, news: dict[str, Any]) -> dict[str, str]:
        failures = self.ask(Thing(token, "faulty"), news).failures
        return {failure.property: failure.reason for failure in failures}

    def preview(self, token: str, name: str, news: dict[str, Any]) -> dict[str, Any]:
        thing = Thing(token, name)
        inputs = self.check(thing, news)
        reply = self.stub.Create(
            pb.CreateRequest(urn=thing.urn, properties=struct(inputs), preview=True)
        )
        assert reply.id == ""
        return plain(reply.properties)

    def create(self, token: str, name: str, news: dict[str, Any] | None = None) -> Thing:
        thing = Thing(token, name)
        thing.inputs = self.check(thing, news or {}, seed=os.urandom(8))
        reply = self.stub.Create(pb.CreateRequest(urn=thing.urn, properties=struct(thing.inputs)))
        thing.id, thing.outputs = reply.id, plain(reply.properties)
        return thing

    def diff(self, thing: Thing, news: dict[str, Any], **options: Any) -> pb.DiffResponse:
        changes: pb.DiffResponse = self.stub.Diff(
            pb.DiffRequest(
                id=thing.id,
                urn=thing.urn,
                olds=struct(thing.outputs),
                old_inputs=struct(thing.inputs),
                news=struct(self.check(thing, news)),
                **options,
            )
        )
        return changes

    def update(self, thing: Thing, news: dict[str, Any], **options: Any) -> Thing:
        inputs = self.check(thing, news)
        reply = self.stub.Update(
            pb.UpdateRequest(
                id=thing.id,
                urn=thing.urn,
                olds=struct(thing.outputs),
                old_inputs=struct(thing.inputs),
                news=struct(inputs),
                **options,
            )
        )
        return Thing(thing.token, thing.name, thing.id, inputs, plain(reply.properties))

    def read(self, thing: Thing) -> Thing:
        reply = self.stub.Read(
            pb.ReadRequest(
                id=thing.id,
                urn=thing.urn,
                properties=struct(thing.outputs),
                inputs=struct(thing.inputs),
            )
        )
        found = plain(reply.properties)
        return Thing(thing.token, thing.name, reply.id, plain(reply.inputs), found)

    def delete(self, thing: Thing) -> None:
        self.stub.Delete(
            pb.DeleteRequest(id=thing.id, urn=thing.urn, properties=struct(thing.outputs))
        )

    def invoke(self, token: str, **arguments: Any) -> dict[str, Any]:
        reply = self.stub.Invoke(pb.InvokeRequest(tok=token, args=struct(arguments)))
        return plain(getattr(reply, "return"))

    def cancel(self) -> None:
        self.stub.Cancel(empty_pb2.Empty())


@contextmanager
def plugin_process(**environment: str) -> Iterator[Engine]:
    """A plugin of its own, not configured yet."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    command = [sys.executable, "-u", "-m", "chime_sandbox.aws_plugin", "127.0.0.1:1"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=kept | environment
    ) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield Engine(provider_pb2_grpc.ResourceProviderStub(channel))
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def cloud() -> Iterator[str]:
    """The endpoint of a cloud."""
    with sandbox_cloud.running() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def engine(cloud: str) -> Iterator[Engine]:
    """A plugin that is configured for the cloud."""
    with plugin_process(AWS_ENDPOINT_URL=cloud) as found:
        found.configure()
        yield found


@pytest.fixture(scope="session")
def aws(cloud: str) -> Any:
    """boto3's clients for the cloud, by service."""

    def client(service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            region_name=REGION,
            endpoint_url=cloud,
            aws_access_key_id="someone",
            aws_secret_access_key="else",
        )

    return client


@pytest.fixture
def start_plugin() -> Any:
    """Starts further plugins: `with start_plugin(AWS_ENDPOINT_URL=...) as engine`."""
    return plugin_process
