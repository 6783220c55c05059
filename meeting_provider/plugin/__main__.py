"""`pulumi-resource-chime-meetings`: serve the plugin, and print its port as the engine expects."""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import Final

from meeting_provider.plugin.server import serve

#: How long calls that are under way may take once the plugin is to end, in seconds.
GRACE_SECONDS: Final = 120.0

#: How often to look whether the engine is still there, in seconds.
POLL_SECONDS: Final = 1.0


def main() -> None:
    """Serve until the engine is gone, or ends the process by a signal."""
    # It reports with a traceback what this plugin doesn't implement.
    logging.getLogger("grpc").setLevel(logging.CRITICAL)
    engine = os.getppid()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    server, port = serve()
    print(port, flush=True)
    while os.getppid() == engine and not ended.wait(POLL_SECONDS):
        pass
    server.stop(GRACE_SECONDS).wait()


if __name__ == "__main__":
    main()
