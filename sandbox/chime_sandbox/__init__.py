"""A sandbox for meetings: an emulated AWS, Pulumi, and a stand-in for the pulumi-aws plugin."""

from pathlib import Path
from typing import Final

#: Where `python -m chime_sandbox` keeps its files, in the current folder.
HOME: Final = Path(".sandbox")

#: The file that has the endpoint of the emulated AWS, and that is locked while that runs.
ENDPOINT_FILE: Final = HOME / "endpoint"
