"""A sandbox for meetings: an emulated AWS, Pulumi, and a stand-in for the pulumi-aws plugin."""

from pathlib import Path
from typing import Final

#: Where `chime-sandbox` keeps its files, in the current folder.
HOME: Final = Path(".sandbox")

#: The file with the endpoint of the emulated AWS, which is locked while the emulator runs.
ENDPOINT_FILE: Final = HOME / "endpoint"
