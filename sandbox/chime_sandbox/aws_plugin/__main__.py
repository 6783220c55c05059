"""The plugin as a process: it prints its port, as the engine expects, and serves."""

import logging
import os
import signal
import threading
from types import FrameType

from chime_sandbox.aws_plugin.server import serve

#: How long calls under way may take once the engine has asked the plugin to end.
GRACE_SECONDS = 10

#: How often to look whether the engine is still there.
POLL_SECONDS = 1.0


def main() -> None:
    """Serve until the engine is gone, or ends the process by SIGINT or SIGTERM."""
    # Botocore's debugging messages have the values of parameters in them.
    logging.disable(logging.DEBUG)
    engine = os.getppid()
    server, port = serve()
    ended = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    print(port, flush=True)
    while os.getppid() == engine and not ended.wait(POLL_SECONDS):
        pass
    server.stop(GRACE_SECONDS).wait()


if __name__ == "__main__":
    main()
