"""Which files a verb works on: given files, folders, `-`, or specs/*.yaml.

Not here: reading them (inferplan.spec).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

LOCK_SUFFIX = ".lock.yaml"
MAX_STDIN_BYTES = 1024 * 1024 + 1


@contextmanager
def spec_files(arguments: Sequence[str]) -> Iterator[list[Path]]:
    """Expand arguments to spec files; a folder gives its *.yaml without locks; `-` reads standard input."""
    with tempfile.TemporaryDirectory(prefix="inferplan-") as scratch:
        files: list[Path] = []
        for argument in arguments or ("specs",):
            if argument == "-":
                path = Path(scratch) / "stdin.yaml"
                path.write_bytes(sys.stdin.buffer.read(MAX_STDIN_BYTES))
                files.append(path)
            elif Path(argument).is_dir():
                found = sorted(path for path in Path(argument).glob("*.yaml") if _is_spec(path))
                if not found:
                    raise click.UsageError(f"no *.yaml specs in {argument}")
                files += found
            elif argument.endswith(LOCK_SUFFIX) and len(arguments) > 1:
                continue  # `specs/*.yaml` as a shell expands it: the lock is read with its spec
            else:
                files.append(Path(argument))
        if not arguments and not Path("specs").is_dir():
            raise click.UsageError("no SPEC given and no specs/ folder here")
        yield files


def _is_spec(path: Path) -> bool:
    """Locks are read with their spec, and `_base.yaml` files by the specs that extend them."""
    return not path.name.endswith(LOCK_SUFFIX) and not path.name.startswith("_")
