"""What the build tells whoever follows it: one line of JSON each, behind a word that marks it.

Not here: how it is shown (inferplan.cli.mirroring.following).
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

MARK = "inferplan "
EVERY_S = 5.0


class Teller:
    """Counts what is done; safe for threads."""

    def __init__(self, items: int, total_bytes: int) -> None:
        self._lock = threading.Lock()
        self._items, self._bytes = items, total_bytes
        self._done_items = self._done_bytes = 0
        self._last = 0.0

    def came(self, count: int) -> None:
        """Bytes of a file have come."""
        with self._lock:
            self._done_bytes += count
            if time.monotonic() - self._last >= EVERY_S:
                self._progress()

    def ended(self, what: str, state: str, problem: str | None, skipped_bytes: int = 0) -> None:
        """An image or file is there, or will not come."""
        with self._lock:
            self._done_items += 1
            self._done_bytes += skipped_bytes
            say({"item": what, "state": state, "problem": problem})
            self._progress()

    def _progress(self) -> None:
        self._last = time.monotonic()
        say(
            {
                "done_items": self._done_items,
                "items": self._items,
                "done_bytes": self._done_bytes,
                "bytes": self._bytes,
            }
        )


def say(event: dict[str, Any]) -> None:
    """One event on standard output, at once."""
    sys.stdout.write(f"{MARK}{json.dumps(event)}\n")
    sys.stdout.flush()
