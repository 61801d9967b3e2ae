"""Which files a verb works on: given files, folders, `-`, or specs/*.yaml.

Not here: reading them (inferplan.spec).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from inferplan.printable import printable

if TYPE_CHECKING:
    from inferplan.cli.app import Common
    from inferplan.spec.declaration import Declaration

LOCK_SUFFIX = ".lock.yaml"
MAX_STDIN_BYTES = 1024 * 1024 + 1


class SpecFile(NamedTuple):
    """A spec to read and what messages call it; standard input lies nowhere, so nothing lies beside it."""

    path: Path
    name: str

    def load(self, common: Common) -> Declaration:
        """The spec under the organization that applies to it; raises SpecErrors."""
        from inferplan.sizing.stated_shapes import refuse_shapes
        from inferplan.spec.loading import load
        from policies.families import rule_ids

        beside = None if self.name == "-" else self.path
        declaration = load(self.path, common.organization_for(beside), name=self.name, rules=rule_ids())
        refuse_shapes(declaration)
        return declaration


class Stacks:
    """The stacks of one run, by name and account: two specs of one name would deploy over each other."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str | None], SpecFile] = {}

    def add(self, file: SpecFile, declaration: Declaration) -> None:
        """Raises SpecErrors where another file of the run has the name and account already."""
        from inferplan.spec.faults import SpecError, SpecErrors

        spec = declaration.spec
        first = self._seen.setdefault((spec.metadata.name, spec.target.account), file)
        if first.path.resolve() == file.path.resolve():
            return
        place, line, column = declaration.locate("metadata.name")
        where = f"account {spec.target.account}" if spec.target.account else "no account"
        problem = f"'{spec.metadata.name}' in {where} is {first.name} already"
        hint = "two specs of one name are one stack; rename one of them"
        raise SpecErrors(
            [
                SpecError(
                    file=place, line=line, column=column, path="metadata.name", problem=problem, hint=hint
                )
            ]
        )


@contextmanager
def spec_files(arguments: Sequence[str]) -> Iterator[list[SpecFile]]:
    """Expand arguments to spec files; a folder gives its *.yaml without locks; `-` reads standard input."""
    if not arguments and not Path("specs").is_dir():
        raise click.UsageError("no SPEC given and no specs/ folder here")
    if not all(arguments):
        raise click.UsageError("a SPEC is empty; name a file, a folder or -")
    with tempfile.TemporaryDirectory(prefix="inferplan-") if "-" in arguments else nullcontext("") as scratch:
        files: list[SpecFile] = []
        for argument in dict.fromkeys(arguments or ("specs",)):
            if argument == "-":
                files.append(_standard_input(Path(scratch)))
            elif _is_folder(argument):
                found = sorted(path for path in Path(argument).glob("*.yaml") if _is_spec(path))
                if not found:
                    raise click.UsageError(f"no *.yaml specs in {argument}")
                files += (SpecFile(path, printable(str(path))) for path in found)
            elif argument.endswith(LOCK_SUFFIX) and len(arguments) > 1:
                continue  # `specs/*.yaml` as a shell expands it: the lock is read with its spec
            else:
                files.append(SpecFile(Path(argument), str(Path(argument))))
        if not files:
            raise click.UsageError("only locks are named; a lock is read with the spec beside it")
        yield files


@contextmanager
def one_spec(argument: str) -> Iterator[SpecFile]:
    """The one spec file that a verb about a single spec works on."""
    with spec_files((argument,)) as files:
        if len(files) > 1:
            raise click.UsageError(f"{argument} holds {len(files)} specs; name one")
        yield files[0]


def _standard_input(folder: Path) -> SpecFile:
    if sys.stdin is None:
        raise click.UsageError("standard input is closed, so - names nothing")
    path = folder / "stdin.yaml"
    path.write_bytes(sys.stdin.buffer.read(MAX_STDIN_BYTES))
    return SpecFile(path, "-")


def _is_folder(argument: str) -> bool:
    try:
        return Path(argument).is_dir()
    except (OSError, ValueError):
        return False  # such as a name that is too long: reading it as a file says so


def _is_spec(path: Path) -> bool:
    """Locks are read with their spec, and `_base.yaml` files by the specs that extend them."""
    return not path.name.endswith(LOCK_SUFFIX) and not path.name.startswith("_")
