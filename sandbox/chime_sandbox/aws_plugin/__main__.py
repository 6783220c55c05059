"""The plugin as a process: it prints its port, as the engine expects, and serves."""

import logging
import os
import signal
import threading
from types import FrameType

from chime_sandbox.aws_plugin.server import serve

#: How long running calls may take after the engine has ended the plugin, in seconds.
GRACE_SECONDS = 10

#: How often to check whether the engine still runs, in seconds.
POLL_SECONDS = 1.0


def main() -> None:
    """Serve until the engine exits, or ends the process by SIGINT or SIGTERM."""
    # botocore's DEBUG logs contain the values of parameters.
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
