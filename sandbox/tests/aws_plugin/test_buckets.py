"""Buckets, their policies and what else they have, against a real cloud."""

import json
import re

import boto3
import grpc
import pytest

BUCKET = "aws:s3/bucket:Bucket"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
ACCESS_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
NONE, SOME = 1, 2


def policy(bucket, action="s3:PutObject"):
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "mediapipelines.chime.amazonaws.com"},
                "Action": action,
                "Resource": f"arn:aws:s3:::{bucket}/*",
            }
        ],
    }


@pytest.fixture
def bucket(engine):
    return engine.create(BUCKET, "Recordings", {"tags": {"team": "video"}})


def test_a_bucket_is_made_with_the_defaults_of_the_real_plugin(bucket, aws):
    name = bucket.id
    assert re.fullmatch(r"recordings-[0-9a-f]{7}", name)
    expected = {
        "arn": f"arn:aws:s3:::{name}",
        "bucket": name,
        "bucketDomainName": f"{name}.s3.amazonaws.com",
        "bucketPrefix": "",
        "bucketRegion": "eu-central-1",
        "bucketRegionalDomainName": f"{name}.s3.eu-central-1.amazonaws.com",
        "forceDestroy": False,
        "region": "eu-central-1",
        "tags": {"team": "video"},
        "tagsAll": {"team": "video"},
    }
    assert {key: bucket.outputs[key] for key in expected} == expected
    assert bucket.inputs["__defaults"] == ["bucket"]
    assert aws("s3").get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-central-1"


def test_a_bucket_in_the_default_region_has_no_location(engine, cloud):
    made = engine.create(BUCKET, "main", {"region": "us-east-1"})
    assert made.outputs["region"] == "us-east-1"
    s3 = boto3.client(
        "s3", "us-east-1", endpoint_url=cloud, aws_access_key_id="a", aws_secret_access_key="b"
    )
    assert s3.get_bucket_location(Bucket=made.id).get("LocationConstraint") is None


def test_a_prefix_makes_the_name(engine):
    made = engine.create(BUCKET, "made", {"bucketPrefix": "day-"})
    assert re.fullmatch(r"day-\d{18}[0-9a-f]{8}", made.id)
    assert made.outputs["bucketPrefix"] == "day-"


def test_a_name_or_a_region_replaces_a_bucket_and_tags_change_in_place(engine, bucket, aws):
    for news in ({"bucket": "another-name"}, {"region": "us-west-2"}):
        assert list(engine.diff(bucket, {"tags": {"team": "video"}} | news).replaces)
    diff = engine.diff(bucket, {"tags": {"day": "one"}, "forceDestroy": True})
    assert not diff.replaces
    updated = engine.update(bucket, {"tags": {"day": "one"}, "forceDestroy": True})
    assert updated.outputs["tags"] == {"day": "one"}
    assert updated.outputs["forceDestroy"] is True
    tags = aws("s3").get_bucket_tagging(Bucket=bucket.id)["TagSet"]
    assert tags == [{"Key": "day", "Value": "one"}]
    assert engine.update(updated, {"forceDestroy": True}).outputs["tags"] == {}


def test_a_bucket_with_objects_is_deleted_only_by_force(engine, bucket, aws):
    aws("s3").put_bucket_versioning(Bucket=bucket.id, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        aws("s3").put_object(Bucket=bucket.id, Key="day/audio/one.mp4", Body=b"")
    with pytest.raises(grpc.RpcError, match="BucketNotEmpty"):
        engine.delete(bucket)
    forced = engine.update(bucket, {"forceDestroy": True, "tags": {"team": "video"}})
    engine.delete(forced)
    assert engine.read(forced).id == ""


@pytest.mark.parametrize("name", ["Upper", "ab", "a..b", "-a-", "x" * 64])
def test_a_buckets_name_is_checked(engine, name):
    assert "doesn't match" in engine.failures(BUCKET, {"bucket": name})["bucket"]


def test_what_has_a_resource_of_its_own_is_no_argument_here(engine):
    news = {"versioning": {"enabled": True}, "acl": "private", "corsRules": []}
    failures = engine.failures(BUCKET, news)
    assert failures.keys() == news.keys()
    assert all("use the real pulumi-aws" in why for why in failures.values())


def test_values_of_the_wrong_type_are_named(engine):
    assert engine.failures(OWNERSHIP, {"bucket": "b", "rule": "x"}) == {
        "rule": "expected an object, got a string"
    }
    assert engine.failures(LIFECYCLE, {"bucket": "b", "rules": {"a": "b"}}) == {
        "rules": "expected a list, got a map of strings"
    }
    assert "BucketOwnerEnforced" in engine.failures(
        OWNERSHIP, {"bucket": "b", "rule": {"objectOwnership": "Mine"}}
    )["rule.objectOwnership"]  # fmt: skip


def test_a_policy_can_be_given_as_an_object(engine, bucket, aws):
    made = engine.create(POLICY, "policy", {"bucket": bucket.id, "policy": policy(bucket.id)})
    assert made.id == bucket.id
    found = json.loads(aws("s3").get_bucket_policy(Bucket=bucket.id)["Policy"])
    assert found == policy(bucket.id)
    as_text = json.dumps(policy(bucket.id, ["s3:PutObject"]))
    assert engine.diff(made, {"bucket": bucket.id, "policy": as_text}).changes == NONE
    other = json.dumps(policy(bucket.id, "s3:GetObject"))
    diff = engine.diff(made, {"bucket": bucket.id, "policy": other})
    assert (diff.changes, list(diff.replaces)) == (SOME, [])
    engine.update(made, {"bucket": bucket.id, "policy": other})
    assert "GetObject" in aws("s3").get_bucket_policy(Bucket=bucket.id)["Policy"]


def test_a_policy_is_in_the_buckets_outputs_once_it_is_read(engine, bucket):
    text = json.dumps(policy(bucket.id))
    engine.create(POLICY, "policy", {"bucket": bucket.id, "policy": text})
    read = engine.read(bucket)
    assert json.loads(read.outputs["policy"]) == policy(bucket.id)
    assert engine.diff(read, {"tags": {"team": "video"}}).changes == NONE


def test_public_access_is_blocked_and_changes(engine, bucket, aws):
    news = {"bucket": bucket.id, "blockPublicAcls": True, "blockPublicPolicy": True}
    made = engine.create(ACCESS_BLOCK, "block", news)
    assert made.outputs["ignorePublicAcls"] is False
    engine.update(made, news | {"ignorePublicAcls": True})
    found = aws("s3").get_public_access_block(Bucket=bucket.id)["PublicAccessBlockConfiguration"]
    assert found == {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": False,
    }


def test_ownership_changes_in_place(engine, bucket, aws):
    news = {"bucket": bucket.id, "rule": {"objectOwnership": "BucketOwnerPreferred"}}
    made = engine.create(OWNERSHIP, "ownership", news)
    news["rule"] = {"objectOwnership": "BucketOwnerEnforced"}
    diff = engine.diff(made, news)
    assert list(diff.detailedDiff) == ["rule.objectOwnership"]
    engine.update(made, news)
    rules = aws("s3").get_bucket_ownership_controls(Bucket=bucket.id)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_lifecycle_rules_reach_the_service(engine, bucket, aws):
    rules = [
        {"id": "old", "status": "Enabled", "expiration": {"days": 30}},
        {
            "id": "cold",
            "status": "Disabled",
            "filter": {"prefix": "day/"},
            "transitions": [{"days": 7, "storageClass": "GLACIER"}],
        },
    ]
    made = engine.create(LIFECYCLE, "lifecycle", {"bucket": bucket.id, "rules": rules})
    assert made.outputs["rules"] == rules
    found = aws("s3").get_bucket_lifecycle_configuration(Bucket=bucket.id)["Rules"]
    assert [(each["ID"], each["Status"]) for each in found] == [
        ("old", "Enabled"),
        ("cold", "Disabled"),
    ]
    assert found[0]["Expiration"] == {"Days": 30}
    assert found[1]["Transitions"] == [{"Days": 7, "StorageClass": "GLACIER"}]
    engine.delete(made)
    assert engine.read(made).id == ""
