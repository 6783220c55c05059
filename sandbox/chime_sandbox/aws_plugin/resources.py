"""The resource types of the stand-in, by service."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Final

from chime_sandbox.aws_plugin.resource import Resource

SERVICES: Final = ("s3", "sns", "sqs", "ssm")


def find(token: str) -> Resource | None:
    """The resource type with a token, such as `aws:sqs/queue:Queue`; None if there is none."""
    service = token.partition(":")[2].partition("/")[0]
    return of_service(service).get(token) if service in SERVICES else None


@cache
def of_service(service: str) -> Mapping[str, Resource]:
    """A service's resource types by token.

    They are imported at the first use, because S3's classes take as long as all others together.
    """
    module = import_module(f"chime_sandbox.aws_plugin.{service}")
    found: tuple[Resource, ...] = module.RESOURCES
    return {resource.schema.token: resource for resource in found}
