"""Replacing a file all at once: whoever reads it meanwhile, or after a crash, reads one of the two whole.

Not here: what is written.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def write(path: Path, content: str) -> bool:
    """Replace a file at once; False where it says so already."""
    if path.exists() and path.read_bytes() == content.encode():
        return False
    made, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    try:
        with os.fdopen(made, "wb") as file:
            file.write(content.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    return True
