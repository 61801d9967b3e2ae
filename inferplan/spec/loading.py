"""Files to a Declaration: spec, what it extends, its lock, the organization; all problems raised at once.

Not here: YAML (yaml12), the shape of each file (structure), checks between fields (crossfield, registers).
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

import msgspec

from inferplan.near import did_you_mean, near
from inferplan.printable import printable
from inferplan.spec.bar import PRICES, REGISTER
from inferplan.spec.declaration import Bar, Declaration, default_for, organization_digest
from inferplan.spec.faults import SpecError, SpecErrors, clip
from inferplan.spec.model import InferenceAccount, InferenceStack, Spec
from inferplan.spec.organization import Lock, Organization, Waiver
from inferplan.spec.position import joined, look_up, place
from inferplan.spec.price_file import Prices
from inferplan.spec.problem import Problem
from inferplan.spec.schema import SPEC_KINDS
from inferplan.spec.structure import convert, kind_of
from inferplan.spec.yaml12 import MAX_BYTES, Node, describe, node_of, parse

if TYPE_CHECKING:
    from inferplan.spec.registers import RuleIds

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_ORGANIZATION = Path(__file__).with_name("default-organization.json")


class OrganizationFiles(NamedTuple):
    """The platform team's folder, read."""

    organization: Organization
    waivers: tuple[Waiver, ...] = ()
    prices: Prices | None = None

    def bar(self, folder: Path) -> Bar:
        """What outputs say about it."""
        digest = organization_digest(self.organization, self.waivers, self.prices)
        return Bar(path=str(folder), name=self.organization.metadata.name, digest=digest)


def load(
    path: Path,
    organization: Path | None = None,
    *,
    name: str | None = None,
    rules: RuleIds | None = None,
    locking: bool = False,
) -> Declaration:
    """The spec at `path` with the lock beside it, under the organization folder.

    Without a folder the built-in strict organization applies. `name` is what messages call the file where
    that is not its path; `rules` are the ids that the organization may name. `locking` takes a model that
    nobody describes yet: its lock is about to. Raises SpecErrors with all problems of all files.
    """
    path = Path(path)
    problems = _Collector()
    node = problems.attempt(_read_spec, path, name or str(path))
    lock_path = path.with_name(f"{path.stem}.lock.yaml")
    lock_node = problems.attempt(_read_kind, lock_path, "Lock") if _exists(lock_path) else None
    folder = problems.attempt(_read_organization, organization, rules) if organization is not None else None
    spec = problems.attempt(_spec, node) if node is not None else None
    lock = problems.attempt(_lock, lock_node) if lock_node is not None else None
    if node is None or spec is None or (organization is not None and folder is None):
        raise SpecErrors(problems.found)
    files = _files(folder, spec)
    problems.attempt(_checked, spec, lock, files, folder is None, node, locking=locking)
    if problems.found:
        raise SpecErrors(problems.found)
    sources = {"spec": node} | ({"lock": lock_node} if lock_node is not None else {})
    return Declaration(
        spec=spec,
        lock=lock,
        organization=files.organization,
        organization_is_default=folder is None,
        waivers=files.waivers,
        prices=files.prices,
        spec_path=Path(name) if name is not None else path,
        organization_path=organization,
        sources=sources | (folder.sources if folder is not None else {}),
    )


def load_organization(folder: Path | None, rules: RuleIds | None = None) -> OrganizationFiles:
    """The organization and its waivers; the built-in strict one without a folder. Raises SpecErrors."""
    if folder is None:
        return OrganizationFiles(default_organization())
    return _read_organization(folder, rules).files


@cache
def default_organization() -> Organization:
    """The strict organization that applies where no folder is given."""
    node = _read_kind(DEFAULT_ORGANIZATION, "Organization")
    return convert(node, Organization)


def from_json(
    text: str,
    organization: Organization | None,
    waivers: tuple[Waiver, ...],
    prices: Prices | None = None,
) -> Declaration:
    """See Declaration.from_json."""
    file = "declaration"
    try:
        held = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise SpecErrors([SpecError(file=file, problem=f"not JSON: {clip(str(error))}")]) from None
    if not isinstance(held, dict) or set(held) != {"spec", "lock"} or not isinstance(held["spec"], dict):
        raise SpecErrors([SpecError(file=file, problem="must hold `spec` and `lock`, nothing else")])
    if not isinstance(held["lock"], dict | None):
        raise SpecErrors([SpecError(file=file, path="lock", problem="must be a mapping")])
    spec_node = node_of(held["spec"], file)
    spec = _spec(spec_node)
    lock = _lock(node_of(held["lock"], file)) if held["lock"] is not None else None
    given = organization if organization is not None else default_organization()
    is_default = given == default_organization()
    files = OrganizationFiles(default_for(spec, given) if is_default else given, waivers, prices)
    _checked(spec, lock, files, is_default, spec_node)
    return Declaration(
        spec=spec,
        lock=lock,
        organization=files.organization,
        organization_is_default=is_default,
        waivers=waivers,
        prices=prices,
    )


# -- steps


class _Collector:
    """Problems of several steps, so that they are raised together."""

    def __init__(self) -> None:
        self.found: list[SpecError] = []

    def attempt(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return step(*args, **kwargs)
        except SpecErrors as problems:
            self.found.extend(problems.errors)
            return None


def _read_spec(path: Path, name: str) -> Node:
    return _extended(parse(_bytes(path), name), path)


def _read_kind(path: Path, kind: str) -> Node:
    node = parse(_bytes(path), printable(str(path)))
    kind_of(node, (kind,))
    return node


def _spec(node: Node) -> Spec:
    if kind_of(node, SPEC_KINDS) == "InferenceStack":
        return convert(node, InferenceStack)
    return convert(node, InferenceAccount)


def _lock(node: Node) -> Lock:
    from inferplan.spec import registers

    kind_of(node, ("Lock",))
    lock = convert(node, Lock)
    _raise(registers.lock_problems(lock), node)
    return lock


def _files(folder: _Folder | None, spec: Spec) -> OrganizationFiles:
    if folder is not None:
        return folder.files
    return OrganizationFiles(default_for(spec, default_organization()))


def _checked(
    spec: Spec,
    lock: Lock | None,
    files: OrganizationFiles,
    is_default: bool,
    node: Node,
    *,
    locking: bool = False,
) -> None:
    from inferplan.spec import crossfield

    _raise(crossfield.problems(spec, lock, files.organization, is_default, locking=locking), node)


def _raise(problems: Iterable[Problem], node: Node) -> None:
    errors = []
    for problem in problems:
        found = look_up(node, problem.parts)
        of_value = found is not None and not isinstance(found.value, dict | list)
        file, line, column = place(node, problem.parts, of_value=of_value)
        errors.append(
            SpecError(
                file=file,
                line=line,
                column=column,
                path=joined(problem.parts),
                problem=problem.problem,
                allowed=problem.allowed,
                hint=problem.hint,
            )
        )
    if errors:
        raise SpecErrors(errors)


# -- organization


@dataclass(frozen=True, slots=True)
class _Folder:
    files: OrganizationFiles
    sources: dict[str, Node]


def _read_organization(folder: Path, rules: RuleIds | None) -> _Folder:
    """The folder's files; read again only when one of them changed, since fleets ask a thousand times."""
    folder = Path(folder)
    try:
        if not folder.is_dir():
            raise _file_error(folder, "no such folder")
        own_prices = (folder / PRICES,) if (folder / PRICES).exists() else ()
        paths = (folder / REGISTER, *sorted((folder / "waivers").glob("*.yaml")), *own_prices)
        changes = tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in paths)
    except FileNotFoundError:
        raise _file_error(folder / REGISTER, "no such file") from None
    except (OSError, ValueError) as error:
        raise _file_error(folder, _why(error)) from None
    return _cached_organization(changes, rules)


@lru_cache(maxsize=16)
def _cached_organization(changes: tuple[tuple[str, int, int], ...], rules: RuleIds | None) -> _Folder:
    from inferplan.spec import registers

    problems = _Collector()
    organization_path, *others = (Path(path) for path, _, _ in changes)
    price_paths = [path for path in others if path.name == PRICES]
    waiver_paths = [path for path in others if path.name != PRICES]
    node = problems.attempt(_read_kind, organization_path, "Organization")
    organization = problems.attempt(convert, node, Organization) if node is not None else None
    if node is not None and organization is not None:
        problems.attempt(_raise, registers.organization_problems(organization, rules), node)
    waiver_nodes = [problems.attempt(_read_kind, path, "Waiver") for path in waiver_paths]
    waivers = []
    for waiver_node in waiver_nodes:
        waiver = problems.attempt(convert, waiver_node, Waiver) if waiver_node is not None else None
        if waiver_node is not None and waiver is not None:
            problems.attempt(_raise, registers.waiver_problems(waiver, rules), waiver_node)
            waivers.append(waiver)
    prices = problems.attempt(_read_prices, price_paths[0]) if price_paths else None
    if problems.found or organization is None or node is None:
        raise SpecErrors(problems.found)
    sources = {f"waivers[{index}]": found for index, found in enumerate(waiver_nodes) if found is not None}
    return _Folder(OrganizationFiles(organization, tuple(waivers), prices), {"organization": node} | sources)


def _read_prices(path: Path) -> Prices:
    from inferplan.spec.price_reading import read_prices

    return read_prices(path)


# -- extends


def _extended(node: Node, path: Path) -> Node:
    """The spec with the fields of the file it extends, one level, same folder; lists are replaced whole."""
    asked = node.value.get("extends")
    if asked is None or asked.value is None:
        return node
    if not isinstance(asked.value, str):
        raise _extends_error(asked, f"must be a file name, not {describe(asked)}")
    name = asked.value
    if Path(name).name != name or name in {"", ".", ".."} or "\\" in name:
        raise _extends_error(asked, f"'{clip(name)}' is not a file name in the same folder")
    base_path = path.parent / name
    try:
        outside = base_path.resolve().parent != path.parent.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise _extends_error(asked, _why(error)) from None
    if outside:
        raise _extends_error(asked, f"'{clip(name)}' leads out of the folder")
    if not base_path.is_file():
        raise _extends_error(asked, f"'{clip(name)}' does not exist", did_you_mean(_similar(base_path)))
    base = parse(_bytes(base_path), str(base_path))
    if "extends" in base.value:
        raise _extends_error(asked, f"'{clip(name)}' extends another file itself", "one level is allowed")
    merged = _merged(base, node)
    del merged.value["extends"]
    return merged


def _merged(base: Node, over: Node) -> Node:
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    value = dict(base.value)
    for key, node in over.value.items():
        value[key] = _merged(base.value[key], node) if key in base.value else node
    return Node(
        value, over.file, over.line, over.column, keys=base.keys | over.keys, size=base.size + over.size
    )


def _extends_error(node: Node, problem: str, hint: str = "") -> SpecErrors:
    return SpecErrors(
        [
            SpecError(
                file=node.file, line=node.line, column=node.column, path="extends", problem=problem, hint=hint
            )
        ]
    )


# -- bytes


def _bytes(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _file_error(path, "not a file" if not path.is_dir() else "is a folder, not a file")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _file_error(path, "no such file", did_you_mean(_similar(path))) from None
    except (OSError, ValueError) as error:
        raise _file_error(path, _why(error)) from None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _similar(path: Path) -> tuple[str, ...]:
    try:
        return near(path.name, [printable(other.name) for other in path.parent.glob("*.yaml")])
    except OSError:
        return ()


def _why(error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    return f"cannot be read: {reason[:1].lower()}{reason[1:]}"


def _file_error(path: Path, problem: str, hint: str = "") -> SpecErrors:
    return SpecErrors([SpecError(file=printable(str(path)), problem=problem, hint=hint)])
