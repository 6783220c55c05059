"""The sandbox evaluates resource policies as IAM's user guide describes.

Each row is a rule of IAM's user guide: its pages on the elements Principal, Action, Resource and
Condition, and on how policies are evaluated.
"""

import json
from typing import Any

import pytest

from chime_sandbox.iam_policies import Access, refusal

ARN = "arn:aws:sqs:us-east-1:111122223333:inbox"
SOURCE = "arn:aws:chime:us-east-1:111122223333:meeting/0b0e"
SERVICE = "meetings.chime.amazonaws.com"
ACCESS = Access(
    SERVICE,
    "sqs:SendMessage",
    ARN,
    {"aws:SourceAccount": "111122223333", "aws:SourceArn": SOURCE, "aws:SecureTransport": "true"},
)
ALLOW = {
    "Effect": "Allow",
    "Principal": {"Service": SERVICE},
    "Action": "sqs:SendMessage",
    "Resource": ARN,
}


def ask(*statements: Any, access: Access = ACCESS) -> str | None:
    return refusal(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}), access)


def allow(**changed: Any) -> dict[str, Any]:
    return {name: value for name, value in {**ALLOW, **changed}.items() if value is not None}


@pytest.mark.parametrize(
    "statement",
    [
        allow(),
        allow(Principal="*"),
        allow(Principal={"AWS": "*"}),
        allow(Principal={"Service": ["sns.amazonaws.com", SERVICE]}),
        allow(Principal=None, NotPrincipal={"Service": "sns.amazonaws.com"}),
        allow(Action="*"),
        allow(Action="sqs:*"),
        allow(Action="SQS:sendmessage"),
        allow(Action=["sqs:GetQueueUrl", "sqs:Send*"]),
        allow(Action="sqs:SendMessag?"),
        allow(Action=None, NotAction="sqs:DeleteQueue"),
        allow(Resource="*"),
        allow(Resource="arn:aws:sqs:*:111122223333:in*"),
        allow(Resource=[f"{ARN}-not", ARN]),
        allow(Resource=None, NotResource=f"{ARN}-not"),
    ],
)
def test_a_matching_statement_allows_the_access(statement: dict[str, Any]) -> None:
    assert ask(statement) is None


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (allow(Principal=None), "the principal"),
        (allow(Principal={"Service": "chime.amazonaws.com"}), "the principal"),
        (allow(Principal={"Service": "*.amazonaws.com"}), "the principal"),
        (allow(Principal={"AWS": "111122223333"}), "the principal"),
        (allow(Principal={"AWS": SERVICE}), "the principal"),
        (allow(Principal=SERVICE), "the principal"),
        (allow(Principal=None, NotPrincipal={"Service": SERVICE}), "the principal"),
        (allow(Action=None), "the action"),
        (allow(Action="sqs:ReceiveMessage"), "the action"),
        (allow(Action=[]), "the action"),
        (allow(Action=None, NotAction="sqs:Send*"), "the action"),
        (allow(Resource=None), "the resource"),
        (allow(Resource=ARN.upper()), "the resource"),
        (allow(Resource=f"{ARN}?"), "the resource"),
        (allow(Resource=None, NotResource="*"), "the resource"),
    ],
)
def test_a_statement_lets_in_nobody_else(statement: dict[str, Any], why: str) -> None:
    said = ask(statement)
    assert said is not None
    assert said.startswith(f"a statement is not for {why} ")


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"StringEquals": {"aws:SourceAccount": "111122223333"}}, True),
        ({"StringEquals": {"AWS:sourceaccount": "111122223333"}}, True),
        ({"StringEquals": {"aws:SourceAccount": ["1", "111122223333"]}}, True),
        ({"StringEquals": {"aws:SourceAccount": []}}, False),
        ({"StringEquals": {"aws:SourceAccount": "1111*"}}, False),
        ({"StringLike": {"aws:SourceAccount": "1111*"}}, True),
        ({"StringLike": {"aws:SourceAccount": "1112*"}}, False),
        ({"StringNotLike": {"aws:SourceAccount": ["1*", "2*"]}}, False),
        ({"StringNotEquals": {"aws:SourceAccount": ["1", "2"]}}, True),
        ({"StringNotEquals": {"aws:SourceAccount": ["1", "111122223333"]}}, False),
        ({"StringEqualsIgnoreCase": {"aws:SourceArn": SOURCE.upper()}}, True),
        ({"StringNotEqualsIgnoreCase": {"aws:SourceArn": SOURCE.upper()}}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:chime:us-east-1:111122223333:*"}}, True),
        ({"ArnEquals": {"aws:SourceArn": "arn:aws:chime:*:111122223333:*"}}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:chime::111122223333:*"}}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:*"}}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:*:111122223333:*"}}, False),
        ({"StringLike": {"aws:SourceArn": "arn:*:111122223333:*"}}, True),
        ({"ArnNotLike": {"aws:SourceArn": "arn:aws:chime:*:111122223333:*"}}, False),
        ({"ArnNotEquals": {"aws:SourceArn": "arn:aws:chime:*:2:*"}}, True),
        ({"Bool": {"aws:SecureTransport": True}}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, False),
        ({"Null": {"aws:SourceArn": "false"}}, True),
        ({"Null": {"aws:SourceArn": True}}, False),
        ({"Null": {"aws:SourceOrgID": True}}, True),
        ({"StringEquals": {"aws:SourceOrgID": "o-1"}}, False),
        ({"StringNotEquals": {"aws:SourceOrgID": "o-1"}}, True),
        ({"StringEqualsIfExists": {"aws:SourceOrgID": "o-1"}}, True),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "2"}}, False),
        ({"ArnLikeIfExists": {"aws:SourceArn": SOURCE}}, True),
        ({"NumericEquals": {"aws:SourceAccount": "111122223333"}}, False),
        ({"ForAnyValue:StringEquals": {"aws:SourceAccount": "111122223333"}}, False),
        ({"StringLike": {"aws:SourceAccount": "${aws:PrincipalAccount}"}}, False),
        (
            {"StringEquals": {"aws:SourceAccount": "111122223333", "aws:SourceOrgID": "o-1"}},
            False,
        ),
        (
            {
                "StringEquals": {"aws:SourceAccount": "111122223333"},
                "ArnLike": {"aws:SourceArn": "arn:aws:chime:eu-west-2:*:*"},
            },
            False,
        ),
    ],
)
def test_a_condition_holds_for_what_it_says(condition: dict[str, Any], holds: bool) -> None:
    assert (ask(allow(Condition=condition)) is None) is holds
    denying = allow(Effect="Deny", Action="*", Condition=condition)
    understood = not {"NumericEquals", "ForAnyValue:StringEquals"} & condition.keys()
    if understood and "$" not in str(condition):
        assert (ask(allow(), denying) is None) is not holds


def test_conditions_that_do_not_hold_are_shown_with_what_was_asked() -> None:
    said = ask(allow(Sid="Own", Condition={"StringEquals": {"aws:SourceAccount": ["1", "2"]}}))
    assert said == (
        "the statement Own asks StringEquals aws:SourceAccount 1, 2, and it is 111122223333"
    )
    said = ask(allow(Condition={"StringEquals": {"aws:SourceOrgID": "o-1"}}))
    assert said == "a statement asks StringEquals aws:SourceOrgID o-1, and it is not there"


def test_what_is_not_understood_lets_nobody_in_and_says_so() -> None:
    strange = {"NumericEquals": {"aws:SourceAccount": "111122223333"}}
    said = ask(allow(Condition=strange))
    assert said == (
        "a statement has the condition NumericEquals aws:SourceAccount, "
        "which the sandbox doesn't know"
    )
    said = ask(allow(), allow(Sid="No", Effect="Deny", Condition=strange))
    assert said is not None
    assert said.startswith("the statement No denies sqs:SendMessage, as far as the sandbox knows")


def test_a_deny_wins_where_it_fits_and_only_there() -> None:
    assert ask(allow(), allow(Sid="No", Effect="Deny")) == "the statement No denies sqs:SendMessage"
    assert ask(allow(), allow(Effect="Deny", Action="sqs:DeleteQueue")) is None
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    assert ask(allow(), allow(Effect="Deny", Principal="*", Condition=insecure)) is None


def test_one_statement_that_allows_is_enough() -> None:
    assert ask(allow(Principal={"Service": "sns.amazonaws.com"}), allow()) is None
    said = ask(allow(Sid="A", Principal={"Service": "x"}), allow(Sid="B", Action="sqs:Purge"))
    assert said == (
        f"the statement A is not for the principal {SERVICE}; "
        "the statement B is not for the action sqs:SendMessage"
    )


def test_an_allow_without_a_guard_does_not_count() -> None:
    guarded = Access(SERVICE, "sqs:SendMessage", ARN, ACCESS.context, ("aws:SourceAccount",))
    said = ask(allow(), access=guarded)
    assert said is not None
    assert "has no condition on aws:SourceAccount" in said
    guard = {"StringEquals": {"AWS:SOURCEACCOUNT": "111122223333"}}
    assert ask(allow(Condition=guard), access=guarded) is None


@pytest.mark.parametrize("policy", [None, "", "{}", "[]", "not JSON", '{"Statement": []}'])
def test_no_policy_lets_nobody_in(policy: str | None) -> None:
    assert refusal(policy, ACCESS) == "it has no policy"


def test_a_single_statement_needs_no_list() -> None:
    assert refusal(json.dumps({"Statement": ALLOW}), ACCESS) is None


def test_a_policy_without_an_allow_lets_nobody_in() -> None:
    said = ask(allow(Effect="Deny", Action="sqs:DeleteQueue"))
    assert said == "no statement allows sqs:SendMessage"
