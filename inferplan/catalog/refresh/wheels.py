"""Wheels that are read and not installed: the pinned versions of wheels.txt, fetched once into the cache.

Not here: what is read from them (vendor_models and the other generators).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PINS = Path(__file__).with_name("wheels.txt")
PLATFORM = "manylinux_2_28_x86_64"


def folder() -> Path:
    """Where fetched wheels lie, outside the tree."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "inferplan" / "wheels"


def version(package: str) -> str:
    """The pinned version of a package."""
    lines = PINS.read_text("utf-8").splitlines()
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith(f"{package}=="))


def fetched(package: str) -> Path | None:
    """The pinned wheel of a package, None until it is fetched."""
    name = package.replace("-", "_")  # as files of wheels are called
    return next(iter(sorted(folder().glob(f"{name}-{version(package)}-*.whl"))), None)


def wheel(package: str) -> Path:
    """The pinned wheel of a package; ends the program with what to do where it is not fetched."""
    found = fetched(package)
    if found is None:
        raise SystemExit(f"{package} is not fetched: make wheels")
    return found


def fetch() -> None:
    """Download every pinned wheel, checked by its hash."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += [
        "--only-binary",
        ":all:",
        "--platform",
        PLATFORM,
    ]  # the pinned files on every machine
    subprocess.run([*command, "--require-hashes", "-r", str(PINS), "-d", str(folder())], check=True)


if __name__ == "__main__":
    fetch()
