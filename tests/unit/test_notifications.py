"""What MeetingNotifications writes into policies, and which targets it refuses."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks
from support import mocked

from meeting_provider import InvalidNotifications, MeetingNotifications
from meeting_provider.models import CONTROL_REGIONS
from meeting_provider.notifications import (
    KEY_ACTIONS,
    QUEUE_ACTIONS,
    TOPIC_ACTIONS,
    key_policy_statement,
    policy,
)

ACCOUNT, REGION = "111122223333", "us-east-1"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:queueName"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:topicName"
SERVICE = {"Service": "meetings.chime.amazonaws.com"}
ACCOUNT_IS = {"aws:SourceAccount": ACCOUNT}

#: The statements that AWS documents, with the Sid left out, which is the reader's to choose.
#: Source: https://docs.aws.amazon.com/chime-sdk/latest/dg/mtgs-sdk-notifications.html
#:
#: aws:SourceArn is documented in two forms: that page has the region in it, an edition of 2023 had
#: none (`arn:aws:chime::111122223333:*`). Which of them the service sends is verified for neither,
#: and a condition holds if any of its values does: ours has both, and nothing but this account's
#: meetings gets in by either.
DOCUMENTED = {
    "queue": {
        "Effect": "Allow",
        "Principal": SERVICE,
        "Action": ["sqs:SendMessage", "sqs:GetQueueUrl"],
        "Resource": QUEUE,
        "Condition": {
            "ArnLike": {"aws:SourceArn": f"arn:aws:chime:{REGION}:{ACCOUNT}:*"},
            "StringEquals": ACCOUNT_IS,
        },
    },
    "topic": {
        "Effect": "Allow",
        "Principal": SERVICE,
        "Action": ["SNS:Publish"],
        "Resource": TOPIC,
        "Condition": {
            "ArnLike": {"aws:SourceArn": f"arn:aws:chime:{REGION}:{ACCOUNT}:*"},
            "StringEquals": ACCOUNT_IS,
        },
    },
    "key": {
        "Effect": "Allow",
        "Principal": SERVICE,
        "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
        "Resource": "*",
    },
}
BEFORE = f"arn:aws:chime::{ACCOUNT}:*"


def rendered(
    arn: str, actions: tuple[str, ...], partition: str = "aws", region: str = REGION
) -> Any:
    return policy(arn, actions, partition=partition, region=region, account=ACCOUNT)


def canonical(statement: dict[str, Any]) -> dict[str, Any]:
    """A statement as IAM reads it: no Sid, lists in no order, actions without case."""
    listed = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    actions = {each.lower() for each in listed}
    return {**{k: v for k, v in statement.items() if k != "Sid"}, "Action": actions}


@pytest.mark.parametrize(
    ("kind", "arn", "actions"), [("queue", QUEUE, QUEUE_ACTIONS), ("topic", TOPIC, TOPIC_ACTIONS)]
)
def test_a_policy_is_the_documented_one_statement_by_statement(
    kind: str, arn: str, actions: tuple[str, ...]
) -> None:
    document = rendered(arn, actions)
    assert document["Version"] == "2012-10-17"
    (statement,) = document["Statement"]
    sources = statement["Condition"]["ArnLike"]["aws:SourceArn"]
    documented = DOCUMENTED[kind]["Condition"]["ArnLike"]["aws:SourceArn"]  # type: ignore[index]
    assert sorted(sources) == sorted([documented, BEFORE])
    statement["Condition"]["ArnLike"]["aws:SourceArn"] = documented
    assert canonical(statement) == canonical(DOCUMENTED[kind])


def test_the_statement_for_a_key_is_the_documented_one() -> None:
    assert canonical(key_policy_statement()) == canonical(DOCUMENTED["key"])
    assert key_policy_statement()["Action"] == list(KEY_ACTIONS)


@pytest.mark.parametrize(
    ("partition", "region"),
    [("aws", "eu-central-1"), ("aws-us-gov", "us-gov-west-1"), ("aws-cn", "cn-north-1")],
)
def test_the_meetings_arns_are_of_the_callers_partition(partition: str, region: str) -> None:
    arn = f"arn:{partition}:sqs:{region}:{ACCOUNT}:inbox"
    (statement,) = rendered(arn, QUEUE_ACTIONS, partition, region)["Statement"]
    assert statement["Condition"]["ArnLike"]["aws:SourceArn"] == [
        f"arn:{partition}:chime::{ACCOUNT}:*",
        f"arn:{partition}:chime:{region}:{ACCOUNT}:*",
    ]
    assert statement["Resource"] == arn
    assert statement["Principal"] == SERVICE


class _Aws(mocks.Mocks):
    """An account where everything is made as it is asked for; keeps what was."""

    def __init__(self, region: str, partition: str) -> None:
        self.region, self.partition = region, partition
        self.made: dict[str, dict[str, Any]] = {}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        service = args.typ.split(":")[1].split("/")[0]
        self.made[f"{args.typ.rsplit(':', 1)[-1]} {args.name}"] = dict(args.inputs)
        arn = f"arn:{self.partition}:{service}:{self.region}:{ACCOUNT}:{args.name}"
        url = f"https://sqs.{self.region}.amazonaws.com/{ACCOUNT}/{args.name}"
        return args.name, {"arn": arn, "url": url, **args.inputs}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        outputs = {
            "region": self.region,
            "partition": self.partition,
            "accountId": ACCOUNT,
            "id": self.region,
        }
        return outputs, []


def declare(
    monkeypatch: pytest.MonkeyPatch,
    region: str | None = REGION,
    partition: str = "aws",
    provider_region: str | None = None,
    made: dict[str, dict[str, Any]] | None = None,
    **given: Any,
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """What was made for a MeetingNotifications, and its configuration.

    An argument can be a function that gives it: an `Output` needs a program to be made in.
    """
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    account = _Aws(provider_region or given.get("control_region") or region or REGION, partition)
    account.made = {} if made is None else made
    found: list[dict[str, str]] = []

    def program() -> pulumi.Output[None]:
        known = {name: each() if callable(each) else each for name, each in given.items()}
        return MeetingNotifications("summit", **known).configuration.apply(found.append)

    mocked.run(program, account, {"aws:region": region} if region else {})
    return account.made, found[0]


def test_topic_queues_and_policies_are_made_together(monkeypatch: pytest.MonkeyPatch) -> None:
    made, configuration = declare(
        monkeypatch, message_retention_seconds=3600, visibility_timeout_seconds=60,
        max_receive_count=3, tags={"team": "video"},
    )  # fmt: skip
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:summit"
    assert configuration == {
        "sns_topic_arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:summit",
        "sqs_queue_arn": arn,
    }
    assert json.loads(made["QueuePolicy summit"]["policy"]) == rendered(arn, QUEUE_ACTIONS)
    topic_policy = json.loads(made["TopicPolicy summit"]["policy"])
    assert topic_policy == rendered(configuration["sns_topic_arn"], TOPIC_ACTIONS)
    queue, dead = made["Queue summit"], made["Queue summit-dead-letters"]
    assert (queue["messageRetentionSeconds"], dead["messageRetentionSeconds"]) == (3600, 1_209_600)
    assert queue["visibilityTimeoutSeconds"] == 60
    assert queue["sqsManagedSseEnabled"] is dead["sqsManagedSseEnabled"] is True
    assert json.loads(queue["redrivePolicy"]) == {
        "deadLetterTargetArn": f"{arn}-dead-letters",
        "maxReceiveCount": 3,
    }
    assert all(made[each]["tags"] == {"team": "video"} for each in made if "Queue t" in each)


def test_a_named_key_encrypts_topic_and_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = declare(monkeypatch, kms_key_id="alias/meetings")
    for each in ("Topic summit", "Queue summit", "Queue summit-dead-letters"):
        assert made[each]["kmsMasterKeyId"] == "alias/meetings"
        assert "sqsManagedSseEnabled" not in made[each]


@pytest.mark.parametrize(
    ("given", "kinds", "named"),
    [
        ({"queue": False}, {"Topic", "TopicPolicy"}, {"sns_topic_arn"}),
        ({"topic": False}, {"Queue", "QueuePolicy"}, {"sqs_queue_arn"}),
        ({"queue_arn": QUEUE}, {"Topic", "TopicPolicy"}, {"sns_topic_arn", "sqs_queue_arn"}),
        ({"topic_arn": TOPIC, "queue_arn": QUEUE}, set(), {"sns_topic_arn", "sqs_queue_arn"}),
        (
            {
                "topic": False,
                "queue": False,
                "lambda_function_arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f",
            },
            set(),
            {"lambda_function_arn"},
        ),
    ],
)
def test_only_what_is_asked_for_is_made(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], kinds: set[str], named: set[str]
) -> None:
    made, configuration = declare(monkeypatch, **given)
    assert {each.split()[0] for each in made} - {"MeetingNotifications"} == kinds
    assert configuration.keys() == named
    for argument, key in (("queue_arn", "sqs_queue_arn"), ("topic_arn", "sns_topic_arn")):
        if argument in given:
            assert configuration[key] == given[argument]


@pytest.mark.parametrize("region", CONTROL_REGIONS)
def test_every_control_region_will_do(monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    partition = "aws-us-gov" if region.startswith("us-gov-") else "aws"
    made, configuration = declare(monkeypatch, region, partition)
    document = json.loads(made["QueuePolicy summit"]["policy"])
    queue = configuration["sqs_queue_arn"]
    assert document == rendered(queue, QUEUE_ACTIONS, partition, region)


@pytest.mark.parametrize(
    ("region", "given", "problem"),
    [
        (REGION, {"topic": False, "queue": False}, "needs a topic, a queue or a function"),
        ("eu-west-1", {}, "the control region 'eu-west-1' has no meetings endpoint; use one of af"),
        (
            "eu-west-2",
            {"queue_arn": QUEUE},
            f"queue_arn '{QUEUE}' is not in the control region eu-west-2",
        ),
        (REGION, {"topic_arn": QUEUE}, f"topic_arn '{QUEUE}' is not an ARN of sns"),
        (REGION, {"queue_arn": f"{QUEUE}.fifo"}, "is a FIFO queue; use a standard one"),
        (REGION, {"topic_arn": f"{TOPIC}.fifo"}, "is a FIFO topic; use a standard one"),
        (REGION, {"control_region": "eu-west-1"}, "the control region 'eu-west-1' has no meetings"),
        (
            REGION,
            {"kms_key_id": "alias/aws/sqs"},
            "kms_key_id 'alias/aws/sqs' is a key that AWS manages: its policy can't allow",
        ),
        (
            REGION,
            {"kms_key_id": "arn:aws:kms:us-east-1:123456789012:alias/aws/sns"},
            "alias/aws/sns' is a key that AWS manages",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_declared(
    monkeypatch: pytest.MonkeyPatch, region: str, given: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidNotifications) as refused:
        declare(monkeypatch, region, **given)
    assert "'summit'" in str(refused.value)
    assert problem in str(refused.value)
    # Pulumi prints these without a traceback.
    assert isinstance(refused.value, pulumi.RunError)


def test_all_that_is_wrong_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidNotifications) as refused:
        declare(
            monkeypatch, topic_arn="mine", queue_arn=f"{QUEUE}.fifo", kms_key_id="alias/aws/sqs",
            max_receive_count=1001,
        )  # fmt: skip
    assert [line.split()[1] for line in str(refused.value).splitlines()] == [
        *("topic_arn", "queue_arn", "kms_key_id", "max_receive_count")
    ]


@pytest.mark.parametrize("region", [REGION, None])
def test_an_arn_that_is_an_output_is_refused_once_it_is_known(
    monkeypatch: pytest.MonkeyPatch, region: str | None
) -> None:
    far = QUEUE.replace(REGION, "eu-west-2")
    with pytest.raises(InvalidNotifications, match="is not in the control region us-east-1"):
        declare(monkeypatch, region, queue_arn=lambda: pulumi.Output.from_input(far))


def test_a_key_that_is_an_output_is_refused_once_it_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(InvalidNotifications, match="'alias/aws/sqs' is a key that AWS manages"):
        declare(monkeypatch, kms_key_id=lambda: pulumi.Output.from_input("alias/aws/sqs"))


def test_a_provider_of_another_region_than_the_meetings_is_refused_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The provider is of us-east-1 here, whatever the meetings' control region is."""
    made: dict[str, dict[str, Any]] = {}
    with pytest.raises(InvalidNotifications) as refused:
        declare(monkeypatch, control_region="eu-west-2", provider_region=REGION, made=made)
    assert "its AWS provider is of us-east-1, and the meetings' control region is eu-west-2" in str(
        refused.value
    )
    assert [each for each in made if each.split()[0] in ("Topic", "Queue")] == []
