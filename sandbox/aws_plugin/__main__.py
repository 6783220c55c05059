"""`python -m sandbox.aws_plugin`: serves the plugin and prints its port, as the engine expects."""

import signal

from sandbox.aws_plugin.server import serve


def main() -> None:
    """Serves until the engine ends the process.

    Ctrl-C reaches the whole terminal, but it is the engine that decides what an interrupted step
    still needs.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server, port = serve()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
