"""Which files below a folder are specs: those that call themselves ours, however wrong they are besides.

Not here: reading a spec (inferplan.spec), and arguments that name a file (specfiles).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from inferplan.spec.bar import FOLDER, REGISTER
from inferplan.spec.faults import SpecErrors
from inferplan.spec.schema import KINDS, SPEC_KINDS
from inferplan.spec.yaml12 import MAX_BYTES, parse

LOCK_SUFFIXES = (".lock.yaml", ".lock.yml")
_SUFFIXES = (".yaml", ".yml")
_NOT_ENTERED = frozenset({FOLDER, "waivers", "node_modules"})
_VIRTUAL_ENVIRONMENT = "pyvenv.cfg"
_CALLS_ITSELF_OURS = re.compile(
    rb"apiVersion[\"']?\s*:\s*[\"']?inferplan\b|kind[\"']?\s*:\s*[\"']?Inference(?:Stack|Account)\b", re.I
)


class Below(NamedTuple):
    """The specs below a folder, and the YAML files that are something else."""

    specs: tuple[Path, ...]
    others: tuple[Path, ...]


def below(folder: Path) -> Below:
    """Every spec below the folder, sorted; raises OSError where part of it cannot be listed."""
    files = sorted(_yaml_files(folder))
    specs = tuple(path for path in files if _is_ours(path))
    return Below(specs, tuple(path for path in files if path not in specs))


def is_lock(name: str) -> bool:
    """Locks are read with their spec."""
    return name.endswith(LOCK_SUFFIXES)


def _yaml_files(folder: Path) -> Iterator[Path]:
    """YAML files that may be specs; `_base.yaml` files are read by the specs that extend them."""
    for root, folders, names in os.walk(folder, onerror=_raise):
        here = Path(root)
        folders[:] = [name for name in folders if _is_entered(here / name)]
        for name in names:
            if name.endswith(_SUFFIXES) and not is_lock(name) and not name.startswith(("_", ".")):
                yield here / name


def _is_entered(folder: Path) -> bool:
    marks = (_VIRTUAL_ENVIRONMENT, REGISTER)
    hidden = folder.name.startswith(".") or folder.name in _NOT_ENTERED
    return not hidden and not any((folder / mark).exists() for mark in marks)


def _is_ours(path: Path) -> bool:
    """A file that cannot be read, or parsed though it calls itself ours, is for the loader to refuse."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError:
        return True
    if not _CALLS_ITSELF_OURS.search(data.replace(b"\0", b"")):
        return False
    try:
        said = parse(data, str(path)).plain()
    except SpecErrors:
        return True
    version, kind = said.get("apiVersion"), said.get("kind")
    if kind in SPEC_KINDS:
        return True
    return isinstance(version, str) and version.lower().startswith("inferplan") and kind not in tuple(KINDS)


def _raise(problem: OSError) -> None:
    raise problem
