"""One of each type that the stand-in does, by the unmodified pulumi_aws SDK."""

import os

import pulumi
import pulumi_aws as aws

config = pulumi.Config()
caller = aws.get_caller_identity_output()
partition = aws.get_partition_output().partition
retention = config.get_int("retention") or 3600

topic = aws.sns.Topic("news", tags={"team": "video"})
dead = aws.sqs.Queue("dead", message_retention_seconds=1209600)
queue = aws.sqs.Queue("inbox", message_retention_seconds=retention)


def policy(action: str, resource: pulumi.Output[str]) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "chime.amazonaws.com"},
                    "Action": action,
                    "Resource": resource,
                    "Condition": {"StringEquals": {"aws:SourceAccount": caller.account_id}},
                }
            ],
        }
    )


aws.sns.TopicPolicy("news", arn=topic.arn, policy=policy("sns:Publish", topic.arn))
aws.sqs.QueuePolicy("inbox", queue_url=queue.id, policy=policy("sqs:SendMessage", queue.arn))
aws.sqs.RedrivePolicy(
    "inbox",
    queue_url=queue.id,
    redrive_policy=pulumi.Output.json_dumps(
        {"deadLetterTargetArn": dead.arn, "maxReceiveCount": 4}
    ),
)
aws.sns.TopicSubscription("inbox", topic=topic.arn, protocol="sqs", endpoint=queue.arn)
bucket = aws.s3.Bucket("Recordings", force_destroy=True, tags={"team": "video"})
aws.s3.BucketPolicy(
    "recordings",
    bucket=bucket.bucket,
    policy=policy("s3:PutObject", pulumi.Output.concat(bucket.arn, "/*")),
)
aws.s3.BucketPublicAccessBlock("recordings", bucket=bucket.id, block_public_acls=True)
aws.s3.BucketOwnershipControls(
    "recordings", bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"}
)
aws.s3.BucketLifecycleConfiguration(
    "recordings",
    bucket=bucket.id,
    rules=[{"id": "old", "status": "Enabled", "expiration": {"days": retention // 3600}}],
)
token = aws.ssm.Parameter("token", type="SecureString", value=config.require_secret("token"))

there = aws.Provider(
    "there",
    region="us-west-2",
    access_key="someone",
    secret_key="else",
    skip_credentials_validation=True,
    skip_requesting_account_id=True,
    skip_metadata_api_check=True,
    endpoints=[{"sqs": os.environ["AWS_ENDPOINT_URL"]}],
)
far = aws.sqs.Queue("far", fifo_queue=True, opts=pulumi.ResourceOptions(provider=there))

pulumi.export("account", caller.account_id)
pulumi.export("partition", partition)
pulumi.export("region", aws.get_region_output().region)
pulumi.export("queue", queue.id)
pulumi.export("far", far.arn)
pulumi.export("topic", topic.arn)
pulumi.export("bucket", bucket.bucket)
pulumi.export("token", token.value)
