"""`python -m sandbox.aws_plugin`: serves the plugin and prints its port, as the engine expects."""

import logging
import signal
from types import FrameType

from sandbox import garbage

garbage.collect_seldom()

from sandbox.aws_plugin.server import serve  # noqa: E402 - it imports most

#: How long calls under way may take once the engine has asked the plugin to end.
GRACE_SECONDS = 10


def main() -> None:
    """Serves until the engine ends the process, by SIGINT or SIGTERM, and finishes what runs."""
    # Botocore's debugging messages have the values of parameters in them.
    logging.disable(logging.DEBUG)
    server, port = serve()

    def stop(_: int, __: FrameType | None) -> None:
        server.stop(GRACE_SECONDS)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    garbage.keep_what_there_is()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
