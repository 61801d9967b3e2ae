"""What a report rests on: the spec it is about, and the SHA-256 of everything that went into the verdicts.

Not here: the verdicts (evaluate).
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from inferplan import catalog
from inferplan.records.verdicts import Digests, SpecRef

if TYPE_CHECKING:
    from inferplan.spec.declaration import Declaration


def spec_ref(declaration: Declaration | None) -> SpecRef:
    """File and name of the spec, as far as there is one."""
    if declaration is None:
        return SpecRef(path=None, name=None)
    path = str(declaration.spec_path) if declaration.spec_path else None
    return SpecRef(path=path, name=declaration.spec.metadata.name)


def digests(declaration: Declaration | None) -> Digests:
    """Of spec, lock and organization as they were given, of the catalog and of the rules."""
    given = declaration.digests if declaration is not None else None
    return Digests(
        spec=given.spec if given else None,
        lock=given.lock if given else None,
        organization=given.organization if given else None,
        catalog=catalog.digest(),
        policies=policies_digest(),
    )


@cache
def policies_digest() -> str:
    """SHA-256 over the sources of the rules and of this evaluator."""
    total = hashlib.sha256()
    root = Path(__file__).parent
    for file in sorted(root.rglob("*.py")):
        total.update(f"{file.relative_to(root).as_posix()}\n".encode())
        total.update(file.read_bytes())
    return total.hexdigest()
