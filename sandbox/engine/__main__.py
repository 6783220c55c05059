"""`python -m sandbox.engine <arguments>`: as `pulumi <arguments>`."""

import sys
from importlib.util import find_spec, module_from_spec

from sandbox import garbage


def _without_sdk() -> None:
    """Leaves the packages that hold Pulumi's protocol empty but for it.

    This process speaks the protocol and runs nothing of the SDK, whose import would take as long
    as all the others together.
    """
    for name in ("pulumi", "pulumi.runtime"):
        if spec := find_spec(name):
            sys.modules[name] = module_from_spec(spec)


garbage.collect_seldom()
_without_sdk()

from sandbox.engine.cli import main  # noqa: E402 - it is what follows from the above

try:
    main()
finally:
    garbage.keep_what_there_is()
