"""What stands in for the network where there is none: the cloud, the engine and the AWS plugin."""

from pathlib import Path
from typing import Final

#: Where `python -m sandbox` keeps all that it keeps, in the current directory.
HOME: Final = Path(".sandbox")

#: Where it notes the endpoint of the emulated AWS while that is up.
ENDPOINT_FILE: Final = HOME / "endpoint"
