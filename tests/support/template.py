"""A checkout that is brought up once, and given out as new to one test after the other."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from support.checkout import Checkout

#: Meetings that nobody joins live for five minutes: what a test gets has half of that before it.
FRESH_SECONDS: Final = 150.0


class Template:
    """What `furnish` makes of a checkout that was just built, kept to start from again and again.

    A checkout given out stands where the one before it stood, and its emulated AWS listens where
    that one's did, since a state has both in it. So there is one at a time.
    """

    def __init__(self, root: Path, furnish: Callable[[Checkout], None]) -> None:
        self._root = root / "checkout"
        self._kept = root / "kept"
        self._furnish = furnish
        self._stale_at = 0.0
        self._port = ""
        self._given: Checkout | None = None

    def checkout(self) -> Checkout:
        """The checkout as it was furnished."""
        while True:
            if time.monotonic() > self._stale_at:
                self._build()
            checkout = self._restore()
            if _port(checkout) == self._port:
                return checkout
            # Somebody took the port meanwhile.
            self._stale_at = 0.0

    def close(self) -> None:
        """Take back the checkout that was given out."""
        if self._given is not None:
            self._given.close()
            self._given = None
        shutil.rmtree(self._root, ignore_errors=True)

    def _build(self) -> None:
        self.close()
        self._stale_at = time.monotonic() + FRESH_SECONDS
        with closing(Checkout.build(self._root)) as checkout:
            self._furnish(checkout)
            self._port = _port(checkout)
        shutil.rmtree(self._kept, ignore_errors=True)
        self._root.rename(self._kept)

    def _restore(self) -> Checkout:
        self.close()
        shutil.copytree(self._kept, self._root, symlinks=True)
        self._given = Checkout(self._root)
        started = self._given.run(sys.executable, "-m", "chime_sandbox", "run", "--", "true")
        assert started.code == 0, started.text
        return self._given


def _port(checkout: Checkout) -> str:
    return (checkout.root / ".sandbox" / "endpoint").read_text()
