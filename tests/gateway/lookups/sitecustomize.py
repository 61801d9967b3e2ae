"""Writes every host that a Python process looks up to the file that LOOKUPS names.

Not here: what may be looked up (the tests). Python imports this module by its name when it starts.
"""

import os
import socket
from pathlib import Path
from typing import Any

_ask = socket.getaddrinfo


def _recorded(host: Any, *args: Any, **more: Any) -> Any:
    if host is not None:
        name = host.decode() if isinstance(host, bytes) else str(host)
        with Path(os.environ["LOOKUPS"]).open("a") as file:
            file.write(f"{name}\n")
    return _ask(host, *args, **more)


if "LOOKUPS" in os.environ:
    socket.getaddrinfo = _recorded
