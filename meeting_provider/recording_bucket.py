"""RecordingBucket: the S3 bucket that the recordings of meetings are written to, by pulumi-aws.

Source: https://docs.aws.amazon.com/chime-sdk/latest/dg/create-s3-bucket.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import pulumi
import pulumi_aws as aws

#: The service's principal in a bucket's policy.
PRINCIPAL: Final = "mediapipelines.chime.amazonaws.com"

#: The service's actions on a bucket. The last two are for concatenation.
ACTIONS: Final = ("s3:PutObject", "s3:PutObjectAcl", "s3:GetObject", "s3:ListBucket")


def policy_statement(bucket_arn: str, account: str) -> dict[str, Any]:
    """The statement that a bucket's policy needs for recordings of the account's meetings.

    :param bucket_arn: the bucket's ARN, without a prefix.
    :param account: the AWS account of the meetings.

    Source: https://docs.aws.amazon.com/chime-sdk/latest/dg/create-concat-pipe-steps.html
    """
    partition = bucket_arn.split(":", 2)[1]
    return {
        "Sid": "AllowChimeSdkMediaPipelines",
        "Effect": "Allow",
        "Principal": {"Service": PRINCIPAL},
        "Action": list(ACTIONS),
        "Resource": [f"{bucket_arn}/*", bucket_arn],
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account},
            "ArnLike": {"aws:SourceArn": f"arn:{partition}:chime:*:{account}:*"},
        },
    }


class RecordingBucket(pulumi.ComponentResource):
    """A private S3 bucket for recordings, with the policy that AWS documents.

    An existing bucket needs no component: set a Recording's `sink_arn` to its ARN. Its policy needs
    the statement of `policy_statement()`.
    """

    #: The bucket's name.
    bucket: pulumi.Output[str]
    #: The bucket's ARN, for `Recording(sink_arn=...)`: known once the policy is in place.
    arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        force_destroy: bool = False,
        tags: Mapping[str, pulumi.Input[str]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the bucket.

        :param name: the component's name, and the prefix of its resources' names.
        :param force_destroy: whether to delete the recordings with the bucket. By default a bucket
            that has any can't be deleted.
        :param tags: for the bucket.
        :param opts: Pulumi's resource options. The bucket has to be in the meetings' account and
            control region.
        """
        super().__init__("meeting-provider:index:RecordingBucket", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(name, force_destroy=force_destroy, tags=tags, opts=child)
        private = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        caller = aws.get_caller_identity_output(opts=pulumi.InvokeOptions(parent=self))
        policy = pulumi.Output.all(bucket.arn, caller.account_id).apply(
            lambda known: json.dumps(
                {"Version": "2012-10-17", "Statement": [policy_statement(known[0], known[1])]}
            )
        )
        admission = aws.s3.BucketPolicy(
            name,
            bucket=bucket.bucket,
            policy=policy,
            # S3 refuses two changes of a bucket at the same time.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[private]),
        )
        self.bucket = bucket.bucket
        self.arn = pulumi.Output.all(bucket.arn, admission.id).apply(lambda known: known[0])
        self.register_outputs({"bucket": self.bucket, "arn": self.arn})
