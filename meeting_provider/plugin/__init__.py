"""The Pulumi plugin `pulumi-resource-chime-meetings`: the same meeting in every Pulumi language."""

from importlib.metadata import version
from typing import Final

#: The name of the Pulumi package.
PACKAGE: Final = "chime-meetings"

VERSION: Final = version("meeting-provider")
