"""Each type's life: created, read, changed, replaced and deleted, against a real cloud."""

import json
import re

import pytest

from chime_sandbox.aws_plugin import package_schema
from chime_sandbox.aws_plugin.functions import FUNCTIONS
from chime_sandbox.aws_plugin.resources import SERVICES, of_service

RESOURCES = {token: each for service in SERVICES for token, each in of_service(service).items()}
TOPIC = "aws:sns/topic:Topic"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
QUEUE = "aws:sqs/queue:Queue"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
REDRIVE_POLICY = "aws:sqs/redrivePolicy:RedrivePolicy"
PARAMETER = "aws:ssm/parameter:Parameter"
BUCKET = "aws:s3/bucket:Bucket"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
ACCESS_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"

EXPIRING = {"id": "old", "status": "Enabled", "expiration": {"days": 30}}

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
NONE, SOME = 1, 2
ADD, ADD_REPLACE, DELETE, DELETE_REPLACE, UPDATE, UPDATE_REPLACE = range(6)


def policy(action, resource="*", principal="chime.amazonaws.com"):
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": principal},
        "Action": action,
        "Resource": resource,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def kinds(diff):
    return {path: detail.kind for path, detail in diff.detailedDiff.items()}


@pytest.fixture
def queue(engine):
    return engine.create(QUEUE, "inbox")


@pytest.fixture
def topic(engine):
    return engine.create(TOPIC, "news")


@pytest.fixture
def bucket(engine):
    return engine.create(BUCKET, "Recordings", {"tags": {"team": "video"}})


@pytest.fixture
def things(engine, topic, queue, bucket):
    """One of each type."""
    redrive = {"deadLetterTargetArn": queue.outputs["arn"], "maxReceiveCount": 3}
    wanted = {
        TOPIC_POLICY: {"arn": topic.id, "policy": policy("sns:Publish")},
        SUBSCRIPTION: {
            "topic": topic.id,
            "protocol": "sqs",
            "endpoint": queue.outputs["arn"],
        },
        QUEUE_POLICY: {"queueUrl": queue.id, "policy": policy("sqs:SendMessage")},
        REDRIVE_POLICY: {
            "queueUrl": engine.create(QUEUE, "source").id,
            "redrivePolicy": json.dumps(redrive),
        },
        PARAMETER: {"type": "String", "value": "sesame"},
        BUCKET_POLICY: {
            "bucket": bucket.id,
            "policy": policy("s3:PutObject", f"{bucket.outputs['arn']}/*"),
        },
        ACCESS_BLOCK: {"bucket": bucket.id, "blockPublicAcls": True},
        OWNERSHIP: {"bucket": bucket.id, "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        LIFECYCLE: {"bucket": bucket.id, "rules": [EXPIRING]},
    }
    made = [engine.create(token, "thing", news) for token, news in wanted.items()]
    return {TOPIC: topic, QUEUE: queue, BUCKET: bucket} | {thing.token: thing for thing in made}


def test_the_outputs_have_exactly_the_names_that_pulumi_aws_declares(things):
    assert things.keys() == RESOURCES.keys()
    for token, thing in things.items():
        assert thing.outputs.keys() == RESOURCES[token].schema.outputs.keys(), token


def test_a_preview_has_exactly_those_names_too(engine):
    for token, resource in RESOURCES.items():
        required = dict.fromkeys(resource.schema.required, UNKNOWN)
        extra = {"value": "x"} if token == PARAMETER else {}
        assert (
            engine.preview(token, "soon", required | extra).keys() == resource.schema.outputs.keys()
        )


def test_what_was_created_reads_back_as_it_is(engine, things):
    for thing in things.values():
        if thing.token not in (TOPIC, QUEUE, BUCKET):
            assert engine.read(thing) == thing


def test_the_same_inputs_are_no_difference(engine, things):
    for thing in things.values():
        filled = {*thing.inputs["__defaults"], "__defaults", "region", "tagsAll"}
        given = {key: value for key, value in thing.inputs.items() if key not in filled}
        diff = engine.diff(thing, given)
        assert (diff.changes, kinds(diff)) == (NONE, {}), thing.token


def test_what_is_deleted_reads_as_gone_and_may_be_deleted_again(engine, things):
    kinds = (
        *(PARAMETER, SUBSCRIPTION, QUEUE, TOPIC),
        *(LIFECYCLE, OWNERSHIP, ACCESS_BLOCK, BUCKET_POLICY, BUCKET),
    )
    for thing in (things[each] for each in kinds):
        engine.delete(thing)
        assert engine.read(thing).id == ""
        engine.delete(thing)


def test_a_policy_goes_with_its_queue_or_topic(engine, things):
    for owner in (QUEUE, TOPIC, BUCKET):
        engine.delete(things[owner])
    for token in (QUEUE_POLICY, TOPIC_POLICY, BUCKET_POLICY, LIFECYCLE):
        assert engine.read(things[token]).id == ""
        engine.delete(things[token])


def test_a_queue_is_made_with_the_defaults_of_the_real_plugin(queue):
    assert re.fullmatch(r"inbox-[0-9a-f]{7}", queue.outputs["name"])
    assert queue.id == queue.outputs["url"]
    assert queue.outputs["arn"].endswith(f":123456789012:{queue.outputs['name']}")
    expected = {
        "contentBasedDeduplication": False,
        "delaySeconds": 0,
        "fifoQueue": False,
        "kmsDataKeyReusePeriodSeconds": 300,
        "kmsMasterKeyId": "",
        "maxMessageSize": 262144,
        "messageRetentionSeconds": 345600,
        "receiveWaitTimeSeconds": 0,
        "region": "eu-central-1",
        "sqsManagedSseEnabled": True,
        "tags": {},
        "tagsAll": {},
        "visibilityTimeoutSeconds": 30,
    }
    assert {key: queue.outputs[key] for key in expected} == expected
    assert queue.inputs == {
        "__defaults": [
            "maxMessageSize",
            "messageRetentionSeconds",
            "name",
            "visibilityTimeoutSeconds",
        ],
        "maxMessageSize": 262144,
        "messageRetentionSeconds": 345600,
        "name": queue.outputs["name"],
        "region": "eu-central-1",
        "tagsAll": {},
        "visibilityTimeoutSeconds": 30,
    }


def test_a_queues_retention_and_tags_change_in_place(engine, queue, aws):
    news = {"messageRetentionSeconds": 3600, "tags": {"team": "video", "cost centre": "7"}}
    diff = engine.diff(queue, news)
    assert (list(diff.replaces), diff.deleteBeforeReplace) == ([], False)
    assert kinds(diff) == {
        "messageRetentionSeconds": UPDATE,
        "tags.team": ADD,
        'tags["cost centre"]': ADD,
        "tagsAll.team": ADD,
        'tagsAll["cost centre"]': ADD,
    }
    planned = engine.update(queue, news, preview=True)
    updated = engine.update(queue, news)
    assert updated.outputs == planned.outputs == queue.outputs | news | {"tagsAll": news["tags"]}
    fewer = engine.update(updated, {"tags": {"team": "audio"}})
    assert fewer.outputs["messageRetentionSeconds"] == 345600
    assert aws("sqs").list_queue_tags(QueueUrl=queue.id)["Tags"] == {"team": "audio"}


def test_a_queue_keeps_its_policy_when_something_else_changes(engine, queue):
    attached = engine.create(
        QUEUE_POLICY, "who", {"queueUrl": queue.id, "policy": policy("sqs:SendMessage")}
    )
    engine.update(queue, {"delaySeconds": 5})
    assert engine.read(attached) == attached


def test_a_queue_encrypts_with_the_key_that_it_is_given(engine, queue):
    updated = engine.update(queue, {"kmsMasterKeyId": "alias/meetings"})
    assert updated.outputs["kmsMasterKeyId"] == "alias/meetings"
    assert engine.update(updated, {}).outputs["kmsMasterKeyId"] == ""


def test_a_fifo_queue_is_another_queue(engine, queue):
    diff = engine.diff(queue, {"fifoQueue": True})
    assert list(diff.replaces) == ["fifoQueue"]
    fifo = engine.create(QUEUE, "ordered", {"fifoQueue": True, "contentBasedDeduplication": True})
    assert re.fullmatch(r"ordered-[0-9a-f]{7}\.fifo", fifo.outputs["name"])
    assert fifo.outputs["fifoQueue"] is True


def test_a_generated_name_stays_through_updates(engine, queue):
    assert engine.check(queue, {}, seed=b"another")["name"] == queue.outputs["name"]


def test_a_resource_with_a_chosen_name_is_deleted_before_its_replacement_is_created(engine):
    chosen = engine.create(QUEUE, "chosen", {"name": "the-one"})
    diff = engine.diff(chosen, {"name": "the-one", "region": "us-east-1"})
    assert (list(diff.replaces), diff.deleteBeforeReplace) == (["region"], True)
    diff = engine.diff(engine.create(QUEUE, "free"), {"region": "us-east-1"})
    assert (list(diff.replaces), diff.deleteBeforeReplace) == (["region"], False)


def test_a_name_may_come_from_a_prefix(engine):
    for token, fifo in ((QUEUE, "fifoQueue"), (TOPIC, "fifoTopic")):
        made = engine.create(token, "any", {"namePrefix": "pre-", fifo: True})
        assert re.fullmatch(r"pre-\d{18}[0-9a-f]{8}\.fifo", made.outputs["name"])
        assert made.outputs["namePrefix"] == "pre-"
        assert engine.diff(made, {"namePrefix": "pre-", fifo: True}).changes == NONE
        assert list(engine.diff(made, {"namePrefix": "new-", fifo: True}).replaces) == [
            "namePrefix"
        ]


def test_drift_shows_in_properties_and_inputs_and_is_repaired(engine, aws):
    queue = engine.create(QUEUE, "drifting", {"delaySeconds": 5})
    aws("sqs").set_queue_attributes(QueueUrl=queue.id, Attributes={"DelaySeconds": "9"})
    found = engine.read(queue)
    assert found.outputs["delaySeconds"] == found.inputs["delaySeconds"] == 9
    assert kinds(engine.diff(found, {"delaySeconds": 5})) == {"delaySeconds": UPDATE}
    repaired = engine.update(found, {"delaySeconds": 5})
    assert engine.read(repaired).outputs["delaySeconds"] == 5


def test_drift_of_what_the_program_leaves_to_its_default_is_repaired_too(engine, queue, aws):
    aws("sqs").set_queue_attributes(QueueUrl=queue.id, Attributes={"DelaySeconds": "9"})
    assert kinds(engine.diff(engine.read(queue), {})) == {"delaySeconds": DELETE}


def test_a_change_that_the_engine_ignores_is_none_and_is_not_made(engine, queue):
    news, ignored = {"delaySeconds": 9}, {"ignoreChanges": ["delaySeconds"]}
    assert engine.diff(queue, news, **ignored).changes == NONE
    updated = engine.update(queue, news | {"visibilityTimeoutSeconds": 60}, **ignored)
    assert updated.outputs["visibilityTimeoutSeconds"] == 60
    assert updated.outputs["delaySeconds"] == 0


def test_an_imported_resource_gets_the_inputs_that_make_it(engine, things):
    late = engine.create(QUEUE, "late", {"delaySeconds": 9})
    for thing in (late, *things.values()):
        thing.inputs, thing.outputs = {}, {}
        found = engine.read(thing)
        assert found.outputs.keys() == RESOURCES[thing.token].schema.outputs.keys()
        assert engine.diff(found, found.inputs).changes == NONE
    assert engine.read(late).inputs["delaySeconds"] == 9


def test_policies_that_mean_the_same_are_no_difference(engine, queue, topic):
    for token, owner in ((QUEUE_POLICY, "queueUrl"), (TOPIC_POLICY, "arn")):
        target = queue if token == QUEUE_POLICY else topic
        made = engine.create(token, "who", {owner: target.id, "policy": policy("x:Send")})
        same = json.dumps(json.loads(policy(["x:Send"])), indent=4)
        assert engine.diff(made, {owner: target.id, "policy": same}).changes == NONE
        other = {owner: target.id, "policy": policy(["x:Send", "x:Receive"])}
        assert kinds(engine.diff(made, other)) == {"policy": UPDATE}
        assert engine.read(engine.update(made, other)).outputs["policy"] == other["policy"]


def test_a_policy_may_be_given_as_an_object(engine, queue):
    given = json.loads(policy("sqs:SendMessage"))
    made = engine.create(QUEUE_POLICY, "who", {"queueUrl": queue.id, "policy": given})
    assert json.loads(made.outputs["policy"]) == given


def test_a_policy_for_another_queue_or_topic_is_another_policy(engine, things):
    for token, owner in ((QUEUE_POLICY, "queueUrl"), (TOPIC_POLICY, "arn")):
        moved = things[token].inputs | {owner: "elsewhere"}
        news = {key: moved[key] for key in (owner, "policy")}
        diff = engine.diff(things[token], news)
        assert kinds(diff) == {owner: UPDATE_REPLACE}


def test_deleting_a_queues_policy_leaves_the_queue(engine, things):
    engine.delete(things[QUEUE_POLICY])
    assert engine.read(things[QUEUE_POLICY]).id == ""
    assert engine.read(things[QUEUE]).outputs["policy"] == ""


def test_deleting_a_topics_policy_gives_it_the_one_of_a_new_topic(engine, things):
    engine.delete(things[TOPIC_POLICY])
    document = json.loads(engine.read(things[TOPIC]).outputs["policy"])
    assert document["Id"] == "__default_policy_ID"


def test_a_redrive_policy_changes_in_place(engine, things, queue):
    made = things[REDRIVE_POLICY]
    document = {"deadLetterTargetArn": queue.outputs["arn"], "maxReceiveCount": 9}
    news = {"queueUrl": made.id, "redrivePolicy": json.dumps(document)}
    assert kinds(engine.diff(made, news)) == {"redrivePolicy": UPDATE}
    assert engine.read(engine.update(made, news)).outputs["redrivePolicy"] == news["redrivePolicy"]
    engine.delete(made)
    assert engine.read(made).id == ""


def test_a_topic_is_named_and_described(engine, aws):
    topic = engine.create(TOPIC, "news", {"displayName": "News", "tags": {"team": "video"}})
    assert re.fullmatch(r"news-[0-9a-f]{7}", topic.outputs["name"])
    assert topic.id == topic.outputs["arn"]
    assert topic.outputs["owner"] == "123456789012"
    news = {"displayName": "Newer", "tags": {"team": "audio"}, "tracingConfig": "Active"}
    assert kinds(engine.diff(topic, news)) == {
        "displayName": UPDATE,
        "tags.team": UPDATE,
        "tagsAll.team": UPDATE,
        "tracingConfig": ADD,
    }
    updated = engine.update(topic, news)
    assert engine.diff(engine.read(updated), news).changes == NONE
    attributes = aws("sns").get_topic_attributes(TopicArn=topic.id)["Attributes"]
    assert attributes["DisplayName"] == "Newer"
    tags = aws("sns").list_tags_for_resource(ResourceArn=topic.id)["Tags"]
    assert tags == [{"Key": "team", "Value": "audio"}]


def test_a_topic_of_another_name_is_another_topic(engine, topic):
    diff = engine.diff(topic, {"name": "mine"})
    assert (kinds(diff), diff.deleteBeforeReplace) == ({"name": UPDATE_REPLACE}, True)


def test_a_subscription_delivers_and_its_filter_changes_in_place(engine, things, topic, queue, aws):
    subscription = things[SUBSCRIPTION]
    assert subscription.outputs["pendingConfirmation"] is False
    aws("sns").publish(TopicArn=topic.id, Message="hello")
    body = aws("sqs").receive_message(QueueUrl=queue.id)["Messages"][0]["Body"]
    assert json.loads(body)["Message"] == "hello"
    news = {key: subscription.inputs[key] for key in ("topic", "protocol", "endpoint")} | {
        "rawMessageDelivery": True,
        "filterPolicy": json.dumps({"meeting": [{"exists": True}]}),
        "filterPolicyScope": "MessageBody",
    }
    diff = engine.diff(subscription, news)
    assert not diff.replaces
    updated = engine.update(subscription, news)
    assert engine.diff(engine.read(updated), news).changes == NONE
    narrower = news | {"filterPolicyScope": "MessageAttributes"}
    assert engine.update(updated, narrower).outputs["filterPolicyScope"] == "MessageAttributes"


@pytest.mark.parametrize("name", ["topic", "protocol", "endpoint"])
def test_a_subscription_to_something_else_is_another_subscription(engine, things, name):
    made = things[SUBSCRIPTION]
    news = {key: made.inputs[key] for key in ("topic", "protocol", "endpoint")} | {name: "lambda"}
    assert kinds(engine.diff(made, news)) == {name: UPDATE_REPLACE}


def test_a_parameters_value_is_secret_and_changes_in_place(engine):
    made = engine.create(PARAMETER, "token", {"type": "SecureString", "value": "sesame"})
    assert made.id == made.outputs["name"]
    assert re.fullmatch(r"token-[0-9a-f]{7}", made.id)
    assert made.outputs["value"] == SECRET | {"value": "sesame"}
    assert made.inputs["value"] == SECRET | {"value": "sesame"}
    news = {"type": "SecureString", "value": "simsim"}
    assert kinds(engine.diff(made, news)) == {"value": UPDATE}
    planned = engine.update(made, news, preview=True).outputs
    assert (planned["version"], planned["arn"]) == (UNKNOWN, made.outputs["arn"])
    updated = engine.update(made, news)
    assert updated.outputs["value"] == SECRET | {"value": "simsim"}
    assert (made.outputs["version"], updated.outputs["version"]) == (1, 2)


def test_a_parameters_description_and_tags_come_and_go(engine):
    news = {"type": "String", "value": "x", "description": "why", "tags": {"a": "1"}}
    made = engine.create(PARAMETER, "described", news)
    assert (made.outputs["description"], made.outputs["tags"]) == ("why", {"a": "1"})
    bare = engine.update(made, {"type": "String", "value": "x", "tags": {"b": "2"}})
    assert (bare.outputs["description"], bare.outputs["tags"]) == ("", {"b": "2"})


def test_a_parameters_insecure_value_is_no_secret(engine):
    made = engine.create(PARAMETER, "open", {"type": "String", "insecureValue": "hello"})
    assert (made.outputs["insecureValue"], made.outputs["value"]) == ("hello", "")
    updated = engine.update(made, {"type": "String", "insecureValue": "bye"})
    assert engine.read(updated).outputs["insecureValue"] == "bye"


def test_a_parameters_value_may_become_insecure_and_secret_again(engine):
    made = engine.create(PARAMETER, "open", {"type": "String", "value": "one"})
    for news in ({"insecureValue": "two"}, {"value": "three"}):
        made = engine.update(made, {"type": "String"} | news)
        assert engine.diff(engine.read(made), {"type": "String"} | news).changes == NONE
    assert made.outputs["insecureValue"] == ""


def test_a_write_only_value_is_in_no_state_and_changes_with_its_version(engine, aws):
    news = {"type": "String", "valueWo": "sesame", "valueWoVersion": 1}
    made = engine.create(PARAMETER, "quiet", news)
    assert "sesame" not in str(made.outputs)
    assert (made.outputs["hasValueWo"], made.outputs["valueWo"]) == (True, None)
    same_version = engine.update(made, news | {"valueWo": "simsim", "description": "new"})
    assert aws("ssm").get_parameter(Name=made.id)["Parameter"]["Value"] == "sesame"
    engine.update(same_version, news | {"valueWo": "simsim", "valueWoVersion": 2})
    assert aws("ssm").get_parameter(Name=made.id)["Parameter"]["Value"] == "simsim"


def test_an_advanced_parameter_becomes_no_standard_one(engine):
    news = {"type": "String", "value": "x", "tier": "Advanced"}
    made = engine.create(PARAMETER, "big", news)
    diff = engine.diff(made, news | {"tier": "Standard"})
    assert list(diff.replaces) == ["tier"]
    assert engine.diff(made, news | {"tier": "Intelligent-Tiering"}).changes == NONE


def test_an_existing_parameter_is_not_overwritten_unasked(engine):
    news = {"type": "String", "value": "x", "name": "/shared/one"}
    engine.create(PARAMETER, "one", news)
    with pytest.raises(Exception, match="ParameterAlreadyExists"):
        engine.create(PARAMETER, "two", news)
    taken = engine.create(PARAMETER, "two", news | {"overwrite": True, "tags": {"a": "1"}})
    assert taken.outputs["tags"] == {"a": "1"}


def test_a_preview_knows_what_the_program_says_and_not_what_the_service_will(engine):
    planned = engine.preview(QUEUE, "soon", {"delaySeconds": 5, "policy": UNKNOWN})
    assert planned["arn"] == planned["url"] == planned["policy"] == UNKNOWN
    assert re.fullmatch(r"soon-[0-9a-f]{7}", planned["name"])
    assert (planned["delaySeconds"], planned["messageRetentionSeconds"]) == (5, 345600)
    assert planned["kmsMasterKeyId"] == ""


def test_an_unknown_input_is_a_change_and_may_be_a_replacement(engine, things):
    news = {"queueUrl": UNKNOWN, "policy": UNKNOWN}
    diff = engine.diff(things[QUEUE_POLICY], news)
    assert kinds(diff) == {"queueUrl": UPDATE_REPLACE, "policy": UPDATE}


def test_a_secret_input_is_a_secret_output(engine):
    tags = SECRET | {"value": {"owner": "ann"}}
    made = engine.create(QUEUE, "quiet", {"tags": tags, "messageRetentionSeconds": 60})
    assert made.inputs["tags"] == made.outputs["tags"] == tags
    assert made.outputs["tagsAll"] == tags
    assert engine.read(made).outputs["tagsAll"] == tags
    assert made.outputs["messageRetentionSeconds"] == 60


def test_the_package_schema_has_every_function_with_what_it_returns():
    described = json.loads(package_schema.text())["functions"]
    assert described.keys() == FUNCTIONS.keys()
