"""The functions: getCallerIdentity, getPartition and getRegion.

Sources: terraform-provider-aws `internal/service/sts/caller_identity_data_source.go` and
`internal/service/meta/{partition,region}_data_source.go`; the partitions and the regions' names
are botocore's own data.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from chime_sandbox.aws_plugin import Refused
from chime_sandbox.aws_plugin.endpoint import Clients


def get_caller_identity(clients: Clients, _: Mapping[str, Any]) -> dict[str, Any]:
    """The caller's identity, by STS GetCallerIdentity."""
    found = clients.client("sts").get_caller_identity()
    account = found["Account"]
    return {"accountId": account, "arn": found["Arn"], "id": account, "userId": found["UserId"]}


def get_partition(clients: Clients, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The partition of a region, by default of the configured one: aws, aws-us-gov, and so on.

    :raises Refused: it isn't a region of any partition.
    """
    found = _partition(_region(clients, arguments))
    suffix = found["outputs"]["dnsSuffix"]
    return {
        "dnsSuffix": suffix,
        "id": found["id"],
        "partition": found["id"],
        "reverseDnsPrefix": ".".join(reversed(suffix.split("."))),
    }


def get_region(clients: Clients, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A region, by default the configured one.

    :raises Refused: it isn't a region of any partition.
    """
    region = _region(clients, arguments)
    partition = _partition(region)
    if region not in partition["regions"]:
        raise Refused(f"{region!r} isn't an AWS region.")
    return {
        "description": partition["regions"][region]["description"],
        "endpoint": f"ec2.{region}.{partition['outputs']['dnsSuffix']}",
        "id": region,
        "name": region,
        "region": region,
    }


def _region(clients: Clients, arguments: Mapping[str, Any]) -> str:
    if endpoint := arguments.get("endpoint"):
        return str(endpoint).split(".")[1]
    region = arguments.get("region") or arguments.get("name") or clients.region
    if not region:
        raise Refused("There is no region: set aws:region or AWS_REGION.")
    return str(region)


def _partition(region: str) -> dict[str, Any]:
    from botocore.loaders import create_loader

    for partition in create_loader().load_data("partitions")["partitions"]:
        if region in partition["regions"] or re.fullmatch(partition["regionRegex"], region):
            return dict(partition)
    raise Refused(f"{region!r} isn't a region of any AWS partition.")


FUNCTIONS: Final[dict[str, Callable[[Clients, Mapping[str, Any]], dict[str, Any]]]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": get_caller_identity,
    "aws:index/getPartition:getPartition": get_partition,
    "aws:index/getRegion:getRegion": get_region,
}
