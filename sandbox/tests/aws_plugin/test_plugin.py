"""The plugin as a process: its settings, its functions, its protocol."""

import json
import signal
import subprocess
import sys

from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2 as pb

QUEUE = "aws:sqs/queue:Queue"


def struct(values):
    return json_format.ParseDict(values, struct_pb2.Struct())


def test_it_says_which_version_it_stands_in_for(engine):
    assert engine.stub.GetPluginInfo(empty_pb2.Empty()).version == "7.51.1"
    shaken = engine.stub.Handshake(pb.ProviderHandshakeRequest(engine_address="127.0.0.1:1"))
    assert shaken.accept_secrets


def test_it_takes_endpoints_from_the_configuration_as_text_or_object(cloud, start_plugin):
    for given in (json.dumps([{"sqs": cloud}]), [{"sqs": cloud}]):
        with start_plugin() as engine:
            reply = engine.configure(
                endpoints=given,
                accessKey="someone",
                secretKey="else",
                skipCredentialsValidation="true",
                skipRequestingAccountId=True,
                skipMetadataApiCheck="true",
                version="7.51.1",
            )
            assert (reply.acceptSecrets, reply.supportsPreview) == (True, True)
            assert engine.create(QUEUE, "inbox").id.startswith(cloud)


def test_it_takes_the_endpoint_of_one_service_from_the_environment(cloud, start_plugin):
    with start_plugin(AWS_ENDPOINT_URL_SQS=cloud) as engine:
        engine.configure()
        assert engine.create(QUEUE, "inbox").id.startswith(cloud)


def test_it_takes_the_region_from_the_environment(cloud, start_plugin):
    with start_plugin(AWS_ENDPOINT_URL=cloud, AWS_REGION="us-east-2") as engine:
        reply = engine.stub.CheckConfig(pb.CheckRequest(news=struct({"version": "7.51.1"})))
        assert dict(reply.inputs) == {"version": "7.51.1", "region": "us-east-2"}
        engine.stub.Configure(pb.ConfigureRequest(args=reply.inputs))
        assert engine.create(QUEUE, "inbox").outputs["region"] == "us-east-2"


def test_a_resource_may_be_in_another_region(engine):
    queue = engine.create(QUEUE, "afar", {"region": "us-west-2"})
    assert queue.outputs["arn"].startswith("arn:aws:sqs:us-west-2:")
    assert engine.read(queue).id == queue.id
    engine.delete(queue)
    assert engine.read(queue).id == ""


def test_it_checks_the_settings(engine):
    news = {"region": "eu-central-1", "defaultTags": '{"tags":{"a":"b"}}'}
    reply = engine.stub.CheckConfig(pb.CheckRequest(news=struct(news)))
    assert [failure.property for failure in reply.failures] == ["defaultTags"]


def test_a_change_of_settings_is_no_replacement(engine):
    olds, news = struct({"region": "eu-central-1"}), struct({"region": "us-east-1"})
    reply = engine.stub.DiffConfig(pb.DiffRequest(old_inputs=olds, news=news))
    assert (list(reply.diffs), list(reply.replaces)) == (["region"], [])
    same = engine.stub.DiffConfig(pb.DiffRequest(old_inputs=olds, news=olds))
    assert same.changes == pb.DiffResponse.DIFF_NONE


def test_it_knows_the_caller(engine):
    found = engine.invoke("aws:index/getCallerIdentity:getCallerIdentity")
    assert found.keys() == {"accountId", "arn", "id", "userId"}
    assert found["accountId"] == found["id"] == "123456789012"


def test_it_knows_regions_and_partitions(engine):
    assert engine.invoke("aws:index/getRegion:getRegion") == {
        "description": "Europe (Frankfurt)",
        "endpoint": "ec2.eu-central-1.amazonaws.com",
        "id": "eu-central-1",
        "name": "eu-central-1",
        "region": "eu-central-1",
    }
    there = engine.invoke("aws:index/getRegion:getRegion", endpoint="ec2.us-east-1.amazonaws.com")
    assert there["region"] == "us-east-1"
    assert engine.invoke("aws:index/getPartition:getPartition") == {
        "dnsSuffix": "amazonaws.com",
        "id": "aws",
        "partition": "aws",
        "reverseDnsPrefix": "com.amazonaws",
    }


def test_other_partitions_have_other_names(cloud, start_plugin):
    for region, partition in (("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")):
        with start_plugin(AWS_ENDPOINT_URL=cloud, AWS_REGION=region) as engine:
            engine.configure(region=region)
            found = engine.invoke("aws:index/getPartition:getPartition")
            assert found["partition"] == partition


def test_names_follow_the_engines_naming_options(engine):
    def named(mode, proposed="", news=None):
        options = pb.CheckRequest.AutonamingOptions(proposed_name=proposed, mode=mode)
        reply = engine.stub.Check(
            pb.CheckRequest(
                urn=f"urn:pulumi:dev::shop::{QUEUE}::inbox",
                news=struct(news or {}),
                randomSeed=b"seed",
                autonaming=options,
            )
        )
        return reply.failures or reply.inputs["name"]

    mode = pb.CheckRequest.AutonamingOptions.Mode
    assert named(mode.PROPOSE, "dev-inbox", {"fifoQueue": True}) == "dev-inbox.fifo"
    assert named(mode.ENFORCE, "exactly") == "exactly"
    assert [failure.property for failure in named(mode.DISABLE)] == ["name"]


def test_it_takes_a_cancel(engine):
    engine.cancel()
    assert engine.invoke("aws:index/getPartition:getPartition")["partition"] == "aws"


def test_it_starts_without_loading_boto3():
    asked = "import sys, chime_sandbox.aws_plugin.server; sys.exit('boto3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0


def test_it_ends_cleanly_when_the_engine_asks():
    for number in (signal.SIGINT, signal.SIGTERM):
        command = [sys.executable, "-u", "-m", "chime_sandbox.aws_plugin"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert int(process.stdout.readline()) > 0
            process.send_signal(number)
            assert process.wait(timeout=120) == 0
