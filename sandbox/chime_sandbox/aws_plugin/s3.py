"""S3: Bucket, BucketPolicy, BucketPublicAccessBlock and other resources for a bucket.

If the real plugin has both an argument of Bucket and a separate resource, the stand-in supports
only the resource.

Sources: terraform-provider-aws `internal/service/s3/bucket{,_policy,_public_access_block,
_ownership_controls,_lifecycle_configuration}.go`; the calls are those of
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pulumi_aws.s3 import (
    bucket,
    bucket_lifecycle_configuration,
    bucket_ownership_controls,
    bucket_policy,
    bucket_public_access_block,
)

from chime_sandbox.aws_plugin import naming
from chime_sandbox.aws_plugin.resource import Change, Naming, Resource, Rules
from chime_sandbox.aws_plugin.schema import CheckFailure, Schema

#: Arguments of a bucket that have a separate resource, or that recordings don't need.
_UNSUPPORTED: Final = frozenset(
    {
        *("accelerationStatus", "acl", "bucketNamespace", "corsRules", "grants"),
        *("lifecycleRules", "logging", "objectLockConfiguration", "objectLockEnabled"),
        *("policy", "replicationConfiguration", "requestPayer"),
        *("serverSideEncryptionConfiguration", "versioning", "website"),
    }
)
_BLOCKS: Final = (
    "blockPublicAcls",
    "blockPublicPolicy",
    "ignorePublicAcls",
    "restrictPublicBuckets",
)
#: The region for which CreateBucket takes no LocationConstraint.
_DEFAULT_REGION: Final = "us-east-1"
_OWNERSHIPS: Final = ("BucketOwnerPreferred", "ObjectWriter", "BucketOwnerEnforced")


class Bucket(Resource):
    """A bucket; its id is its name."""

    service = "s3"
    schema = Schema(bucket.Bucket, bucket.BucketArgs)
    rules = Rules(
        replaces=frozenset({"bucket", "bucketPrefix"}),
        computed=_UNSUPPORTED | {"bucket", "bucketPrefix"},
        unsupported=_UNSUPPORTED,
        unreported=frozenset({"forceDestroy"}),
        conflicts=(("bucket", "bucketPrefix"),),
        naming=Naming(
            r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
            input="bucket",
            lower=True,
        ),
    )

    def create(self, client: Any, inputs: Mapping[str, Any]) -> str:
        """CreateBucket, and PutBucketTagging if there are tags."""
        name = str(inputs.get("bucket") or naming.from_prefix(inputs["bucketPrefix"]))
        region = client.meta.region_name
        if region == _DEFAULT_REGION:
            client.create_bucket(Bucket=name)
        else:
            place = {"LocationConstraint": region}
            client.create_bucket(Bucket=name, CreateBucketConfiguration=place)
        if inputs.get("tags"):
            self.retag(client, name, inputs["tags"], ())
        return name

    def read(self, client: Any, identity: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """HeadBucket, GetBucketLocation, GetBucketTagging and GetBucketPolicy."""
        client.head_bucket(Bucket=identity)
        located = client.get_bucket_location(Bucket=identity).get("LocationConstraint")
        region = located or _DEFAULT_REGION
        partition = client.meta.partition
        return {
            "arn": f"arn:{partition}:s3:::{identity}",
            "bucket": identity,
            "bucketDomainName": f"{identity}.s3.amazonaws.com",
            "bucketPrefix": naming.prefix_of(identity),
            "bucketRegion": region,
            "bucketRegionalDomainName": f"{identity}.s3.{region}.amazonaws.com",
            "policy": _policy(client, identity),
            "region": region,
            "requestPayer": "BucketOwner",
            "tags": _tags(client, identity),
        }

    def update(
        self, client: Any, identity: str, news: Mapping[str, Any], changes: Mapping[str, Change]
    ) -> None:
        """No call: the service doesn't know `forceDestroy`."""

    def delete(self, client: Any, identity: str, state: Mapping[str, Any]) -> None:
        """DeleteBucket; with `forceDestroy`, all objects and versions are deleted first."""
        if state.get("forceDestroy"):
            for page in client.get_paginator("list_object_versions").paginate(Bucket=identity):
                found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
                gone = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
                if gone:
                    client.delete_objects(Bucket=identity, Delete={"Objects": gone})
        client.delete_bucket(Bucket=identity)

    def retag(
        self, client: Any, identity: str, tags: Mapping[str, str], removed: Iterable[str]
    ) -> None:
        """PutBucketTagging, which takes all tags, or DeleteBucketTagging."""
        gone = set(removed)
        kept = {key: each for key, each in _tags(client, identity).items() if key not in gone}
        if wanted := kept | dict(tags):
            listed = [{"Key": key, "Value": value} for key, value in wanted.items()]
            client.put_bucket_tagging(Bucket=identity, Tagging={"TagSet": listed})
        else:
            client.delete_bucket_tagging(Bucket=identity)


class BucketPolicy(Resource):
    """A bucket's policy; its id is the bucket's name."""

    service = "s3"
    schema = Schema(bucket_policy.BucketPolicy, bucket_policy.BucketPolicyArgs)
    rules = Rules(replaces=frozenset({"bucket"}), policies=frozenset({"policy"}))

    def create(self, client: Any, inputs: Mapping[str, Any]) -> str:
        """PutBucketPolicy."""
        client.put_bucket_policy(Bucket=inputs["bucket"], Policy=inputs["policy"])
        return str(inputs["bucket"])

    def read(self, client: Any, identity: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """GetBucketPolicy."""
        found = client.get_bucket_policy(Bucket=identity)["Policy"]
        return {"bucket": identity, "policy": found, "region": client.meta.region_name}

    def update(
        self, client: Any, identity: str, news: Mapping[str, Any], changes: Mapping[str, Change]
    ) -> None:
        """PutBucketPolicy."""
        client.put_bucket_policy(Bucket=identity, Policy=news["policy"])

    def delete(self, client: Any, identity: str, state: Mapping[str, Any]) -> None:
        """DeleteBucketPolicy."""
        client.delete_bucket_policy(Bucket=identity)


class BucketPublicAccessBlock(Resource):
    """The public access that a bucket blocks; its id is the bucket's name."""

    service = "s3"
    schema = Schema(
        bucket_public_access_block.BucketPublicAccessBlock,
        bucket_public_access_block.BucketPublicAccessBlockArgs,
    )
    rules = Rules(replaces=frozenset({"bucket"}), unreported=frozenset({"skipDestroy"}))

    def create(self, client: Any, inputs: Mapping[str, Any]) -> str:
        """PutPublicAccessBlock."""
        blocks = {_capital(name): bool(inputs.get(name)) for name in _BLOCKS}
        client.put_public_access_block(
            Bucket=inputs["bucket"], PublicAccessBlockConfiguration=blocks
        )
        return str(inputs["bucket"])

    def read(self, client: Any, identity: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """GetPublicAccessBlock."""
        reply = client.get_public_access_block(Bucket=identity)
        found = reply["PublicAccessBlockConfiguration"]
        blocks = {name: found.get(_capital(name), False) for name in _BLOCKS}
        return {**blocks, "bucket": identity, "region": client.meta.region_name}

    def update(
        self, client: Any, identity: str, news: Mapping[str, Any], changes: Mapping[str, Change]
    ) -> None:
        """PutPublicAccessBlock."""
        self.create(client, news)

    def delete(self, client: Any, identity: str, state: Mapping[str, Any]) -> None:
        """DeletePublicAccessBlock, unless `skipDestroy` is set."""
        if not state.get("skipDestroy"):
            client.delete_public_access_block(Bucket=identity)


class BucketOwnershipControls(Resource):
    """Who owns the objects that other accounts write to a bucket; its id is the bucket's name."""

    service = "s3"
    schema = Schema(
        bucket_ownership_controls.BucketOwnershipControls,
        bucket_ownership_controls.BucketOwnershipControlsArgs,
    )
    rules = Rules(replaces=frozenset({"bucket"}))

    def failures(self, inputs: Mapping[str, Any]) -> Iterator[CheckFailure]:
        """An ownership that isn't one of the three values."""
        rule = inputs.get("rule")
        given = rule.get("objectOwnership") if isinstance(rule, dict) else _OWNERSHIPS[0]
        if isinstance(given, str | None) and given not in _OWNERSHIPS:
            expected = ", ".join(_OWNERSHIPS)
            yield CheckFailure("rule.objectOwnership", f"expected one of {expected}, got {given!r}")

    def create(self, client: Any, inputs: Mapping[str, Any]) -> str:
        """PutBucketOwnershipControls."""
        rule = {"ObjectOwnership": inputs["rule"]["objectOwnership"]}
        client.put_bucket_ownership_controls(
            Bucket=inputs["bucket"], OwnershipControls={"Rules": [rule]}
        )
        return str(inputs["bucket"])

    def read(self, client: Any, identity: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """GetBucketOwnershipControls."""
        reply = client.get_bucket_ownership_controls(Bucket=identity)
        (rule,) = reply["OwnershipControls"]["Rules"]
        owned = {"objectOwnership": rule["ObjectOwnership"]}
        return {"bucket": identity, "region": client.meta.region_name, "rule": owned}

    def update(
        self, client: Any, identity: str, news: Mapping[str, Any], changes: Mapping[str, Change]
    ) -> None:
        """PutBucketOwnershipControls."""
        self.create(client, news)

    def delete(self, client: Any, identity: str, state: Mapping[str, Any]) -> None:
        """DeleteBucketOwnershipControls."""
        client.delete_bucket_ownership_controls(Bucket=identity)


class BucketLifecycleConfiguration(Resource):
    """When a bucket's objects expire or move; its id is the bucket's name.

    Drift of the rules is not detected: the state keeps the declared ones.
    """

    service = "s3"
    schema = Schema(
        bucket_lifecycle_configuration.BucketLifecycleConfiguration,
        bucket_lifecycle_configuration.BucketLifecycleConfigurationArgs,
    )
    rules = Rules(
        replaces=frozenset({"bucket", "expectedBucketOwner"}),
        defaults={"transitionDefaultMinimumObjectSize": "all_storage_classes_128K"},
        unreported=frozenset(
            {"expectedBucketOwner", "rules", "timeouts", "transitionDefaultMinimumObjectSize"}
        ),
    )

    def create(self, client: Any, inputs: Mapping[str, Any]) -> str:
        """PutBucketLifecycleConfiguration."""
        client.put_bucket_lifecycle_configuration(
            Bucket=inputs["bucket"],
            LifecycleConfiguration={"Rules": [_rule(each) for each in inputs["rules"]]},
        )
        return str(inputs["bucket"])

    def read(self, client: Any, identity: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """GetBucketLifecycleConfiguration, only to see whether there is one."""
        client.get_bucket_lifecycle_configuration(Bucket=identity)
        return {"bucket": identity, "region": client.meta.region_name}

    def update(
        self, client: Any, identity: str, news: Mapping[str, Any], changes: Mapping[str, Change]
    ) -> None:
        """PutBucketLifecycleConfiguration."""
        self.create(client, news)

    def delete(self, client: Any, identity: str, state: Mapping[str, Any]) -> None:
        """DeleteBucketLifecycle."""
        client.delete_bucket_lifecycle(Bucket=identity)


def _policy(client: Any, name: str) -> str:
    from botocore.exceptions import ClientError

    try:
        return str(client.get_bucket_policy(Bucket=name)["Policy"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
            raise
        return ""


def _tags(client: Any, name: str) -> dict[str, str]:
    from botocore.exceptions import ClientError

    try:
        found = client.get_bucket_tagging(Bucket=name)["TagSet"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchTagSet":
            raise
        return {}
    return {tag["Key"]: tag["Value"] for tag in found}


def _rule(given: Mapping[str, Any]) -> dict[str, Any]:
    """A lifecycle rule in the API's form; a rule for all objects has an empty filter."""
    rule: dict[str, Any] = _named(given)
    rule["ID"] = rule.pop("Id")
    if "Prefix" not in rule:
        rule.setdefault("Filter", {"Prefix": ""})
    return rule


def _named(value: Any) -> Any:
    """A value with the API's names instead of Pulumi's."""
    if isinstance(value, list):
        return [_named(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    named = {_capital(key): _named(item) for key, item in value.items()}
    if isinstance(value.get("tags"), Mapping):
        named["Tags"] = [{"Key": key, "Value": each} for key, each in value["tags"].items()]
    return named


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


RESOURCES: Final = (
    Bucket(),
    BucketLifecycleConfiguration(),
    BucketOwnershipControls(),
    BucketPolicy(),
    BucketPublicAccessBlock(),
)
