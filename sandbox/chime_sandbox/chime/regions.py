"""The regions where the APIs can be called, and those where meetings can be hosted."""

import re
from functools import cache

import botocore.session

from .serialization import MEETINGS, input_shape, service_model

GOVCLOUD = "aws-us-gov"


@cache
def control_regions(service: str) -> dict[str, str]:
    """The regions with an endpoint of the service in botocore's data, with their partitions."""
    session = botocore.session.get_session()
    return {
        region: partition
        for partition in session.get_available_partitions()
        for region in session.get_available_regions(service, partition_name=partition)
    }


@cache
def media_regions() -> frozenset[str]:
    """The regions in the model's documentation of `MediaRegion`."""
    shape = input_shape(service_model().operation_model("CreateMeeting"))
    documentation = shape.members["MediaRegion"].documentation
    return frozenset(re.findall(r"<code>([a-z]{2}(?:-[a-z]+)+-\d)</code>", documentation))


def partition_of(control_region: str) -> str:
    """The partition (`aws`, `aws-us-gov`) of a control region."""
    return control_regions(MEETINGS)[control_region]


def may_host(control_region: str, media_region: str) -> bool:
    """Whether `media_region` can host a meeting that is created in `control_region`."""
    in_govcloud = media_region.startswith("us-gov-")
    return media_region in media_regions() and in_govcloud == (
        partition_of(control_region) == GOVCLOUD
    )
