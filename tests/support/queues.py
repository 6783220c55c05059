"""SQS queues, as boto3 shows them."""

from typing import Any


def queued(sqs: Any, url: str) -> int:
    """How many messages a queue has, received or not."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return sum(int(asked["Attributes"][name]) for name in names)
