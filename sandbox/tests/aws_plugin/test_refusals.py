"""What the stand-in refuses, and what it says."""

import grpc
import pytest

QUEUE = "aws:sqs/queue:Queue"
TOPIC = "aws:sns/topic:Topic"
PARAMETER = "aws:ssm/parameter:Parameter"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def sentence(caught):
    """The one sentence of a gRPC error."""
    text = caught.value.details()
    assert "\n" not in text
    assert text.endswith(".")
    return text


def test_an_unknown_argument_is_named_with_the_nearest_one(engine):
    assert engine.failures(QUEUE, {"messageRetentionSecond": 60}) == {
        "messageRetentionSecond": "aws:sqs/queue:Queue has no argument 'messageRetentionSecond'; "
        "did you mean 'messageRetentionSeconds'?"
    }
    assert "did you mean" not in engine.failures(QUEUE, {"zzz": 1})["zzz"]


def test_a_value_of_the_wrong_type_is_named(engine):
    wrong = {"delaySeconds": "soon", "fifoQueue": 1, "name": 7, "tags": ["a"], "policy": {"a": 1}}
    assert engine.failures(QUEUE, wrong) == {
        "delaySeconds": "expected a whole number, got a string",
        "fifoQueue": "expected a boolean, got a whole number",
        "name": "expected a string, got a whole number",
        "policy": "expected a string, got a map of strings",
        "tags": "expected a map of strings, got a list or object",
    }


def test_every_missing_argument_is_named(engine):
    missing = "this argument is required, but it was not given"
    found = engine.failures("aws:sns/topicSubscription:TopicSubscription", {"protocol": "sqs"})
    assert found == {"endpoint": missing, "topic": missing}


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("delaySeconds", 0, 900),
        ("kmsDataKeyReusePeriodSeconds", 60, 86400),
        ("maxMessageSize", 1024, 1048576),
        ("messageRetentionSeconds", 60, 1209600),
        ("receiveWaitTimeSeconds", 0, 20),
        ("visibilityTimeoutSeconds", 0, 43200),
    ],
)
def test_a_queues_limits_are_those_of_the_service(engine, name, low, high):
    assert engine.failures(QUEUE, {name: low}) == engine.failures(QUEUE, {name: high}) == {}
    for value in (low - 1, high + 1):
        assert engine.failures(QUEUE, {name: value}) == {
            name: f"expected {low} to {high}, got {value}"
        }


@pytest.mark.parametrize(
    ("token", "news", "name"),
    [
        (QUEUE, {"name": "no spaces"}, "name"),
        (QUEUE, {"name": "x" * 81}, "name"),
        (QUEUE, {"name": "plain", "fifoQueue": True}, "name"),
        (QUEUE, {"name": "a", "namePrefix": "b"}, "name"),
        (QUEUE, {"kmsMasterKeyId": "k", "sqsManagedSseEnabled": True}, "kmsMasterKeyId"),
        (QUEUE, {"contentBasedDeduplication": True}, "contentBasedDeduplication"),
        (QUEUE, {"policy": "{"}, "policy"),
        (TOPIC, {"tracingConfig": "Loud"}, "tracingConfig"),
        (TOPIC, {"fifoThroughputScope": "Topic"}, "fifoThroughputScope"),
        (TOPIC, {"signatureVersion": 3}, "signatureVersion"),
        (
            "aws:sqs/redrivePolicy:RedrivePolicy",
            {"queueUrl": "u", "redrivePolicy": '{"maxReceiveCount": "5"}'},
            "redrivePolicy",
        ),
        (PARAMETER, {"type": "Text", "value": "x"}, "type"),
        (PARAMETER, {"type": "String", "value": "x", "name": "a/b"}, "name"),
        (PARAMETER, {"type": "String"}, "value"),
        (PARAMETER, {"type": "String", "value": "x", "insecureValue": "x"}, "value"),
        (PARAMETER, {"type": "SecureString", "insecureValue": "x"}, "insecureValue"),
        (PARAMETER, {"type": "String", "valueWo": "x"}, "valueWoVersion"),
        (PARAMETER, {"type": "String", "value": "x", "description": "x" * 1025}, "description"),
    ],
)
def test_what_the_service_would_refuse_is_refused_before_any_call(engine, token, news, name):
    assert list(engine.failures(token, news)) == [name]


def test_an_unknown_value_is_no_fault(engine):
    unknown = dict.fromkeys(("name", "delaySeconds", "policy", "tags", "fifoQueue"), UNKNOWN)
    assert engine.failures(QUEUE, unknown) == {}


def test_another_type_or_function_is_refused_in_one_sentence(engine):
    with pytest.raises(grpc.RpcError) as caught:
        engine.failures("aws:s3/bucketLogging:BucketLogging", {})
    assert sentence(caught) == (
        "The sandbox's stand-in for pulumi-aws doesn't support the type "
        "aws:s3/bucketLogging:BucketLogging; use the real pulumi-aws "
        "(pulumi plugin install resource aws 7.51.1)."
    )
    with pytest.raises(grpc.RpcError) as caught:
        engine.invoke("aws:s3/getBucket:getBucket")
    assert "the function aws:s3/getBucket:getBucket" in sentence(caught)


def test_an_error_of_the_service_is_its_own_words(engine):
    news = {"queueUrl": "http://127.0.0.1/123456789012/none", "policy": "{}"}
    with pytest.raises(grpc.RpcError) as caught:
        engine.create("aws:sqs/queuePolicy:QueuePolicy", "lost", news)
    assert "queue does not exist" in sentence(caught)


def test_an_endpoint_that_is_not_on_this_machine_is_refused(start_plugin):
    with start_plugin() as engine:
        for url in ("https://sqs.eu-central-1.amazonaws.com", "http://10.0.0.7:4566", "localhost"):
            with pytest.raises(grpc.RpcError) as caught:
                engine.configure(endpoints=[{"sqs": url}])
            assert f"calls only this machine, not {url}" in sentence(caught)


def test_a_missing_endpoint_is_refused(start_plugin):
    with start_plugin() as engine:
        with pytest.raises(grpc.RpcError) as caught:
            engine.configure()
        assert "needs an endpoint on this machine" in sentence(caught)


def test_a_setting_that_would_not_be_honoured_is_refused(start_plugin):
    with start_plugin(AWS_ENDPOINT_URL="http://127.0.0.1:1") as engine:
        with pytest.raises(grpc.RpcError) as caught:
            engine.configure(defaultTags={"tags": {"a": "b"}})
        assert "no setting aws:defaultTags" in str(caught.value.details())
