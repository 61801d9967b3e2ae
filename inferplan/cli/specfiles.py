"""Which files a verb works on: given files, folders, `-`, or what is below specs/.

Not here: reading them (inferplan.spec).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from inferplan.cli.folders import below, is_lock
from inferplan.cli.screen import show
from inferplan.near import did_you_mean, near
from inferplan.printable import printable
from inferplan.report.money import counted

if TYPE_CHECKING:
    from inferplan.cli.app import Common
    from inferplan.spec.declaration import Declaration

MAX_STDIN_BYTES = 1024 * 1024 + 1


class SpecFile(NamedTuple):
    """A spec to read and what messages call it; standard input lies nowhere, so nothing lies beside it."""

    path: Path
    name: str

    def load(self, common: Common, *, locking: bool = False) -> Declaration:
        """The spec under the organization that applies to it; raises SpecErrors.

        `locking` takes a model that nobody describes yet.
        """
        from inferplan.sizing.stated_shapes import refuse_shapes
        from inferplan.spec.loading import load
        from policies.families import rule_ids

        beside = None if self.name == "-" else self.path
        declaration = load(
            self.path, common.organization_for(beside), name=self.name, rules=rule_ids(), locking=locking
        )
        refuse_shapes(declaration)
        return declaration


class Stacks:
    """The stacks of one run, by name and account: two specs of one name would deploy over each other."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str | None], SpecFile] = {}
        self._waived: dict[str, str] = {}  # ticket of a waiver to the one spec that it is for

    def add(self, file: SpecFile, declaration: Declaration) -> None:
        """Raises SpecErrors where another file of the run has the name and account already."""
        from inferplan.spec.faults import SpecError, SpecErrors

        self._waived |= {one.ticket: one.scope.spec for one in declaration.waivers if one.scope.spec}
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

    def waivers_for_nobody(self) -> Iterator[str]:
        """Waivers that are for a spec which the run has not: withdrawn, renamed or misspelled."""
        names = sorted({name for name, _ in self._seen})
        for ticket, wanted in self._waived.items():
            if wanted not in names:
                hint = did_you_mean(near(wanted, names))
                told = f"waiver {ticket} is for a spec '{wanted}', which this run does not have"
                yield f"{told}; {hint}" if hint else told


@contextmanager
def spec_files(arguments: Sequence[str], *, verbose: int = 0) -> Iterator[list[SpecFile]]:
    """Expand arguments to spec files, each once; a folder gives every spec below it, `-` is standard input.

    With `verbose` what is passed over in a folder is named on standard error.
    """
    if not arguments and not Path("specs").is_dir():
        raise click.UsageError("no SPEC given and no specs/ folder here")
    if not all(arguments):
        raise click.UsageError("a SPEC is empty; name a file, a folder or -")
    with tempfile.TemporaryDirectory(prefix="inferplan-") if "-" in arguments else nullcontext("") as scratch:
        files: dict[object, SpecFile] = {}
        for argument in arguments or ("specs",):
            for file in _files(argument, Path(scratch), files, several=len(arguments) > 1, verbose=verbose):
                files.setdefault(_identity(file), file)
        if not files:
            raise click.UsageError("only locks are named; a lock is read with the spec beside it")
        yield list(files.values())


def _files(
    argument: str, scratch: Path, known: Container[object], *, several: bool, verbose: int
) -> Iterator[SpecFile]:
    if argument == "-":
        if "-" not in known:
            yield _standard_input(scratch)
    elif _is_folder(argument):
        yield from (SpecFile(path, printable(str(path))) for path in _specs_below(argument, verbose))
    elif not (several and is_lock(argument)):  # a shell expands `specs/*.yaml` to locks as well
        yield SpecFile(Path(argument), str(Path(argument)))


def _specs_below(folder: str, verbose: int) -> tuple[Path, ...]:
    try:
        found = below(Path(folder))
    except OSError as problem:
        raise click.UsageError(
            f"{printable(str(problem.filename))} cannot be read: {problem.strerror}"
        ) from None
    for path in found.others if verbose else ():
        show(f"{path}: no spec, passed over", err=True)
    if not found.specs:
        passed = f"; {counted(len(found.others), 'YAML file')} of another kind" if found.others else ""
        raise click.UsageError(f"no specs in {folder}{passed}")
    return found.specs


def _identity(file: SpecFile) -> object:
    """What two names of one file share."""
    if file.name == "-":
        return "-"
    try:
        return file.path.resolve()
    except (OSError, ValueError, RuntimeError):
        return file.path  # a path that cannot be, which reading it says


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
