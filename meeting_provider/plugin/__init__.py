"""The Pulumi plugin `pulumi-resource-chime-meetings`: the same meeting in every Pulumi language."""

from importlib.metadata import version
from typing import Final

#: The name of the Pulumi package.
PACKAGE: Final = "chime-meetings"

#: The type token of the resource: a stored format, which never changes once released.
MEETING: Final = f"{PACKAGE}:index:Meeting"

VERSION: Final = version("meeting-provider")
