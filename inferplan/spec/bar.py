"""Which organization judges a spec: there is one for a run, and no spec brings its own.

Not here: reading its files (loading) and what they say (organization).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from inferplan.spec.faults import SpecError, SpecErrors

FOLDER = "organization"
REGISTER = "organization.yaml"
PRICES = "prices.json"
BUILT_IN = "the built-in strict organization"


def organization_of(spec: Path | None, named: Path | None, root: Path) -> Path | None:
    """The folder that was named, else the nearest `organization` of the run, else None: the built-in one.

    Raises SpecErrors where nobody named one and there are two, be it above the run or above the spec
    (`spec` is None for standard input, which lies nowhere).
    """
    if named is not None:
        return named
    candidates = _of_the_run(root)
    chosen = candidates[0] if candidates else None
    for other in (*candidates[1:], *_above(spec)):
        if chosen is None or not _same(chosen, other):
            raise _two(spec, chosen, other)
    return chosen


def passed_over(spec: Path | None, named: Path | None) -> tuple[Path, ...]:
    """Folders beside the spec that say something else than the one that was named, and are not read."""
    if named is None:
        return ()
    return tuple(other for other in _above(spec) if not _same(named, other))


def _of_the_run(root: Path) -> tuple[Path, ...]:
    """The folder at the root of the run, then those that hold a register above it, nearest first."""
    usual = root / FOLDER
    here = (usual,) if _is_folder(usual) else ()
    return here + _registered(root / Path(*[".."] * (up + 1)) for up in range(len(root.resolve().parents)))


def _above(spec: Path | None) -> tuple[Path, ...]:
    """Organizations in the spec's own folder and in those above, nearest first."""
    try:
        return _registered(spec.resolve().parents) if spec is not None else ()
    except (OSError, ValueError, RuntimeError):
        return ()  # a path that cannot be, which reading the spec says


def _registered(folders: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(folder / FOLDER for folder in folders if (folder / FOLDER / REGISTER).exists())


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _same(one: Path, other: Path) -> bool:
    """Whether two folders are one, or hold the same bytes."""
    try:
        return one.resolve() == other.resolve() or _content(one) == _content(other)
    except (OSError, ValueError, RuntimeError):
        return False


def _content(folder: Path) -> dict[str, bytes]:
    own_prices = (folder / PRICES,) if (folder / PRICES).exists() else ()
    paths = (folder / REGISTER, *(folder / "waivers").glob("*.yaml"), *own_prices)
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def _two(spec: Path | None, chosen: Path | None, other: Path) -> SpecErrors:
    place = "above the run" if spec is None else "beside or above the spec"
    judge = str(chosen) if chosen is not None else BUILT_IN
    problem = f"two organizations: {judge} judges this run, and {other} lies {place}"
    hint = "name the platform team's folder with --organization (inferplan:organization under Pulumi)"
    return SpecErrors([SpecError(file=str(spec) if spec is not None else "-", problem=problem, hint=hint)])
